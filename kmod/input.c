// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A segment arrives: RFC 9293, 3.10.7, in its order.
 *
 *	3.10.7.1  CLOSED	demux.c
 *	3.10.7.2  LISTEN	handshake.c
 *	3.10.7.3  SYN-SENT	syn_sent()
 *	3.10.7.4  other states	linnet_rcv_state(), text.c
 *	TIME-WAIT		timewait.c
 */
#include <linux/ktime.h>
#include <linux/security.h>

#include "linnet.h"
#include "ecn.h"
#include "fastopen.h"
#include "flow.h"
#include "metrics.h"
#include "pmtu.h"
#include "rtt.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_segment_parse() - take a header apart
 * @skb: data begins at the header, which is linear (linnet_rcv() saw to it)
 * @seg: filled in
 *
 * Return: false when the header does not fit into the segment.
 */
bool linnet_segment_parse(struct sk_buff *skb, struct linnet_segment *seg)
{
	const struct linnet_header *h = (const void *)skb->data;

	seg->skb = skb;
	if (skb_headlen(skb) < LINNET_HEADER_LEN)
		return false;
	seg->header_len = linnet_header_len(h);
	if (seg->header_len < LINNET_HEADER_LEN ||
	    seg->header_len > skb_headlen(skb))
		return false;
	seg->flags = h->flags;
	seg->len = skb->len - seg->header_len;
	seg->seq = ntohl(h->seq);
	seg->end_seq = seg->seq + seg->len + !!(h->flags & LINNET_SYN) +
		       !!(h->flags & LINNET_FIN);
	seg->ack = ntohl(h->ack_seq);
	seg->wnd = ntohs(h->window);
	seg->ecn = linnet_skb_ecn(skb);
	linnet_options_parse((const u8 *)(h + 1),
			     seg->header_len - LINNET_HEADER_LEN,
			     h->flags & LINNET_SYN, &seg->opt);
	return true;
}

/* Is a timestamp older than TS.Recent, by more than LINNET_PAWS_LAG? */
static bool timestamp_old(const struct tcp_sock *tp, u32 tsval)
{
	return linnet_paws_old(tp->rx_opt.ts_recent, tsval,
			       ktime_get_seconds() -
			       tp->rx_opt.ts_recent_stamp);
}

/**
 * linnet_timestamp_store() - TS.Recent (RFC 7323, 4.3)
 * @tp: the socket, locked
 * @seg: a segment; it counts when it covers the last ACK sent, and is not older
 */
void linnet_timestamp_store(struct tcp_sock *tp,
			    const struct linnet_segment *seg)
{
	if (!seg->opt.timestamp || seq_after(seg->seq, tp->rcv_wup) ||
	    seq_before(seg->end_seq, tp->rcv_wup) ||
	    timestamp_old(tp, seg->opt.tsval - LINNET_PAWS_LAG))
		return;
	tp->rx_opt.ts_recent = seg->opt.tsval;
	tp->rx_opt.ts_recent_stamp = ktime_get_seconds();
}

/* PAWS: RFC 7323, 5.3, R1 */
static bool paws_rejects(const struct tcp_sock *tp,
			 const struct linnet_segment *seg)
{
	return tp->rx_opt.tstamp_ok && seg->opt.timestamp &&
	       timestamp_old(tp, seg->opt.tsval);
}

/* An ACK of what we hold may be old, and still be the one that tells what the
 * peer lost: it carries no data that could be mistaken.
 */
static bool paws_harmless(const struct tcp_sock *tp,
			  const struct linnet_segment *seg)
{
	return seg->flags & LINNET_ACK && seg->seq == seg->end_seq &&
	       seg->seq == tp->rcv_nxt && seg->ack == tp->snd_una &&
	       !seg->len && seg->wnd << tp->rx_opt.snd_wscale == tp->snd_wnd;
}

