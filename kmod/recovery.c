// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loss recovery: the states between Open and Loss, how the window is reduced
 * in them, and how that is undone when nothing was lost.
 *
 *	Open		nothing unusual
 *	Disorder	duplicate ACKs or SACK, nothing lost yet: new data goes
 *			on (limited transmit, RFC 3042)
 *	CWR		the window is being reduced, without loss: ECN, a full
 *			queue below, a tail loss that the probe repaired
 *	Recovery	losses are being repaired (RFC 6675, RFC 8985)
 *	Loss		the retransmission timer has expired (RFC 6298)
 *
 * What is lost is told by rack.c, or by scoreboard.c (RFC 6675; RFC 6582 where
 * the peer does not SACK); how fast to send meanwhile by RFC 9937 (PRR).
 *
 * Was it needless?  Three witnesses say so: an ACK that echoes a timestamp from
 * before the first retransmission (Eifel, RFC 3522 and RFC 4015); a DSACK for
 * each retransmission (RFC 3708); and after a timeout, the arrival of what was
 * not sent again (F-RTO, RFC 5682).
 */
#include "linnet.h"
#include "ecn.h"
#include "pmtu.h"
#include "prr.h"
#include "rack.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_echo_before() - does a segment echo a timestamp from before a moment?
 * @sk: the socket
 * @seg: the segment
 * @moment: as linnet_timestamp_now() tells it, milliseconds
 */
bool linnet_echo_before(const struct sock *sk,
			const struct linnet_segment *seg, u32 moment)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->rx_opt.tstamp_ok && seg->opt.timestamp && seg->opt.tsecr &&
	       seq_before(seg->opt.tsecr - tp->tsoffset, moment);
}

/* --- reducing the window --- */

static void begin_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->high_seq = tp->snd_nxt;
	tp->tlp_high_seq = 0;
	tp->prior_cwnd = tcp_snd_cwnd(tp);
	tp->prr_delivered = 0;
	tp->prr_out = 0;
	tp->snd_cwnd_cnt = 0;
	tp->snd_ssthresh = linnet_cong_ssthresh(sk);
	linnet_ecn_queue_cwr(tp);
}

static void end_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* a congestion control that rules the window alone has done so */
	if (inet_csk(sk)->icsk_ca_ops->cong_control)
		return;
	/* not when the reduction was undone */
	if (tp->snd_ssthresh < TCP_INFINITE_SSTHRESH &&
	    (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR || tp->undo_marker)) {
		tcp_snd_cwnd_set(tp, tp->snd_ssthresh);
		tp->snd_cwnd_stamp = tcp_jiffies32;
	}
	linnet_cong_event(sk, CA_EVENT_COMPLETE_CWR);
}

/* Open, or Disorder when something is out of order still */
static void keep_open(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 state = TCP_CA_Open;

	if (tp->sacked_out + tp->lost_out || linnet_any_retransmitted(sk))
		state = TCP_CA_Disorder;
	if (inet_csk(sk)->icsk_ca_state != state) {
		linnet_cong_set_state(sk, state);
		tp->high_seq = tp->snd_nxt;
	}
}

/**
 * linnet_enter_cwr() - reduce the window without a loss: the queue below is
 *	full, or the path says so (RFC 3168, 6.1.2)
 * @sk: the socket, locked
 */
void linnet_enter_cwr(struct sock *sk)
{
	tcp_sk(sk)->prior_ssthresh = 0;
	if (inet_csk(sk)->icsk_ca_state >= TCP_CA_CWR ||
	    !inet_csk(sk)->icsk_ca_initialized)
		return;
	tcp_sk(sk)->undo_marker = 0;
	begin_reduction(sk);
	linnet_cong_set_state(sk, TCP_CA_CWR);
}

/**
 * linnet_cwr_at_once() - one reduction for a loss that is repaired already
 * @sk: the socket, locked
 */
void linnet_cwr_at_once(struct sock *sk)
{
	begin_reduction(sk);
	linnet_cong_set_state(sk, TCP_CA_CWR);
	end_reduction(sk);
	keep_open(sk);
}

/**
 * linnet_recovery_cwnd() - the window while it is being reduced (RFC 9937)
 * @sk: the socket, locked
 * @delivered: segments that this ACK told delivered
 * @newly_lost: segments that it made us mark lost
 * @una_advanced: SND.UNA has moved
 */
