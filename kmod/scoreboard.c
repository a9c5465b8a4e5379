// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scoreboard: which segments the peer holds, which are taken for lost, and
 * which are out again (RFC 2018, RFC 2883; RFC 6675, 3 and 4).
 *
 * The marks are in the buffers of the retransmission queue, their sums in
 * struct tcp_sock, where congestion controls look:
 *
 *	packets_out	all segments in the queue
 *	sacked_out	of these, what the peer told that it holds; without
 *			SACK: how many duplicate ACKs it sent
 *	lost_out	taken for lost
 *	retrans_out	sent again, and this time not taken for lost
 *
 *	in flight = packets_out - sacked_out - lost_out + retrans_out
 *
 * Two sequence numbers keep every walk over the queue short: below lost_seq RFC
 * 6675 has marked all that can be lost, and below retrans_seq everything marked
 * lost has been sent again.
 */
#include "linnet.h"
#include "ecn.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_mark_lost() - take a buffer for lost, or its retransmission, if that
 *	is out
 * @sk: the socket, locked
 * @skb: the buffer
 */
void linnet_mark_lost(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & LINNET_SACKED)
		return;
	if (!(cb->sacked & LINNET_LOST)) {
		cb->sacked |= LINNET_LOST;
		tp->lost_out += cb->segs;
	} else if (cb->sacked & LINNET_RETRANS) {
		cb->sacked &= ~LINNET_RETRANS;
		tp->retrans_out -= cb->segs;
		LINNET_COUNT_ADD(sock_net(sk), LostRetransmits, cb->segs);
	} else {
		return;
	}
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

/**
 * linnet_scoreboard_unmark_lost() - nothing was lost after all
 * @sk: the socket, locked
 */
void linnet_scoreboard_unmark_lost(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	for (skb = linnet_rtx_head(sk); skb && tp->lost_out;
	     skb = linnet_rtx_next(skb)) {
		struct linnet_cb *cb = LINNET_CB(skb);

		if (cb->sacked & LINNET_LOST) {
			cb->sacked &= ~LINNET_LOST;
			tp->lost_out -= cb->segs;
		}
	}
	ls->lost_seq = tp->snd_una;
	ls->retrans_seq = tp->snd_una;
}

/**
 * linnet_any_retransmitted() - does anything in the queue come from a
 *	retransmission that may still be told of?
 * @sk: the socket, locked
 */
bool linnet_any_retransmitted(const struct sock *sk)
{
	const struct sk_buff *head;

	if (tcp_sk(sk)->retrans_out)
		return true;
	head = linnet_rtx_head(sk);
	return head && LINNET_CB(head)->sacked & LINNET_EVER_RETRANS;
}

/**
 * linnet_check_reordering() - something arrived late
 * @sk: the socket, locked
 * @low: where that begins
 * @high: one after the highest octet that had arrived before it
 *
 * What was sent once and arrives after what was sent later was reordered, by as
 * much: from now on DupThresh is larger (RFC 4653's idea), and RACK waits (RFC
 * 8985, 6.2, step 4).
 */
void linnet_check_reordering(struct sock *sk, u32 low, u32 high)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = tp->mss_cache;

	if (!seq_before(low, high))
		return;
	if (high - low > tp->reordering * mss)
		tp->reordering = min_t(u32, DIV_ROUND_UP(high - low, mss),
				       READ_ONCE(ln->max_reordering));
	tp->reord_seen++;
	LINNET_COUNT(sock_net(sk), Reordering);
}

/* One after the highest octet that the peer is known to hold, when it had
 * acknowledged so much
 */
static u32 highest_sacked(const struct sock *sk, u32 una)
{
	return tcp_sk(sk)->sacked_out ? linnet_sk(sk)->sack_high : una;
}

/* Cut a buffer so that a block's edge falls between two, where that gives whole
 * segments.  Returns the part that is covered by the block, or NULL when no
 * whole segment of it is.  The block ends above where the buffer begins.
 */
static struct sk_buff *cut_to_block(struct sock *sk, struct sk_buff *skb,
				    const struct linnet_block *block)
{
	const struct linnet_cb *cb = LINNET_CB(skb);
	bool begins = !seq_before(cb->seq, block->start);
	bool ends = !seq_after(cb->end_seq, block->end);
	u32 mss = cb->gso_size, from = 0, to = skb->len;

	if (begins && ends)
		return skb;
	if (cb->segs < 2)
		return NULL;
	if (!begins)
		from = roundup(block->start - cb->seq, mss);
	if (!ends) {
		to = rounddown(block->end - cb->seq, mss);
		/* a FIN goes with the octets before it */
		if (to == skb->len)
			to -= mss;
	}
	if (from >= to)
		return NULL;
	if (from) {
		if (linnet_fragment(sk, skb, from, mss, true))
			return NULL;
		skb = linnet_rtx_next(skb);
		to -= from;
	}
	if (!ends && linnet_fragment(sk, skb, to, mss, true))
		return NULL;
	return skb;
}

