// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loss: what the peer holds (the scoreboard), what is taken for lost, and how
 * the window is reduced for it.
 *
 * RFC 6675 decides what is lost (RFC 6582 where the peer does not SACK), RFC
 * 9937 (PRR) how fast to send meanwhile, RFC 6298 what a timeout means.
 *
 * Two sequence numbers keep every walk over the retransmission queue short:
 * below lost_seq everything that is not SACKed is marked lost, and below
 * retrans_seq everything marked lost is retransmitted:
 *
 *	SND.UNA <= retrans_seq <= lost_seq <= SND.NXT
 */
#include "linnet.h"
#include "prr.h"
#include "trace.h"

static void mark_lost(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & (LINNET_LOST | LINNET_SACKED))
		return;
	cb->sacked |= LINNET_LOST;
	tp->lost_out += cb->segs;
	tp->lost += cb->segs;
	if (seq_before(cb->seq, ls->retrans_seq))
		ls->retrans_seq = cb->seq;
}

/**
 * linnet_scoreboard_forget() - a buffer leaves the retransmission queue
 * @sk: the socket, locked
 * @skb: the buffer
 */
void linnet_scoreboard_forget(struct sock *sk, const struct sk_buff *skb)
{
	const struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & LINNET_SACKED)
		tp->sacked_out -= cb->segs;
	if (cb->sacked & LINNET_RETRANS)
		tp->retrans_out -= cb->segs;
	if (cb->sacked & LINNET_LOST)
		tp->lost_out -= cb->segs;
	tp->packets_out -= cb->segs;
}

/* Cut a buffer so that a block's edge falls between two, where that gives whole
 * segments.  Returns the part that begins at or after @start and whether it is
 * covered up to @end, or NULL when no whole segment of it is.
 */
static struct sk_buff *cut_to_block(struct sock *sk, struct sk_buff *skb,
				    const struct linnet_block *block)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	u32 mss = cb->gso_size, offset;

	if (seq_before(cb->seq, block->start)) {
		if (cb->segs < 2)
			return NULL;
		offset = roundup(block->start - cb->seq, mss);
		if (offset >= skb->len ||
		    linnet_fragment(sk, skb, offset, mss, true))
			return NULL;
		skb = linnet_rtx_next(skb);
		cb = LINNET_CB(skb);
	}
	if (seq_after(cb->end_seq, block->end)) {
		if (cb->segs < 2)
			return NULL;
		offset = rounddown(block->end - cb->seq, mss);
		if (!offset || linnet_fragment(sk, skb, offset, mss, true))
			return NULL;
	}
	return skb;
}

static u32 mark_sacked(struct sock *sk, struct sk_buff *skb,
		       struct linnet_sacked *result)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & LINNET_SACKED)
		return 0;
	if (cb->sacked & LINNET_LOST) {
		cb->sacked &= ~LINNET_LOST;
		tp->lost_out -= cb->segs;
	}
	if (cb->sacked & LINNET_RETRANS) {
		cb->sacked &= ~LINNET_RETRANS;
		tp->retrans_out -= cb->segs;
	}
	if (!(cb->sacked & LINNET_EVER_RETRANS))
		result->sent_us = max(result->sent_us,
				      linnet_sent_us(skb));
	linnet_rate_delivered(sk, skb, result->rs);
	cb->sacked |= LINNET_SACKED;
	cb->delivered_mstamp = 0;
	if (!tp->sacked_out ||
	    seq_after(cb->end_seq, linnet_sk(sk)->sack_high))
		linnet_sk(sk)->sack_high = cb->end_seq;
	tp->sacked_out += cb->segs;
	return cb->segs;
}

/* Mark what lies from @from on and within @block */
static u32 sack_walk(struct sock *sk, const struct linnet_block *block, u32 from,
		     u32 to, struct linnet_sacked *result)
{
	struct sk_buff *skb = linnet_rtx_find(sk, from);
	u32 newly = 0;

	while (skb && seq_before(LINNET_CB(skb)->seq, to)) {
		struct sk_buff *part = cut_to_block(sk, skb, block);

		if (part)
			newly += mark_sacked(sk, part, result);
		else
			part = skb;
		skb = linnet_rtx_next(part);
	}
	return newly;
}

static bool block_valid(const struct tcp_sock *tp,
			const struct linnet_block *b)
{
	return seq_before(b->start, b->end) &&
	       !seq_before(b->start, tp->snd_una) &&
	       !seq_after(b->end, tp->snd_nxt);
}

