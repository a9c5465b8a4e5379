// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers of the retransmission queue: cut, and sent again.
 */
#include "linnet.h"
#include "ecn.h"
#include "trace.h"
#include "xmit.h"

/* A peer that SACKs cunningly must not make us split without bound */
#define SPLIT_SLACK	(2 * 65536)

static void adjust_segs(struct sock *sk, const struct sk_buff *skb, int fewer)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 sacked = LINNET_CB(skb)->sacked;

	tp->packets_out -= fewer;
	if (sacked & LINNET_SACKED)
		tp->sacked_out -= fewer;
	if (sacked & LINNET_RETRANS)
		tp->retrans_out -= fewer;
	if (sacked & LINNET_LOST)
		tp->lost_out -= fewer;
	/* without SACK nobody knows which of them the duplicates stood for */
	if (!tp->rx_opt.sack_ok && fewer > 0)
		tp->sacked_out -= min_t(u32, tp->sacked_out, fewer);
}

/**
 * linnet_unshare() - the data of a copy in the queue below is shared: make it
 *	ours alone
 * @sk: the socket, locked
 * @skb: a buffer of the send or the retransmission queue
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_unshare(struct sock *sk, struct sk_buff *skb)
{
	int before = skb->truesize, err = skb_unclone(skb, GFP_ATOMIC);
	int more = skb->truesize - before;

	if (more) {
		sk_wmem_queued_add(sk, more);
		linnet_mem_force(sk, more, SK_MEM_SEND);
		sk_mem_charge(sk, more);
	}
	return err;
}

/**
 * linnet_fragment() - split a buffer in two
 * @sk: the socket, locked
 * @skb: the buffer; keeps the first part
 * @len: bytes in the first part, more than none and less than all
 * @mss: bytes of data in a full segment
 * @in_rtx_queue: @skb is in the retransmission queue, else in the send queue;
 *	the second part comes behind it
 *
 * Return: 0 or -ENOMEM, and nothing has changed then.
 */
int linnet_fragment(struct sock *sk, struct sk_buff *skb, u32 len, u32 mss,
		    bool in_rtx_queue)
{
	struct linnet_cb *cb = LINNET_CB(skb), *rest;
	struct sk_buff *tail;
	u32 moved = skb->len - len;
	int segs = cb->segs;

	if (WARN_ON_ONCE(!len || len >= skb->len))
		return -EINVAL;
	if (in_rtx_queue &&
	    sk->sk_wmem_queued >> 1 >
	    (long)READ_ONCE(sk->sk_sndbuf) + SPLIT_SLACK)
		return -ENOMEM;
	if (linnet_unshare(sk, skb))
		return -ENOMEM;
	tail = linnet_alloc_skb(sk, GFP_ATOMIC);
	if (!tail)
		return -ENOMEM;
	sk_wmem_queued_add(sk, tail->truesize);
	linnet_mem_force(sk, tail->truesize, SK_MEM_SEND);
	sk_mem_charge(sk, tail->truesize);
	tail->truesize += moved;
	skb->truesize -= moved;

	rest = LINNET_CB(tail);
	*rest = *cb;
	rest->seq = cb->seq + len;
	cb->end_seq = rest->seq;
	/* FIN and PSH belong to the end, CWR to the beginning */
	cb->flags &= ~(LINNET_FIN | LINNET_PSH);
	rest->flags &= ~LINNET_CWR;
	cb->marks &= ~LINNET_EOR;
	tail->skb_mstamp_ns = skb->skb_mstamp_ns;
	skb_split(skb, tail, len);
	linnet_stamp_split(sk, skb, tail);

	linnet_init_segs(skb, mss);
	linnet_init_segs(tail, mss);
	if (in_rtx_queue) {
		adjust_segs(sk, skb, segs - cb->segs - rest->segs);
		linnet_rtx_add(sk, tail);
		list_add(&tail->tcp_tsorted_anchor, &skb->tcp_tsorted_anchor);
	} else {
		__skb_queue_after(&sk->sk_write_queue, skb, tail);
	}
	return 0;
}