/**
 * linnet_syn_options() - what the peer's SYN settled
 * @sk: the socket, locked
 * @opt: its options, without those that we do not want
 */
void linnet_syn_options(struct sock *sk, const struct linnet_options *opt)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_options_received *rx = &tp->rx_opt;

	/* RFC 9293, 3.7.1, MUST-15 */
	rx->mss_clamp = opt->mss;
	if (!opt->mss)
		rx->mss_clamp = linnet_sk(sk)->af->family == AF_INET ?
				LINNET_MSS_DEFAULT_IPV4 :
				LINNET_MSS_DEFAULT_IPV6;
	if (rx->user_mss)
		rx->mss_clamp = min(rx->mss_clamp, rx->user_mss);
	rx->sack_ok = opt->sack_permitted;
	rx->wscale_ok = opt->wscale_ok;
	/* RFC 7323, 2.2: both or none */
	if (opt->wscale_ok) {
		rx->snd_wscale = opt->wscale;
	} else {
		rx->snd_wscale = 0;
		rx->rcv_wscale = 0;
		tp->window_clamp = min(tp->window_clamp, 65535U);
	}
	rx->tstamp_ok = opt->timestamp;
	tp->tcp_header_len = LINNET_HEADER_LEN;
	if (opt->timestamp) {
		tp->tcp_header_len += LINNET_OPTLEN_TIMESTAMP_ALIGNED;
		rx->ts_recent = opt->tsval;
		rx->ts_recent_stamp = ktime_get_seconds();
	}
	linnet_recompute_mss(sk);
}

/**
 * linnet_transfer_start() - data may flow from now on
 * @sk: the socket, locked
 */
void linnet_transfer_start(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	linnet_clock_refresh(tp);
	/* RFC 6298, (5.7): a handshake that gave no sample was retransmitted */
	if (!tp->srtt_us)
		tp->rttvar_us = jiffies_to_usecs(TCP_TIMEOUT_FALLBACK);
	linnet_metrics_start(sk);
	/* RFC 5681, 3.1: and then the window begins with one segment */
	tcp_snd_cwnd_set(tp, tp->total_retrans > 1 ? 1 : linnet_init_cwnd(sk));
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->lsndtime = tcp_jiffies32;
	tp->rcv_tstamp = tcp_jiffies32;
	tp->total_retrans = 0;
	inet_csk(sk)->icsk_retransmits = 0;
	inet_csk(sk)->icsk_backoff = 0;
	tp->retrans_stamp = 0;
	ls->lost_seq = tp->snd_una;
	ls->retrans_seq = tp->snd_una;
	linnet_mtu_search_init(sk);
	linnet_recompute_mss(sk);
	/* what is left of it beside the options of every segment */
	if (tp->rx_opt.tstamp_ok)
		tp->advmss -= LINNET_OPTLEN_TIMESTAMP_ALIGNED;
	linnet_buffers_init(sk);
	/* RFC 5681 forbids waiting while the peer is in slow start: what it
	 * sends first is acknowledged at once
	 */
	ls->ack.quick = min_t(u32, tp->rcv_wnd / (2 * ls->ack.rcv_mss) ?: 2,
			      16);
	ls->ack.last_data = tcp_jiffies32;
	linnet_cong_start(sk);
	linnet_sndbuf_expand(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		linnet_keepalive_arm(sk, linnet_keepalive_time(sk));
}

/* A reset as for a connection that is not there (RFC 9293, 3.5.2) */
static void refuse(const struct sock *sk, const struct linnet_segment *seg)
{
	struct linnet_flow flow;

	linnet_flow_of(sk, &flow);
	linnet_send_reset(NULL, &flow, seg);
}

/**
 * linnet_established() - the handshake is complete
 * @sk: the socket, locked
 */
void linnet_established(struct sock *sk)
{
	linnet_set_state(sk, TCP_ESTABLISHED);
	tcp_sk(sk)->delivered++;	/* our SYN */
	/* with a fast open data have flown already */
	if (!linnet_sk(sk)->fastopen_pending)
		linnet_transfer_start(sk);
	linnet_fastopen_proven(sk, false);
}

/* Our FIN is acknowledged: FIN-WAIT-2 */
static void fin_acknowledged(struct sock *sk, const struct linnet_segment *seg)
{
	linnet_set_state(sk, TCP_FIN_WAIT2);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	sk_dst_confirm(sk);
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		return;
	}
	/* Nobody waits for the peer's FIN: not for ever, then */
	if (tcp_sk(sk)->linger2 < 0) {
		LINNET_COUNT(sock_net(sk), AbortOnLinger);
		refuse(sk, seg);
		linnet_done(sk);
		return;
	}
	linnet_keepalive_arm(sk, linnet_fin_timeout(sk));
}

