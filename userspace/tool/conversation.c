// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connection, inferred from its segments: relative numbers, what was sent
 * again, and the states that RFC 9293 gives both ends. A segment counts as
 * received when it is captured: one that is lost behind the place of capture
 * shows by being sent again.
 */
#include "conversation.h"

#include <string.h>

static const char *const state_names[] = {
	[STATE_UNKNOWN] = "",
	[STATE_LISTEN] = "LISTEN",
	[STATE_SYN_SENT] = "SYN-SENT",
	[STATE_SYN_RECEIVED] = "SYN-RECEIVED",
	[STATE_ESTABLISHED] = "ESTABLISHED",
	[STATE_FIN_WAIT_1] = "FIN-WAIT-1",
	[STATE_FIN_WAIT_2] = "FIN-WAIT-2",
	[STATE_CLOSE_WAIT] = "CLOSE-WAIT",
	[STATE_CLOSING] = "CLOSING",
	[STATE_LAST_ACK] = "LAST-ACK",
	[STATE_TIME_WAIT] = "TIME-WAIT",
	[STATE_CLOSED] = "CLOSED",
};

/**
 * state_name() - as RFC 9293 writes it
 * @state: the state
 */
const char *state_name(enum state state)
{
	return state_names[state];
}

/**
 * side_bytes() - octets of data that a side sent, each counted once
 * @x: the side
 */
int64_t side_bytes(const struct side *x)
{
	int64_t bytes = x->max - x->syn - !!x->fin;

	for (unsigned int i = 0; i < x->n_holes; i++)
		bytes -= x->holes[i].end - x->holes[i].start;
	return bytes > 0 ? bytes : 0;
}

/**
 * conversation_begin() - a connection begins
 * @c: filled in; conversation_take() is still to be told of the segment
 * @syn: the first SYN
 */
void conversation_begin(struct conversation *c, const struct segment *syn)
{
	memset(c, 0, sizeof(*c));
	c->start = syn->time;
	c->side[0].at = syn->src;
	c->side[1].at = syn->dst;
	for (int i = 0; i < 2; i++) {
		c->side[i].wscale = -1;
		c->side[i].edge = -1;
		c->side[i].last_ack = -1;
	}
}

/**
 * conversation_side() - which side sent a segment
 * @c: the connection
 * @s: any segment
 *
 * Return: 0, 1, or -1 when it belongs to another connection.
 */
int conversation_side(const struct conversation *c, const struct segment *s)
{
	for (int i = 0; i < 2; i++)
		if (endpoint_equal(&c->side[i].at, &s->src) &&
		    endpoint_equal(&c->side[!i].at, &s->dst))
			return i;
	return -1;
}

/**
 * conversation_over() - neither side will send data again
 * @c: the connection
 */
bool conversation_over(const struct conversation *c)
{
	for (int i = 0; i < 2; i++)
		if (c->side[i].state != STATE_CLOSED && c->side[i].state != STATE_TIME_WAIT)
			return false;
	return true;
}

/**
 * conversation_reborn() - a segment begins the next connection of the same pair
 * @c: the connection
 * @s: a segment between its ends
 */
bool conversation_reborn(const struct conversation *c, const struct segment *s)
{
	int from = conversation_side(c, s);

	return from >= 0 && conversation_over(c) && (s->flags & FLAG_SYN) &&
	       !(s->flags & FLAG_ACK) && s->seq != c->side[from].isn;
}

/* The number nearest to the highest so far: 32 bits do not tell more. */
static int64_t relative(const struct side *x, uint32_t number)
{
	return x->max + (int32_t)(number - (uint32_t)(x->isn + (uint64_t)x->max));
}

static void add_hole(struct side *x, int64_t start, int64_t end, int64_t time)
{
	if (x->n_holes == HOLES_MAX)
		memmove(x->holes, x->holes + 1, --x->n_holes * sizeof(*x->holes));
	x->holes[x->n_holes++] = (struct hole){ start, end, time };
}

/* Take [start, end) out of what is missing. Returns when the oldest part that
 * it fills was found missing, or -1 when it fills nothing.
 */
