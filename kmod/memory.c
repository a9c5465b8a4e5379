// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens when memory is short: at a socket's receive buffer, in its
 * backlog, or for all sockets together.
 *
 * What lies within the window that was told must not be lost.  So a receive
 * buffer that is full grows, if it may; then what lies in it is copied together,
 * since many small segments cost many times their data; and only then is given
 * up what the peer still has: what came out of order, the farthest first
 * (RFC 2018, 8).
 */
#include <net/inet_ecn.h>

#include "linnet.h"

/* How much of the receive buffer is given up at once: what follows must not
 * pay for another search soon (a peer may send on purpose what costs most)
 */
#define PRUNE_SHIFT	3

static bool fits(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) <= READ_ONCE(sk->sk_rcvbuf);
}

/**
 * linnet_mem_force() - memory that is owed, whatever the limits
 * @sk: the socket, locked
 * @size: bytes that will be charged
 * @kind: SK_MEM_SEND or SK_MEM_RECV
 *
 * A FIN, a split of what is on its way, a segment without which nothing goes
 * on: they are counted all the same, so that others are held back.
 */
void linnet_mem_force(struct sock *sk, int size, int kind)
{
	int missing = size - sk->sk_forward_alloc, pages;

	if (missing <= 0)
		return;
	/* A cgroup's counter cannot be forced from here.  What is missing is
	 * asked for again with the next buffer.
	 */
	if (linnet_compat_memcg(sk)) {
		__sk_mem_schedule(sk, missing, kind);
		return;
	}
	pages = sk_mem_pages(missing);
	sk_forward_alloc_add(sk, pages << PAGE_SHIFT);
	atomic_long_add(pages, sk->sk_prot->memory_allocated);
}

/**
 * linnet_wmem_some() - memory for data that is to be sent
 * @sk: the socket, locked
 * @size: bytes wanted
 *
 * With next to nothing queued some is given whatever the limits: a sender who
 * waits for memory is woken by an ACK of what he has sent.
 *
 * Return: bytes granted, at most @size; 0: wait.
 */
int linnet_wmem_some(struct sock *sk, int size)
{
	int least = READ_ONCE(linnet_sk_net(sk)->wmem[0]);

	if (sk_wmem_schedule(sk, size))
		return size;
	size = min(size, least - READ_ONCE(sk->sk_wmem_queued));
	if (size <= 0)
		return 0;
	linnet_mem_force(sk, size, SK_MEM_SEND);
	return size;
}

/* The buffer is full: let it grow to what it holds, if there is memory; if not,
 * let the window open no further than two segments
 */
static void grow_or_close(struct sock *sk)
{
	int most = READ_ONCE(linnet_sk_net(sk)->rmem[2]);
	struct tcp_sock *tp = tcp_sk(sk);

	linnet_sk(sk)->ack.quick = 0;
	if (READ_ONCE(sk->sk_rcvbuf) < most &&
	    !(sk->sk_userlocks & SOCK_RCVBUF_LOCK) &&
	    !sk_under_memory_pressure(sk) &&
	    sk_memory_allocated(sk) < sk_prot_mem_limits(sk, 0))
		WRITE_ONCE(sk->sk_rcvbuf,
			   min(atomic_read(&sk->sk_rmem_alloc), most));
	if (!fits(sk))
		tp->rcv_ssthresh = min(tp->window_clamp, 2U * tp->advmss);
}

/* Is a copy worth while?  Not of what is dense already, nor of a FIN, which is
 * no data.
 */
static bool sparse(const struct sock *sk, const struct sk_buff *skb)
{
	return !(LINNET_CB(skb)->flags & LINNET_FIN) && skb->len &&
	       linnet_window_of(sk, skb->truesize) > skb->len;
}

