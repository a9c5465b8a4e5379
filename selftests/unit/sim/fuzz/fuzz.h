/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzzer of segments: one host that runs the module's rooms, with a program
 * of the fuzzer's, and a peer that sends it whatever the input says.
 *
 * An input is a row of records of equal length. The first says how everything
 * begins, each further one what happens next. Every row of octets is an input.
 */
#ifndef SIM_FUZZ_H
#define SIM_FUZZ_H

#include "kernel.h"
#include "options.h"
#include "socket_check.h"

struct linnet_flow;

#define RECORD		16	/* octets */
#define RECORDS_MAX	65

/* The octets of the first record */
enum start_octet {
	START_STATE,		/* STATE_* */
	START_OPTIONS,		/* HAS_* */
	START_WAY,		/* WAY_* */
	START_PEER_ISN,		/* ISN_* */
	START_OUR_ISN,		/* ISN_* */
	START_PEER_MSS,		/* index */
	START_PEER_SCALE,
	START_QUEUED,		/* how much is sent before, as for a call */
	START_OFF,		/* OFF_* */
	START_SYSCTL,		/* SYSCTL_* */
	START_FAMILY,		/* FAMILY_* */
	START_CONGESTION,	/* index */
};

enum start_state {
	STATE_LISTEN,
	STATE_SYN_QUEUE,	/* SYN-RECEIVED, a request of the listener */
	STATE_SYN_SENT,
	STATE_SYN_RECEIVED,	/* a socket: simultaneous open */
	STATE_FASTOPEN,		/* a socket: data came with the SYN */
	STATE_ESTABLISHED,
	STATE_FIN_WAIT_1,
	STATE_FIN_WAIT_2,
	STATE_CLOSING,
	STATE_CLOSE_WAIT,
	STATE_LAST_ACK,
	STATE_TIME_WAIT,
	STATES,
};

#define HAS_TIMESTAMPS	(1 << 0)
#define HAS_SACK	(1 << 1)
#define HAS_SCALE	(1 << 2)
#define HAS_ECN		(1 << 3)

enum start_family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY_MAPPED,		/* our socket is of IPv6, the network IPv4 */
	FAMILIES,
};

#define WAY_ACTIVE	(1 << 0)	/* the program connects */
#define WAY_ORPHAN	(1 << 1)	/* closed, where a state has closed */
#define WAY_SMALL	(1 << 2)	/* small receive buffer */
#define WAY_LINEAR	(1 << 3)	/* data comes in one piece */
#define WAY_FASTOPEN	(1 << 4)	/* connect() waits for data, with no cookie */

enum start_isn { ISN_PLAIN, ISN_WRAPS, ISN_HALF, ISNS };

#define OFF_RACK	(1 << 0)
#define OFF_TLP		(1 << 1)
#define OFF_FRTO	(1 << 2)
#define OFF_GSO		(1 << 3)
#define OFF_CHECKSUMS	(1 << 4)	/* the device sums nothing */

#define SYSCTL_PROBING	(1 << 0)	/* mtu_probing 2 */
#define SYSCTL_COOKIES	(1 << 1)	/* syncookies 2 */
#define SYSCTL_1337	(1 << 2)
#define SYSCTL_ABORT	(1 << 3)	/* abort_on_overflow */
#define SYSCTL_SHRINK	(1 << 4)	/* shrink_window */

/* The first octet of all others, modulo 8 */
enum record_kind {
	SEGMENT = 0,		/* and 1, 2 and 3 */
	TIME = 4,
	CALL,
	ICMP,
	MACHINE,
	KINDS = 8,
};

/* text.c: inputs as text, for people */
int text_make_seeds(int n, char **args);
int text_explain(const char *path);

/* main.c */
extern struct host *ours, *theirs;
void our_flow(struct linnet_flow *flow);
void clock_pass(u64 ns);
void run_input(const u8 *data, unsigned long size);
bool input_starts(const u8 *record);

/* states.c: how everything begins */
bool start(const u8 *record);

/* peer.c: the other end, which keeps no rule */