void linnet_recovery_cwnd(struct sock *sk, u32 delivered, u32 newly_lost,
			  bool una_advanced)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 in_flight = tcp_packets_in_flight(tp);

	if (!delivered || !tp->prior_cwnd)
		return;
	tp->prr_delivered += delivered;
	tcp_snd_cwnd_set(tp, max_t(u32, 1, in_flight +
		linnet_prr_sndcnt(in_flight, tp->snd_ssthresh, tp->prior_cwnd,
				  delivered, tp->prr_delivered, tp->prr_out,
				  una_advanced && !newly_lost, !tp->prr_out)));
}

/* --- undoing it --- */

/* From here on count what would have to be told as duplicate for all
 * retransmissions to have been needless
 */
static void begin_undo(struct tcp_sock *tp)
{
	tp->undo_marker = tp->snd_una;
	tp->undo_retrans = tp->retrans_out;
	if (tp->tlp_high_seq && tp->tlp_retrans)
		tp->undo_retrans++;
	/* none yet: not the same as all told */
	if (!tp->undo_retrans)
		tp->undo_retrans = -1;
}

/* Eifel: the ACK was caused by something sent before the first retransmission */
static bool echo_tells(const struct sock *sk, const struct linnet_ack *ack)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->retrans_stamp &&
	       linnet_echo_before(sk, ack->seg, tp->retrans_stamp);
}

static bool may_undo(const struct sock *sk, const struct linnet_ack *ack)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->undo_marker && (!tp->undo_retrans || echo_tells(sk, ack));
}

static void undo_reduction(struct sock *sk, bool unmark_lost)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (unmark_lost)
		linnet_scoreboard_unmark_lost(sk);
	if (tp->prior_ssthresh) {
		tcp_snd_cwnd_set(tp, inet_csk(sk)->icsk_ca_ops->undo_cwnd(sk));
		if (tp->prior_ssthresh > tp->snd_ssthresh) {
			tp->snd_ssthresh = tp->prior_ssthresh;
			linnet_ecn_withdraw_cwr(tp);
		}
	}
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->undo_marker = 0;
	tp->rack.advanced = 1;	/* look at everything again */
}

/* Without SACK: duplicates of an old ACK may still be on their way, and must
 * not begin a recovery again; something above high_seq must be acknowledged
 * first (RFC 6582, 5).
 */
static bool must_not_reopen(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->snd_una != tp->high_seq || tp->rx_opt.sack_ok)
		return false;
	if (!linnet_any_retransmitted(sk))
		tp->retrans_stamp = 0;
	return true;
}

/* All that was out when it began is acknowledged.  Returns false when the state
 * must stay for now.
 */
static bool leave_recovery(struct sock *sk, const struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (may_undo(sk, ack)) {
		if (inet_csk(sk)->icsk_ca_state == TCP_CA_Loss)
			LINNET_COUNT(sock_net(sk), LossUndo);
		else
			LINNET_COUNT(sock_net(sk), FullUndo);
		undo_reduction(sk, false);
	} else if (tp->rack.reo_wnd_persist) {
		tp->rack.reo_wnd_persist--;
	}
	if (must_not_reopen(sk))
		return false;
	linnet_cong_set_state(sk, TCP_CA_Open);
	tp->is_sack_reneg = 0;
	return true;
}

/* Each retransmission has been told as a duplicate */
static bool undo_by_dsack(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->undo_marker || tp->undo_retrans)
		return false;
	tp->rack.reo_wnd_persist = min_t(u32, LINNET_RACK_PERSIST,
					 tp->rack.reo_wnd_persist + 1);
	undo_reduction(sk, false);
	LINNET_COUNT(sock_net(sk), DsackUndo);
	return true;
}

/* A hole was filled by what was only late.  Returns true when nothing more is
 * to be done with this ACK.
 */
static bool undo_partial(struct sock *sk, const struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->undo_marker || !echo_tells(sk, ack))
		return false;
	linnet_check_reordering(sk, ack->prior_una, ack->prior_high);
	/* what has been sent again is out: wait for what the next ACKs say,
	 * and mark nothing more meanwhile
	 */
	if (tp->retrans_out)
		return true;
	if (!linnet_any_retransmitted(sk))
		tp->retrans_stamp = 0;
	undo_reduction(sk, true);
	LINNET_COUNT(sock_net(sk), PartialUndo);
	keep_open(sk);
	return false;
}