/* More than a full segment is owed an ACK (RFC 9293, MUST-59).  One that would
 * only tell that the window closes can wait for the reader, who is about to
 * open it again, or for the delayed ACK.
 */
static bool second_segment(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	return tp->rcv_nxt - tp->rcv_wup > linnet_sk(sk)->ack.rcv_mss &&
	       (tp->rcv_nxt - tp->copied_seq < READ_ONCE(sk->sk_rcvlowat) ||
		linnet_window_now(sk) >= tp->rcv_wnd);
}

/* Send what may be sent, and acknowledge if it is time: RFC 9293, 3.8.6.3 and
 * RFC 5681, 4.2
 */
static void after_segment(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	if (sk->sk_state == TCP_CLOSE)
		return;
	sk_mem_reclaim(sk);
	linnet_push_pending(sk);
	/* Only who found no room is told of it.  Pairs with the writer, who
	 * sets the bit and looks again.
	 */
	smp_mb();
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags)) {
		/* a larger one lets no more go while the window is full */
		if (tcp_packets_in_flight(tcp_sk(sk)) <
		    tcp_snd_cwnd(tcp_sk(sk)))
			linnet_sndbuf_expand(sk);
		sk->sk_write_space(sk);
		if (!test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
			linnet_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
	}

	/* dctcp asks for an ACK in TCP's way */
	if (inet_csk(sk)->icsk_ack.pending & ICSK_ACK_NOW) {
		inet_csk(sk)->icsk_ack.pending &= ~ICSK_ACK_NOW;
		linnet_owe_ack_now(sk);
	}
	if (!ack->pending)
		return;
	if (ack->now || (ack->quick && !ack->pingpong) ||
	    linnet_route_quickack(sk) || second_segment(sk))
		linnet_send_ack(sk);
	else if (linnet_reassembly_empty(&linnet_sk(sk)->reassembly))
		linnet_ack_arm(sk);
	else if (!linnet_ack_compress(sk))
		linnet_send_ack(sk);
}