static void mark_sacked(struct sock *sk, struct sk_buff *skb,
			struct linnet_ack *ack)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (cb->sacked & LINNET_SACKED)
		return;
	linnet_rack_delivered(sk, skb, ack);
	if (!(cb->sacked & LINNET_EVER_RETRANS)) {
		u64 sent = linnet_sent_us(skb);

		/* Below what an ACK before this one told of: in one ACK the
		 * newest block comes first, whatever order they arrived in
		 */
		if (seq_before(cb->seq, ack->prior_high) &&
		    seq_before(cb->seq, ack->reordered))
			ack->reordered = cb->seq;
		if (!seq_after(cb->end_seq, tp->high_seq))
			ack->original = true;
		linnet_ecn_delivered(sk, skb);
		if (!ack->sack_first_sent)
			ack->sack_first_sent = sent;
		ack->sack_last_sent = max(ack->sack_last_sent, sent);
	}
	if (cb->sacked & LINNET_LOST) {
		cb->sacked &= ~LINNET_LOST;
		tp->lost_out -= cb->segs;
	}
	if (cb->sacked & LINNET_RETRANS) {
		cb->sacked &= ~LINNET_RETRANS;
		tp->retrans_out -= cb->segs;
	}
	linnet_rate_delivered(sk, skb, &ack->rs);
	cb->sacked |= LINNET_SACKED;
	cb->delivered_mstamp = 0;
	list_del_init(&skb->tcp_tsorted_anchor);
	if (!tp->sacked_out || seq_after(cb->end_seq, ls->sack_high))
		ls->sack_high = cb->end_seq;
	tp->sacked_out += cb->segs;
	ack->sacked += cb->segs;
}

/* Mark what lies from @from on and within @block */
static void sack_walk(struct sock *sk, const struct linnet_block *block,
		      u32 from, u32 to, struct linnet_ack *ack)
{
	struct sk_buff *skb = linnet_rtx_find(sk, from);

	while (skb && seq_before(LINNET_CB(skb)->seq, to)) {
		struct sk_buff *part = cut_to_block(sk, skb, block);

		if (part)
			mark_sacked(sk, part, ack);
		else
			part = skb;
		skb = linnet_rtx_next(part);
	}
}

/* SND.UNA itself cannot be in a block: then the ACK would be higher.  Both edges
 * are looked at from both sides: "after" does not carry over, so that a block from
 * far above SND.NXT to far below SND.UNA has its edges in order, too.
 */
static bool block_valid(const struct tcp_sock *tp, const struct linnet_block *b)
{
	return seq_before(b->start, b->end) &&
	       seq_after(b->start, tp->snd_una) &&
	       seq_before(b->start, tp->snd_nxt) &&
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

/* What lies above SND.UNA and was sent again has arrived twice */
static void dsack_in_queue(struct sock *sk, const struct linnet_block *b)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	for (skb = linnet_rtx_find(sk, b->start);
	     skb && seq_before(LINNET_CB(skb)->seq, b->end);
	     skb = linnet_rtx_next(skb)) {
		const struct linnet_cb *cb = LINNET_CB(skb);

		if (cb->sacked & LINNET_EVER_RETRANS && tp->undo_marker &&
		    tp->undo_retrans > 0 &&
		    seq_after(cb->end_seq, tp->undo_marker))
			tp->undo_retrans = max_t(int, 0, tp->undo_retrans -
						 cb->segs);
	}
}

/* A duplicate has arrived: which retransmission was needless?  (RFC 3708) */
static void dsack_received(struct sock *sk, const struct linnet_block *b,
			   struct linnet_ack *ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = b->end - b->start;
	u32 segs = max_t(u32, 1, DIV_ROUND_UP(len, tp->mss_cache));

	LINNET_COUNT(sock_net(sk), DsackReceived);
	/* Nobody holds more than we ever offered, and nobody got twice what was
	 * sent once: the network copied it, or the peer lies
	 */
	if (len > tp->max_window || tp->dsack_dups + segs > tp->total_retrans) {
		tp->dsack_dups += len > tp->max_window ? 0 : segs;
		LINNET_COUNT(sock_net(sk), DsackIgnored);
		return;
	}
	tp->dsack_dups += segs;
	ack->dsack = true;
	ack->delivered += segs;
	if (tp->tlp_high_seq && tp->tlp_high_seq == b->end)
		ack->dsack_tlp = true;
	else if (tp->reord_seen)	/* RFC 8985, 6.2, step 4 */
		tp->rack.dsack_seen = 1;

	if (seq_after(b->end, ack->prior_una)) {
		dsack_in_queue(sk, b);
		return;
	}
	if (tp->undo_marker && tp->undo_retrans > 0 &&
	    seq_after(b->end, tp->undo_marker))
		tp->undo_retrans = max_t(int, 0, tp->undo_retrans - (int)segs);
}

/* Blocks that the last ACK had too are not walked again: a peer repeats each at
 * least twice, and a hostile one could make the walk long.
 */