static bool undo_loss(struct sock *sk, const struct linnet_ack *ack, bool frto)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!frto && !may_undo(sk, ack))
		return false;
	undo_reduction(sk, true);
	LINNET_COUNT(sock_net(sk), LossUndo);
	if (frto)
		LINNET_COUNT(sock_net(sk), SpuriousTimeouts);
	inet_csk(sk)->icsk_retransmits = 0;
	if (must_not_reopen(sk))
		return true;
	if (frto || tp->rx_opt.sack_ok) {
		linnet_cong_set_state(sk, TCP_CA_Open);
		tp->is_sack_reneg = 0;
	}
	return true;
}

/* --- the states --- */

/**
 * linnet_enter_recovery() - segments are lost: repair, and reduce the window
 * @sk: the socket, locked
 * @ece: the ACK brought a congestion echo, too: there is nothing to undo then
 */
void linnet_enter_recovery(struct sock *sk, bool ece)
{
	struct tcp_sock *tp = tcp_sk(sk);

	linnet_ecn_lost(sk);
	tp->prior_ssthresh = 0;
	begin_undo(tp);
	if (!tcp_in_cwnd_reduction(sk)) {
		if (!ece)
			tp->prior_ssthresh = tcp_current_ssthresh(sk);
		begin_reduction(sk);
	} else {
		tp->high_seq = tp->snd_nxt;
	}
	linnet_cong_set_state(sk, TCP_CA_Recovery);
	if (tp->rx_opt.sack_ok)
		LINNET_COUNT(sock_net(sk), Recoveries);
	else
		LINNET_COUNT(sock_net(sk), RecoveriesReno);
}

static void identify_loss(struct sock *sk, struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 state = inet_csk(sk)->icsk_ca_state;
	u32 retransmitted = tp->retrans_out;

	if (linnet_rtx_empty(sk))
		return;
	if (!tp->rx_opt.sack_ok) {
		/* a partial ACK in Recovery tells the next hole (RFC 6582) */
		if (state < TCP_CA_Recovery ? tp->sacked_out >= tp->reordering :
		    state == TCP_CA_Recovery && ack->una_advanced)
			linnet_mark_head(sk);
	} else if (linnet_rack_on(sk)) {
		if (linnet_rack_mark_lost(sk))
			ack->set_timer = false;
		ack->retransmission_lost = tp->retrans_out < retransmitted;
	} else {
		linnet_mark_by_sack(sk);
	}
}

static void try_to_open(struct sock *sk, const struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!linnet_any_retransmitted(sk))
		tp->retrans_stamp = 0;
	if (ack->ece)
		linnet_enter_cwr(sk);
	if (inet_csk(sk)->icsk_ca_state != TCP_CA_CWR)
		keep_open(sk);
}

static void count_duplicates(struct sock *sk, struct linnet_ack *ack)
{
	if (!tcp_sk(sk)->rx_opt.sack_ok)
		ack->delivered += linnet_duplicates_add(sk, ack->duplicates);
}

/* RFC 5682, 3.1: after a timeout one segment was sent again.  If the ACKs then
 * move on to what was not sent again, the timeout was spurious.
 */
static enum linnet_recovery_next frto(struct sock *sk, struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool recovered = !seq_before(tp->snd_una, tp->high_seq);

	/* step (3.b) */
	if (ack->original && undo_loss(sk, ack, true))
		return LINNET_SEND_LOST;
	if (seq_after(tp->snd_nxt, tp->high_seq)) {
		/* step (3.a): a duplicate: what was taken for lost is */
		if (ack->sacked || ack->duplicates)
			tp->frto = 0;
	} else if (ack->una_advanced && !recovered) {
		/* step (2.b): send new data, and see */
		tp->high_seq = tp->snd_nxt;
		if (skb_peek(&sk->sk_write_queue) &&
		    seq_after(tp->snd_una + tp->snd_wnd, tp->snd_nxt))
			return LINNET_SEND_NEW;
		tp->frto = 0;
	}
	return LINNET_SEND_LOST;
}

