// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an acknowledgement does to the sender: RFC 9293, 3.10.7.4, fifth, and
 * RFC 5681.
 */
#include "linnet.h"
#include "ecn.h"
#include "flow.h"
#include "metrics.h"
#include "pmtu.h"
#include "recovery.h"
#include "rtt.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_rtt_measured() - a round trip has been measured
 * @sk: the socket, locked
 * @rtt_us: microseconds
 */
void linnet_rtt_measured(struct sock *sk, long rtt_us)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_rtt rtt = {
		.srtt_us	= tp->srtt_us,
		.mdev_us	= tp->mdev_us,
		.mdev_max_us	= tp->mdev_max_us,
		.rttvar_us	= tp->rttvar_us,
		.rtt_seq	= tp->rtt_seq,
	};
	struct minmax_sample sample = {
		.t = tcp_jiffies32,
		.v = max_t(u32, rtt_us, 1),
	};

	linnet_rtt_sample(&rtt, rtt_us, tp->snd_una, tp->snd_nxt,
			  linnet_rto_min_us(sk));
	linnet_sk(sk)->first_rto_us = 0;
	tp->srtt_us = rtt.srtt_us;
	tp->mdev_us = rtt.mdev_us;
	tp->mdev_max_us = rtt.mdev_max_us;
	tp->rttvar_us = rtt.rttvar_us;
	tp->rtt_seq = rtt.rtt_seq;

	/* The least of the last five minutes.  The kernel's windowed minimum is
	 * not exported: here a new window begins with its first sample.
	 */
	if (sample.v <= minmax_get(&tp->rtt_min) ||
	    sample.t - tp->rtt_min.s[0].t >
	    READ_ONCE(linnet_sk_net(sk)->min_rtt_wlen) * HZ)
		minmax_reset(&tp->rtt_min, sample.t, sample.v);
}

static void update_window(struct sock *sk, struct linnet_ack *ack)
{
	const struct linnet_segment *seg = ack->seg;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wnd = seg->wnd;

	if (!(seg->flags & LINNET_SYN))
		wnd <<= tp->rx_opt.snd_wscale;
	if (!linnet_window_update_ok(seg->seq, seg->ack, ack->prior_una,
				     tp->snd_wl1, tp->snd_wnd, wnd))
		return;
	ack->window_update = true;
	tp->snd_wl1 = seg->seq;
	if (wnd != tp->snd_wnd) {
		tp->snd_wnd = wnd;
		if (wnd > tp->max_window) {
			tp->max_window = wnd;
			linnet_recompute_mss(sk);
		}
	}
}

/* A buffer that stands for several segments may be acknowledged in part: whole
 * segments leave it.  An ACK of less counts for nothing, lest a peer that
 * acknowledges octet by octet opens the window by a segment each time.
 */
static bool trim_head(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 acked;

	if (cb->segs < 2 || !seq_after(tp->snd_una, cb->seq))
		return false;
	acked = rounddown(tp->snd_una - cb->seq, cb->gso_size);
	return acked && acked < skb->len &&
	       !linnet_fragment(sk, skb, acked, cb->gso_size, true);
}

/* A buffer is acknowledged as a whole */
static void acked_buffer(struct sock *sk, struct sk_buff *skb,
			 struct linnet_ack *ack)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & LINNET_EVER_RETRANS) {
		ack->retransmitted = true;
	} else if (!(cb->sacked & LINNET_SACKED)) {
		ack->last_sent = linnet_sent_us(skb);
		if (!ack->first_sent)
			ack->first_sent = ack->last_sent;
		if (seq_before(cb->seq, ack->reordered))
			ack->reordered = cb->seq;
		if (!seq_after(cb->end_seq, tp->high_seq))
			ack->original = true;
		linnet_ecn_delivered(sk, skb);
	}
	if (!(cb->sacked & LINNET_SACKED)) {
		if (tp->rx_opt.sack_ok) {
			ack->delivered += cb->segs;
			linnet_rack_delivered(sk, skb, ack);
		}
		linnet_rate_delivered(sk, skb, &ack->rs);
	}
	if (cb->flags & LINNET_SYN)
		ack->syn = true;
	ack->segs += cb->segs;
}

