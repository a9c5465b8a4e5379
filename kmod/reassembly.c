// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The out-of-order queue, and the SACK and DSACK blocks that tell the peer of
 * it (RFC 2018, RFC 2883).
 *
 * Pure: knows buffers and sequence numbers, no socket.  Compiled in userspace
 * by selftests/unit as it stands here.  Who owns a buffer's memory is the
 * caller's business: buffers that fall out are handed back, not freed.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "reassembly.h"
#include "skb.h"

/**
 * linnet_reassembly_init() - start with an empty queue
 * @r: the queue
 */
void linnet_reassembly_init(struct linnet_reassembly *r)
{
	memset(r, 0, sizeof(*r));
	r->queue = RB_ROOT;
}

static void unlink_skb(struct linnet_reassembly *r, struct sk_buff *skb)
{
	if (r->last == skb) {
		struct rb_node *prev = rb_prev(&skb->rbnode);

		r->last = prev ? rb_to_skb(prev) : NULL;
	}
	rb_erase(&skb->rbnode, &r->queue);
	r->bytes -= LINNET_CB(skb)->end_seq - LINNET_CB(skb)->seq;
}

/* Put the range in front; ranges that it touches grow into it */
static void note_recent(struct linnet_reassembly *r, __u32 start, __u32 end)
{
	struct linnet_block merged = { start, end };
	unsigned int i, kept = 0;

	for (i = 0; i < r->n_recent; i++) {
		struct linnet_block *b = &r->recent[i];

		if (seq_after(b->start, merged.end) ||
		    seq_after(merged.start, b->end)) {
			r->recent[kept++] = *b;
			continue;
		}
		if (seq_before(b->start, merged.start))
			merged.start = b->start;
		if (seq_after(b->end, merged.end))
			merged.end = b->end;
	}
	kept = min_t(unsigned int, kept, LINNET_SACK_BLOCKS_MAX - 1);
	memmove(&r->recent[1], &r->recent[0], kept * sizeof(r->recent[0]));
	r->recent[0] = merged;
	r->n_recent = kept + 1;
}

/* A buffer has been linked: tell what it has in common with those beside it
 * (RFC 2883, 4.2), and take out those that it covers
 */
static void meet_neighbours(struct linnet_reassembly *r, struct sk_buff *skb,
			    struct sk_buff_head *covered)
{
	struct rb_node *node = rb_prev(&skb->rbnode);
	struct linnet_cb *cb = LINNET_CB(skb), *at;

	if (node) {
		at = LINNET_CB(rb_to_skb(node));
		if (seq_after(at->end_seq, cb->seq))
			linnet_reassembly_duplicate(r, cb->seq, at->end_seq);
	}
	while ((node = rb_next(&skb->rbnode))) {
		struct sk_buff *next = rb_to_skb(node);

		at = LINNET_CB(next);
		if (seq_after(at->end_seq, cb->end_seq)) {
			if (seq_before(at->seq, cb->end_seq))
				linnet_reassembly_duplicate(r, at->seq,
							    cb->end_seq);
			return;
		}
		linnet_reassembly_duplicate(r, at->seq, at->end_seq);
		unlink_skb(r, next);
		__skb_queue_tail(covered, next);
	}
	r->last = skb;
}

static bool held_already(struct linnet_reassembly *r,
			 const struct linnet_cb *cb)
{
	linnet_reassembly_duplicate(r, cb->seq, cb->end_seq);
	note_recent(r, cb->seq, cb->end_seq);
	return false;
}

/**
 * linnet_reassembly_insert() - take a segment that came before its turn
 * @r: the queue
 * @skb: the segment; its control block tells the range
 * @covered: buffers that the new one covers wholly are moved here for the
 *	caller to free
 *
 * Return: true when @r now holds @skb; false when everything in it was there
 * before and the caller keeps it.  Either way @r knows what the next ACK shall
 * tell.
 */
bool linnet_reassembly_insert(struct linnet_reassembly *r, struct sk_buff *skb,
			      struct sk_buff_head *covered)
{
	struct rb_node **p = &r->queue.rb_node, *parent = NULL;
	struct linnet_cb *cb = LINNET_CB(skb);

