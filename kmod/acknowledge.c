// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an acknowledgement does to the sender: RFC 9293, 3.10.7.4, fifth, and
 * RFC 5681.
 */
#include "linnet.h"
#include "flow.h"
#include "rtt.h"
#include "trace.h"

/* What one ACK told */
struct acked {
	u32			prior_una;
	u32			segs;		/* left the queue */
	u32			delivered;	/* newly known to have arrived */
	bool			syn;
	bool			retransmitted;	/* some had been sent twice */
	u64			first_sent;	/* µs, 0: only retransmitted */
	u64			last_sent;
	struct rate_sample	rs;
};

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
			  LINNET_RTO_MIN_US);
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
	    READ_ONCE(linnet_pernet(sock_net(sk))->min_rtt_wlen) * HZ)
		minmax_reset(&tp->rtt_min, sample.t, sample.v);
}

static void update_window(struct sock *sk, const struct linnet_segment *seg,
			  u32 prior_una, u32 *flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wnd = seg->wnd;

	if (!(seg->flags & LINNET_SYN))
		wnd <<= tp->rx_opt.snd_wscale;
	if (!linnet_window_update_ok(seg->seq, seg->ack, prior_una,
				     tp->snd_wl1, tp->snd_wnd, wnd))
		return;
	*flags |= CA_ACK_WIN_UPDATE;
	tp->snd_wl1 = seg->seq;
	if (wnd != tp->snd_wnd) {
		tp->snd_wnd = wnd;
		if (wnd > tp->max_window) {
			tp->max_window = wnd;
			linnet_sync_mss(sk);
		}
	}
}

/* A buffer that stands for several segments may be acknowledged in part */
static bool trim_head(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 acked = tp->snd_una - cb->seq;

	return cb->segs > 1 && seq_after(tp->snd_una, cb->seq) &&
	       acked < skb->len &&
	       !linnet_fragment(sk, skb, acked, cb->gso_size, true);
}

static void clean_queue(struct sock *sk, struct acked *acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = linnet_rtx_head(sk))) {
		struct linnet_cb *cb = LINNET_CB(skb);

		if (seq_after(cb->end_seq, tp->snd_una)) {
			if (trim_head(sk, skb))
				continue;
			break;
		}
		if (cb->sacked & LINNET_EVER_RETRANS) {
			acked->retransmitted = true;
		} else if (!(cb->sacked & LINNET_SACKED)) {
			acked->last_sent = linnet_sent_us(skb);
			if (!acked->first_sent)
				acked->first_sent = acked->last_sent;
		}
		if (!(cb->sacked & LINNET_SACKED)) {
			acked->delivered += cb->segs;
			linnet_rate_delivered(sk, skb, &acked->rs);
		}
		if (cb->flags & LINNET_SYN)
			acked->syn = true;
		acked->segs += cb->segs;
		linnet_scoreboard_forget(sk, skb);
		linnet_rtx_free(sk, skb);
	}
}

/* Without SACK: of the duplicates counted so far, one for each segment that has
 * now left the queue but the one that was missing
 */
static void forget_duplicates(struct tcp_sock *tp, struct acked *acked)
{
	u32 counted = tp->sacked_out;

	if (!acked->segs)
		return;
	tp->sacked_out -= min(counted, acked->segs - 1);
	acked->delivered = max_t(s32, (s32)(acked->segs - counted), 1);
}

/* Karn's rule and what timestamps add to it: RFC 6298, 3, and RFC 7323, 4.1 */
static long round_trip(const struct sock *sk, const struct linnet_segment *seg,
		       const struct acked *acked,
		       const struct linnet_sacked *sacked)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (acked->first_sent && !acked->retransmitted)
		return tp->tcp_mstamp - acked->first_sent;
	if (sacked->sent_us)
		return tp->tcp_mstamp - sacked->sent_us;
	if (acked->segs && tp->rx_opt.tstamp_ok && seg->opt.timestamp &&
	    seg->opt.tsecr) {
		u32 delta = linnet_timestamp_now(sk) + tp->tsoffset -
			    seg->opt.tsecr;

		/* a peer may echo anything */
		if (delta < LINNET_RTO_MAX_US / USEC_PER_MSEC)
			return (long)max_t(u32, delta, 1) * USEC_PER_MSEC;
	}
	return -1;
}