/* RFC 2883, 4: the first block tells of a duplicate when it lies below the ACK
 * or within the second block
 */
static bool is_dsack(const struct linnet_segment *seg)
{
	const struct linnet_block *b = seg->opt.sack;

	if (!seq_before(b[0].start, b[0].end))
		return false;
	if (!seq_after(b[0].end, seg->ack))
		return true;
	return seg->opt.n_sack > 1 && !seq_before(b[0].start, b[1].start) &&
	       !seq_after(b[0].end, b[1].end);
}

/**
 * linnet_scoreboard_sack() - take in the SACK blocks of an ACK (RFC 2018)
 * @sk: the socket, locked
 * @seg: the segment; SND.UNA is up to date with it
 * @result: what it told
 *
 * Blocks that the last ACK had too are not walked again: a peer repeats each at
 * least twice, and a hostile one could make the walk long.
 */
void linnet_scoreboard_sack(struct sock *sk, const struct linnet_segment *seg,
			    struct linnet_sacked *result)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_block seen[LINNET_SACK_BLOCKS_MAX];
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned int i = 0, j;

	if (!seg->opt.n_sack || !tp->rx_opt.sack_ok)
		return;
	if (is_dsack(seg)) {
		result->dsack = true;
		tp->dsack_dups++;
		LINNET_COUNT(sock_net(sk), DsackReceived);
		i = 1;
	}
	memcpy(seen, ls->sack_seen, sizeof(seen));
	memset(ls->sack_seen, 0, sizeof(ls->sack_seen));

	for (; i < seg->opt.n_sack; i++) {
		struct linnet_block b = seg->opt.sack[i];
		struct linnet_block *known = NULL;

		if (seq_before(b.start, tp->snd_una) &&
		    seq_after(b.end, tp->snd_una))
			b.start = tp->snd_una;
		if (!block_valid(tp, &b) || !tp->packets_out)
			continue;
		for (j = 0; j < ARRAY_SIZE(seen); j++)
			if (seen[j].start != seen[j].end &&
			    !seq_before(seen[j].start, b.start) &&
			    !seq_after(seen[j].end, b.end))
				known = &seen[j];
		if (known) {
			result->segs += sack_walk(sk, &b, b.start, known->start,
						  result);
			/* from the last octet on: its buffer may be covered
			 * wholly only now
			 */
			if (known->end != b.end)
				result->segs += sack_walk(sk, &b,
							  known->end - 1, b.end,
							  result);
		} else {
			result->segs += sack_walk(sk, &b, b.start, b.end,
						  result);
		}
		ls->sack_seen[i] = b;
	}
}

/* RFC 6675, 4, IsLost(): DupThresh segments above it are SACKed */
static void mark_by_sack(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	u32 above = 0, edge;

	if (tp->sacked_out < tp->reordering)
		return;
	skb = linnet_rtx_find(sk, ls->sack_high - 1);
	for (; skb; skb = linnet_rtx_prev(skb)) {
		if (LINNET_CB(skb)->sacked & LINNET_SACKED)
			above += LINNET_CB(skb)->segs;
		if (above >= tp->reordering)
			break;
	}
	if (!skb)
		return;
	edge = LINNET_CB(skb)->seq;
	if (!seq_after(edge, ls->lost_seq))
		return;
	for (skb = linnet_rtx_find(sk, ls->lost_seq);
	     skb && seq_before(LINNET_CB(skb)->seq, edge);
	     skb = linnet_rtx_next(skb))
		mark_lost(sk, skb);
	ls->lost_seq = edge;
}

/* RFC 6582: without SACK only the first hole is known */
static void mark_head(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct sk_buff *skb = linnet_rtx_head(sk);
	u32 mss = tcp_sk(sk)->mss_cache;

	if (!skb || LINNET_CB(skb)->sacked & LINNET_LOST)
		return;
	if (skb->len > mss && LINNET_CB(skb)->segs > 1 &&
	    linnet_fragment(sk, skb, mss, mss, true))
		return;
	mark_lost(sk, skb);
	ls->lost_seq = seq_max(ls->lost_seq, LINNET_CB(skb)->end_seq);
}

/* Without SACK every duplicate ACK stands for one segment that has arrived */
static void count_duplicate(struct tcp_sock *tp)
{
	u32 holes = max_t(u32, tp->lost_out, 1);

	tp->sacked_out++;
	if (tp->sacked_out + holes > tp->packets_out)
		tp->sacked_out = tp->packets_out > holes ?
				 tp->packets_out - holes : 0;
}

