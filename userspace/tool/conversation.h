/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the segments of one connection tell about its two ends. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "packet.h"

/* The states of RFC 9293, 3.3.2 */
enum state {
	STATE_UNKNOWN,
	STATE_LISTEN,
	STATE_SYN_SENT,
	STATE_SYN_RECEIVED,
	STATE_ESTABLISHED,
	STATE_FIN_WAIT_1,
	STATE_FIN_WAIT_2,
	STATE_CLOSE_WAIT,
	STATE_CLOSING,
	STATE_LAST_ACK,
	STATE_TIME_WAIT,
	STATE_CLOSED,
};

#define HOLES_MAX	64

/**
 * struct hole - sequence numbers that were skipped
 * @start: first
 * @end: one after the last
 * @time: when they were found missing, ns
 */
struct hole {
	int64_t start;
	int64_t end;
	int64_t time;
};

/**
 * struct side - one end; sequence numbers count from its own SYN and do not wrap
 * @at: its address and port
 * @state: as far as the segments tell
 * @isn: initial sequence number, valid with @syn
 * @syn: its SYN was seen
 * @wscale: shift of the windows that it announces, -1 for none offered
 * @max: one after the highest number it sent
 * @acked: highest acknowledgement of it
 * @edge: right edge of the window that the other end gave, -1 when none is known
 * @fin: one after its FIN, 0 before one was seen
 * @holes: what is missing below @max, oldest first
 * @n_holes: how many
 * @dup_acks: duplicate ACKs that it sent in a row
 * @last_ack: number in its last ACK
 * @last_window: window in its last segment, octets
 * @segments: segments it sent
 * @retransmissions: segments sent again
 */
struct side {
	struct endpoint at;
	enum state state;
	uint32_t isn;
	bool syn;
	int wscale;
	int64_t max;
	int64_t acked;
	int64_t edge;
	int64_t fin;
	struct hole holes[HOLES_MAX];
	unsigned int n_holes;
	unsigned int dup_acks;
	int64_t last_ack;
	int64_t last_window;
	uint64_t segments;
	uint64_t retransmissions;
};

/**
 * struct conversation - a connection
 * @side: [0] sent the first SYN
 * @start: time of that, ns
 * @round_trip: of the handshake, ns; 0 before its end
 */
struct conversation {
	struct side side[2];
	int64_t start;
	int64_t round_trip;
};

enum arrival { ARRIVAL_NEW, ARRIVAL_AGAIN, ARRIVAL_LATE, ARRIVAL_OUTSIDE };

/**
 * struct event - what a segment was in its connection
 * @from: 0 or 1, the side that sent it
 * @time: ns since the first SYN
 * @seq: relative sequence number
 * @ack: relative acknowledgement number
 * @window: octets
 * @sack: relative SACK blocks
 * @arrival: new, a retransmission, out of order, or outside the window
 * @dup_ack: which duplicate ACK in a row, 0 for none
 * @changed: sides whose state it changed
 */
struct event {
	int from;
	int64_t time;
	int64_t seq;
	int64_t ack;
	int64_t window;
	int64_t sack[SACK_BLOCKS_MAX][2];
	enum arrival arrival;
	unsigned int dup_ack;
	bool changed[2];
};

void conversation_begin(struct conversation *c, const struct segment *syn);
int conversation_side(const struct conversation *c, const struct segment *s);
bool conversation_reborn(const struct conversation *c, const struct segment *s);
void conversation_take(struct conversation *c, const struct segment *s, struct event *e);
bool conversation_over(const struct conversation *c);
int64_t side_bytes(const struct side *x);
const char *state_name(enum state state);

#endif
