// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many segments may go: windows, Nagle, the pace, and the queue below; and
 * the retransmission queue, where they wait for their acknowledgement.
 */
#include "linnet.h"
#include "trace.h"

/**
 * linnet_rtx_head() - the oldest buffer not acknowledged, or NULL
 * @sk: the socket, locked
 */
struct sk_buff *linnet_rtx_head(const struct sock *sk)
{
	struct rb_node *node = rb_first(&sk->tcp_rtx_queue);

	return node ? rb_to_skb(node) : NULL;
}

/**
 * linnet_rtx_tail() - the newest buffer not acknowledged, or NULL
 * @sk: the socket, locked
 */
struct sk_buff *linnet_rtx_tail(const struct sock *sk)
{
	struct rb_node *node = rb_last(&sk->tcp_rtx_queue);

	return node ? rb_to_skb(node) : NULL;
}

/**
 * linnet_rtx_next() - the buffer behind another, or NULL
 * @skb: in the retransmission queue
 */
struct sk_buff *linnet_rtx_next(const struct sk_buff *skb)
{
	struct rb_node *node = rb_next(&skb->rbnode);

	return node ? rb_to_skb(node) : NULL;
}

/**
 * linnet_rtx_prev() - the buffer before another, or NULL
 * @skb: in the retransmission queue
 */
struct sk_buff *linnet_rtx_prev(const struct sk_buff *skb)
{
	struct rb_node *node = rb_prev(&skb->rbnode);

	return node ? rb_to_skb(node) : NULL;
}

/**
 * linnet_rtx_find() - the first buffer that ends after a sequence number
 * @sk: the socket, locked
 * @seq: the sequence number
 *
 * Return: the buffer that holds @seq, or the next one; NULL if there is none.
 */
struct sk_buff *linnet_rtx_find(const struct sock *sk, u32 seq)
{
	struct rb_node *node = sk->tcp_rtx_queue.rb_node;
	struct sk_buff *found = NULL;