static int64_t fill_holes(struct side *x, int64_t start, int64_t end)
{
	struct hole kept[HOLES_MAX + 1];
	unsigned int n = 0;
	int64_t since = -1;

	for (unsigned int i = 0; i < x->n_holes; i++) {
		const struct hole *h = &x->holes[i];

		if (end <= h->start || start >= h->end) {
			kept[n++] = *h;
			continue;
		}
		if (since < 0)
			since = h->time;
		/* Only one hole can be cut in two: there is room for one more */
		if (h->start < start)
			kept[n++] = (struct hole){ h->start, start, h->time };
		if (end < h->end)
			kept[n++] = (struct hole){ end, h->end, h->time };
	}
	if (n > HOLES_MAX)
		n = HOLES_MAX;
	memcpy(x->holes, kept, n * sizeof(*kept));
	x->n_holes = n;
	return since;
}

/* Everything below this number was seen. */
static int64_t contiguous(const struct side *x)
{
	return x->n_holes ? x->holes[0].start : x->max;
}

/* A retransmission comes a round trip after the gap that made it necessary;
 * what fills a gap sooner was overtaken on its way.
 */
static enum arrival track(const struct conversation *c, struct side *x, int64_t start, int64_t end,
			  int64_t time)
{
	int64_t since;

	if (start == end)
		return ARRIVAL_NEW;
	if (start >= x->max) {
		if (start > x->max)
			add_hole(x, x->max, start, time);
		x->max = end;
		return ARRIVAL_NEW;
	}
	since = fill_holes(x, start, end < x->max ? end : x->max);
	if (end > x->max)
		x->max = end;
	return since >= 0 && time - since < c->round_trip / 4 * 3 ? ARRIVAL_LATE : ARRIVAL_AGAIN;
}

static void enter(struct conversation *c, int i, enum state state, struct event *e)
{
	if (c->side[i].state == state)
		return;
	c->side[i].state = state;
	e->changed[i] = true;
}

static void send_syn(struct conversation *c, int from, bool ack, struct event *e)
{
	struct side *x = &c->side[from], *y = &c->side[!from];

	if (x->state != STATE_UNKNOWN && x->state != STATE_SYN_SENT)
		return;
	if (ack) {
		enter(c, from, STATE_SYN_RECEIVED, e);
	} else {
		enter(c, from, STATE_SYN_SENT, e);
		/* Both at once (RFC 9293, 3.5, figure 7) */
		if (y->state == STATE_SYN_SENT)
			enter(c, !from, STATE_SYN_RECEIVED, e);
	}
}

/* The other side's FIN is in. */
static void receive_fin(struct conversation *c, int i, struct event *e)
{
	struct side *x = &c->side[i];
	bool mine_acked = x->fin && x->acked >= x->fin;

	switch (x->state) {
	case STATE_SYN_RECEIVED:
	case STATE_ESTABLISHED:
		enter(c, i, STATE_CLOSE_WAIT, e);
		break;
	case STATE_FIN_WAIT_1:
		enter(c, i, mine_acked ? STATE_TIME_WAIT : STATE_CLOSING, e);
		break;
	case STATE_FIN_WAIT_2:
		enter(c, i, STATE_TIME_WAIT, e);
		break;
	default:
		break;
	}
}

/* Everything that this side sent, up to and with @x->acked, has arrived. */
static void receive_ack(struct conversation *c, int i, struct event *e)
{
	struct side *x = &c->side[i];

	if (x->syn && x->acked >= 1 && c->side[!i].syn &&
	    (x->state == STATE_SYN_SENT || x->state == STATE_SYN_RECEIVED))
		enter(c, i, STATE_ESTABLISHED, e);
	if (!x->fin || x->acked < x->fin)
		return;
	if (x->state == STATE_FIN_WAIT_1)
		enter(c, i, STATE_FIN_WAIT_2, e);
	else if (x->state == STATE_CLOSING)
		enter(c, i, STATE_TIME_WAIT, e);
	else if (x->state == STATE_LAST_ACK)
		enter(c, i, STATE_CLOSED, e);
}