/* RFC 9293, 3.10.7.3 */
static bool syn_sent(struct sock *sk, struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_net *ln = linnet_sk_net(sk);
	struct linnet_options opt = seg->opt;
	struct linnet_flow flow;
	bool taken = false;

	/* The SYN of a deferred connect() comes with the first data only (RFC
	 * 7413, 4.2.1): until then there is nothing that this could answer, and
	 * a peer that opens, too, repeats its SYN
	 */
	if (unlikely(linnet_rtx_empty(sk)))
		return false;
	/* First: the ACK must be of our SYN.  With timestamps it must echo one
	 * that we sent.
	 */
	if (seg->flags & LINNET_ACK &&
	    (!seq_after(seg->ack, tp->snd_una) ||
	     seq_after(seg->ack, tp->snd_nxt))) {
		linnet_flow_of(sk, &flow);
		linnet_send_reset(sk, &flow, seg);
		return false;
	}
	/* Second: a reset counts only with a good ACK */
	if (seg->flags & LINNET_RST) {
		if (seg->flags & LINNET_ACK)
			linnet_reset_received(sk);
		return false;
	}
	/* Fourth: SYN.  Options that we did not ask for do not count. */
	if (!(seg->flags & LINNET_SYN))
		return false;
	opt.timestamp &= !!READ_ONCE(ln->timestamps);
	opt.sack_permitted &= !!READ_ONCE(ln->sack);
	opt.wscale_ok &= !!READ_ONCE(ln->window_scaling);
	tp->rcv_nxt = seg->seq + 1;
	tp->rcv_wup = tp->rcv_nxt;
	tp->copied_seq = tp->rcv_nxt;
	tp->snd_wl1 = seg->seq;
	tp->snd_wnd = seg->wnd;		/* not scaled: RFC 7323, 2.2 */
	tp->max_window = tp->snd_wnd;
	linnet_ecn_syn_received(sk, seg);
	linnet_syn_options(sk, &opt);

	if (!(seg->flags & LINNET_ACK)) {
		/* Simultaneous open: answer with SYN and ACK.  The SYN waits
		 * in the retransmission queue already.
		 */
		struct sk_buff *syn = linnet_rtx_head(sk);

		linnet_set_state(sk, TCP_SYN_RECV);
		LINNET_CB(syn)->flags = LINNET_SYN | LINNET_ACK |
			(linnet_ecn_on(tp) ? LINNET_ECE : 0);
		linnet_transmit(sk, syn, true, GFP_ATOMIC);
		return false;
	}

	linnet_acknowledge(sk, seg);
	linnet_early_remember(sk, seg->skb);
	security_inet_conn_established(sk, seg->skb);
	linnet_fastopen_answered(sk, &seg->opt);
	linnet_established(sk);
	if (seg->len || seg->flags & LINNET_FIN) {
		/* Data on a SYN is rare but legal (3.10.7.3, fourth) */
		seg->flags &= ~LINNET_SYN;
		seg->seq++;
		taken = linnet_receive_data(sk, seg);
		if (sk->sk_state == TCP_CLOSE)
			return taken;
	}
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	}
	linnet_owe_ack_now(sk);
	after_segment(sk);
	return taken;
}

/* Fifth, the part that depends on the state.  Returns false when the connection
 * is over.
 */
static bool ack_by_state(struct sock *sk, const struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->snd_una != tp->write_seq)
		return true;
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		fin_acknowledged(sk, seg);
		break;
	case TCP_CLOSING:
		linnet_timewait_start(sk);
		break;
	case TCP_LAST_ACK:
		linnet_done(sk);
		break;
	}
	return sk->sk_state != TCP_CLOSE;
}

static bool syn_is_out(const struct sock *sk)
{
	const struct sk_buff *head = linnet_rtx_head(sk);

	return head && LINNET_CB(head)->flags & LINNET_SYN;
}

/* A peer that has shrunk its window below what it had received sends its ACKs
 * from the new edge, which is below RCV.NXT here.  When memory makes both ends do
 * so, each would drop the other's ACKs for ever.  Such an ACK, old as a segment,
 * is taken for what it tells (RFC 9293, 3.10.7.4: "special allowance"); that it
 * acknowledges what is out guards it (RFC 5961, 5).
 */
static bool old_but_telling(const struct sock *sk,
			    const struct linnet_segment *seg)
{
	const u8 others = LINNET_SYN | LINNET_FIN | LINNET_RST;
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_state != TCP_SYN_RECV && !seg->len &&
	       (seg->flags & (LINNET_ACK | others)) == LINNET_ACK &&
	       seq_before(seg->seq, tp->rcv_nxt) &&
	       tp->rcv_nxt - seg->seq <= max(tp->window_clamp, 65535U) &&
	       seq_after(seg->ack, tp->snd_una) &&
	       !seq_after(seg->ack, tp->snd_nxt);
}

