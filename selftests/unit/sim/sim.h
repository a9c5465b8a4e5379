/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulation: two hosts that run the module's own rooms, a network between
 * them, programs at both ends, and the rules that must hold at each event.
 */
#ifndef SIM_H
#define SIM_H

#include "kernel.h"
#include "socket_check.h"

struct end;
struct sk_buff;

/* --- network.c --- */

/**
 * struct wire - what one direction of the network does to datagrams
 * @rate: bits a second, 0: no limit
 * @delay: ns
 * @jitter: ns, added evenly
 * @reorders: jitter may overtake
 * @queue: octets that wait at most; more is dropped
 * @mtu: what it takes; larger is dropped and, with @icmp, told of
 * @icmp: tells of what is too large
 * @loss: of a million
 * @burst: of a million: everything is lost for a while ...
 * @burst_for: ... of so long at most, ns
 * @ack_loss: of a million, of segments without data
 * @nth: each n-th is lost, 0: none
 * @lose_first: so many are lost from the beginning
 * @duplicate: of a million
 * @corrupt: of a million: a bit is turned
 * @late: of a million: comes @late_by ns later than the others
 * @mark: of a million of those that are ECT: are marked CE
 * @mark_above: octets that wait, above which each that is ECT is marked; 0: no
 *	such thing
 * @bleaches: takes ECT away
 * @drops_ect: drops what is ECT
 * @refuses_ecn: drops SYNs that ask for ECN
 */
struct wire {
	u64	rate;
	u64	delay;
	u64	jitter;
	bool	reorders;
	u32	queue;
	u32	mtu;
	bool	icmp;
	u32	loss;
	u32	burst;
	u64	burst_for;
	u32	ack_loss;
	u32	nth;
	u32	lose_first;
	u32	duplicate;
	u32	corrupt;
	u32	late;
	u64	late_by;
	u32	mark;
	u32	mark_above;
	bool	bleaches;
	bool	drops_ect;
	bool	refuses_ecn;
};

struct network_count {
	u64	segments;	/* put on the wire */
	u64	lost;
	u64	duplicated;
	u64	corrupted;
	u64	too_big;
	u64	marked;		/* CE */
};

extern struct wire wires[HOSTS];	/* [i]: from host i */
extern struct network_count network_count;
extern struct sim_random network_random;
extern bool network_trace;
void network_reset(void);

/* --- check.c --- */
void check_sent(struct host *from, const struct sk_buff *skb);
void check_delivered(struct host *to, const u8 *datagram, u32 len);
void check_end(struct end *e);
void check_all(void);
extern u64 checks_made;
extern bool ecn_strict;		/* nothing is lost but by marks */

/* --- program.c: what runs at the ends --- */

enum closing {
	CLOSE_SHUTDOWN,		/* shutdown(SHUT_WR), read to the end, close */
	CLOSE_AT_ONCE,		/* close as soon as all is written and read */
	CLOSE_LINGER0,		/* reset at a point in the middle */
	CLOSE_UNREAD,		/* close in the middle with data unread */
};

/**
 * struct behaviour - what a program does with its connection
 * @to_send: octets
 * @request: octets of one message, for request and response; 0: no such thing
 * @answer: octets that the peer sends for each
 * @starts: this end sends the first request
 * @write_max: octets in one write, evenly from 1
 * @write_pause: ns between writes, evenly from 0; 0: writes until refused
 * @read_max: octets in one read, evenly from 1
 * @read_pause: ns between reads
 * @stop_at: octets after which reading pauses once ...
 * @stop_for: ... for so long, ns
 * @sndbuf: SO_SNDBUF, 0: as it is
 * @rcvbuf: SO_RCVBUF, 0: as it is
 * @nodelay: TCP_NODELAY
 * @cork: of a million writes, before which TCP_CORK is turned over
 * @more: of a million writes, those with MSG_MORE
 * @hold: of a million runs: the socket stays locked for a while
 * @closing: how it ends
 * @abort_at: octets sent and received until the middle
 */
struct behaviour {
	u64		to_send;
	u32		request;
	u32		answer;
	bool		starts;
	u32		write_max;
	u64		write_pause;
	u32		read_max;
	u64		read_pause;
	u64		stop_at;
	u64		stop_for;
	u32		sndbuf;
	u32		rcvbuf;
	bool		nodelay;
	u32		cork;
	u32		more;
	u32		hold;
	enum closing	closing;
	u64		abort_at;
};

#define CONNECTIONS_MAX	4

struct end {
	struct behaviour	how;
	struct host		*host;
	struct end		*peer;
	struct socket		*sock;
	struct sock		*sk;	/* with a reference of ours */
	u16			port;
	bool			connected;
	bool			shut;
	bool			eof;
	bool			closed;
	bool			corked;
	bool			held;
	bool			idle;	/* ran last for nothing */
	int			error;
	u64			sent;	/* octets that the socket took */
	u64			received;
	u64			pauses_until;
	bool			paused;
	u64			reads_again;
	u64			writes_again;
	struct clock_event	*timer;
	u64			timer_at;
	struct clock_event	*run;
	void			*waiter;
	/* what check.c keeps of the wire */
	bool			syn_sent;
	bool			scaled;		/* both SYNs carried a scale */
	bool			scale_offered;
	u8			scale;		/* that we offered */
	u32			isn;
	u32			sent_high;	/* highest SEG.SEQ + SEG.LEN */
	bool			edge_known;
	u32			edge_told;	/* right edge that we told */
	u32			edge_most;	/* the farthest ever told */
	u32			edge_heard;	/* and that reached us */
	bool			edge_heard_known;
	u32			acked_told;
	/* RFC 3168: as receiver ... */
	bool			marked;		/* a CE mark has come */
	bool			echoes;		/* and no CWR since: it may, */
	bool			must_echo;
	u32			marked_end;	/* where the marked data end */
	/* ... and as sender */
	bool			slowed;		/* CWR was sent ... */
	u32			slowed_at;	/* ... with this SEG.SEQ */
	bool			may_slow;	/* an echo came since */
	bool			must_slow;
	u32			reductions;
};

struct connection {
	struct end	ends[2];
	bool		crossing;	/* both connect */
	u64		starts_at;	/* ns */
};

extern struct connection connections[CONNECTIONS_MAX];
extern unsigned int n_connections;
extern u64 last_progress;
extern u64 octets_delivered;
extern struct sim_random program_random;
struct end *end_of(const struct host *h, u16 local, u16 remote);
void programs_start(void);
bool programs_done(void);
void programs_end(void);

/* --- scenario.c --- */
extern u64 scenario_seed;
extern const char *scenario_name;
extern bool keepalives;		/* of programs: the peer may vanish */
extern bool fast_open;		/* of programs: TCP_FASTOPEN_CONNECT */
extern int client_family;
extern int server_family;
unsigned int scenario_count(void);
const char *scenario_title(unsigned int n);
void scenario_run(unsigned int n, u64 seed);

#endif /* SIM_H */
