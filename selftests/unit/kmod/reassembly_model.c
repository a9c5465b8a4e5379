// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A receiver as kmod/input.c has it, and what must hold after each of its steps:
 * the queue against a sorted array, SACK blocks against a map of the units.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reassembly_model.h"

#define CHECK(what, ...) do {							\
	if (!(what) && !m->error[0]) {						\
		int used = snprintf(m->error, sizeof(m->error), "%s: ", #what);	\
										\
		if (used < sizeof(m->error))					\
			snprintf(m->error + used, sizeof(m->error) - used, __VA_ARGS__); \
	}									\
} while (0)

static __u32 seq_of(const struct model *m, int unit)
{
	return m->isn + unit * m->scale;
}

/* -1: in the middle of a unit, or outside of the stream */
static int unit_of(const struct model *m, __u32 seq)
{
	__u32 distance = seq - m->isn;

	return distance % m->scale || distance / m->scale > m->length ? -1 : distance / m->scale;
}

static unsigned char octet_of(int unit)
{
	return unit * 167 + unit / 256;
}

static bool empty(struct model_range at)
{
	return at.from >= at.to;
}

static struct sk_buff *buffer_new(struct model *m, int from, int to)
{
	struct sk_buff *skb = malloc(sizeof(*skb));
	struct linnet_cb *cb;

	if (!skb)
		abort();
	memset(skb, 0xa5, sizeof(*skb));
	cb = LINNET_CB(skb);
	cb->seq = seq_of(m, from);
	cb->end_seq = seq_of(m, to);
	cb->flags = LINNET_ACK | (to == m->length ? LINNET_FIN : 0);
	skb->len = to - from - (to == m->length);
	skb->data = malloc(skb->len ? skb->len : 1);
	if (!skb->data)
		abort();
	for (int i = 0; i < skb->len; i++)
		skb->data[i] = octet_of(from + i);
	m->alive++;
	return skb;
}

/* A buffer comes back: it is what it was. Octets that are new are the stream's. */
static void buffer_free(struct model *m, struct sk_buff *skb, int from, int to)
{
	struct linnet_cb *cb = LINNET_CB(skb);

	CHECK(cb->seq == seq_of(m, from) && cb->end_seq == seq_of(m, to), "[%d, %d)", from, to);
	CHECK(skb->len == to - from - (to == m->length), "[%d, %d)", from, to);
	CHECK(!(cb->flags & LINNET_FIN) == (to != m->length), "[%d, %d)", from, to);
	for (int i = 0; i < skb->len; i++)
		CHECK(skb->data[i] == octet_of(from + i), "octet %d", from + i);
	free(skb->data);
	free(skb);
	m->alive--;
}

static void remove_held(struct model *m, int i)
{
	memmove(&m->held[i], &m->held[i + 1], (--m->n_held - i) * sizeof(*m->held));
}

/* What the module should remember for the next ACK (RFC 2883, 4) */
static void note_duplicate(struct model *m, int from, int to)
{
	if (from >= to)
		return;
	if (empty(m->dsack)) {
		m->dsack = (struct model_range){ from, to };
	} else if (from <= m->dsack.to && to >= m->dsack.from) {
		m->dsack.from = from < m->dsack.from ? from : m->dsack.from;
		m->dsack.to = to > m->dsack.to ? to : m->dsack.to;
	}
}

static bool is_held(const struct model *m, int unit)
{
	for (int i = 0; i < m->n_held; i++)
		if (m->held[i].at.from <= unit && unit < m->held[i].at.to)
			return true;
	return false;
}