static enum linnet_recovery_next loss_ack(struct sock *sk,
					  struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (ack->una_advanced && undo_loss(sk, ack, false))
		return LINNET_SEND_LOST;
	if (tp->frto) {
		enum linnet_recovery_next next = frto(sk, ack);

		if (next != LINNET_SEND_LOST ||
		    inet_csk(sk)->icsk_ca_state != TCP_CA_Loss)
			return next;
	}
	if (!seq_before(tp->snd_una, tp->high_seq)) {
		leave_recovery(sk, ack);
		return LINNET_SEND_LOST;
	}
	if (tp->rx_opt.sack_ok)
		return LINNET_SEND_LOST;
	/* a duplicate stands for new data that F-RTO sent */
	if (seq_after(tp->snd_nxt, tp->high_seq) && ack->duplicates)
		count_duplicates(sk, ack);
	else if (ack->una_advanced)
		tp->sacked_out = 0;
	return LINNET_SEND_LOST;
}

/* The peer has thrown away what it had SACKed (RFC 2018, 8).  Perhaps the next
 * ACK says that it has not; then the timer comes to nothing.
 */
static bool reneging(struct sock *sk, struct linnet_ack *ack)
{
	u32 delay = max_t(u32, tcp_sk(sk)->srtt_us >> 4, 10 * USEC_PER_MSEC);

	if (!ack->head_sacked || !ack->una_advanced)
		return false;
	linnet_rtx_arm(sk, LINNET_TIMER_RTO, delay);
	ack->set_timer = false;
	return true;
}

/* The ends of CWR and Recovery.  Returns true when nothing more is to be done */
static bool leave_states(struct sock *sk, struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (inet_csk(sk)->icsk_ca_state == TCP_CA_Open) {
		tp->retrans_stamp = 0;
		return false;
	}
	if (seq_before(tp->snd_una, tp->high_seq))
		return false;
	switch (inet_csk(sk)->icsk_ca_state) {
	case TCP_CA_CWR:
		/* CWR is to be held until something above high_seq is ACKed,
		 * so that the echo of the same mark does not count twice
		 */
		if (tp->snd_una != tp->high_seq) {
			end_reduction(sk);
			linnet_cong_set_state(sk, TCP_CA_Open);
		}
		break;
	case TCP_CA_Recovery:
		if (!tp->rx_opt.sack_ok)
			tp->sacked_out = 0;
		if (!leave_recovery(sk, ack))
			return true;
		end_reduction(sk);
		break;
	}
	return false;
}

/**
 * linnet_recovery_ack() - what an ACK means for loss recovery
 * @sk: the socket, locked, scoreboard up to date
 * @ack: the ACK
 *
 * Moves between TCP_CA_Open, Disorder, CWR, Recovery and Loss, and marks what
 * is lost.  Sends nothing.
 *
 * Return: what may be sent now.
 */
enum linnet_recovery_next linnet_recovery_ack(struct sock *sk,
					      struct linnet_ack *ack)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	enum linnet_recovery_next next = LINNET_SEND_LOST;
	u8 state;

	ls->retrans_seq = seq_max(ls->retrans_seq, tp->snd_una);
	ls->lost_seq = seq_max(ls->lost_seq, tp->snd_una);
	if (!tp->packets_out && !tp->rx_opt.sack_ok)
		tp->sacked_out = 0;
	if (reneging(sk, ack))
		return LINNET_SEND_NOTHING;
	/* marks are not undone: the congestion was real */
	if (ack->ece)
		tp->prior_ssthresh = 0;
	if (leave_states(sk, ack))
		return LINNET_SEND_LOST;

	switch (inet_csk(sk)->icsk_ca_state) {
	case TCP_CA_Recovery:
		if (!ack->una_advanced)
			count_duplicates(sk, ack);
		else if (undo_partial(sk, ack))
			return LINNET_SEND_NOTHING;
		if (undo_by_dsack(sk))
			try_to_open(sk, ack);
		identify_loss(sk, ack);
		break;
	case TCP_CA_Loss:
		next = loss_ack(sk, ack);
		if (next == LINNET_SEND_NEW)
			return next;
		identify_loss(sk, ack);
		/* go on below when it was undone, or a retransmission is lost */
		if (inet_csk(sk)->icsk_ca_state != TCP_CA_Open &&
		    !ack->retransmission_lost)
			return next;
		break;
	default:
		if (!tp->rx_opt.sack_ok) {
			if (ack->una_advanced)
				tp->sacked_out = 0;
			count_duplicates(sk, ack);
		}
		if (inet_csk(sk)->icsk_ca_state <= TCP_CA_Disorder)
			undo_by_dsack(sk);
		identify_loss(sk, ack);
	}
	state = inet_csk(sk)->icsk_ca_state;
	if (state == TCP_CA_Recovery)
		return next;
	if (!tp->lost_out)
		try_to_open(sk, ack);
	else if (state < TCP_CA_CWR && linnet_mtu_probe_lost(sk))
		return LINNET_SEND_NOTHING;
	else if (state != TCP_CA_Loss || ack->retransmission_lost)
		linnet_enter_recovery(sk, ack->ece);
	return next;
}