	while (node) {
		struct sk_buff *skb = rb_to_skb(node);

		if (seq_after(LINNET_CB(skb)->end_seq, seq)) {
			found = skb;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * linnet_rtx_add() - a buffer waits for its acknowledgement
 * @sk: the socket, locked
 * @skb: the buffer, charged already
 */
void linnet_rtx_add(struct sock *sk, struct sk_buff *skb)
{
	struct rb_node **p = &sk->tcp_rtx_queue.rb_node, *parent = NULL;

	while (*p) {
		parent = *p;
		if (seq_before(LINNET_CB(skb)->seq,
			       LINNET_CB(rb_to_skb(parent))->seq))
			p = &parent->rb_left;
		else
			p = &parent->rb_right;
	}
	rb_link_node(&skb->rbnode, parent, p);
	rb_insert_color(&skb->rbnode, &sk->tcp_rtx_queue);
}

/**
 * linnet_rtx_free() - a buffer is acknowledged, or given up
 * @sk: the socket, locked
 * @skb: the buffer
 */
void linnet_rtx_free(struct sock *sk, struct sk_buff *skb)
{
	rb_erase(&skb->rbnode, &sk->tcp_rtx_queue);
	linnet_wmem_free(sk, skb);
}

/**
 * linnet_max_segs() - how many segments a buffer may stand for on its way out
 * @sk: the socket, locked
 * @mss: bytes of data in a full segment
 */
unsigned int linnet_max_segs(struct sock *sk, u32 mss)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	const struct tcp_congestion_ops *ca = inet_csk(sk)->icsk_ca_ops;
	unsigned long bytes, pace;
	unsigned int segs, least;

	if (!sk_can_gso(sk) || !READ_ONCE(ln->gso))
		return 1;
	bytes = min_t(unsigned long, sk->sk_gso_max_size, GSO_LEGACY_MAX_SIZE) -
		1 - MAX_TCP_HEADER;
	/* About a millisecond's worth, so that one buffer is no burst */
	pace = READ_ONCE(sk->sk_pacing_rate) >>
	       READ_ONCE(sk->sk_pacing_shift);
	least = ca->min_tso_segs ? ca->min_tso_segs(sk) :
				   READ_ONCE(ln->min_tso_segs);
	segs = max_t(unsigned int, min(bytes, pace) / mss, least);
	segs = min_t(unsigned int, segs, bytes / mss);
	return clamp_t(unsigned int, segs, 1, sk->sk_gso_max_segs);
}

/**
 * linnet_send_mss() - how much data a segment carries now
 * @sk: the socket, locked
 * @size_goal: set to how much a buffer should hold, bytes; or NULL
 *
 * Return: bytes of data in a full segment.
 */
int linnet_send_mss(struct sock *sk, int *size_goal)
{
	struct dst_entry *dst = linnet_sk(sk)->af->route(sk);
	u32 mss = tcp_sk(sk)->mss_cache;

	if (dst && dst_mtu(dst) != linnet_sk(sk)->pmtu)
		mss = linnet_sync_mss(sk);
	if (size_goal)
		*size_goal = mss * linnet_max_segs(sk, mss);
	return mss;
}

/* RFC 9293, 3.7.4 (Nagle), with Minshall's refinement: wait only for a small
 * segment, not for any
 */
static bool nagle_holds(const struct tcp_sock *tp, const struct sk_buff *skb,
			u32 mss, int nonagle)
{
	bool small_out = seq_after(tp->snd_sml, tp->snd_una) &&
			 !seq_after(tp->snd_sml, tp->snd_nxt);

	if (skb->len >= mss || LINNET_CB(skb)->flags & LINNET_FIN ||
	    nonagle & TCP_NAGLE_PUSH)
		return false;
	return nonagle & TCP_NAGLE_CORK ||
	       (!nonagle && tp->packets_out && small_out);
}

/* Too much of ours in the queue below: more would only make it longer */
static bool queue_below_full(struct sock *sk, const struct sk_buff *skb)
{
	unsigned long *flags = &linnet_sk(sk)->xmit_flags;
	unsigned long limit;

	limit = max_t(unsigned long, 2 * skb->truesize,
		      READ_ONCE(sk->sk_pacing_rate) >>
		      READ_ONCE(sk->sk_pacing_shift));
	limit = min_t(unsigned long, limit,
		      READ_ONCE(linnet_pernet(sock_net(sk))->limit_output_bytes));
	if (refcount_read(&sk->sk_wmem_alloc) <= limit)
		return false;
	/* Nothing waits for an ACK: keep one going */
	if (!linnet_rtx_head(sk))
		return false;
	set_bit(LINNET_THROTTLED, flags);
	/* It may have drained before the bit was set */
	smp_mb__after_atomic();
	return refcount_read(&sk->sk_wmem_alloc) > limit;
}

static bool pace_holds(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_pacing_status != SK_PACING_NEEDED)
		return false;
	linnet_clock_refresh(tp);
	if (tp->tcp_wstamp_ns <= tp->tcp_clock_cache)
		return false;
	linnet_pacing_arm(sk, tp->tcp_wstamp_ns);
	return true;
}

static void sent_new_data(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->packets_out;

	__skb_unlink(skb, &sk->sk_write_queue);
	tp->snd_nxt = LINNET_CB(skb)->end_seq;
	linnet_rtx_add(sk, skb);
	tp->packets_out += LINNET_CB(skb)->segs;
	if (!before || linnet_sk(sk)->timer_event != LINNET_TIMER_RTO)
		linnet_rtx_arm(sk, LINNET_TIMER_RTO, linnet_rto(sk));
}

/**
 * linnet_write_xmit() - send as much as may be sent
 * @sk: the socket, locked
 * @mss: bytes of data in a full segment
 * @nonagle: TCP_NAGLE_*
 * @one: one segment, whatever the congestion window says
 *
 * Return: true when data waits and nothing is on its way: then only a probe
 * can go on.
 */
bool linnet_write_xmit(struct sock *sk, u32 mss, int nonagle, bool one)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool cwnd_limited = false;
	struct sk_buff *skb;
	u32 sent = 0;