	/* A sender that is not reordered adds at the end: no descent then */
	if (r->last && seq_after(cb->seq, LINNET_CB(r->last)->seq)) {
		parent = &r->last->rbnode;
		p = &parent->rb_right;
		if (!seq_after(cb->end_seq, LINNET_CB(r->last)->end_seq))
			return held_already(r, cb);
	}
	while (*p) {
		struct linnet_cb *at;

		parent = *p;
		at = LINNET_CB(rb_to_skb(parent));
		if (seq_before(cb->seq, at->seq)) {
			p = &parent->rb_left;
			continue;
		}
		if (!seq_after(cb->end_seq, at->end_seq))
			return held_already(r, cb);
		if (cb->seq == at->seq) {
			/* longer, same start: takes its place */
			linnet_reassembly_duplicate(r, at->seq, at->end_seq);
			rb_replace_node(parent, &skb->rbnode, &r->queue);
			r->bytes -= at->end_seq - at->seq;
			__skb_queue_tail(covered, rb_to_skb(parent));
			goto linked;
		}
		p = &parent->rb_right;
	}
	rb_link_node(&skb->rbnode, parent, p);
	rb_insert_color(&skb->rbnode, &r->queue);
linked:
	r->bytes += cb->end_seq - cb->seq;
	meet_neighbours(r, skb, covered);
	note_recent(r, cb->seq, cb->end_seq);
	return true;
}

/**
 * linnet_reassembly_touches() - does a range touch one that was added to last?
 * @r: the queue
 * @start: where the range begins
 * @end: where it ends
 * @n: how many of those added to last are meant
 */
bool linnet_reassembly_touches(const struct linnet_reassembly *r, __u32 start,
			       __u32 end, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, n, r->n_recent); i++)
		if (!seq_after(r->recent[i].start, end) &&
		    !seq_after(start, r->recent[i].end))
			return true;
	return false;
}

/**
 * linnet_reassembly_extend() - the last buffer has got more data
 * @r: the queue, not empty
 * @end: where the buffer ends now
 */
void linnet_reassembly_extend(struct linnet_reassembly *r, __u32 end)
{
	struct linnet_cb *cb = LINNET_CB(r->last);

	r->bytes += end - cb->end_seq;
	note_recent(r, cb->end_seq, end);
	cb->end_seq = end;
}

/**
 * linnet_reassembly_first() - the buffer nearest to its turn
 * @r: the queue
 *
 * Return: the buffer, or NULL when the queue is empty.
 */
struct sk_buff *linnet_reassembly_first(const struct linnet_reassembly *r)
{
	struct rb_node *first = rb_first(&r->queue);

	return first ? rb_to_skb(first) : NULL;
}

/**
 * linnet_reassembly_after() - the buffer after one
 * @skb: a buffer of the queue
 *
 * Return: the buffer, or NULL when @skb is the last.
 */
struct sk_buff *linnet_reassembly_after(const struct sk_buff *skb)
{
	struct rb_node *next = rb_next(&skb->rbnode);

	return next ? rb_to_skb(next) : NULL;
}

/**
 * linnet_reassembly_run_end() - how far do buffers follow without a gap?
 * @first: the first of them
 * @start: where they begin
 * @end: where they end
 *
 * Return: the buffer after the gap, or NULL at the end of the queue.
 */
struct sk_buff *linnet_reassembly_run_end(struct sk_buff *first, __u32 *start,
					  __u32 *end)
{
	struct sk_buff *skb = first;

	*start = LINNET_CB(first)->seq;
	*end = LINNET_CB(first)->end_seq;
	while ((skb = linnet_reassembly_after(skb)) &&
	       !seq_after(LINNET_CB(skb)->seq, *end))
		*end = LINNET_CB(skb)->end_seq;
	return skb;
}

/**
 * linnet_reassembly_take_run() - take buffers out, to be put back otherwise cut
 * @r: the queue
 * @first: the first of them
 * @after: the one after the last of them, or NULL
 * @run: they are moved to its end, in order
 */
void linnet_reassembly_take_run(struct linnet_reassembly *r,
				struct sk_buff *first, struct sk_buff *after,
				struct sk_buff_head *run)
{
	struct sk_buff *skb = first, *next;

	for (; skb != after; skb = next) {
		next = linnet_reassembly_after(skb);
		unlink_skb(r, skb);
		__skb_queue_tail(run, skb);
	}
}

/**
 * linnet_reassembly_put_run() - put buffers back
 * @r: the queue
 * @run: buffers in order, none within another, that cover what
 *	linnet_reassembly_take_run() took; emptied
 *
 * What is told of them does not change.
 */