static void take_ack(struct conversation *c, const struct segment *s, struct event *e)
{
	struct side *x = &c->side[e->from], *y = &c->side[!e->from];
	bool plain = !s->len && !(s->flags & (FLAG_SYN | FLAG_FIN | FLAG_RST));

	if (!y->syn)
		return;
	e->ack = relative(y, s->ack);
	for (unsigned int i = 0; i < s->n_sack; i++) {
		e->sack[i][0] = relative(y, s->sack[i][0]);
		e->sack[i][1] = relative(y, s->sack[i][1]);
	}
	/* RFC 5681, 2: the same number and window, nothing with it, while
	 * there is something to acknowledge
	 */
	if (plain && e->ack == x->last_ack && e->window == x->last_window && e->ack < y->max)
		e->dup_ack = ++x->dup_acks;
	else
		x->dup_acks = 0;
	x->last_ack = e->ack;
	/* An ACK of what was never sent (captures have gaps) tells nothing */
	if (e->ack > y->max)
		return;
	if (e->ack > y->acked)
		y->acked = e->ack;
	if (e->ack + e->window > y->edge)
		y->edge = e->ack + e->window;
	receive_ack(c, !e->from, e);
	if (y->fin && e->ack >= y->fin)
		receive_fin(c, e->from, e);
	if (!c->round_trip && e->from == 0 && y->acked >= 1)
		c->round_trip = e->time;
}

static void take_reset(struct conversation *c, const struct segment *s, struct event *e)
{
	const struct side *x = &c->side[e->from], *y = &c->side[!e->from];

	/* Refused (RFC 9293, 3.10.7.3): believed when it acknowledges the SYN */
	if (y->state == STATE_SYN_SENT && !x->syn) {
		if ((s->flags & FLAG_ACK) && e->ack == 1)
			enter(c, !e->from, STATE_CLOSED, e);
	} else if (x->edge < 0 || e->seq <= x->edge) {
		enter(c, !e->from, STATE_CLOSED, e);
	}
	enter(c, e->from, STATE_CLOSED, e);
}

static void take_numbers(struct conversation *c, const struct segment *s, struct event *e)
{
	struct side *x = &c->side[e->from], *y = &c->side[!e->from];
	int64_t end;

	if ((s->flags & FLAG_SYN) && !x->syn) {
		x->syn = true;
		x->isn = s->seq;
		x->wscale = s->wscale;
	}
	/* Without its SYN there is nothing to count from */
	e->seq = x->syn ? relative(x, s->seq) : 0;
	/* RFC 7323, 2.2: both have to offer it, and a SYN's window is not scaled */
	e->window = s->window;
	if (!(s->flags & FLAG_SYN) && x->wscale >= 0 && y->wscale >= 0)
		e->window <<= x->wscale;
	x->segments++;
	if (!x->syn || (s->flags & FLAG_RST))
		return;
	end = e->seq + s->len + !!(s->flags & FLAG_SYN) + !!(s->flags & FLAG_FIN);
	if (x->edge >= 0 && e->seq > x->edge) {
		e->arrival = ARRIVAL_OUTSIDE;
		return;
	}
	e->arrival = track(c, x, e->seq, end, e->time);
	x->retransmissions += e->arrival == ARRIVAL_AGAIN;
	if (s->flags & FLAG_FIN)
		x->fin = end;
}

/**
 * conversation_take() - the next segment of a connection
 * @c: the connection
 * @s: the segment, one that conversation_side() knows
 * @e: filled in
 */
void conversation_take(struct conversation *c, const struct segment *s, struct event *e)
{
	int from = conversation_side(c, s);
	struct side *x = &c->side[from];
	bool had_fin = x->fin;

	memset(e, 0, sizeof(*e));
	e->from = from;
	e->time = s->time - c->start;
	take_numbers(c, s, e);
	if (e->arrival == ARRIVAL_OUTSIDE)
		return;
	if ((s->flags & FLAG_SYN) && !(s->flags & FLAG_RST))
		send_syn(c, from, s->flags & FLAG_ACK, e);
	if (s->flags & FLAG_ACK)
		take_ack(c, s, e);
	if (s->flags & FLAG_RST) {
		take_reset(c, s, e);
		return;
	}
	x->last_window = e->window;
	if (x->fin && !had_fin)
		enter(c, from, x->state == STATE_CLOSE_WAIT ? STATE_LAST_ACK : STATE_FIN_WAIT_1, e);
	if (x->fin && contiguous(x) >= x->fin)
		receive_fin(c, !from, e);
}