/**
 * linnet_trim_acked() - the peer has the first octets of a buffer already: they
 *	are not sent again
 * @sk: the socket, locked
 * @skb: a buffer of the retransmission queue, the first or any other
 *
 * All data is in fragments, so the header of the buffer stays empty.  Of one whose
 * FIN alone is missing all of them go.
 *
 * Return: 0 or -ENOBUFS.
 */
int linnet_trim_acked(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	u32 acked = tcp_sk(sk)->snd_una - cb->seq;
	int before = skb->truesize, segs = cb->segs, more;

	if (!seq_after(tcp_sk(sk)->snd_una, cb->seq) || acked > skb->len)
		return 0;
	if (linnet_unshare(sk, skb))
		return -ENOBUFS;
	before = skb->truesize;
	if (!pskb_pull(skb, acked))
		return -ENOBUFS;
	more = skb->truesize - before;
	if (more) {
		sk_wmem_queued_add(sk, more);
		linnet_mem_force(sk, more, SK_MEM_SEND);
		sk_mem_charge(sk, more);
	}
	cb->seq += acked;
	linnet_init_segs(skb, cb->gso_size ?: skb->len);
	adjust_segs(sk, skb, segs - cb->segs);
	return 0;
}

/* May two buffers, one behind the other, be sent again as one segment? */
static bool may_join(struct sk_buff *skb, struct sk_buff *next)
{
	const struct linnet_cb *cb = LINNET_CB(next);

	return cb->segs == 1 && !(cb->sacked & LINNET_SACKED) &&
	       !(LINNET_CB(skb)->marks & LINNET_EOR) &&
	       !skb_headlen(next) && !skb_cloned(next) &&
	       !skb_zcopy(skb) && !skb_zcopy(next);
}

/* A buffer takes in the one behind it.  Returns false when that cannot be. */
static bool join(struct sock *sk, struct sk_buff *skb, struct sk_buff *next)
{
	struct linnet_cb *cb = LINNET_CB(skb), *taken = LINNET_CB(next);
	int moved = 0;
	bool stolen;

	if (linnet_unshare(sk, skb) ||
	    (next->len && !skb_try_coalesce(skb, next, &stolen, &moved)))
		return false;
	next->truesize -= moved;
	cb->end_seq = taken->end_seq;
	cb->flags |= taken->flags;
	cb->marks |= taken->marks & LINNET_EOR;
	cb->sacked |= taken->sacked & LINNET_EVER_RETRANS;
	linnet_stamp_join(skb, next);
	adjust_segs(sk, next, taken->segs);
	linnet_rtx_free(sk, next);
	return true;
}

/* Small segments that were sent one by one are sent again as one, up to @room
 * bytes of data (net.linnet.retrans_collapse)
 */
static void join_small(struct sock *sk, struct sk_buff *skb, s32 room)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 edge = tp->snd_una + tp->snd_wnd;
	struct sk_buff *next;

	if (!READ_ONCE(linnet_sk_net(sk)->retrans_collapse) ||
	    LINNET_CB(skb)->flags & LINNET_SYN)
		return;
	while ((next = linnet_rtx_next(skb)) && may_join(skb, next) &&
	       (s32)(skb->len + next->len) <= room &&
	       !seq_after(LINNET_CB(next)->end_seq, edge))
		if (!join(sk, skb, next))
			return;
}

/* Make a buffer what is to go now: at most @segs segments and what the window
 * takes.  Returns 0, or an error as linnet_retransmit() does.
 */
static int fit(struct sock *sk, struct sk_buff *skb, u32 segs)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = linnet_send_mss(sk, NULL), limit = mss * segs;
	s32 window = tp->snd_una + tp->snd_wnd - cb->seq;
	int before = cb->segs;

	/* A peer that shrank its window gets only the first segment of it,
	 * which serves as probe (RFC 9293, 3.8.6.1)
	 */
	if (window <= 0 && skb->len) {
		if (cb->seq != tp->snd_una)
			return -EAGAIN;
		window = mss;
	}
	if (limit > window && skb->len)
		limit = window >= mss ? window - window % mss : window;
	if (skb->len > limit)
		return linnet_fragment(sk, skb, limit, mss, true) ? -ENOBUFS :
								    0;
	if (cb->segs > 1 || skb->len > mss) {
		/* the MSS may have changed since */
		if (linnet_unshare(sk, skb))
			return -ENOBUFS;
		linnet_init_segs(skb, mss);
		adjust_segs(sk, skb, before - cb->segs);
	}
	if (cb->segs == 1)
		join_small(sk, skb, min_t(s32, mss, window));
	return 0;
}