/* RFC 9293, 3.10.7.4, first: is it in the window, and not an old duplicate? */
static bool acceptable(struct sock *sk, struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 window = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;

	if (paws_rejects(tp, seg) && !paws_harmless(tp, seg) &&
	    !(seg->flags & LINNET_RST)) {
		LINNET_COUNT(sock_net(sk), PawsDropped);
		/* R1 asks for an ACK; to an ACK that was merely overtaken it
		 * would only look like a duplicate
		 */
		if (seg->seq != seg->end_seq || seg->seq != tp->rcv_nxt)
			linnet_send_challenge_ack(sk);
		return false;
	}
	if ((s32)window < 0)
		window = 0;
	/* Simultaneous open: the peer's SYN a second time, now with the ACK of
	 * ours (RFC 9293, figure 8, 6).  Take it as the ACK that it is.
	 */
	if (sk->sk_state == TCP_SYN_RECV &&
	    (seg->flags & (LINNET_SYN | LINNET_ACK | LINNET_RST)) ==
	    (LINNET_SYN | LINNET_ACK) &&
	    seg->seq + 1 == tp->rcv_nxt && seg->ack == tp->snd_nxt) {
		seg->flags &= ~LINNET_SYN;
		seg->seq++;
		/* the window of a SYN is not scaled */
		seg->wnd >>= tp->rx_opt.snd_wscale;
	}
	/* A FIN in the last place of a full window is wanted, too; what ends
	 * just at the left edge carries an ACK that matters; and a reset counts
	 * whatever the window, and whatever else it has.
	 */
	if (linnet_segment_acceptable(seg->seq, seg->end_seq, tp->rcv_nxt,
				      window) ||
	    (seg->seq == tp->rcv_nxt &&
	     (!seg->len || seg->flags & LINNET_RST)))
		return true;

	if (linnet_fastopen_repeated(sk, seg))
		return false;
	LINNET_COUNT(sock_net(sk), OutOfWindow);
	if (old_but_telling(sk, seg)) {
		linnet_acknowledge(sk, seg);
		if (ack_by_state(sk, seg))
			after_segment(sk);
		return false;
	}
	if (seg->flags & LINNET_RST)
		return false;
	if (seg->flags & LINNET_SYN) {	/* RFC 5961, 4.2 */
		linnet_send_challenge_ack(sk);
		return false;
	}
	if (seg->len && seq_before(seg->seq, tp->rcv_nxt) &&
	    tp->rx_opt.sack_ok)
		linnet_reassembly_duplicate(&linnet_sk(sk)->reassembly,
					    seg->seq, seq_min(seg->end_seq,
							      tp->rcv_nxt));
	/* A probe or a retransmission is answered always; a segment without
	 * data only so often, lest two ends answer each other for ever.
	 */
	if (seg->seq != seg->end_seq)
		linnet_send_ack(sk);
	else
		linnet_send_challenge_ack(sk);
	return false;
}

/* RFC 9293, 3.10.7.4, second, and RFC 5961, 3.2: a reset must be exact */
static void reset_segment(struct sock *sk, const struct linnet_segment *seg)
{
	if (seg->seq == tcp_sk(sk)->rcv_nxt)
		linnet_reset_received(sk);
	else
		linnet_send_challenge_ack(sk);
}

/* Third of a passive child or of a simultaneous open: our SYN is acknowledged */
static bool syn_received(struct sock *sk, struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* the SYN at least; after a fast open perhaps not all that followed */
	if (!seq_between(seg->ack, tp->snd_una + 1, tp->snd_nxt) ||
	    linnet_acknowledge(sk, seg) != 1) {
		refuse(sk, seg);
		return false;
	}
	tp->snd_wnd = seg->wnd << tp->rx_opt.snd_wscale;
	tp->snd_wl1 = seg->seq;
	tp->max_window = max(tp->max_window, tp->snd_wnd);
	linnet_established(sk);
	sk->sk_state_change(sk);
	if (sk->sk_socket)
		sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	/* what the user has asked for meanwhile */
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		linnet_shutdown(sk, SEND_SHUTDOWN);
	return true;
}

