// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many segments may go: windows, Nagle, the pace, and the queue below; and
 * the retransmission queue, where they wait for their acknowledgement.
 */
#include "linnet.h"
#include "pmtu.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

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
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct tcp_congestion_ops *ca = inet_csk(sk)->icsk_ca_ops;
	unsigned long most, bytes;
	unsigned int segs, least, shift;

	if (!sk_can_gso(sk) || !READ_ONCE(ln->gso))
		return 1;
	most = sk->sk_gso_max_size;
	/* About a millisecond's worth, so that one buffer is no burst; on a
	 * short path more, since the next ACK is near
	 */
	bytes = READ_ONCE(sk->sk_pacing_rate) >>
		READ_ONCE(sk->sk_pacing_shift);
	shift = READ_ONCE(ln->tso_rtt_log) ?
		minmax_get(&tcp_sk(sk)->rtt_min) >> READ_ONCE(ln->tso_rtt_log) :
		BITS_PER_LONG;
	if (shift < BITS_PER_LONG)
		bytes += most >> shift;
	bytes = min(bytes, most);
	least = ca->min_tso_segs ? ca->min_tso_segs(sk) :
				   READ_ONCE(ln->min_tso_segs);
	segs = max_t(unsigned int, bytes / mss, least);
	segs = min_t(unsigned int, segs, most / mss);
	return clamp_t(unsigned int, segs, 1, sk->sk_gso_max_segs);
}

/* How much a buffer should hold: what a device may be given, if that is no more
 * than half of the peer's window.  How much of it goes at once is decided when
 * it goes (linnet_max_segs()).
 */
static int size_goal_for(struct sock *sk, u32 mss)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 goal, half;

	if (!sk_can_gso(sk) ||
	    !READ_ONCE(linnet_sk_net(sk)->gso))
		return mss;
	goal = sk->sk_gso_max_size;
	half = tp->max_window > LINNET_MSS_DEFAULT_IPV4 ? tp->max_window >> 1 :
							  tp->max_window;
	if (half)
		goal = min(goal, half);
	return mss * clamp_t(u32, goal / mss, 1, sk->sk_gso_max_segs);
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
	const struct dst_entry *dst = __sk_dst_get(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = tp->mss_cache, blocks;

	/* a stale route is noticed when the segment goes to IP */
	if (dst && dst_mtu(dst) != inet_csk(sk)->icsk_pmtu_cookie)
		mss = linnet_sync_mss(sk);
	/* SACK blocks ride on data, too, and take their room (RFC 6691) */
	blocks = linnet_reassembly_told(&linnet_sk(sk)->reassembly);
	if (unlikely(blocks) && tp->rx_opt.sack_ok) {
		u32 room = (LINNET_OPTIONS_MAX - 4 -
			    (tp->tcp_header_len - LINNET_HEADER_LEN)) /
			   LINNET_OPTLEN_SACK_BLOCK;

		mss -= min_t(u32, 4 + min(blocks, room) *
			     LINNET_OPTLEN_SACK_BLOCK, mss - 8);
	}
	if (size_goal)
		*size_goal = size_goal_for(sk, mss);
	return mss;
}

/* RFC 9293, 3.7.4 (Nagle), with Minshall's refinement: wait only for a small
 * segment, not for any.  Does a piece smaller than a segment wait?
 */
static bool nagle_holds(const struct tcp_sock *tp, const struct sk_buff *skb,
			int nonagle)
{
	bool small_out = seq_after(tp->snd_sml, tp->snd_una) &&
			 !seq_after(tp->snd_sml, tp->snd_nxt);

	if (LINNET_CB(skb)->flags & LINNET_FIN || nonagle & TCP_NAGLE_PUSH)
		return false;
	return nonagle & TCP_NAGLE_CORK ||
	       (!nonagle && tp->packets_out && small_out);
}

/* One buffer is out at most: nobody would wake us up */
static bool hardly_any_out(const struct sock *sk)
{
	const struct rb_node *root = sk->tcp_rtx_queue.rb_node;

	return !root || (!root->rb_left && !root->rb_right);
}