/* Sorted, none within another, links and sums right: queue and array agree */
static void check_queue(struct model *m)
{
	struct rb_node *node = rb_first(&m->r.queue);
	__u32 bytes = 0;

	CHECK(shim_rb_valid(&m->r.queue) == m->n_held, "%d buffers", m->n_held);
	for (int i = 0; i < m->n_held; i++, node = rb_next(node)) {
		CHECK(node && rb_to_skb(node) == m->held[i].skb, "buffer %d", i);
		if (m->error[0])
			return;
		bytes += (m->held[i].at.to - m->held[i].at.from) * m->scale;
		if (i)
			CHECK(m->held[i - 1].at.from < m->held[i].at.from &&
			      m->held[i - 1].at.to < m->held[i].at.to, "buffer %d", i);
	}
	CHECK(!node, "more than %d buffers", m->n_held);
	CHECK(m->r.last == (m->n_held ? m->held[m->n_held - 1].skb : NULL), "last of %d",
	      m->n_held);
	CHECK(linnet_reassembly_empty(&m->r) == !m->n_held, "%d buffers", m->n_held);
	CHECK(m->r.bytes == bytes, "%u, not %u", m->r.bytes, bytes);
	CHECK(m->alive == m->n_held, "%d buffers exist, %d are held", m->alive, m->n_held);
	CHECK(m->next < m->length || !m->n_held, "%d buffers after FIN", m->n_held);
}

/* Ranges of units that are held without a gap, in order */
static int runs(const struct model *m, struct model_range *out)
{
	int n = 0;

	for (int i = 0; i < m->n_held; i++) {
		struct model_range at = m->held[i].at;

		if (n && at.from <= out[n - 1].to)
			out[n - 1].to = at.to > out[n - 1].to ? at.to : out[n - 1].to;
		else
			out[n++] = at;
	}
	return n;
}

/* RFC 2018, 4: newest first, each what is held and no more, disjoint */
static void check_blocks(struct model *m)
{
	struct model_range run[MODEL_UNITS], block[MODEL_BLOCKS];
	int n_runs = runs(m, run);
	unsigned int before = ~0U;

	CHECK(m->r.n_recent <= MODEL_BLOCKS, "%u blocks", m->r.n_recent);
	if (m->error[0])
		return;
	for (int i = 0; i < m->r.n_recent; i++) {
		struct model_range b = { unit_of(m, m->r.recent[i].start),
					 unit_of(m, m->r.recent[i].end) };
		unsigned int newest = 0;
		int in = 0;

		block[i] = b;
		CHECK(b.from > m->next && b.from < b.to, "block %d [%d, %d)", i, b.from, b.to);
		if (m->error[0])
			return;
		while (in < n_runs && !(run[in].from <= b.from && b.to <= run[in].to))
			in++;
		CHECK(in < n_runs, "block %d [%d, %d) is not held", i, b.from, b.to);
		for (int j = 0; j < i; j++)
			CHECK(b.to < block[j].from || block[j].to < b.from,
			      "block %d [%d, %d) and %d", i, b.from, b.to, j);
		for (int u = b.from; u < b.to; u++)
			newest = m->touched[u] > newest ? m->touched[u] : newest;
		CHECK(newest < before, "block %d [%d, %d) is newer than the one before", i,
		      b.from, b.to);
		before = newest;
		/* all of a contiguous range is told, if there was room to remember it */
		if (!m->evicted)
			CHECK(b.from == run[in].from && b.to == run[in].to,
			      "block %d [%d, %d) of [%d, %d)", i, b.from, b.to, run[in].from,
			      run[in].to);
	}
	if (!m->evicted)
		CHECK(m->r.n_recent == n_runs, "%u blocks of %d", m->r.n_recent, n_runs);
	CHECK(m->r.n_recent || !n_runs || m->evicted, "no block of %d", n_runs);
	if (!empty(m->newest))
		CHECK(m->r.n_recent && block[0].from <= m->newest.from &&
		      block[0].to >= m->newest.to, "the newest, [%d, %d), is not first",
		      m->newest.from, m->newest.to);
}