static struct sk_buff *copy_begin(struct sock *sk, const struct sk_buff *skb,
				  u32 start, u32 len)
{
	int size = min_t(u32, len, SKB_MAX_ORDER(0, 0));
	struct sk_buff *copy = alloc_skb(size, GFP_ATOMIC | __GFP_NOWARN);

	if (!copy)
		return NULL;
	memcpy(copy->cb, skb->cb, sizeof(copy->cb));
	LINNET_CB(copy)->seq = start;
	LINNET_CB(copy)->end_seq = start;
	/* what is copied is given back after that, and may be less */
	linnet_mem_force(sk, copy->truesize, SK_MEM_RECV);
	skb_set_owner_r(copy, sk);
	return copy;
}

/* There was no memory for the rest of a buffer that begins at @from: it stays as
 * it is, and what was copied of it is given up again
 */
static void take_back(struct sk_buff_head *copies, u32 from)
{
	struct sk_buff *copy;

	while ((copy = skb_peek_tail(copies)) &&
	       !seq_before(LINNET_CB(copy)->seq, from)) {
		__skb_unlink(copy, copies);
		__kfree_skb(copy);
	}
	if (copy && seq_after(LINNET_CB(copy)->end_seq, from)) {
		skb_trim(copy, from - LINNET_CB(copy)->seq);
		LINNET_CB(copy)->end_seq = from;
	}
}

/* Does the next buffer hold what begins at @from, and so all that follows of the
 * one before it?
 */
static bool next_holds(const struct sk_buff_head *list, u32 from)
{
	const struct sk_buff *next = skb_peek(list);

	return next && !seq_after(LINNET_CB(next)->seq, from);
}

/* Copy a run of buffers together.  @list holds them in order, @end is where the
 * last of them ends.
 */
static void copy_together(struct sock *sk, struct sk_buff_head *list, u32 start,
			  u32 end)
{
	struct sk_buff *skb, *copy = NULL;
	struct sk_buff_head out;

	__skb_queue_head_init(&out);
	while ((skb = __skb_dequeue(list))) {
		u32 from = seq_max(start, LINNET_CB(skb)->seq), first = from;
		u32 stop = LINNET_CB(skb)->end_seq;

		if (!sparse(sk, skb)) {
			if (seq_after(stop, start))
				start = stop;
			__skb_queue_tail(&out, skb);
			copy = NULL;
			continue;
		}
		while (seq_before(from, stop)) {
			u32 len;

			if (!copy || !skb_tailroom(copy) ||
			    LINNET_CB(copy)->end_seq != from) {
				/* no buffer may lie within another */
				if (next_holds(list, from)) {
					stop = from;
					break;
				}
				copy = copy_begin(sk, skb, from, end - from);
				if (!copy)
					break;
				__skb_queue_tail(&out, copy);
			}
			len = min_t(u32, stop - from, skb_tailroom(copy));
			if (skb_copy_bits(skb, from - LINNET_CB(skb)->seq,
					  skb_put(copy, len), len))
				break;	/* cannot be: it holds that much */
			from += len;
			LINNET_CB(copy)->end_seq = from;
			LINNET_CB(copy)->flags |= LINNET_CB(skb)->flags;
			linnet_stamp_keep(copy, skb);
		}
		start = from;
		if (seq_before(from, stop)) {	/* no memory */
			take_back(&out, first);
			__skb_queue_tail(&out, skb);
			start = stop;
			copy = NULL;
			continue;
		}
		LINNET_COUNT(sock_net(sk), RcvCollapsed);
		__kfree_skb(skb);
	}
	skb_queue_splice(&out, list);
}

static void collapse_queue(struct sock *sk)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue, run;
	struct tcp_sock *tp = tcp_sk(sk);

	if (skb_queue_empty(queue))
		return;
	/* Who looks at the queue without the lock sees it empty meanwhile, and
	 * is woken when it is full again
	 */
	__skb_queue_head_init(&run);
	skb_queue_splice_init(queue, &run);
	copy_together(sk, &run, tp->copied_seq, tp->rcv_nxt);
	skb_queue_splice(&run, queue);
}

/* Each contiguous run of the out-of-order queue by itself.  A single buffer is
 * not worth it: there is nothing to be saved but its own slack.
 */
