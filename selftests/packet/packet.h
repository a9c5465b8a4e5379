/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packetscript: plays a script of segments and system calls against the
 * transport of this kernel. README.rst describes the language.
 *
 *	packetscript.c	the command: which scripts, each in a process of its own
 *	script.c	include, table, if, for: lines of text become lines of text
 *	event.c		lines become events
 *	spec.c		the notation of segments, read and written
 *	wire.c		segments as octets: built, taken apart
 *	net.c		a network namespace with a tun device, or a veth
 *	calls.c		system calls, made by a thread of their own
 *	play.c		time, order, and what is compared
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PROTO_TCP	6
#define MAX_FLOWS	16
#define MAX_ARGS	12
#define MAX_OPTIONS	16
#define MAX_SACKS	5
#define MAX_PACKET	65536

/* The kernel under test is "here", the script is "there" */
#define PORT_LISTEN	8080	/* here */
#define PORT_PEER	40000	/* there, flow c1 has 40001 */
#define PORT_SERVER	9000	/* there, when we connect; c1 has 9001 */

/* What the command line chose */
extern int proto;
extern int family;		/* 4 or 6 */
extern bool mapped;		/* IPv4 through an AF_INET6 socket */
extern bool verbose;
extern int time_factor;
extern bool exact_time;
extern char scripts_dir[256];

/* --- lines --- */

struct line {
	const char	*file;
	int		number;
	char		*text;
};

struct lines {
	struct line	*line;
	int		n;
};

/* A case is a row of the script's table; a script without one has one case */
int script_cases(const char *path, char ***names);
void script_load(const char *path, int row, struct lines *lines);
long evaluate(const char **p);

/* --- segments --- */

#define FLAG_FIN	0x001
#define FLAG_SYN	0x002
#define FLAG_RST	0x004
#define FLAG_PSH	0x008
#define FLAG_ACK	0x010
#define FLAG_URG	0x020
#define FLAG_ECE	0x040
#define FLAG_CWR	0x080
#define FLAG_AE		0x100

enum option_kind {
	OPT_EOL		= 0,
	OPT_NOP		= 1,
	OPT_MSS		= 2,
	OPT_WSCALE	= 3,
	OPT_SACKOK	= 4,
	OPT_SACK	= 5,
	OPT_TS		= 8,
	OPT_FO		= 34,
	OPT_EXP		= 254,
};

/* A number of a script: exact, a range, relative or not, or not cared about */
struct number {
	bool		any;
	bool		absolute;
	uint32_t	low;
	uint32_t	high;
};

struct option {
	uint8_t		kind;
	bool		raw;		/* data are the octets, whatever they mean */
	bool		known;		/* a fast open cookie that was learned */
	struct number	a;		/* MSS, scale, TSval */
	struct number	b;		/* TSecr */
	struct number	block[MAX_SACKS][2];
	int		n;		/* blocks */
	uint8_t		data[40];
	int		len;
};

/* A segment as it is written in a script */
struct spec {
	int		flow;
	uint16_t	flags;
	bool		no_psh;		/* PSH must not be there */
	struct number	seq;
	struct number	end;
	int		len;		/* of data; -1: any */
	struct number	ack;
	struct number	win;
	struct number	urg;
	bool		any_options;
	struct option	option[MAX_OPTIONS];
	int		n_options;
	int		ecn;		/* -1: not cared about */
	int		ttl;
	int		df;
	int		tos;
	int		gso;		/* octets in each segment of a super-segment; 0: none */
	int		id;		/* step of IPv4's identification; -1: not cared about */
	bool		bad_sum;
	int		hlen;		/* a wrong header length; 0: right */
	int		cut;		/* octets left off the end */
	/* an ICMP error about this segment */
	int		icmp;		/* index into the kinds, -1: none */
	uint32_t	mtu;
};

