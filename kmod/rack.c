// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RACK-TLP: loss told by time (RFC 8985).
 *
 * RACK: what was sent before something that has arrived, and longer ago than
 * that took, is lost.  The buffers that are out stand in tsorted_sent_queue in
 * the order of their last sending, so a look for losses ends at the first one
 * sent too late to be judged.
 *
 * TLP: when ACKs stop, one probe after two round trips makes the peer say what
 * it holds, long before the retransmission timer would begin anew with one
 * segment.
 *
 * "net.linnet.recovery" without its first bit turns RACK off, and RFC 6675's
 * count decides; "net.linnet.early_retrans" 0 turns TLP off.
 */
#include "linnet.h"
#include "metrics.h"
#include "rack.h"
#include "recovery.h"
#include "rtt.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_rack_on() - is it RACK that tells what is lost?
 * @sk: the socket
 */
bool linnet_rack_on(const struct sock *sk)
{
	return tcp_sk(sk)->rx_opt.sack_ok &&
	       READ_ONCE(linnet_sk_net(sk)->recovery) &
	       LINNET_RACK_LOSS_DETECTION;
}

static u32 min_rtt(const struct sock *sk)
{
	return minmax_get(&tcp_sk(sk)->rtt_min);
}

static u64 age_us(const struct tcp_sock *tp, const struct sk_buff *skb)
{
	u64 sent = linnet_sent_us(skb);

	return tp->tcp_mstamp > sent ? tp->tcp_mstamp - sent : 0;
}

/**
 * linnet_rack_init() - RFC 8985, 6.1: a connection begins
 * @sk: the socket
 */
void linnet_rack_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	memset(&tp->rack, 0, sizeof(tp->rack));
	tp->rack.reo_wnd_steps = 1;
	tp->reord_seen = 0;
	tp->tlp_high_seq = 0;
	tp->tlp_retrans = 0;
}

/* Was it the original, not the retransmission, whose arrival the ACK tells?
 * Then its echo is older than the retransmission (RFC 3522).  Of a SACKed one the
 * echo says nothing: it is of what came in order last (RFC 7323, 4.3).
 */
static bool spurious_retransmission(struct sock *sk, const struct sk_buff *skb,
				    const struct linnet_ack *ack)
{
	return !seq_after(LINNET_CB(skb)->end_seq, tcp_sk(sk)->snd_una) &&
	       linnet_echo_before(sk, ack->seg,
				  (u32)div_u64(skb->skb_mstamp_ns,
					       NSEC_PER_MSEC));
}

/**
 * linnet_rack_delivered() - a buffer has arrived (RFC 8985, 6.2, steps 1 and 2)
 * @sk: the socket, locked
 * @skb: the buffer, its marks as they were before
 * @ack: the ACK that tells of it
 */
void linnet_rack_delivered(struct sock *sk, const struct sk_buff *skb,
			   const struct linnet_ack *ack)
{
	const struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u64 rtt = age_us(tp, skb);

	/* Too quick for the retransmission: what arrived may be the original.
	 * (An echo tells, the least round trip must do where there is none.)
	 */
	if (cb->sacked & LINNET_EVER_RETRANS &&
	    (rtt < min_rtt(sk) || spurious_retransmission(sk, skb, ack)))
		return;
	tp->rack.advanced = 1;
	tp->rack.rtt_us = rtt;
	if (linnet_rack_sent_after(linnet_sent_us(skb), cb->end_seq,
				   tp->rack.mstamp, tp->rack.end_seq)) {
		tp->rack.mstamp = linnet_sent_us(skb);
		tp->rack.end_seq = cb->end_seq;
	}
}

/**
 * linnet_rack_adapt() - widen or narrow the reordering window (RFC 8985, 6.2,
 *	step 4)
 * @sk: the socket, locked
 * @rs: rate sample of the ACK, as far as it goes
 *
 * It grows by a quarter of the least round trip for each round trip that brings
 * a DSACK, and falls back after 16 recoveries without one.
 */
void linnet_rack_adapt(struct sock *sk, const struct rate_sample *rs)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (READ_ONCE(ln->recovery) & LINNET_RACK_STATIC_REO_WND ||
	    !rs->prior_delivered)
		return;
	/* once a round trip */
	if (seq_before(rs->prior_delivered, tp->rack.last_delivered))
		tp->rack.dsack_seen = 0;
	if (tp->rack.dsack_seen) {
		tp->rack.reo_wnd_steps = min_t(u32, 0xff,
					       tp->rack.reo_wnd_steps + 1);
		tp->rack.dsack_seen = 0;
		tp->rack.last_delivered = tp->delivered;
		tp->rack.reo_wnd_persist = LINNET_RACK_PERSIST;
	} else if (!tp->rack.reo_wnd_persist) {
		tp->rack.reo_wnd_steps = 1;
	}
}

static u32 reo_wnd(const struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	bool urgent = inet_csk(sk)->icsk_ca_state >= TCP_CA_Recovery ||
		      (tp->sacked_out >= tp->reordering &&
		       !(READ_ONCE(ln->recovery) & LINNET_RACK_NO_DUPTHRESH));

	return linnet_rack_reo_wnd(min_rtt(sk), tp->srtt_us >> 3,
				   tp->rack.reo_wnd_steps, tp->reord_seen,
				   urgent);
}

/**
 * linnet_rack_overdue() - would a buffer be lost if nothing were reordered?
 * @sk: the socket, locked
 * @skb: the buffer
 */
bool linnet_rack_overdue(const struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return linnet_rack_remaining(tp->rack.rtt_us, 0, age_us(tp, skb)) <= 0;
}

/* RFC 8985, 6.2, step 5.  Returns the longest time that a buffer still has,
 * microseconds; 0: none waits.
 */