static void begin_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->high_seq = tp->snd_nxt;
	tp->prior_cwnd = tcp_snd_cwnd(tp);
	tp->prr_delivered = 0;
	tp->prr_out = 0;
	tp->snd_cwnd_cnt = 0;
	tp->snd_ssthresh = linnet_cong_ssthresh(sk);
}

static void end_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* a congestion control that rules the window alone has done so */
	if (!inet_csk(sk)->icsk_ca_ops->cong_control &&
	    tp->snd_ssthresh < TCP_INFINITE_SSTHRESH) {
		tcp_snd_cwnd_set(tp, tp->snd_ssthresh);
		tp->snd_cwnd_stamp = tcp_jiffies32;
	}
	linnet_cong_event(sk, CA_EVENT_COMPLETE_CWR);
	linnet_cong_set_state(sk, TCP_CA_Open);
}

/**
 * linnet_enter_cwr() - reduce the window without a loss: the queue below is
 *	full
 * @sk: the socket, locked
 */
void linnet_enter_cwr(struct sock *sk)
{
	tcp_sk(sk)->prior_ssthresh = 0;
	if (inet_csk(sk)->icsk_ca_state >= TCP_CA_CWR ||
	    !inet_csk(sk)->icsk_ca_initialized)
		return;
	begin_reduction(sk);
	linnet_cong_set_state(sk, TCP_CA_CWR);
}

static void enter_recovery(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (inet_csk(sk)->icsk_ca_state < TCP_CA_CWR)
		begin_reduction(sk);
	else
		tp->high_seq = tp->snd_nxt;
	tp->prior_ssthresh = 0;
	tp->undo_marker = 0;
	linnet_cong_set_state(sk, TCP_CA_Recovery);
	if (tp->rx_opt.sack_ok)
		LINNET_COUNT(sock_net(sk), Recoveries);
	else
		LINNET_COUNT(sock_net(sk), RecoveriesReno);
}

/**
 * linnet_recovery_ack() - what an ACK means for loss recovery
 * @sk: the socket, locked, scoreboard up to date
 * @una_advanced: SND.UNA has moved
 * @duplicate: a duplicate ACK (RFC 5681, 2)
 *
 * Moves between TCP_CA_Open, Disorder, CWR, Recovery and Loss, and marks what
 * is lost.  Sends nothing.
 */
void linnet_recovery_ack(struct sock *sk, bool una_advanced, bool duplicate)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	bool sack = tp->rx_opt.sack_ok;

	ls->retrans_seq = seq_max(ls->retrans_seq, tp->snd_una);
	ls->lost_seq = seq_max(ls->lost_seq, tp->snd_una);
	if (!sack && duplicate && tp->packets_out)
		count_duplicate(tp);

	/* All that was out when it began has arrived.  Without SACK one more:
	 * duplicates of an old ACK must not begin it again (RFC 6582, 5).
	 */
	if (icsk->icsk_ca_state >= TCP_CA_CWR &&
	    !seq_before(tp->snd_una, tp->high_seq) &&
	    (sack || icsk->icsk_ca_state == TCP_CA_CWR ||
	     tp->snd_una != tp->high_seq || !tp->packets_out)) {
		if (icsk->icsk_ca_state == TCP_CA_Loss)
			linnet_cong_set_state(sk, TCP_CA_Open);
		else
			end_reduction(sk);
		if (!sack)
			tp->sacked_out = 0;
		tp->retrans_stamp = 0;
	}

	if (sack) {
		mark_by_sack(sk);
	} else if (icsk->icsk_ca_state >= TCP_CA_Recovery) {
		if (una_advanced)	/* a partial ACK: the next hole */
			mark_head(sk);
	} else if (tp->sacked_out >= tp->reordering) {
		mark_head(sk);
	}

	if (icsk->icsk_ca_state < TCP_CA_Recovery) {
		if (tp->lost_out)
			enter_recovery(sk);
		else if (icsk->icsk_ca_state != TCP_CA_CWR)
			linnet_cong_set_state(sk, tp->sacked_out ?
					      TCP_CA_Disorder : TCP_CA_Open);
	}
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
				  una_advanced && !newly_lost,
				  !tp->prr_out && tp->lost_out)));
}