/* Too much of ours in the queue below: more would only make it longer */
static bool queue_below_full(struct sock *sk, const struct sk_buff *skb,
			     unsigned int factor)
{
	unsigned long *flags = &linnet_sk(sk)->xmit_flags;
	unsigned long limit;

	limit = max_t(unsigned long, 2 * skb->truesize,
		      READ_ONCE(sk->sk_pacing_rate) >>
		      READ_ONCE(sk->sk_pacing_shift));
	if (sk->sk_pacing_status == SK_PACING_NONE)
		limit = min_t(unsigned long, limit,
			      READ_ONCE(linnet_sk_net(sk)->limit_output_bytes));
	limit *= factor;
	if (refcount_read(&sk->sk_wmem_alloc) <= limit || hardly_any_out(sk))
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

/**
 * linnet_xmit_held() - may a retransmission not go now: the pace, or too much
 *	below?
 * @sk: the socket, locked
 * @skb: the buffer
 */
bool linnet_xmit_held(struct sock *sk, const struct sk_buff *skb)
{
	/* what is lost may go before what is new: twice the room */
	return pace_holds(sk) || queue_below_full(sk, skb, 2);
}

/**
 * linnet_window_takes() - does the peer's window take a segment of a buffer?
 * @sk: the socket, locked
 * @skb: the buffer, in the send queue
 *
 * A whole segment or nothing (RFC 9293, 3.8.6.2.1): the persist timer sends
 * less when the window stays small.  A FIN needs no room of its own.
 */
bool linnet_window_takes(const struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 len = min_t(u32, skb->len, tp->mss_cache);

	return !seq_after(LINNET_CB(skb)->seq + len, tp->snd_una + tp->snd_wnd);
}

/* From the send queue to the retransmission queue */
static void queue_sent(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	__skb_unlink(skb, &sk->sk_write_queue);
	tp->snd_nxt = LINNET_CB(skb)->end_seq;
	linnet_rtx_add(sk, skb);
	tp->packets_out += LINNET_CB(skb)->segs;
}

/* RFC 6298, (5.1): new data is out, the timer runs.  @idle: nothing was */
static void arm_for_new_data(struct sock *sk, bool idle)
{
	enum linnet_timer_event event = linnet_sk(sk)->timer_event;

	if (idle || event == LINNET_TIMER_TLP || event == LINNET_TIMER_NONE ||
	    event == LINNET_TIMER_PERSIST)
		linnet_rtx_rearm(sk);
}

/**
 * linnet_sent_new_data() - a buffer has gone out for the first time
 * @sk: the socket, locked
 * @skb: the buffer, in the send queue still
 */
void linnet_sent_new_data(struct sock *sk, struct sk_buff *skb)
{
	bool idle = !tcp_sk(sk)->packets_out;

	queue_sent(sk, skb);
	arm_for_new_data(sk, idle);
}

/* What holds a sender back, for linnet_write_xmit() */
struct held {
	bool	by_cwnd;
	bool	by_window;
};

/* Half a window at once would be a burst: let two go after each other */
static u32 cwnd_quota(const struct tcp_sock *tp)
{
	u32 in_flight = tcp_packets_in_flight(tp), cwnd = tcp_snd_cwnd(tp);

	if (in_flight >= cwnd)
		return 0;
	return min(max(cwnd >> 1, 1U), cwnd - in_flight);
}

/* A larger buffer may go soon, when the next ACK opens the window: then this
 * one waits, if that ACK is near.
 */
static bool defer_for_larger(struct sock *sk, const struct sk_buff *skb,
			     u32 mss, u32 max_segs, struct held *held)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 cwnd = tcp_snd_cwnd(tp), divisor = READ_ONCE(ln->tso_win_divisor);
	u32 send_win, cong_win, limit;
	const struct sk_buff *head = linnet_rtx_head(sk);
	u64 srtt_ns;
	s64 due;

	/* Not in recovery, and only while the user is writing: then more will
	 * be there soon
	 */
	if (inet_csk(sk)->icsk_ca_state >= TCP_CA_Recovery || !head ||
	    (s64)(tp->tcp_clock_cache - tp->tcp_wstamp_ns) >
	    (s64)NSEC_PER_MSEC)
		return false;
	send_win = tp->snd_una + tp->snd_wnd - cb->seq;
	cong_win = (cwnd - tcp_packets_in_flight(tp)) * mss;
	limit = min(send_win, cong_win);
	if (limit >= max_segs * mss ||
	    (!skb_queue_is_last(&sk->sk_write_queue, skb) &&
	     limit >= skb->len))
		return false;
	if (divisor ? limit >= min(tp->snd_wnd, cwnd * mss) / divisor :
		      limit > 3 * mss)
		return false;
	/* Will an ACK come within a millisecond, or half a round trip if that
	 * is less?  A longer wait would tear the ACK clock.
	 */
	srtt_ns = (u64)(NSEC_PER_USEC >> 3) * tp->srtt_us;
	due = head->skb_mstamp_ns + srtt_ns - tp->tcp_clock_cache;
	if (due > (s64)min_t(u64, srtt_ns >> 1, NSEC_PER_MSEC))
		return false;
	if (cong_win < send_win) {
		if (cong_win <= skb->len) {
			held->by_cwnd = true;
			return true;
		}
	} else if (send_win <= skb->len) {
		held->by_window = true;
		return true;
	}
	return !(cb->flags & LINNET_FIN);
}