static void check_dsack(struct model *m)
{
	const struct linnet_block *b = &m->r.dsack;

	CHECK((b->start == b->end) == empty(m->dsack), "[%d, %d)", m->dsack.from, m->dsack.to);
	if (empty(m->dsack))
		return;
	CHECK(unit_of(m, b->start) == m->dsack.from && unit_of(m, b->end) == m->dsack.to,
	      "[%d, %d), not [%d, %d)", unit_of(m, b->start), unit_of(m, b->end), m->dsack.from,
	      m->dsack.to);
	/* A block above RCV.NXT that is not held would be taken for a SACK */
	for (int u = m->dsack.from; u < m->dsack.to; u++) {
		CHECK(m->arrivals[u] > 1, "unit %d came once", u);
		CHECK(u < m->next || is_held(m, u), "unit %d is not held", u);
	}
}

static void check(struct model *m)
{
	struct model_range run[MODEL_UNITS];
	int n = runs(m, run);

	if (!m->n_held)
		m->evicted = false;
	else if (n > MODEL_BLOCKS)
		m->evicted = true;
	check_queue(m);
	if (!m->error[0])
		check_blocks(m);
	if (!m->error[0])
		check_dsack(m);
}

/**
 * model_start() - a new stream, with an empty queue
 * @m: the model
 * @isn: sequence number of its first unit
 * @scale: sequence numbers a unit
 * @length: units, its FIN counted
 */
void model_start(struct model *m, __u32 isn, __u32 scale, int length)
{
	memset(m, 0, sizeof(*m));
	memset(&m->r, 0xa5, sizeof(m->r));
	linnet_reassembly_init(&m->r);
	m->isn = isn;
	m->scale = scale;
	m->length = length;
	check(m);
}

/* The buffers that the new one covers come back, and no others */
static void take_covered(struct model *m, struct sk_buff_head *covered, int from, int to)
{
	struct sk_buff *skb;

	for (int i = 0; i < m->n_held;) {
		struct model_buffer old = m->held[i];

		if (old.at.from < from || old.at.to > to) {
			i++;
			continue;
		}
		remove_held(m, i);
		skb = __skb_dequeue(covered);
		CHECK(skb == old.skb, "[%d, %d) covers [%d, %d)", from, to, old.at.from, old.at.to);
		if (skb != old.skb)
			return;
		buffer_free(m, skb, old.at.from, old.at.to);
	}
	CHECK(!__skb_dequeue(covered), "[%d, %d) covers too many", from, to);
}

static void insert(struct model *m, int from, int to)
{
	struct sk_buff *skb = buffer_new(m, from, to);
	struct sk_buff_head covered;
	bool within = false, taken;
	int i;

	__skb_queue_head_init(&covered);
	taken = linnet_reassembly_insert(&m->r, skb, &covered);

	for (i = 0; i < m->n_held; i++)
		within |= m->held[i].at.from <= from && to <= m->held[i].at.to;
	CHECK(taken == !within, "[%d, %d)", from, to);
	/* RFC 2883, 4: of what came twice in this segment the first range, at most
	 * all that touches
	 */
	for (i = 0; i < m->n_held; i++) {
		struct model_range at = m->held[i].at;

		if (within)
			break;
		note_duplicate(m, at.from > from ? at.from : from, at.to < to ? at.to : to);
	}
	if (within)
		note_duplicate(m, from, to);
	if (!taken) {
		CHECK(!covered.qlen, "[%d, %d)", from, to);
		buffer_free(m, skb, from, to);
	} else {
		take_covered(m, &covered, from, to);
		for (i = 0; i < m->n_held && m->held[i].at.from < from; i++)
			;
		memmove(&m->held[i + 1], &m->held[i], (m->n_held++ - i) * sizeof(*m->held));
		m->held[i] = (struct model_buffer){ { from, to }, skb };
	}
	m->clock++;
	for (int u = from; u < to; u++)
		m->touched[u] = m->clock;
	m->newest = (struct model_range){ from, to };
}