static void clean_queue(struct sock *sk, struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = linnet_rtx_head(sk))) {
		if (seq_after(LINNET_CB(skb)->end_seq, tp->snd_una)) {
			if (trim_head(sk, skb))
				continue;
			ack->head_sacked = LINNET_CB(skb)->sacked &
					   LINNET_SACKED;
			break;
		}
		acked_buffer(sk, skb, ack);
		linnet_scoreboard_forget(sk, skb);
		linnet_stamp_acked(sk, skb);
		linnet_rtx_free(sk, skb);
	}
	if (!skb)
		linnet_chrono_stop(sk, TCP_CHRONO_BUSY);
	if (!ack->segs)
		return;
	if (tp->rx_opt.sack_ok) {
		/* a hole that was sent once is filled: reordering */
		if (seq_before(ack->reordered, ack->prior_high))
			linnet_check_reordering(sk, ack->reordered,
						ack->prior_high);
		return;
	}
	ack->delivered += linnet_duplicates_acked(sk, ack->segs);
	/* without SACK nobody knows which of the two it was */
	if (ack->retransmitted)
		ack->original = false;
}

/* Since when, in microseconds?  What went out ahead of its pace, as a probe does,
 * is stamped with the time at which it was due, which may be yet to come.
 */
static long since(const struct tcp_sock *tp, u64 sent_us)
{
	return max_t(s64, tp->tcp_mstamp - sent_us, 0);
}

/* Karn's rule and what timestamps add to it: RFC 6298, 3, and RFC 7323, 4.1.
 * Sets what a congestion control gets as the round trip, too.
 *
 * Returns microseconds, or -1 when the ACK gives no sample.
 */
static long round_trip(const struct sock *sk, struct linnet_ack *ack)
{
	const struct linnet_segment *seg = ack->seg;
	const struct tcp_sock *tp = tcp_sk(sk);

	ack->rs.rtt_us = -1;
	if (ack->sack_first_sent)
		ack->rs.rtt_us = since(tp, ack->sack_last_sent);
	if (ack->first_sent && !ack->retransmitted) {
		ack->rs.rtt_us = since(tp, ack->last_sent);
		return since(tp, ack->first_sent);
	}
	if (ack->sack_first_sent)
		return since(tp, ack->sack_first_sent);
	if (ack->segs && tp->rx_opt.tstamp_ok && seg->opt.timestamp &&
	    seg->opt.tsecr) {
		u32 delta = linnet_timestamp_now(sk) + tp->tsoffset -
			    seg->opt.tsecr;

		/* a peer may echo anything */
		if (delta < LINNET_RTO_MAX_US / USEC_PER_MSEC) {
			ack->rs.rtt_us = (long)max_t(u32, delta, 1) *
					 USEC_PER_MSEC;
			return ack->rs.rtt_us;
		}
	}
	return -1;
}

/* Restart the timer for new data acknowledged (RFC 6298, 5.3), and when what is
 * SACKed was sent before the head was sent again.  Otherwise the head is late
 * already, and every SACK above it would only put the timer off.
 */
static bool timer_due(const struct sock *sk, const struct linnet_ack *ack)
{
	const struct sk_buff *head = linnet_rtx_head(sk);

	if (ack->segs)
		return true;
	return head && ack->sack_first_sent &&
	       ack->sack_first_sent < linnet_sent_us(head);
}

/* An ACK while nothing is out answers a probe */
static void probe_answered(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct sk_buff *head = skb_peek(&sk->sk_write_queue);

	if (!head)
		return;
	if (linnet_window_takes(sk, head)) {
		icsk->icsk_backoff = 0;
		icsk->icsk_probes_tstamp = 0;
		if (linnet_sk(sk)->timer_event == LINNET_TIMER_PERSIST)
			linnet_rtx_disarm(sk);
	} else {
		linnet_persist_arm(sk);
	}
}

static void tell_congestion_control(struct sock *sk, struct linnet_ack *ack)
{
	struct ack_sample sample = {
		.pkts_acked	= ack->segs + ack->sacked,
		.rtt_us		= min_t(long, ack->rs.rtt_us, S32_MAX),
		.in_flight	= ack->rs.prior_in_flight,
	};

	if (sample.pkts_acked)
		linnet_cong_pkts_acked(sk, &sample);
}