/* --- the retransmission timer --- */

/* Take for lost all that the peer does not hold.  With RACK, what was sent only
 * just now is left its time (RFC 8985, 6.3).
 */
static void timeout_mark_lost(struct sock *sk)
{
	struct sk_buff *head = linnet_rtx_head(sk), *skb;
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	bool rack = linnet_rack_on(sk), reneged;

	/* The first octet not acknowledged can only be SACKed when the peer has
	 * thrown it away since (RFC 2018, 8): then believe none of it.
	 */
	reneged = LINNET_CB(head)->sacked & LINNET_SACKED;
	if (reneged) {
		LINNET_COUNT(sock_net(sk), SackReneging);
		tp->is_sack_reneg = 1;
		memset(linnet_sack_seen(sk), 0, sizeof(tp->recv_sack_cache));
		tp->sacked_out = 0;
	} else if (!tp->rx_opt.sack_ok) {
		tp->sacked_out = 0;
	}
	for (skb = head; skb; skb = linnet_rtx_next(skb)) {
		if (reneged)
			LINNET_CB(skb)->sacked &= ~LINNET_SACKED;
		else if (skb != head && rack && !linnet_rack_overdue(sk, skb))
			continue;
		linnet_mark_lost(sk, skb);
	}
	ls->retrans_seq = tp->snd_una;
	ls->lost_seq = tp->snd_nxt;
}

/* The buffer may go once more; others may have gone again, too */
static void forget_retransmission(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);

	if (!(cb->sacked & LINNET_RETRANS))
		return;
	cb->sacked &= ~LINNET_RETRANS;
	tcp_sk(sk)->retrans_out -= cb->segs;
}

/**
 * linnet_recovery_timeout() - the retransmission timer has expired
 * @sk: the socket, locked
 *
 * The window falls to one segment (RFC 5681, 3.1; RFC 6298, 5).  Sends nothing.
 */
void linnet_recovery_timeout(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	bool first = icsk->icsk_ca_state < TCP_CA_Recovery;

	if (!icsk->icsk_ca_initialized) {	/* a SYN: nothing to reduce */
		forget_retransmission(sk, linnet_rtx_head(sk));
		return;
	}
	linnet_ecn_lost(sk);
	timeout_mark_lost(sk);

	/* once for what is out together */
	if (icsk->icsk_ca_state <= TCP_CA_Disorder ||
	    !seq_after(tp->high_seq, tp->snd_una) ||
	    (icsk->icsk_ca_state == TCP_CA_Loss && !icsk->icsk_retransmits)) {
		tp->prior_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_cwnd = tcp_snd_cwnd(tp);
		tp->snd_ssthresh = linnet_cong_ssthresh(sk);
		linnet_cong_event(sk, CA_EVENT_LOSS);
		begin_undo(tp);
	}
	tcp_snd_cwnd_set(tp, tcp_packets_in_flight(tp) + 1);
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp = tcp_jiffies32;

	/* So many duplicates, and it had to come to this: DupThresh is too
	 * large
	 */
	if (icsk->icsk_ca_state <= TCP_CA_Disorder &&
	    tp->sacked_out >= READ_ONCE(ln->reordering))
		tp->reordering = min_t(u32, tp->reordering,
				       READ_ONCE(ln->reordering));
	linnet_cong_set_state(sk, TCP_CA_Loss);
	tp->high_seq = tp->snd_nxt;
	tp->tlp_high_seq = 0;
	linnet_ecn_queue_cwr(tp);

	/* RFC 5682, 3.1, step (1): not when this timeout repeats one */
	tp->frto = READ_ONCE(ln->frto) && (first || icsk->icsk_retransmits) &&
		   !icsk->icsk_mtup.probe_size;
}