/* How much of a buffer may go at once: whole segments, unless it is its end and
 * Nagle lets that go
 */
static u32 split_point(const struct sock *sk, const struct sk_buff *skb,
		       u32 mss, u32 segs, int nonagle)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool last = skb_queue_is_last(&sk->sk_write_queue, skb);
	u32 window = tp->snd_una + tp->snd_wnd - LINNET_CB(skb)->seq;
	u32 most = segs * mss, needed, partial;

	if (most <= window && !last)
		return min(most, skb->len);
	needed = min_t(u32, skb->len, window);
	if (most <= needed)
		return most;
	partial = needed % mss;
	/* what the window would cut in two stays behind, and a small end that
	 * Nagle holds back
	 */
	if (needed > partial &&
	    (needed < skb->len || nagle_holds(tp, skb, nonagle)))
		return needed - partial;
	return needed;
}

/* May this buffer go, and how much of it?  0: it waits. */
static u32 may_go(struct sock *sk, struct sk_buff *skb, u32 mss, int nonagle,
		  enum linnet_xmit how, struct held *held)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 quota = cwnd_quota(tp), limit;

	if (how == LINNET_XMIT_PROBE) {
		quota = 1;
	} else if (!quota) {
		held->by_cwnd = true;
		return 0;
	}
	if (!linnet_window_takes(sk, skb)) {
		held->by_window = true;
		return 0;
	}
	if (LINNET_CB(skb)->segs == 1) {
		bool last = skb_queue_is_last(&sk->sk_write_queue, skb);

		if (last && skb->len < mss && nagle_holds(tp, skb, nonagle))
			return 0;
		limit = skb->len;
	} else {
		u32 max_segs = linnet_max_segs(sk, mss);

		if (how == LINNET_XMIT_ALL &&
		    defer_for_larger(sk, skb, mss, max_segs, held))
			return 0;
		limit = split_point(sk, skb, mss, min(quota, max_segs),
				    nonagle);
	}
	if (how != LINNET_XMIT_PROBE && queue_below_full(sk, skb, 1))
		return 0;
	return limit ?: 1;	/* a FIN alone */
}

/**
 * linnet_write_xmit() - send as much as may be sent
 * @sk: the socket, locked
 * @mss: bytes of data in a full segment
 * @nonagle: TCP_NAGLE_*
 * @how: how much
 *
 * Return: true when data waits and nothing is on its way: then only a probe
 * can go on.
 */