/* What was handed out: each unit of the stream once, in order */
static void drain(struct model *m)
{
	struct sk_buff *skb;

	while (!m->error[0]) {
		struct model_buffer first = m->held[0];

		skb = linnet_reassembly_next(&m->r, seq_of(m, m->next));
		if (!m->n_held || first.at.from > m->next) {
			CHECK(!skb, "there is a gap at %d", m->next);
			break;
		}
		CHECK(skb == first.skb, "[%d, %d) is next", first.at.from, first.at.to);
		if (m->error[0])
			break;
		remove_held(m, 0);
		m->next = first.at.to > m->next ? first.at.to : m->next;
		buffer_free(m, skb, first.at.from, first.at.to);
	}
	linnet_reassembly_advance(&m->r, seq_of(m, m->next));
	if (m->newest.from <= m->next)
		m->newest = (struct model_range){ 0, 0 };
}

/**
 * model_arrive() - a segment arrives
 * @m: the model
 * @from: its first unit
 * @to: one after its last; more than @from, at most the stream's length
 */
void model_arrive(struct model *m, int from, int to)
{
	for (int u = from; u < to; u++)
		m->arrivals[u]++;
	if (to <= m->next) {
		linnet_reassembly_duplicate(&m->r, seq_of(m, from), seq_of(m, to));
		note_duplicate(m, from, to);
	} else if (from > m->next) {
		insert(m, from, to);
	} else {
		linnet_reassembly_duplicate(&m->r, seq_of(m, from), seq_of(m, m->next));
		note_duplicate(m, from, m->next);
		m->next = to;
		drain(m);
	}
	check(m);
}

/**
 * model_prune() - memory is short: one buffer goes
 * @m: the model
 */
void model_prune(struct model *m)
{
	struct linnet_reassembly before = m->r;
	struct sk_buff *skb = linnet_reassembly_prune(&m->r);
	struct model_buffer last;
	int edge;

	CHECK(!skb == !m->n_held, "%d buffers", m->n_held);
	if (!skb || !m->n_held)
		return;
	last = m->held[--m->n_held];
	CHECK(skb == last.skb, "[%d, %d) is the last", last.at.from, last.at.to);
	if (m->error[0])
		return;
	buffer_free(m, skb, last.at.from, last.at.to);

	edge = m->n_held ? m->held[m->n_held - 1].at.to : last.at.from;
	/* a block that is cut keeps its place among the others */
	for (int i = 0; i < before.n_recent; i++)
		if (unit_of(m, before.recent[i].start) < edge)
			for (int u = edge; u < unit_of(m, before.recent[i].end); u++)
				if (m->touched[u] > m->touched[edge - 1])
					m->touched[edge - 1] = m->touched[u];
	if (m->newest.to > edge)
		m->newest.to = edge;
	if (m->dsack.to > edge)
		m->dsack = (struct model_range){ 0, 0 };
	check(m);
}

/**
 * model_tell() - an ACK goes out
 * @m: the model
 * @room: SACK blocks that it has room for
 * @out: where they are written, not more than that
 *
 * Return: number of blocks.
 */
int model_tell(struct model *m, unsigned int room, struct linnet_block *out)
{
	unsigned int dsack = room && !empty(m->dsack), n, want = dsack;
	struct linnet_reassembly before = m->r;

	n = linnet_reassembly_blocks(&m->r, out, room);
	while (want < room && want - dsack < before.n_recent)
		want++;
	CHECK(n == want, "%u blocks of %u, room for %u", n, want, room);
	if (m->error[0])
		return 0;
	if (dsack)
		CHECK(unit_of(m, out[0].start) == m->dsack.from &&
		      unit_of(m, out[0].end) == m->dsack.to, "DSACK [%d, %d) is not first",
		      m->dsack.from, m->dsack.to);
	for (int i = dsack; i < n; i++)
		CHECK(out[i].start == before.recent[i - dsack].start &&
		      out[i].end == before.recent[i - dsack].end, "block %d", i);
	if (dsack)
		m->dsack = (struct model_range){ 0, 0 };
	check(m);
	return n;
}

/**
 * model_end() - the connection ends: all that is held is given up
 * @m: the model
 */
void model_end(struct model *m)
{
	while (m->n_held && !m->error[0])
		model_prune(m);
	CHECK(!linnet_reassembly_prune(&m->r), "nothing is held");
	CHECK(!m->alive, "%d buffers leak", m->alive);
}