/**
 * linnet_recovery_mtu() - the path takes less: send again what was too big
 * @sk: the socket, locked, its MSS up to date
 *
 * No sign of congestion, so the window stays (RFC 1191, 6.4 and RFC 4821).
 */
void linnet_recovery_mtu(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	for (skb = linnet_rtx_head(sk); skb; skb = linnet_rtx_next(skb)) {
		struct linnet_cb *cb = LINNET_CB(skb);

		if ((cb->segs > 1 ? cb->gso_size : skb->len) <= tp->mss_cache)
			continue;
		linnet_mark_lost(sk, skb);
		ls->lost_seq = seq_max(ls->lost_seq, cb->end_seq);
	}
	if (!tp->lost_out)
		return;
	linnet_duplicates_limit(sk);
	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss) {
		tp->high_seq = tp->snd_nxt;
		tp->snd_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_ssthresh = 0;
		tp->undo_marker = 0;
		linnet_cong_set_state(sk, TCP_CA_Loss);
	}
	linnet_recovery_retransmit(sk);
}

/* --- sending again --- */

/* Returns 0, or an error when nothing more can go now */
static int retransmit_one(struct sock *sk, struct sk_buff *skb, u32 max_segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 in_flight = tcp_packets_in_flight(tp);
	u32 cwnd = tcp_snd_cwnd(tp);
	int err;

	if (in_flight >= cwnd || linnet_xmit_held(sk, skb))
		return -EAGAIN;
	err = linnet_retransmit(sk, skb, min(cwnd - in_flight, max_segs));
	if (err)
		return err;
	if (tcp_in_cwnd_reduction(sk))
		tp->prr_out += LINNET_CB(skb)->segs;
	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss)
		LINNET_COUNT_ADD(sock_net(sk), FastRetrans,
				 LINNET_CB(skb)->segs);
	return 0;
}

/**
 * linnet_recovery_send() - what an ACK lets out
 * @sk: the socket, locked; its window is set
 * @next: what linnet_recovery_ack() said
 */
void linnet_recovery_send(struct sock *sk, enum linnet_recovery_next next)
{
	struct tcp_sock *tp = tcp_sk(sk);

	switch (next) {
	case LINNET_SEND_NOTHING:
		return;
	case LINNET_SEND_NEW:
		linnet_push_new(sk);
		if (seq_after(tp->snd_nxt, tp->high_seq))
			return;
		/* could not: then the ordinary way */
		tp->frto = 0;
		break;
	case LINNET_SEND_LOST:
		break;
	}
	if (tp->lost_out > tp->retrans_out)
		linnet_recovery_retransmit(sk);
}

/**
 * linnet_recovery_retransmit() - send again what is lost, as the window allows
 * @sk: the socket, locked
 *
 * Return: 0 when all is sent again, or why the next one could not go.
 */
int linnet_recovery_retransmit(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = linnet_rtx_find(sk, ls->retrans_seq);
	struct sk_buff *head = linnet_rtx_head(sk);
	u32 max_segs = linnet_max_segs(sk, tp->mss_cache);
	int err;

	for (; skb && tp->lost_out > tp->retrans_out;
	     skb = linnet_rtx_next(skb)) {
		u8 sacked = LINNET_CB(skb)->sacked;

		if (sacked & LINNET_LOST && !(sacked & LINNET_RETRANS)) {
			err = retransmit_one(sk, skb, max_segs);
			if (err)
				return err;
			if (skb == head &&
			    linnet_sk(sk)->timer_event != LINNET_TIMER_REO)
				linnet_rtx_arm(sk, LINNET_TIMER_RTO,
					       linnet_rto(sk));
		}
		ls->retrans_seq = LINNET_CB(skb)->end_seq;
	}
	return 0;
}