/* An ACK while nothing is out answers a probe */
static void probe_answered(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct sk_buff *head = skb_peek(&sk->sk_write_queue);
	struct tcp_sock *tp = tcp_sk(sk);

	icsk->icsk_probes_out = 0;
	if (!head)
		return;
	if (seq_before(LINNET_CB(head)->seq, tp->snd_una + tp->snd_wnd)) {
		icsk->icsk_backoff = 0;
		icsk->icsk_probes_tstamp = 0;
		if (linnet_sk(sk)->timer_event == LINNET_TIMER_PERSIST)
			linnet_rtx_disarm(sk);
	} else {
		linnet_rtx_arm(sk, LINNET_TIMER_PERSIST, linnet_rto(sk));
	}
}

/* The ACK clock: congestion control, loss recovery, and what they let out */
static void control(struct sock *sk, const struct linnet_segment *seg,
		    struct acked *acked, struct linnet_sacked *sacked,
		    bool duplicate, u32 prior_lost)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool una_advanced = tp->snd_una != acked->prior_una;
	u32 newly_lost;

	if (!tp->rx_opt.sack_ok) {
		forget_duplicates(tp, acked);
		if (duplicate && tp->packets_out)
			acked->delivered++;
	}
	acked->delivered += sacked->segs;
	tp->delivered += acked->delivered;

	linnet_recovery_ack(sk, una_advanced, duplicate);
	newly_lost = tp->lost - prior_lost;
	linnet_rate_generate(sk, acked->delivered, newly_lost, &acked->rs);
	linnet_cong_control(sk, seg->ack, acked->delivered,
			    una_advanced, &acked->rs);
	if (tp->lost_out > tp->retrans_out)
		linnet_recovery_retransmit(sk);
}

/**
 * linnet_acknowledge() - process the ACK of a segment
 * @sk: the socket, locked, in a synchronized state or SYN-SENT
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
	u32 prior_wnd = tp->snd_wnd, flags = CA_ACK_SLOWPATH;
	struct acked acked = { .prior_una = tp->snd_una };
	struct linnet_sacked sacked = { .rs = &acked.rs };
	struct ack_sample sample;
	bool duplicate;
	long rtt_us;

	linnet_clock_refresh(tp);
	if (seq_before(seg->ack, tp->snd_una)) {
		if (seq_before(seg->ack, tp->snd_una - tp->max_window)) {
			linnet_send_challenge_ack(sk);
			return -1;
		}
		return 0;
	}
	if (seq_after(seg->ack, tp->snd_nxt)) {
		linnet_send_challenge_ack(sk);
		return -1;
	}

	acked.rs.prior_in_flight = tcp_packets_in_flight(tp);
	acked.rs.rtt_us = -1;
	tp->rcv_tstamp = tcp_jiffies32;
	sk->sk_err_soft = 0;
	icsk->icsk_probes_out = 0;
	if (seg->ack != tp->snd_una) {
		tp->bytes_acked += seg->ack - tp->snd_una;
		tp->snd_una = seg->ack;
		icsk->icsk_retransmits = 0;
	}
	update_window(sk, seg, acked.prior_una, &flags);
	if (icsk->icsk_ca_initialized)
		linnet_cong_in_ack(sk, flags);

	linnet_scoreboard_sack(sk, seg, &sacked);
	clean_queue(sk, &acked);

	rtt_us = round_trip(sk, seg, &acked, &sacked);
	if (rtt_us >= 0)
		linnet_rtt_measured(sk, rtt_us);
	if (acked.segs) {
		/* (5.3): restart the timer when new data is acknowledged */
		icsk->icsk_backoff = 0;
		if (!tp->retrans_out)
			tp->retrans_stamp = 0;
		linnet_rtx_rearm(sk);
	}
	if (!prior_packets)
		probe_answered(sk);
	if (!icsk->icsk_ca_initialized)		/* the handshake's ACK */
		return 1;

	sample.pkts_acked = acked.segs + sacked.segs;
	sample.rtt_us = acked.last_sent && !acked.retransmitted ?
			(s32)(tp->tcp_mstamp - acked.last_sent) : (s32)rtt_us;
	sample.in_flight = acked.rs.prior_in_flight;
	acked.rs.rtt_us = sample.rtt_us;
	if (sample.pkts_acked)
		linnet_cong_pkts_acked(sk, &sample);

	/* RFC 5681, 2 */
	duplicate = prior_packets && !seg->len && seg->ack == acked.prior_una &&
		    tp->snd_wnd == prior_wnd &&
		    !(seg->flags & (LINNET_SYN | LINNET_FIN));
	if (duplicate)
		LINNET_COUNT(sock_net(sk), DupAcksIn);
	if (prior_packets)
		control(sk, seg, &acked, &sacked, duplicate, prior_lost);
	linnet_sndbuf_expand(sk);
	return 1;
}