static void collapse_reassembly(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct sk_buff *skb = linnet_reassembly_first(r);

	while (skb) {
		struct sk_buff *after;
		struct sk_buff_head run;
		u32 start, end;

		after = linnet_reassembly_run_end(skb, &start, &end);
		if (linnet_reassembly_after(skb) != after ||
		    skb->len >= SKB_WITH_OVERHEAD(PAGE_SIZE)) {
			__skb_queue_head_init(&run);
			linnet_reassembly_take_run(r, skb, after, &run);
			copy_together(sk, &run, start, end);
			linnet_reassembly_put_run(r, &run);
		}
		skb = after;
	}
}

/* Give up what lies farthest out of order, but nothing before @seq, for which
 * the room is wanted.  Returns false when there was nothing.
 */
static bool prune_reassembly(struct sock *sk, u32 seq)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	int goal = READ_ONCE(sk->sk_rcvbuf) >> PRUNE_SHIFT;
	bool pruned = false;

	while (!linnet_reassembly_empty(r) &&
	       !seq_after(seq, LINNET_CB(r->last)->seq)) {
		struct sk_buff *victim = linnet_reassembly_prune(r);

		goal -= victim->truesize;
		pruned = true;
		LINNET_COUNT(sock_net(sk), OfoPruned);
		kfree_skb(victim);
		if (goal > 0)
			continue;
		if (fits(sk) && !sk_under_memory_pressure(sk))
			break;
		goal = READ_ONCE(sk->sk_rcvbuf) >> PRUNE_SHIFT;
	}
	return pruned;
}

/* Make room for a segment that begins at @seq.  Returns false when there is
 * none to be made.
 */
static bool make_room(struct sock *sk, u32 seq)
{
	struct linnet_sock *ls = linnet_sk(sk);
	int before = atomic_read(&sk->sk_rmem_alloc);

	if (!before)
		return false;
	LINNET_COUNT(sock_net(sk), PruneCalled);
	if (!fits(sk))
		grow_or_close(sk);
	else if (sk_under_memory_pressure(sk))
		linnet_window_pressed(sk);
	if (fits(sk))
		return true;
	/* What could not be copied together is not tried again until something
	 * has changed
	 */
	if (before != ls->collapsed_at) {
		collapse_reassembly(sk);
		collapse_queue(sk);
		ls->collapsed_at = atomic_read(&sk->sk_rmem_alloc);
	}
	if (fits(sk))
		return true;
	prune_reassembly(sk, seq);
	if (fits(sk))
		return true;
	LINNET_COUNT(sock_net(sk), RcvPruned);
	return false;
}

/**
 * linnet_rmem_room() - is there memory for a segment that has come?
 * @sk: the socket, locked
 * @seg: the segment
 *
 * Return: true, with the memory reserved; false: drop it, unless nothing could
 * go on without it.
 */
bool linnet_rmem_room(struct sock *sk, const struct linnet_segment *seg)
{
	int size = seg->skb->truesize;

	if (fits(sk) && sk_rmem_schedule(sk, seg->skb, size))
		return true;
	if (!make_room(sk, seg->seq))
		return false;
	while (!sk_rmem_schedule(sk, seg->skb, size))
		if (!prune_reassembly(sk, seg->seq))
			return false;
	return true;
}

static u8 traffic_class(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IP) ? ip_hdr(skb)->tos :
	       ipv6_get_dsfield(ipv6_hdr(skb));
}

/* Does @skb go on where the last segment of the backlog ends, with nothing else
 * to tell?  Both have data: an ACK without any may be a duplicate, and counts.
 */
static bool continues(const struct sk_buff *tail, const struct sk_buff *skb)
{
	const u8 alone = LINNET_SYN | LINNET_FIN | LINNET_RST | LINNET_URG;
	const struct linnet_header *t = (const void *)tail->data;
	const struct linnet_header *h = (const void *)skb->data;
	unsigned int header = linnet_header_len(h);

	return linnet_header_len(t) == header && t->flags & LINNET_ACK &&
	       h->flags & LINNET_ACK && !((t->flags | h->flags) & alone) &&
	       !((t->flags ^ h->flags) & (LINNET_ECE | LINNET_CWR)) &&
	       tail->len > header && skb->len > header &&
	       ntohl(t->seq) + tail->len - header == ntohl(h->seq) &&
	       !memcmp(t + 1, h + 1, header - LINNET_HEADER_LEN) &&
	       tail->protocol == skb->protocol &&
	       traffic_class(tail) == traffic_class(skb);
}