bool linnet_write_xmit(struct sock *sk, u32 mss, int nonagle,
		       enum linnet_xmit how)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool idle = !tp->packets_out;
	struct held held = {};
	struct sk_buff *skb;
	u32 sent = 0;

	linnet_clock_refresh(tp);
	if (how == LINNET_XMIT_ALL) {
		int probed = linnet_mtu_probe(sk);

		if (!probed)
			return false;
		sent = probed > 0;
	}
	while ((skb = skb_peek(&sk->sk_write_queue))) {
		struct linnet_cb *cb = LINNET_CB(skb);
		u32 limit;

		if (pace_holds(sk))
			break;
		linnet_init_segs(skb, mss);
		limit = may_go(sk, skb, mss, nonagle, how, &held);
		if (!limit)
			break;
		if (limit < skb->len &&
		    linnet_fragment(sk, skb, limit, mss, false))
			break;
		if (linnet_transmit(sk, skb, true, GFP_ATOMIC))
			break;
		/* it ends with a small segment */
		if (skb->len < cb->segs * mss)
			tp->snd_sml = cb->end_seq;
		queue_sent(sk, skb);
		sent += cb->segs;
		if (how != LINNET_XMIT_ALL)
			break;
	}
	if (held.by_window)
		linnet_chrono_start(sk, TCP_CHRONO_RWND_LIMITED);
	else
		linnet_chrono_stop(sk, TCP_CHRONO_RWND_LIMITED);
	held.by_cwnd |= tcp_packets_in_flight(tp) >= tcp_snd_cwnd(tp);
	if (sent || held.by_cwnd)
		linnet_cong_cwnd_validate(sk, held.by_cwnd);
	if (sent) {
		/* All is sent, and the user waits for room: it is the send
		 * buffer that holds us back
		 */
		if (!held.by_cwnd && skb_queue_empty(&sk->sk_write_queue) &&
		    sk->sk_socket &&
		    test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
			linnet_chrono_start(sk, TCP_CHRONO_SNDBUF_LIMITED);
		if (tcp_in_cwnd_reduction(sk))
			tp->prr_out += sent;
		/* one probe for the tail, when nothing more follows */
		if (how == LINNET_XMIT_PROBE || !linnet_tlp_arm(sk, false))
			arm_for_new_data(sk, idle);
		return false;
	}
	return !tp->packets_out && skb_peek(&sk->sk_write_queue);
}

static void push(struct sock *sk, int nonagle)
{
	if (!skb_peek(&sk->sk_write_queue) ||
	    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_SYN_SENT))
		return;
	if (!tcp_sk(sk)->packets_out)
		linnet_cong_idle_restart(sk);
	if (linnet_write_xmit(sk, linnet_send_mss(sk, NULL), nonagle,
			      LINNET_XMIT_ALL))
		linnet_persist_start(sk);
}

/**
 * linnet_push_pending() - send what may be sent, as the user asked for
 * @sk: the socket, locked
 */
void linnet_push_pending(struct sock *sk)
{
	push(sk, tcp_sk(sk)->nonagle);
}

/**
 * linnet_push_new() - send new data now, whatever Nagle says
 * @sk: the socket, locked
 */
void linnet_push_new(struct sock *sk)
{
	push(sk, TCP_NAGLE_OFF);
}

/**
 * linnet_push_probe() - send one segment of new data, whatever the congestion
 *	window says
 * @sk: the socket, locked
 */
void linnet_push_probe(struct sock *sk)
{
	linnet_write_xmit(sk, linnet_send_mss(sk, NULL), TCP_NAGLE_PUSH,
			  LINNET_XMIT_PROBE);
}

/**
 * linnet_push_piece() - send as much as a small window takes
 * @sk: the socket, locked, with data to send, nothing out, and a window that is
 *	not closed
 *
 * Silly-window avoidance held it back until the persist timer said that no more
 * is to be hoped for (RFC 9293, 3.8.6.2.1, override).
 */
void linnet_push_piece(struct sock *sk)
{
	struct sk_buff *skb = skb_peek(&sk->sk_write_queue);
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = linnet_send_mss(sk, NULL);
	u32 len = min(tp->snd_una + tp->snd_wnd - cb->seq, mss);

	linnet_clock_refresh(tp);
	cb->flags |= LINNET_PSH;
	if (seq_before(tp->pushed_seq, cb->end_seq))
		tp->pushed_seq = cb->end_seq;
	if (len < skb->len && linnet_fragment(sk, skb, len, mss, false))
		return;
	linnet_init_segs(skb, mss);
	LINNET_CB(skb)->flags |= LINNET_PSH;
	if (linnet_transmit(sk, skb, true, GFP_ATOMIC))
		return;
	if (skb->len < mss)
		tp->snd_sml = cb->end_seq;
	linnet_sent_new_data(sk, skb);
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
	if (tcp_sk(sk)->lost_out > tcp_sk(sk)->retrans_out &&
	    tcp_snd_cwnd(tcp_sk(sk)) > tcp_packets_in_flight(tcp_sk(sk)) &&
	    linnet_recovery_retransmit(sk)) {
		/* What is lost goes before what is new.  If it must wait until
		 * the queue below has drained, new data that is dropped there,
		 * because it is full, would bring us here again at once, and
		 * so for ever.
		 */
		return;
	}
	linnet_push_pending(sk);
}