void linnet_reassembly_put_run(struct linnet_reassembly *r,
			       struct sk_buff_head *run)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(run))) {
		struct rb_node **p = &r->queue.rb_node, *parent = NULL;
		struct linnet_cb *cb = LINNET_CB(skb);

		while (*p) {
			parent = *p;
			p = seq_before(cb->seq,
				       LINNET_CB(rb_to_skb(parent))->seq) ?
			    &parent->rb_left : &parent->rb_right;
		}
		rb_link_node(&skb->rbnode, parent, p);
		rb_insert_color(&skb->rbnode, &r->queue);
		r->bytes += cb->end_seq - cb->seq;
		if (!r->last || seq_after(cb->seq, LINNET_CB(r->last)->seq))
			r->last = skb;
	}
}

/**
 * linnet_reassembly_next() - take out what is now in order
 * @r: the queue
 * @rcv_nxt: RCV.NXT
 *
 * Return: a buffer that starts at or before @rcv_nxt, unlinked and the caller's
 * (it may hold nothing new), or NULL when there is a gap.
 */
struct sk_buff *linnet_reassembly_next(struct linnet_reassembly *r,
				       __u32 rcv_nxt)
{
	struct rb_node *first = rb_first(&r->queue);
	struct sk_buff *skb;

	if (!first)
		return NULL;
	skb = rb_to_skb(first);
	if (seq_after(LINNET_CB(skb)->seq, rcv_nxt))
		return NULL;
	unlink_skb(r, skb);
	return skb;
}

/**
 * linnet_reassembly_prune() - give up the buffer farthest from its turn
 * @r: the queue
 *
 * A receiver may forget what it has SACKed (RFC 2018, 8), and must when memory
 * is short; the farthest is the one whose loss costs least.
 *
 * Return: the buffer, the caller's, or NULL when the queue is empty.
 */
struct sk_buff *linnet_reassembly_prune(struct linnet_reassembly *r)
{
	struct sk_buff *skb = r->last;
	__u32 edge;
	unsigned int i, kept = 0;

	if (!skb)
		return NULL;
	unlink_skb(r, skb);

	/* Tell no block that reaches over what is gone */
	edge = r->last ? LINNET_CB(r->last)->end_seq : LINNET_CB(skb)->seq;
	for (i = 0; i < r->n_recent; i++) {
		struct linnet_block b = r->recent[i];

		if (seq_after(b.end, edge))
			b.end = edge;
		if (r->last && seq_before(b.start, b.end))
			r->recent[kept++] = b;
	}
	r->n_recent = kept;
	/* nor a DSACK: above RCV.NXT it would be taken for a SACK */
	if (seq_after(r->dsack.end, edge))
		r->dsack.end = r->dsack.start;
	return skb;
}

/**
 * linnet_reassembly_advance() - RCV.NXT has moved
 * @r: the queue
 * @rcv_nxt: RCV.NXT
 *
 * Blocks below it are told no more.
 */
void linnet_reassembly_advance(struct linnet_reassembly *r, __u32 rcv_nxt)
{
	unsigned int i, kept = 0;

	if (linnet_reassembly_empty(r)) {
		r->n_recent = 0;
		return;
	}
	for (i = 0; i < r->n_recent; i++)
		if (seq_after(r->recent[i].start, rcv_nxt))
			r->recent[kept++] = r->recent[i];
	r->n_recent = kept;
}

/**
 * linnet_reassembly_duplicate() - note that a range has arrived twice
 * @r: the queue
 * @start: first sequence number
 * @end: one after the last
 *
 * The next ACK tells it first (RFC 2883, 4).  Several before that ACK are told
 * as one where they touch; otherwise the first stands.
 */
void linnet_reassembly_duplicate(struct linnet_reassembly *r, __u32 start,
				 __u32 end)
{
	if (start == end)
		return;
	if (r->dsack.start == r->dsack.end) {
		r->dsack.start = start;
		r->dsack.end = end;
		return;
	}
	if (seq_after(start, r->dsack.end) || seq_after(r->dsack.start, end))
		return;
	if (seq_before(start, r->dsack.start))
		r->dsack.start = start;
	if (seq_after(end, r->dsack.end))
		r->dsack.end = end;
}

/**
 * linnet_reassembly_blocks() - the SACK blocks of the next ACK
 * @r: the queue; a DSACK that is told is forgotten
 * @out: blocks, newest first, the DSACK before all
 * @room: how many fit
 *
 * Return: number of blocks.
 */
unsigned int linnet_reassembly_blocks(struct linnet_reassembly *r,
				      struct linnet_block *out,
				      unsigned int room)
{
	unsigned int n = 0, i;

	if (!room)
		return 0;
	if (r->dsack.start != r->dsack.end) {
		out[n++] = r->dsack;
		r->dsack.start = 0;
		r->dsack.end = 0;
	}
	for (i = 0; i < r->n_recent && n < room; i++)
		out[n++] = r->recent[i];
	return n;
}