static bool merge_into(struct sock *sk, struct sk_buff *tail,
		       struct sk_buff *skb)
{
	struct linnet_header *t = (void *)tail->data;
	const struct linnet_header *h = (const void *)skb->data;
	unsigned int header = linnet_header_len(h), segs, size;
	__be32 ack = h->ack_seq;
	__be16 window = h->window;
	u8 flags = h->flags;
	bool stolen;
	int delta;

	size = max_t(u32, skb_shinfo(skb)->gso_size ?: skb->len - header,
		     skb_shinfo(tail)->gso_size ?: tail->len - header);
	segs = max_t(u16, skb_shinfo(skb)->gso_segs, 1) +
	       max_t(u16, skb_shinfo(tail)->gso_segs, 1);
	__skb_pull(skb, header);
	if (!skb_try_coalesce(tail, skb, &stolen, &delta)) {
		__skb_push(skb, header);
		return false;
	}
	if (!seq_before(ntohl(ack), ntohl(t->ack_seq))) {
		t->ack_seq = ack;
		t->window = window;
	}
	t->flags |= flags & LINNET_PSH;
	tail->tstamp = skb->tstamp;
	*skb_hwtstamps(tail) = *skb_hwtstamps(skb);
	skb_shinfo(tail)->gso_size = min_t(u32, size, U16_MAX);
	skb_shinfo(tail)->gso_segs = min_t(u32, segs, U16_MAX);
	sk->sk_backlog.len += delta;
	LINNET_COUNT(sock_net(sk), BacklogCoalesced);
	kfree_skb_partial(skb, stolen);
	return true;
}

/**
 * linnet_backlog_add() - a segment waits until the user lets go of the socket
 * @sk: the socket, its spinlock held
 * @skb: the segment, data at its header, which is linear; consumed
 *
 * Small segments that follow each other share a buffer.  The bound leaves room
 * for what a user may have queued besides what he is sent: an ACK must get
 * through to a socket whose receive buffer is full.
 */
void linnet_backlog_add(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = sk->sk_backlog.tail;
	u64 limit;

	if (tail && sk->sk_state != TCP_LISTEN && continues(tail, skb) &&
	    merge_into(sk, tail, skb))
		return;
	limit = 2ULL * READ_ONCE(sk->sk_rcvbuf) +
		(READ_ONCE(sk->sk_sndbuf) >> 1) + 64 * 1024;
	if (!sk_add_backlog(sk, skb, min_t(u64, limit, UINT_MAX)))
		return;
	LINNET_COUNT(sock_net(sk), BacklogDropped);
	atomic_inc(&sk->sk_drops);
	kfree_skb(skb);
}

/**
 * linnet_memcg_accept() - a child belongs to the cgroup of who accepts it
 * @sk: the child, locked
 *
 * Context: process context of the accepting task.
 */
void linnet_memcg_accept(struct sock *sk)
{
	int size;

	if (!linnet_compat_memcg_join(sk))
		return;
	/* What it holds already has been counted for all, but for no cgroup:
	 * count it for both, and take it back for all
	 */
	size = sk->sk_forward_alloc + atomic_read(&sk->sk_rmem_alloc) +
	       READ_ONCE(sk->sk_wmem_queued);
	if (size <= 0)
		return;
	size = sk_mem_pages(size) << PAGE_SHIFT;
	if (!__sk_mem_schedule(sk, size, SK_MEM_SEND)) {
		linnet_compat_memcg_leave(sk);
		return;
	}
	sk_forward_alloc_add(sk, -size);
	atomic_long_sub(size >> PAGE_SHIFT, sk->sk_prot->memory_allocated);
}