static u32 detect_loss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb, *next;
	u32 window = reo_wnd(sk), timeout = 0;

	list_for_each_entry_safe(skb, next, &tp->tsorted_sent_queue,
				 tcp_tsorted_anchor) {
		const struct linnet_cb *cb = LINNET_CB(skb);
		s64 remaining;

		if (cb->sacked & LINNET_LOST && !(cb->sacked & LINNET_RETRANS))
			continue;
		if (!linnet_rack_sent_after(tp->rack.mstamp, tp->rack.end_seq,
					    linnet_sent_us(skb), cb->end_seq))
			break;
		remaining = linnet_rack_remaining(tp->rack.rtt_us, window,
						  age_us(tp, skb));
		if (remaining > 0) {
			timeout = max_t(u32, timeout, remaining);
			continue;
		}
		linnet_mark_lost(sk, skb);
		list_del_init(&skb->tcp_tsorted_anchor);
	}
	return timeout;
}

/**
 * linnet_rack_mark_lost() - an ACK has come: what do we take for lost?
 * @sk: the socket, locked
 *
 * Return: true when some may be lost soon, and the timer has been armed for
 * that.
 */
bool linnet_rack_mark_lost(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 timeout;

	if (!tp->rack.advanced)
		return false;
	tp->rack.advanced = 0;
	timeout = detect_loss(sk);
	if (!timeout)
		return false;
	linnet_rtx_arm(sk, LINNET_TIMER_REO, timeout + LINNET_RACK_TICK_US);
	return true;
}

/**
 * linnet_rack_timeout() - the reordering window has passed (RFC 8985, 6.3)
 * @sk: the socket, locked
 */
void linnet_rack_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tcp_packets_in_flight(tp);

	detect_loss(sk);
	if (before != tcp_packets_in_flight(tp)) {
		if (inet_csk(sk)->icsk_ca_state != TCP_CA_Recovery) {
			linnet_enter_recovery(sk, false);
			if (!inet_csk(sk)->icsk_ca_ops->cong_control)
				linnet_recovery_cwnd(sk, 1, 0, false);
		}
		linnet_recovery_retransmit(sk);
	}
	if (linnet_sk(sk)->timer_event != LINNET_TIMER_RTO)
		linnet_rtx_rearm(sk);
}

/**
 * linnet_tlp_arm() - arm the timer for a probe (RFC 8985, 7.2)
 * @sk: the socket, locked
 * @advanced: an ACK has restarted the retransmission timer; otherwise it runs
 *	on from when the first buffer was sent
 *
 * Return: false when no probe is due in this state: the retransmission timer is.
 */
bool linnet_tlp_arm(struct sock *sk, bool advanced)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	u8 state = inet_csk(sk)->icsk_ca_state;
	struct tcp_sock *tp = tcp_sk(sk);
	s64 rto;
	u32 pto;

	if (READ_ONCE(ln->early_retrans) < LINNET_TLP || !tp->packets_out ||
	    !tp->rx_opt.sack_ok || !inet_csk(sk)->icsk_ca_initialized ||
	    (state != TCP_CA_Open && state != TCP_CA_CWR))
		return false;
	pto = linnet_tlp_pto(tp->srtt_us >> 3, tp->packets_out == 1,
			     linnet_rto_min_us(sk), LINNET_RTO_INITIAL_US);
	rto = advanced ? linnet_rto(sk) : linnet_rto_left(sk);
	if (rto > 0)
		pto = min_t(s64, pto, rto);
	linnet_rtx_arm(sk, LINNET_TIMER_TLP, pto);
	return true;
}

/**
 * linnet_tlp_timeout() - send the probe (RFC 8985, 7.3)
 * @sk: the socket, locked
 *
 * New data if there is some, else the last segment once more.
 */
void linnet_tlp_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->packets_out;

	if (!tp->packets_out)
		return;
	/* one at a time */
	if (tp->tlp_high_seq)
		goto rearm;
	tp->tlp_retrans = 0;
	if (skb_peek(&sk->sk_write_queue))
		linnet_push_probe(sk);
	if (tp->packets_out == before) {
		if (skb_peek(&sk->sk_write_queue) &&
		    linnet_window_takes(sk, skb_peek(&sk->sk_write_queue)))
			goto rearm;	/* for lack of resources here */
		if (linnet_retransmit_last(sk))
			goto rearm;
		tp->tlp_retrans = 1;
	}
	tp->tlp_high_seq = tp->snd_nxt;
	LINNET_COUNT(sock_net(sk), LossProbes);
	/* the retransmission timer begins now, not when the first was sent */
	linnet_sk(sk)->timer_event = LINNET_TIMER_NONE;
rearm:
	linnet_rtx_rearm(sk);
}

/**
 * linnet_tlp_ack() - what an ACK tells of the probe (RFC 8985, 7.4.2)
 * @sk: the socket, locked
 * @ack: the ACK
 */
void linnet_tlp_ack(struct sock *sk, const struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->tlp_high_seq || seq_before(ack->seg->ack, tp->tlp_high_seq))
		return;
	if (!tp->tlp_retrans || ack->dsack_tlp) {
		/* new data has arrived, or both copies: nothing was lost */
		tp->tlp_high_seq = 0;
	} else if (seq_after(ack->seg->ack, tp->tlp_high_seq)) {
		/* The probe filled a hole: a loss, and so a sign of congestion */
		linnet_cwr_at_once(sk);
		LINNET_COUNT(sock_net(sk), LossProbeRecovery);
	} else if (ack->duplicates && !ack->sacked) {
		/* one more ACK of the same: both copies arrived */
		tp->tlp_high_seq = 0;
	}
}
