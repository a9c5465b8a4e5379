// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The text and the FIN of a segment: RFC 9293, 3.10.7.4, seventh and eighth.
 */
#include "linnet.h"
#include "ecn.h"
#include "flow.h"
#include "trace.h"
#include "xmit.h"

/* RFC 9293, 3.10.7.4, eighth */
static void fin_received(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct sk_buff *skb;

	linnet_sk(sk)->ack.pending = true;
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	sock_set_flag(sk, SOCK_DONE);

	switch (sk->sk_state) {
	case TCP_SYN_RECV:
	case TCP_ESTABLISHED:
		linnet_set_state(sk, TCP_CLOSE_WAIT);
		/* the user may close soon, and our FIN carry the ACK */
		linnet_sk(sk)->ack.pingpong = true;
		break;
	case TCP_FIN_WAIT1:
		/* simultaneous close: ours is not acknowledged yet */
		linnet_sk(sk)->ack.now = true;
		linnet_set_state(sk, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT2:
		linnet_send_ack(sk);
		linnet_timewait_start(sk);
		return;
	default:	/* the same FIN again */
		linnet_sk(sk)->ack.now = true;
		return;
	}
	/* nothing can come after it */
	while ((skb = linnet_reassembly_prune(r)))
		kfree_skb(skb);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_state_change(sk);
}

/* Take the header off; from here on the buffer is data in sequence space */
static void become_data(struct sk_buff *skb, const struct linnet_segment *seg)
{
	struct linnet_cb *cb = LINNET_CB(skb);

	memset(cb, 0, sizeof(*cb));
	cb->seq = seg->seq;
	cb->end_seq = seg->end_seq;
	cb->flags = seg->flags;
	if (skb->tstamp || skb_hwtstamps(skb)->hwtstamp)
		cb->marks = LINNET_STAMP_RCV;
	skb_dst_drop(skb);
	__skb_pull(skb, seg->header_len);
}

/* A buffer that begins at or before RCV.NXT and ends after it.  Returns false
 * when the connection has ended with it.
 */
static bool accept_in_order(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	bool fin = cb->flags & LINNET_FIN;

	tp->bytes_received += cb->end_seq - tp->rcv_nxt;
	tp->rcv_nxt = cb->end_seq;
	if (fin)
		cb->end_seq--;
	if (skb->len)
		linnet_queue_received(sk, skb);
	else
		kfree_skb(skb);
	if (fin)
		fin_received(sk);
	return sk->sk_state != TCP_CLOSE;
}

static bool drain_reassembly(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = linnet_reassembly_next(r, tp->rcv_nxt))) {
		const struct linnet_cb *cb = LINNET_CB(skb);

		/* what has just come was here before (RFC 2883, 4.2) */
		if (seq_before(cb->seq, tp->rcv_nxt) && tp->rx_opt.sack_ok)
			linnet_reassembly_duplicate(r, cb->seq,
						    seq_min(cb->end_seq,
							    tp->rcv_nxt));
		if (!seq_after(cb->end_seq, tp->rcv_nxt)) {
			kfree_skb(skb);
			continue;
		}
		LINNET_COUNT(sock_net(sk), OfoMerged);
		/* it shares its place with the node in the queue's tree */
		skb->dev = NULL;
		if (!accept_in_order(sk, skb))
			return false;
	}
	linnet_reassembly_advance(r, tp->rcv_nxt);
	return true;
}

/* How large are the peer's full segments?  One may be short because the peer
 * had no more to send, or because options took room; two of a size in a row are
 * full ones.  A short one, or PSH, tells that nothing more may come soon, so that
 * the peer would wait for the ACK of a second segment in vain.
 */
static void measure_mss(struct sock *sk, const struct linnet_segment *seg)
{
	const u8 last = LINNET_FIN | LINNET_SYN | LINNET_PSH | LINNET_URG;
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	u32 len = skb_shinfo(seg->skb)->gso_size ?: seg->len;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 last_size = ack->last_size, total = len + seg->header_len;

	ack->last_size = 0;
	if (len >= ack->rcv_mss) {
		if (len > ack->rcv_mss)
			linnet_ratio_measure(sk, seg);
		ack->rcv_mss = min_t(u32, len, tp->advmss);
		if (seg->flags & LINNET_PSH)
			ack->pushed = max_t(u8, ack->pushed, 1);
		return;
	}
	if (total >= LINNET_MSS_DEFAULT_IPV4 + LINNET_HEADER_LEN ||
	    (!(seg->flags & last) &&
	     total >= TCP_MIN_MSS + LINNET_HEADER_LEN)) {
		ack->last_size = total - tp->tcp_header_len;
		if (ack->last_size == last_size) {
			ack->rcv_mss = last_size;
			return;
		}
	}
	ack->pushed = ack->pushed ? 2 : 1;
}

/* How the peer cuts its data, and how often it comes: RFC 9293, 3.8.6.3 */
static void measure_data(struct sock *sk, const struct linnet_segment *seg)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	struct tcp_sock *tp = tcp_sk(sk);

	measure_mss(sk, seg);
	linnet_rcv_rtt_timestamp(sk, seg);
	linnet_rcv_rtt_measure(sk);
	/* After a pause the peer is in slow start again */
	if (linnet_rto_passed(sk, ack->last_data))
		ack->quick = 16;
	ack->last_data = tcp_jiffies32;
	tp->data_segs_in += max_t(u16, 1, skb_shinfo(seg->skb)->gso_segs);
}