/**
 * linnet_rcv_state() - a segment arrives for a connection
 * @sk: the socket, locked, not in LISTEN
 * @seg: the segment
 *
 * Return: true when the buffer has been taken; otherwise it is the caller's.
 */
bool linnet_rcv_state(struct sock *sk, struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool taken = false;

	tp->segs_in += max_t(u16, 1, skb_shinfo(seg->skb)->gso_segs);
	trace_linnet_receive(sk, seg);
	linnet_clock_refresh(tp);

	if (sk->sk_state == TCP_CLOSE)
		return false;
	if (sk->sk_state == TCP_SYN_SENT)
		return syn_sent(sk, seg);

	if (!acceptable(sk, seg))
		return false;
	if (seg->flags & LINNET_RST) {
		reset_segment(sk, seg);
		return false;
	}
	/* Fourth: a SYN on a connection is answered, never obeyed */
	if (seg->flags & LINNET_SYN) {
		linnet_send_challenge_ack(sk);
		return false;
	}
	if (!(seg->flags & LINNET_ACK))
		return false;
	if (sk->sk_state == TCP_SYN_RECV) {
		if (!syn_received(sk, seg))
			return false;
	} else if (linnet_acknowledge(sk, seg) < 0) {
		return false;
	}
	/* closed since, and now our SYN is acknowledged: what else we have to
	 * send goes by the rules of a transfer
	 */
	if (unlikely(!inet_csk(sk)->icsk_ca_initialized) && !syn_is_out(sk))
		linnet_transfer_start(sk);
	/* the same, of a fast open */
	if (unlikely(linnet_sk(sk)->fastopen_pending) && !syn_is_out(sk))
		linnet_fastopen_proven(sk, false);
	linnet_early_remember(sk, seg->skb);
	if (sk->sk_state != TCP_ESTABLISHED && !ack_by_state(sk, seg))
		return false;

	/* Sixth: urgent data is data (RFC 9293, 3.8.5; RFC 6093) */
	if (seg->flags & LINNET_URG)
		LINNET_COUNT(sock_net(sk), UrgentIgnored);

	if (seg->len || seg->flags & LINNET_FIN) {
		switch (sk->sk_state) {
		case TCP_FIN_WAIT1:
		case TCP_FIN_WAIT2:
			/* RFC 9293, 3.10.4: data that nobody will read */
			if (sk->sk_shutdown & RCV_SHUTDOWN &&
			    seq_after(seg->seq + seg->len, tp->rcv_nxt)) {
				LINNET_COUNT(sock_net(sk), AbortOnData);
				refuse(sk, seg);
				linnet_reset_received(sk);
				return false;
			}
			fallthrough;
		case TCP_ESTABLISHED:
			taken = linnet_receive_data(sk, seg);
			break;
		default:	/* after the peer's FIN: ignored, seventh */
			break;
		}
	}
	after_segment(sk);
	return taken;
}

/**
 * linnet_do_rcv() - proto->backlog_rcv: process a segment
 * @sk: the socket, locked
 * @skb: the segment; consumed
 *
 * Return: 0.
 */
int linnet_do_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_segment seg linnet_unset;

	if (!linnet_segment_parse(skb, &seg))
		goto drop;
	if (sk->sk_state == TCP_LISTEN) {
		struct linnet_flow flow;

		bool taken;

		linnet_skb_flow(skb, sock_net(sk), &flow);
		/* From the backlog we come with softirqs on, and a child is
		 * about to be locked, which softirqs lock too
		 */
		local_bh_disable();
		taken = linnet_listen_rcv(sk, &seg, &flow);
		local_bh_enable();
		if (taken)
			return 0;
	} else if (linnet_rcv_state(sk, &seg)) {
		return 0;
	}
drop:
	kfree_skb(skb);
	return 0;
}