/**
 * linnet_recovery_timeout() - the retransmission timer has expired
 * @sk: the socket, locked
 *
 * Everything not SACKed is taken for lost, and the window falls to one segment
 * (RFC 5681, 3.1; RFC 6298, 5).  Sends nothing.
 */
void linnet_recovery_timeout(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = linnet_rtx_head(sk);
	bool reneged;

	if (!icsk->icsk_ca_initialized) {	/* a SYN: nothing to reduce */
		LINNET_CB(skb)->sacked &= ~LINNET_RETRANS;
		tp->retrans_out = 0;
		return;
	}
	if (icsk->icsk_ca_state < TCP_CA_CWR ||
	    !seq_after(tp->high_seq, tp->snd_una) ||
	    (icsk->icsk_ca_state == TCP_CA_Loss && !icsk->icsk_retransmits)) {
		tp->prior_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_cwnd = tcp_snd_cwnd(tp);
		tp->snd_ssthresh = linnet_cong_ssthresh(sk);
		linnet_cong_event(sk, CA_EVENT_LOSS);
	}

	/* The first octet not acknowledged can only be SACKed when the peer has
	 * thrown it away since (RFC 2018, 8): then believe none of it.
	 */
	reneged = LINNET_CB(skb)->sacked & LINNET_SACKED;
	if (reneged)
		LINNET_COUNT(sock_net(sk), SackReneging);
	if (reneged || !tp->rx_opt.sack_ok)
		tp->sacked_out = 0;
	ls->retrans_seq = tp->snd_una;
	for (; skb; skb = linnet_rtx_next(skb)) {
		LINNET_CB(skb)->sacked &= ~LINNET_RETRANS;
		if (reneged)
			LINNET_CB(skb)->sacked &= ~LINNET_SACKED;
		mark_lost(sk, skb);
	}
	if (reneged)
		memset(ls->sack_seen, 0, sizeof(ls->sack_seen));
	tp->retrans_out = 0;
	ls->lost_seq = tp->snd_nxt;
	tp->high_seq = tp->snd_nxt;
	tp->undo_marker = 0;
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tcp_snd_cwnd_set(tp, tcp_packets_in_flight(tp) + 1);
	linnet_cong_set_state(sk, TCP_CA_Loss);
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
	u32 before = tp->lost_out;

	for (skb = linnet_rtx_head(sk); skb; skb = linnet_rtx_next(skb)) {
		struct linnet_cb *cb = LINNET_CB(skb);

		if ((cb->segs > 1 ? cb->gso_size : skb->len) <= tp->mss_cache)
			continue;
		if (cb->sacked & LINNET_RETRANS) {
			cb->sacked &= ~LINNET_RETRANS;
			tp->retrans_out -= cb->segs;
		}
		mark_lost(sk, skb);
		ls->lost_seq = seq_max(ls->lost_seq, cb->end_seq);
	}
	if (tp->lost_out == before)
		return;
	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss) {
		tp->high_seq = tp->snd_nxt;
		tp->snd_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_ssthresh = 0;
		tp->undo_marker = 0;
		linnet_cong_set_state(sk, TCP_CA_Loss);
	}
	linnet_recovery_retransmit(sk);
}

/**
 * linnet_recovery_retransmit() - send again what is lost, as the window allows
 * @sk: the socket, locked
 */
void linnet_recovery_retransmit(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = linnet_rtx_find(sk, ls->retrans_seq);
	u32 max_segs = linnet_max_segs(sk, tp->mss_cache);

	while (skb && seq_before(LINNET_CB(skb)->seq, ls->lost_seq)) {
		u32 in_flight = tcp_packets_in_flight(tp);
		u32 cwnd = tcp_snd_cwnd(tp);
		u8 sacked = LINNET_CB(skb)->sacked;

		if (sacked & LINNET_LOST &&
		    !(sacked & (LINNET_SACKED | LINNET_RETRANS))) {
			if (in_flight >= cwnd)
				return;
			if (linnet_retransmit(sk, skb,
					      min(cwnd - in_flight, max_segs)))
				return;
			if (inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery) {
				tp->prr_out += LINNET_CB(skb)->segs;
				LINNET_COUNT_ADD(sock_net(sk), FastRetrans,
						 LINNET_CB(skb)->segs);
			}
			if (skb == linnet_rtx_head(sk))
				linnet_rtx_rearm(sk);
		}
		ls->retrans_seq = LINNET_CB(skb)->end_seq;
		skb = linnet_rtx_next(skb);
	}
}