/* Send a buffer of the retransmission queue once more */
static int send_again(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	int err;

	if (cb->flags & LINNET_SYN)
		cb->flags = linnet_ecn_syn_again(sk, cb->flags);
	linnet_clock_refresh(tp);
	err = linnet_transmit(sk, skb, true, GFP_ATOMIC);
	trace_linnet_retransmit(sk, cb->seq, cb->end_seq, cb->segs, err);
	LINNET_COUNT_ADD(sock_net(sk), RetransSegs, cb->segs);
	tp->total_retrans += cb->segs;
	tp->bytes_retrans += skb->len;
	if (!err)
		cb->sacked |= LINNET_EVER_RETRANS;
	return err;
}

/**
 * linnet_retransmit() - send again
 * @sk: the socket, locked
 * @skb: a buffer of the retransmission queue
 * @segs: at most so many segments of it
 *
 * Return: 0; -EAGAIN when the peer's window has no room for it; -EBUSY when it
 * has not left this host yet; -ENOBUFS when it was dropped here, -EHOSTUNREACH
 * when there is no route.
 */
int linnet_retransmit(struct sock *sk, struct sk_buff *skb, u32 segs)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	int err;

	if (skb_fclone_busy(sk, skb)) {
		/* go on when it has left */
		set_bit(LINNET_THROTTLED, &linnet_sk(sk)->xmit_flags);
		smp_mb__after_atomic();
		if (skb_fclone_busy(sk, skb))
			return -EBUSY;
	}
	if (!linnet_sk(sk)->af->route(sk))
		return -EHOSTUNREACH;
	if (linnet_trim_acked(sk, skb))
		return -ENOBUFS;

	err = fit(sk, skb, segs);
	if (err)
		return err;
	err = send_again(sk, skb);
	/* what a DSACK may say was needless (RFC 3708), even if it failed */
	if (tp->undo_retrans < 0)
		tp->undo_retrans = 0;
	tp->undo_retrans += cb->segs;
	if (!tp->retrans_stamp)
		tp->retrans_stamp = (u32)div_u64(skb->skb_mstamp_ns,
						 NSEC_PER_MSEC);
	if (!err && !(cb->sacked & LINNET_RETRANS)) {
		cb->sacked |= LINNET_RETRANS;
		tp->retrans_out += cb->segs;
	}
	return err;
}

/**
 * linnet_retransmit_last() - send the last segment again, as a probe: the marks
 *	stay what they are (RFC 8985, 7.3)
 * @sk: the socket, locked
 *
 * Return: 0, or a negative error.
 */
int linnet_retransmit_last(struct sock *sk)
{
	struct sk_buff *skb = linnet_rtx_tail(sk);
	struct linnet_cb *cb;
	u32 mss;

	if (!skb || skb_fclone_busy(sk, skb))
		return -EBUSY;
	if (!linnet_sk(sk)->af->route(sk))
		return -EHOSTUNREACH;
	/* first, or a part would be left that is acknowledged wholly */
	if (linnet_trim_acked(sk, skb))
		return -ENOBUFS;
	cb = LINNET_CB(skb);
	mss = cb->gso_size;
	if (cb->segs > 1) {
		if (linnet_fragment(sk, skb, (cb->segs - 1) * mss, mss, true))
			return -ENOBUFS;
		skb = linnet_rtx_next(skb);
	}
	/* the MSS may be less by now: of the path, or for SACK blocks */
	mss = linnet_send_mss(sk, NULL);
	if (skb->len > mss) {
		if (linnet_fragment(sk, skb, skb->len - mss, mss, true))
			return -ENOBUFS;
		skb = linnet_rtx_next(skb);
	}
	return send_again(sk, skb);
}