/**
 * struct peer - what the other end knows
 * @port: its own
 * @our_port: the port that it talks to
 * @isn: where its numbers began
 * @mss: that it offered, octets
 * @scale: that it offered
 * @options: HAS_*
 * @family: FAMILY_*
 * @heard: something has come from us
 * @heard_end: one after the highest octet that came
 * @heard_ack: acknowledged last
 * @heard_tsval: the timestamp that came last
 * @segments: how many segments have come
 * @resets: how many of them were resets
 * @edge: the right edge that the socket knew, at most
 * @edge_known: there is one
 * @syns: SEG.SEQ of each SYN that the peer has sent
 * @n_syns: how many
 */
struct peer {
	u16	port;
	u16	our_port;
	u32	isn;
	u32	mss;
	u8	scale;
	u8	options;
	u8	family;
	bool	heard;
	u32	heard_end;
	u32	heard_ack;
	u32	heard_tsval;
	u64	segments;
	u64	resets;
	u32	edge;
	bool	edge_known;
	u32	syns[RECORDS_MAX + 1];
	u32	n_syns;
};

extern struct peer peer;

/**
 * struct view - a connection as it stands, whatever stands for it
 * @sk: the socket, with a reference; NULL: a request, TIME-WAIT, or nothing
 * @found: there is something
 * @state: TCP_ESTABLISHED ...
 * @rcv_nxt: RCV.NXT
 * @edge: RCV.NXT + RCV.WND
 * @una: SND.UNA
 * @nxt: SND.NXT
 * @mss: of what it sends
 */
struct view {
	struct sock	*sk;
	bool		found;
	int		state;
	u32		rcv_nxt;
	u32		edge;
	u32		una;
	u32		nxt;
	u32		mss;
};

void view_get(struct view *v);
void view_put(struct view *v);

/**
 * struct sent - a segment of the peer
 * @flags: LINNET_FIN ...
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @window: SEG.WND, as on the wire
 * @len: octets of data
 * @ce: marked by a router
 * @bad_sum: its checksum is wrong
 * @opt: its options
 * @n_raw: octets of @raw in place of @opt
 * @raw: options as they come
 */
struct sent {
	u8			flags;
	u32			seq;
	u32			ack;
	u16			window;
	u32			len;
	bool			ce;
	bool			bad_sum;
	struct linnet_options	opt;
	u8			n_raw;
	u8			raw[LINNET_OPTIONS_MAX];
};

int our_family(void);
bool over_ipv6(void);
void peer_reset(void);
void peer_timestamp(struct sent *s);
void peer_send(const struct sent *s);
void peer_record(const u8 *record);
void icmp_record(const u8 *record);
void device_record(const u8 *record);
u8 peer_octet(u32 seq);
u8 our_octet(u32 seq);

/* oracle.c: what a segment may do, and what never */
void oracle_before(const struct sent *s);
void oracle_after(const struct sent *s);
void oracle_look(void);
void oracle_reset(void);

/* program.c: what runs on our host */

/**
 * struct program - its sockets
 * @listener: NULL when it does not listen
 * @sock: the connection, NULL when there is none or it is closed
 * @sk: the same, with a reference that outlives the close
 * @held: it is in a system call: the socket is locked
 */
struct program {
	struct socket	*listener;
	struct socket	*sock;
	struct sock	*sk;
	bool		held;
};

extern struct program program;

enum call {
	CALL_SEND, CALL_RECV, CALL_PEEK, CALL_DISCARD, CALL_SHUTDOWN,
	CALL_SHUTDOWN_READ, CALL_CLOSE, CALL_RESET, CALL_DISCONNECT,
	CALL_ACCEPT, CALL_HOLD, CALL_RELEASE, CALL_CONNECT, CALL_NODELAY,
	CALL_CORK, CALL_MAXSEG, CALL_QUICKACK, CALL_KEEPALIVE, CALL_RCVBUF,
	CALL_SNDBUF, CALL_LOWAT, CALL_USER_TIMEOUT, CALL_LINGER2, CALL_DEFER,
	CALL_LISTEN_CLOSE, CALL_FASTOPEN,
	CALLS,
};

void program_listen(void);
int program_connect(void);
void program_call(enum call call, u8 amount, u8 flags);
void program_record(const u8 *record);
void program_end(void);
u32 amount_of(u8 octet, u32 mss);

#endif /* SIM_FUZZ_H */