	linnet_clock_refresh(tp);
	while ((skb = skb_peek(&sk->sk_write_queue))) {
		struct linnet_cb *cb = LINNET_CB(skb);
		u32 in_flight = tcp_packets_in_flight(tp);
		u32 quota = tcp_snd_cwnd(tp), window, limit;
		bool last = skb_queue_is_last(&sk->sk_write_queue, skb);

		if (pace_holds(sk))
			break;
		linnet_init_segs(skb, mss);

		quota = quota > in_flight ? quota - in_flight : 0;
		if (one)
			quota = 1;
		if (!quota) {
			cwnd_limited = true;
			break;
		}
		quota = min(quota, linnet_max_segs(sk, mss));

		/* What the peer's window takes; a FIN needs none (it is what
		 * ends the sequence space, and must get through)
		 */
		window = tp->snd_una + tp->snd_wnd - cb->seq;
		if ((s32)window <= 0 && skb->len)
			break;
		limit = skb->len;
		if (limit > window)
			/* RFC 9293, 3.8.6.2.1: no silly pieces while more is
			 * on its way
			 */
			limit = window >= mss ? window - window % mss : window;
		if (skb->len > window && window < mss && tp->packets_out && !one)
			break;
		limit = min(limit, quota * mss);

		if (skb->len == limit && last && !one &&
		    nagle_holds(tp, skb, mss, nonagle))
			break;
		if (!one && queue_below_full(sk, skb))
			break;
		if (limit < skb->len &&
		    linnet_fragment(sk, skb, limit, mss, false))
			break;

		if (linnet_transmit(sk, skb, true, GFP_ATOMIC))
			break;
		if (skb->len < mss)
			tp->snd_sml = cb->end_seq;
		sent_new_data(sk, skb);
		sent += cb->segs;
		if (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR ||
		    inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery)
			tp->prr_out += cb->segs;
		if (one)
			break;
	}
	if (sent) {
		linnet_cong_cwnd_validate(sk, cwnd_limited ||
				tcp_packets_in_flight(tp) >= tcp_snd_cwnd(tp));
		return false;
	}
	return !tp->packets_out && skb_peek(&sk->sk_write_queue);
}

/**
 * linnet_push_pending() - send what may be sent, as the user asked for
 * @sk: the socket, locked
 */
void linnet_push_pending(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!skb_peek(&sk->sk_write_queue) || sk->sk_state == TCP_CLOSE)
		return;
	if (!tp->packets_out)
		linnet_cong_idle_restart(sk);
	if (linnet_write_xmit(sk, linnet_send_mss(sk, NULL), tp->nonagle,
			      false) &&
	    linnet_sk(sk)->timer_event == LINNET_TIMER_NONE)
		linnet_rtx_arm(sk, LINNET_TIMER_PERSIST, linnet_rto(sk));
}

/**
 * linnet_push_one() - send one segment of new data
 * @sk: the socket, locked
 */
void linnet_push_one(struct sock *sk)
{
	linnet_write_xmit(sk, linnet_send_mss(sk, NULL), TCP_NAGLE_PUSH, true);
}

/**
 * linnet_xmit_work() - the pace allows it, or the queue below has drained
 * @sk: the socket, locked in softirq and owned by no user
 */
void linnet_xmit_work(struct sock *sk)
{
	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 |
				     TCPF_CLOSING | TCPF_CLOSE_WAIT |
				     TCPF_LAST_ACK)))
		return;
	if (tcp_sk(sk)->lost_out > tcp_sk(sk)->retrans_out)
		linnet_recovery_retransmit(sk);
	linnet_push_pending(sk);
}
