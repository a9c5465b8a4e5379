// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A segment arrives: RFC 9293, 3.10.7, in its order.
 *
 *	3.10.7.1  CLOSED	demux.c
 *	3.10.7.2  LISTEN	handshake.c
 *	3.10.7.3  SYN-SENT	syn_sent()
 *	3.10.7.4  other states	linnet_rcv_state()
 *	TIME-WAIT		timewait.c
 */
#include <linux/ktime.h>
#include <linux/security.h>

#include "linnet.h"
#include "ecn.h"
#include "fastopen.h"
#include "flow.h"
#include "pmtu.h"
#include "rtt.h"
#include "trace.h"

#define PAWS_WINDOW	1	/* ms: how far TSval may lag (RFC 7323, 5.3) */

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

/**
 * linnet_timestamp_store() - TS.Recent (RFC 7323, 4.3)
 * @tp: the socket, locked
 * @seg: a segment in the window that covers the last ACK sent
 */
void linnet_timestamp_store(struct tcp_sock *tp,
			    const struct linnet_segment *seg)
{
	if (!seg->opt.timestamp || seq_after(seg->seq, tp->rcv_wup))
		return;
	tp->rx_opt.ts_recent = seg->opt.tsval;
	tp->rx_opt.ts_recent_stamp = ktime_get_seconds();
}

/* PAWS: RFC 7323, 5.3, R1.  A timestamp that was not renewed for 24 days says
 * nothing (5.5).
 */
static bool paws_rejects(const struct tcp_sock *tp,
			 const struct linnet_segment *seg)
{
	return tp->rx_opt.tstamp_ok && seg->opt.timestamp &&
	       (s32)(tp->rx_opt.ts_recent - seg->opt.tsval) > PAWS_WINDOW &&
	       ktime_get_seconds() - tp->rx_opt.ts_recent_stamp <
	       LINNET_PAWS_MEMORY;
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
	linnet_sync_mss(sk);
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
	linnet_sync_mss(sk);
	/* RFC 6298, (5.7): a handshake that gave no sample was retransmitted */
	if (!tp->srtt_us)
		tp->rttvar_us = jiffies_to_usecs(TCP_TIMEOUT_FALLBACK);
	/* RFC 5681, 3.1: and then the window begins with one segment */
	tcp_snd_cwnd_set(tp, tp->total_retrans > 1 ? 1 : TCP_INIT_CWND);
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
	linnet_sync_mss(sk);
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

static void acknowledge_now(struct sock *sk)
{
	linnet_sk(sk)->ack.pending = true;
	linnet_sk(sk)->ack.now = true;
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
	if (tcp_jiffies32 - ack->last_data > usecs_to_jiffies(linnet_rto(sk)))
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
	become_data(skb, seg);
	linnet_window_grow(sk, skb);
	if (append_to_last(sk, skb))
		return;
	__skb_queue_head_init(&covered);
	if (linnet_reassembly_insert(r, skb, &covered))
		skb_set_owner_r(skb, sk);
	else
		kfree_skb(skb);
	__skb_queue_purge(&covered);
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
	acknowledge_now(sk);
	if (seg->len && !skb_queue_empty(&sk->sk_receive_queue)) {
		LINNET_COUNT(sock_net(sk), RcvDropped);
		return false;
	}
	linnet_mem_force(sk, seg->skb->truesize);
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
		acknowledge_now(sk);
		return false;
	}
	if (!seq_before(seg->seq, edge) &&
	    !(seg->seq == tp->rcv_nxt && !seg->len)) {
		LINNET_COUNT(sock_net(sk), OutOfWindow);
		if (seg->seq == tp->rcv_nxt)
			LINNET_COUNT(sock_net(sk), ZeroWindowDropped);
		acknowledge_now(sk);
		return false;
	}
	if (!linnet_rmem_room(sk, seg) && !owed_room(sk, seg)) {
		acknowledge_now(sk);
		return false;
	}
	if (seg->len)
		measure_data(sk, seg);
	linnet_ecn_received(sk, seg);
	if (seq_after(seg->seq, tp->rcv_nxt)) {
		out_of_order(sk, seg);
		acknowledge_now(sk);
		return true;
	}

	if (seq_before(seg->seq, tp->rcv_nxt)) {
		if (tp->rx_opt.sack_ok)
			linnet_reassembly_duplicate(r, seg->seq, tp->rcv_nxt);
		acknowledge_now(sk);
	}
	filled = !linnet_reassembly_empty(r);
	become_data(seg->skb, seg);
	linnet_window_grow(sk, seg->skb);
	if (!accept_in_order(sk, seg->skb))
		return true;
	if (filled) {
		/* RFC 5681, 4.2: what fills a gap is acknowledged at once */
		acknowledge_now(sk);
		if (!drain_reassembly(sk))
			return true;
	}
	linnet_sk(sk)->ack.pending = true;
	if (!sock_flag(sk, SOCK_DEAD))
		linnet_data_ready(sk);
	return true;
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
	linnet_push_pending(sk);
	/* Only who found no room is told of it.  Pairs with the writer, who
	 * sets the bit and looks again.
	 */
	smp_mb();
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags)) {
		sk->sk_write_space(sk);
		if (!test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
			linnet_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
	}

	/* dctcp asks for an ACK in TCP's way */
	if (inet_csk(sk)->icsk_ack.pending & ICSK_ACK_NOW) {
		inet_csk(sk)->icsk_ack.pending &= ~ICSK_ACK_NOW;
		acknowledge_now(sk);
	}
	if (!ack->pending)
		return;
	if (ack->now || (ack->quick && !ack->pingpong) ||
	    second_segment(sk))
		linnet_send_ack(sk);
	else
		linnet_ack_arm(sk);
}

/* RFC 9293, 3.10.7.3 */
static bool syn_sent(struct sock *sk, struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct linnet_options opt = seg->opt;
	struct linnet_flow flow;
	bool taken = false;

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
	acknowledge_now(sk);
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
	    (seg->flags & (LINNET_SYN | LINNET_ACK)) ==
	    (LINNET_SYN | LINNET_ACK) &&
	    seg->seq + 1 == tp->rcv_nxt && seg->ack == tp->snd_nxt) {
		seg->flags &= ~LINNET_SYN;
		seg->seq++;
		/* the window of a SYN is not scaled */
		seg->wnd >>= tp->rx_opt.snd_wscale;
	}
	/* A FIN in the last place of a full window is wanted, too; and what
	 * ends just at the left edge carries an ACK that matters.
	 */
	if (linnet_segment_acceptable(seg->seq, seg->end_seq, tp->rcv_nxt,
				      window) ||
	    (seg->seq == tp->rcv_nxt && !seg->len))
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
	/* closed since, and now the SYN of a fast open is acknowledged */
	if (unlikely(linnet_sk(sk)->fastopen_pending) && !syn_is_out(sk))
		linnet_fastopen_proven(sk, false);
	linnet_timestamp_store(tp, seg);
	if (!ack_by_state(sk, seg))
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
	struct linnet_segment seg;

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