static void sack_block(struct sock *sk, const struct linnet_block *b,
		       const struct linnet_block *seen, unsigned int n,
		       struct linnet_ack *ack)
{
	const struct linnet_block *known = NULL;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (seen[i].start != seen[i].end &&
		    !seq_before(seen[i].start, b->start) &&
		    !seq_after(seen[i].end, b->end))
			known = &seen[i];
	if (!known) {
		sack_walk(sk, b, b->start, b->end, ack);
		return;
	}
	sack_walk(sk, b, b->start, known->start, ack);
	/* from the last octet on: its buffer may be covered wholly only now */
	if (known->end != b->end)
		sack_walk(sk, b, known->end - 1, b->end, ack);
}

/**
 * linnet_scoreboard_sack() - take in the SACK blocks of an ACK (RFC 2018)
 * @sk: the socket, locked
 * @ack: the ACK; SND.UNA is up to date with it; what the blocks told is added
 */
void linnet_scoreboard_sack(struct sock *sk, struct linnet_ack *ack)
{
	struct linnet_block *latest = linnet_sack_seen(sk);
	struct linnet_block seen[LINNET_SACK_BLOCKS_MAX];
	const struct linnet_segment *seg = ack->seg;
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned int i = 0;

	ack->reordered = tp->snd_nxt;
	ack->prior_high = highest_sacked(sk, ack->prior_una);
	if (!seg->opt.n_sack || !tp->rx_opt.sack_ok)
		return;
	if (is_dsack(seg)) {
		dsack_received(sk, &seg->opt.sack[0], ack);
		i = 1;
	}
	memcpy(seen, latest, sizeof(seen));
	memset(latest, 0, sizeof(seen));
	if (!tp->packets_out)
		return;
	for (; i < seg->opt.n_sack; i++) {
		const struct linnet_block *b = &seg->opt.sack[i];

		if (!block_valid(tp, b)) {
			/* told again by an ACK that was overtaken: no news */
			if (seq_after(b->end, tp->snd_una))
				LINNET_COUNT(sock_net(sk), SackDiscarded);
			continue;
		}
		sack_block(sk, b, seen, ARRAY_SIZE(seen), ack);
		latest[i] = *b;
	}
	if (inet_csk(sk)->icsk_ca_state != TCP_CA_Loss || tp->undo_marker)
		linnet_check_reordering(sk, ack->reordered,
					highest_sacked(sk, tp->snd_una));
}

/**
 * linnet_mark_by_sack() - RFC 6675, 4, IsLost(): DupThresh segments above it
 *	are SACKed
 * @sk: the socket, locked
 */
void linnet_mark_by_sack(struct sock *sk)
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
		if (!(LINNET_CB(skb)->sacked & LINNET_LOST))
			linnet_mark_lost(sk, skb);
	ls->lost_seq = edge;
}

/**
 * linnet_mark_head() - RFC 6582: without SACK only the first hole is known
 * @sk: the socket, locked
 */
void linnet_mark_head(struct sock *sk)
{
	struct sk_buff *skb = linnet_rtx_head(sk);
	u32 mss = tcp_sk(sk)->mss_cache;

	if (!skb || LINNET_CB(skb)->sacked & LINNET_LOST ||
	    linnet_trim_acked(sk, skb))
		return;
	if (skb->len > mss && LINNET_CB(skb)->segs > 1 &&
	    linnet_fragment(sk, skb, mss, mss, true))
		return;
	linnet_mark_lost(sk, skb);
}

/**
 * linnet_duplicates_limit() - whatever the peer says, what is missing has not
 *	arrived
 * @sk: the socket, locked
 *
 * Return: true when there were more duplicates than that leaves.
 */
bool linnet_duplicates_limit(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 holes = min(max_t(u32, tp->lost_out, 1), tp->packets_out);

	if (tp->rx_opt.sack_ok || tp->sacked_out + holes <= tp->packets_out)
		return false;
	tp->sacked_out = tp->packets_out - holes;
	return true;
}

/* More duplicates than segments could have caused: some segment has been
 * reordered that far
 */
static void limit_duplicates(struct sock *sk, u32 also_acked)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!linnet_duplicates_limit(sk))
		return;
	tp->reordering = min_t(u32, tp->packets_out + also_acked,
			       READ_ONCE(ln->max_reordering));
	tp->reord_seen++;
	LINNET_COUNT(sock_net(sk), Reordering);
}

/**
 * linnet_duplicates_add() - without SACK every duplicate ACK stands for one
 *	segment that has arrived
 * @sk: the socket, locked
 * @n: duplicate ACKs
 *
 * Return: how many segments they tell delivered.
 */
u32 linnet_duplicates_add(struct sock *sk, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->sacked_out;

	if (!n)
		return 0;
	tp->sacked_out += n;
	limit_duplicates(sk, 0);
	return tp->sacked_out > before ? tp->sacked_out - before : 0;
}

/**
 * linnet_duplicates_acked() - segments have left the queue: one was the hole,
 *	the others are those that the duplicates stood for
 * @sk: the socket, locked
 * @segs: segments
 *
 * Return: how many of them are news.
 */
u32 linnet_duplicates_acked(struct sock *sk, u32 segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 counted = tp->sacked_out;

	if (!segs)
		return 0;
	tp->sacked_out -= min(counted, segs - 1);
	limit_duplicates(sk, segs);
	return segs > counted ? segs - counted : 1;
}