/* What goes on where the out-of-order queue ends shares its last buffer, so that
 * many small segments do not cost many buffers
 */
static bool append_to_last(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	u32 end_seq = LINNET_CB(skb)->end_seq;
	struct sk_buff *last = r->last;
	bool stolen;
	int delta;

	if (!last || LINNET_CB(last)->end_seq != LINNET_CB(skb)->seq ||
	    (LINNET_CB(last)->flags | LINNET_CB(skb)->flags) & LINNET_FIN)
		return false;
	if (!skb_try_coalesce(last, skb, &stolen, &delta))
		return false;
	atomic_add(delta, &sk->sk_rmem_alloc);
	sk_mem_charge(sk, delta);
	linnet_stamp_keep(last, skb);
	LINNET_CB(last)->flags |= LINNET_CB(skb)->flags;
	linnet_reassembly_extend(r, end_seq);
	LINNET_COUNT(sock_net(sk), OfoCoalesced);
	kfree_skb_partial(skb, stolen);
	return true;
}

static void out_of_order(struct sock *sk, struct linnet_segment *seg)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct sk_buff_head covered;
	struct sk_buff *skb = seg->skb;

	LINNET_COUNT(sock_net(sk), OutOfOrder);
	tcp_sk(sk)->rcv_ooopack++;
	linnet_ack_decompress_before(sk, seg->seq, seg->end_seq);
	become_data(skb, seg);
	linnet_window_grow(sk, skb);
	if (append_to_last(sk, skb))
		goto out;
	__skb_queue_head_init(&covered);
	if (linnet_reassembly_insert(r, skb, &covered))
		skb_set_owner_r(skb, sk);
	else
		kfree_skb(skb);
	__skb_queue_purge(&covered);
out:
	/* a hole shall not cost window; nobody reads what is not accepted yet */
	if (LINNET_RCVBUF_EXACT && sk->sk_socket)
		linnet_rcvbuf_grow(sk, tcp_sk(sk)->rcvq_space.space);
}

/* There is no memory for a segment.  What comes out of order can wait, and so
 * can data while the user has some to read; without anything to read nothing
 * would go on.  Returns true when it is taken all the same.
 */
static bool owed_room(struct sock *sk, const struct linnet_segment *seg)
{
	bool in_order = !seq_after(seg->seq, tcp_sk(sk)->rcv_nxt);

	/* whoever waits for more than there is gets what there is */
	sk->sk_data_ready(sk);
	if (!in_order) {
		LINNET_COUNT(sock_net(sk), OfoDropped);
		return false;
	}
	linnet_sk(sk)->ack.no_memory = true;
	linnet_owe_ack_now(sk);
	if (seg->len && !skb_queue_empty(&sk->sk_receive_queue)) {
		LINNET_COUNT(sock_net(sk), RcvDropped);
		return false;
	}
	linnet_mem_force(sk, seg->skb->truesize, SK_MEM_RECV);
	return true;
}

/**
 * linnet_receive_data() - the data and the FIN of a segment
 * @sk: the socket, locked, in a state that takes data
 * @seg: the segment, with data or FIN
 *
 * RFC 9293, 3.10.7.4, seventh and eighth.
 *
 * Return: true when the buffer has been taken.
 */
bool linnet_receive_data(struct sock *sk, struct linnet_segment *seg)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 edge = tp->rcv_wup + tp->rcv_wnd;
	bool filled;

	if (!seq_after(seg->end_seq, tp->rcv_nxt)) {
		/* all of it a second time (RFC 2883) */
		if (tp->rx_opt.sack_ok)
			linnet_reassembly_duplicate(r, seg->seq, seg->end_seq);
		linnet_owe_ack_now(sk);
		return false;
	}
	if (!seq_before(seg->seq, edge) &&
	    !(seg->seq == tp->rcv_nxt && !seg->len)) {
		LINNET_COUNT(sock_net(sk), OutOfWindow);
		if (seg->seq == tp->rcv_nxt)
			LINNET_COUNT(sock_net(sk), ZeroWindowDropped);
		linnet_owe_ack_now(sk);
		return false;
	}
	if (!linnet_rmem_room(sk, seg) && !owed_room(sk, seg)) {
		linnet_owe_ack_now(sk);
		return false;
	}
	if (seg->len)
		measure_data(sk, seg);
	linnet_ecn_received(sk, seg);
	if (seq_after(seg->seq, tp->rcv_nxt)) {
		out_of_order(sk, seg);
		/* RFC 5681, 4.2: at once, but see compress.c */
		linnet_sk(sk)->ack.pending = true;
		return true;
	}

	if (seq_before(seg->seq, tp->rcv_nxt)) {
		if (tp->rx_opt.sack_ok)
			linnet_reassembly_duplicate(r, seg->seq, tp->rcv_nxt);
		linnet_owe_ack_now(sk);
	}
	filled = !linnet_reassembly_empty(r);
	become_data(seg->skb, seg);
	linnet_window_grow(sk, seg->skb);
	if (!accept_in_order(sk, seg->skb))
		return true;
	if (filled) {
		/* RFC 5681, 4.2: what fills a gap is acknowledged at once */
		linnet_owe_ack_now(sk);
		if (!drain_reassembly(sk))
			return true;
	}
	linnet_sk(sk)->ack.pending = true;
	if (!sock_flag(sk, SOCK_DEAD))
		linnet_data_ready(sk);
	return true;
}