/* The ACK clock: congestion control, loss recovery, and what they let out */
static void control(struct sock *sk, struct linnet_ack *ack, u32 prior_lost)
{
	struct tcp_sock *tp = tcp_sk(sk);
	enum linnet_recovery_next next = LINNET_SEND_NOTHING;
	u32 newly_lost;

	ack->delivered += ack->sacked;
	tp->delivered += ack->delivered;
	if (ack->ece)
		tp->delivered_ce += ack->delivered;
	linnet_rack_adapt(sk, &ack->rs);
	linnet_tlp_ack(sk, ack);

	if (ack->duplicates || ack->sacked || ack->ece || ack->dsack ||
	    inet_csk(sk)->icsk_ca_state != TCP_CA_Open) {
		u32 delivered = ack->delivered;

		next = linnet_recovery_ack(sk, ack);
		/* duplicates without SACK */
		tp->delivered += ack->delivered - delivered;
	}
	if (ack->set_timer && !linnet_tlp_arm(sk, true))
		linnet_rtx_rearm(sk);

	newly_lost = tp->lost - prior_lost;
	linnet_rate_generate(sk, ack->delivered, newly_lost, &ack->rs);
	linnet_cong_control(sk, ack);
	linnet_recovery_send(sk, next);
}

/* An ACK that was overtaken may still tell what has arrived */
static void old_ack(struct sock *sk, struct linnet_ack *ack)
{
	u32 prior_lost = tcp_sk(sk)->lost;

	if (!ack->seg->opt.n_sack || !inet_csk(sk)->icsk_ca_initialized)
		return;
	linnet_scoreboard_sack(sk, ack);
	if (ack->sacked || ack->dsack)
		control(sk, ack, prior_lost);
}

/**
 * linnet_acknowledge() - process the ACK of a segment
 * @sk: the socket, locked, in a synchronized state or SYN-SENT, its clock fresh
 * @seg: the segment, with LINNET_ACK
 *
 * Return: 1 when the ACK is good, 0 when it is old, -1 when it lies outside of
 * what RFC 5961, 5.2 takes: then the segment must be dropped, and an ACK has
 * been sent where due.
 */
int linnet_acknowledge(struct sock *sk, struct linnet_segment *seg)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 prior_packets = tp->packets_out, prior_lost = tp->lost;
	u32 prior_wnd = tp->snd_wnd;
	struct linnet_ack ack = {
		.seg = seg,
		.prior_una = tp->snd_una,
		.rs.rtt_us = -1,
	};
	long rtt_us;

	if (seq_before(seg->ack, tp->snd_una - tp->max_window) ||
	    seq_after(seg->ack, tp->snd_nxt)) {
		linnet_send_challenge_ack(sk);
		return -1;
	}
	/* what this ACK lets out echoes it */
	linnet_timestamp_store(tp, seg);
	if (seq_before(seg->ack, tp->snd_una)) {
		old_ack(sk, &ack);
		return 0;
	}

	ack.rs.prior_in_flight = tcp_packets_in_flight(tp);
	ack.una_advanced = seg->ack != tp->snd_una;
	tp->rcv_tstamp = tcp_jiffies32;
	sk->sk_err_soft = 0;
	icsk->icsk_probes_out = 0;
	if (ack.una_advanced) {
		/* the SYN of a passive opener was a request's, not ours */
		if (tp->packets_out)
			tp->bytes_acked += seg->ack - tp->snd_una;
		tp->snd_una = seg->ack;
		icsk->icsk_retransmits = 0;
	}
	update_window(sk, &ack);
	ack.ece = linnet_ecn_echoed(sk, seg);
	if (icsk->icsk_ca_initialized)
		linnet_cong_in_ack(sk, &ack);

	linnet_scoreboard_sack(sk, &ack);
	clean_queue(sk, &ack);

	rtt_us = round_trip(sk, &ack);
	if (rtt_us >= 0) {
		linnet_rtt_measured(sk, rtt_us);
		/* only a sample ends the back-off (RFC 6298, 5, and Karn) */
		icsk->icsk_backoff = 0;
	}
	ack.set_timer = prior_packets && timer_due(sk, &ack);
	if (!prior_packets)
		probe_answered(sk);
	if (!icsk->icsk_ca_initialized) {	/* the handshake's ACK */
		if (ack.set_timer)
			linnet_rtx_rearm(sk);
		return 1;
	}
	linnet_mtu_probe_acked(sk);
	tell_congestion_control(sk, &ack);

	/* RFC 5681, 2 */
	ack.duplicates = prior_packets && !seg->len && !ack.una_advanced &&
			 tp->snd_wnd == prior_wnd && !ack.dsack &&
			 !(seg->flags & (LINNET_SYN | LINNET_FIN));
	if (ack.duplicates)
		LINNET_COUNT(sock_net(sk), DupAcksIn);
	if (prior_packets || ack.dsack)
		control(sk, &ack, prior_lost);
	return 1;
}