/* A segment as it was on the wire */
struct packet {
	int64_t		time;		/* us since the script began */
	int		flow;		/* -1: none that we know */
	uint16_t	sport;
	uint16_t	dport;
	uint8_t		tos;
	uint8_t		ttl;
	bool		df;
	uint16_t	id;		/* IPv4's identification */
	uint16_t	id_step;	/* since the segment before */
	int		gso;		/* as in the spec */
	uint32_t	seq;
	uint32_t	ack;
	uint16_t	flags;
	uint16_t	win;
	uint16_t	urg;
	struct option	option[MAX_OPTIONS];
	int		n_options;
	uint8_t		*data;
	int		len;
	struct packet	*next;
};

/* A connection, as the script sees it */
struct flow {
	bool		used;
	bool		active;		/* the kernel here connects */
	uint16_t	here;		/* ports; 0: not known yet */
	uint16_t	there;
	bool		isn_known;
	uint32_t	isn_here;	/* what is 0 in the script */
	uint32_t	isn_there;
	bool		ts_known;
	uint32_t	ts_here;	/* TSval here that is 0 in the script */
	uint32_t	ts_last;	/* the last that we saw */
	uint32_t	ack_last;	/* RCV.NXT here, by its last ACK */
	bool		ack_known;
	uint16_t	id_last;	/* IPv4's identification here */
};

extern struct flow flows[MAX_FLOWS];
extern uint32_t peer_isn;
/* The last fast open cookie from here */
extern uint8_t cookie[16];
extern int cookie_len;

/* spec.c */
const char *spec_parse(const char *text, struct spec *spec);
const char *number_parse(const char **p, struct number *n);
void packet_print(char *buf, size_t size, const struct packet *p);
const char *spec_compare(const struct spec *spec, const struct packet *p);

/* wire.c */
uint8_t pattern(uint64_t offset);
int wire_build(const struct spec *spec, uint8_t *out);
int wire_reset(const struct flow *flow, uint8_t *out);
const char *wire_parse(uint8_t *in, int len, bool partial, struct packet *p);
int wire_set_address(void *sa, bool here, int port);
int icmp_kind(const char *name);

/* --- the network --- */

int net_setup(int mtu, bool veth);
ssize_t net_read(int fd, uint8_t *buf, size_t size, int *gso, bool *partial);
bool net_write(int fd, const uint8_t *buf, size_t len);
void net_mtu(int mtu);
const char *net_sysctl(const char *name, const char *value);

/* --- system calls --- */

struct call {
	char		*name;
	char		*args[MAX_ARGS];
	int		n_args;
	bool		check;		/* the result matters */
	char		*result;
	char		*error;		/* an errno's name or NULL */
};

const char *call_parse(const char *text, struct call *call);
void call_start(const struct call *call);
/* Has it come to its end? If so, when, and what is wrong with the result */
bool call_done(int64_t *when, char *wrong, size_t size);
bool call_wait(int64_t microseconds);
void call_cleanup(void);

/* --- events --- */

enum event_kind {
	EVENT_INJECT,
	EVENT_EXPECT,
	EVENT_CALL,
	EVENT_QUIET,
	EVENT_SYSCTL,
	EVENT_MTU,
	EVENT_VETH,
	EVENT_SHELL,
	EVENT_FORGET,
	EVENT_ISN,
};

struct event {
	enum event_kind	kind;
	const struct line *line;
	bool		any_time;
	bool		from_start;	/* absolute */
	bool		range;
	int64_t		from;		/* us */
	int64_t		to;
	bool		blocks;		/* a call: it ends between these */
	int64_t		end_from;
	int64_t		end_to;
	struct spec	spec;
	struct call	call;
	char		*text;
	long		value;
};

void event_parse(const struct line *line, struct event *event);

/* --- playing --- */

int64_t now_us(void);
void play(const struct lines *lines);

/* Ends the case: "not ok", or not to be judged */
void fail_at(const struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void skip_case(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif /* PACKET_H */
