// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments on their way out: headers, buffers that stand for several segments,
 * and what is sent without data.
 */
#include <linux/slab.h>
#include <net/inet_ecn.h>

#include "linnet.h"
#include "ecn.h"
#include "fastopen.h"
#include "pmtu.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_clock_refresh() - take the time once for all that happens now
 * @tp: the socket
 */
void linnet_clock_refresh(struct tcp_sock *tp)
{
	u64 now = ktime_get_ns();

	tp->tcp_clock_cache = now;
	tp->tcp_mstamp = div_u64(now, NSEC_PER_USEC);
}

/**
 * linnet_timestamp_now() - TSval without its offset (RFC 7323, 5.4)
 * @sk: the socket, its clock fresh
 *
 * Return: milliseconds.
 */
u32 linnet_timestamp_now(const struct sock *sk)
{
	return (u32)div_u64(tcp_sk(sk)->tcp_mstamp, USEC_PER_MSEC);
}

/* In the order of sending, for RACK; the place is one that TCP's buffers use in
 * the same way
 */
static void note_sent_last(struct tcp_sock *tp, struct sk_buff *skb)
{
	list_move_tail(&skb->tcp_tsorted_anchor, &tp->tsorted_sent_queue);
}

/**
 * linnet_free_skb() - free what linnet_alloc_skb() made
 * @skb: the buffer, uncharged, in no queue
 *
 * Its place in the order of sending shares memory with what kfree_skb() would
 * take for a route and a destructor.
 */
void linnet_free_skb(struct sk_buff *skb)
{
	list_del(&skb->tcp_tsorted_anchor);
	skb->destructor = NULL;
	skb->_skb_refdst = 0;
	__kfree_skb(skb);
}

/**
 * linnet_wmem_free() - a buffer of the send or retransmission queue goes
 * @sk: the socket, locked
 * @skb: the buffer, charged, out of its queue
 *
 * What it had charged stays with the socket: an ACK mostly comes with data, or
 * is followed by data, that need as much.  after_segment() in input.c gives back
 * what is left.
 */
void linnet_wmem_free(struct sock *sk, struct sk_buff *skb)
{
	sk_wmem_queued_add(sk, -skb->truesize);
	sk_forward_alloc_add(sk, skb->truesize);
	linnet_free_skb(skb);
}

/**
 * linnet_alloc_skb() - a buffer for the send queue, without data
 * @sk: the socket, locked
 * @gfp: how to allocate
 *
 * Return: the buffer, uncharged, with room for all headers; NULL.
 */
struct sk_buff *linnet_alloc_skb(struct sock *sk, gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb_fclone(MAX_TCP_HEADER, gfp);

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	skb->ip_summed = CHECKSUM_PARTIAL;
	memset(LINNET_CB(skb), 0, sizeof(struct linnet_cb));
	INIT_LIST_HEAD(&skb->tcp_tsorted_anchor);
	return skb;
}

/**
 * linnet_append() - put a buffer at the end of what waits to be sent
 * @sk: the socket, locked
 * @skb: the buffer; its control block tells flags and length in sequence space
 *
 * The memory is charged whatever the limits: a caller who can wait has asked
 * for room before, and what is owed to the peer (SYN, FIN) is owed.
 */
void linnet_append(struct sock *sk, struct sk_buff *skb)
{
	__skb_queue_tail(&sk->sk_write_queue, skb);
	sk_wmem_queued_add(sk, skb->truesize);
	linnet_mem_force(sk, skb->truesize, SK_MEM_SEND);
	sk_mem_charge(sk, skb->truesize);
	if (skb_peek(&sk->sk_write_queue) == skb)
		linnet_chrono_start(sk, TCP_CHRONO_BUSY);
}

/**
 * linnet_init_segs() - how many segments does a buffer stand for?
 * @skb: the buffer
 * @mss: bytes of data in a full segment
 */
void linnet_init_segs(struct sk_buff *skb, u32 mss)
{
	struct linnet_cb *cb = LINNET_CB(skb);

	if (skb->len <= mss) {
		cb->segs = 1;
		cb->gso_size = 0;
	} else {
		cb->segs = DIV_ROUND_UP(skb->len, mss);
		cb->gso_size = mss;
	}
}

/* The last reference of what lies in the queue below, or the last but some:
 * whoever was stopped for having too much there may go on.
 */
static void transmitted(struct sk_buff *skb)
{
	struct linnet_sock *ls = linnet_sk(skb->sk);
	struct sock *sk = skb->sk;

	if (test_bit(LINNET_THROTTLED, &ls->xmit_flags) &&
	    !test_and_set_bit(LINNET_KICKED, &ls->xmit_flags)) {
		if (refcount_inc_not_zero(&sk->sk_refcnt)) {
			clear_bit(LINNET_THROTTLED, &ls->xmit_flags);
			tasklet_schedule(&ls->xmit_tasklet);
		} else {
			clear_bit(LINNET_KICKED, &ls->xmit_flags);
		}
	}
	sock_wfree(skb);
}

/**
 * linnet_sent_skb() - is a buffer on its way out one of ours?
 * @skb: the buffer; anybody may have made it, with our protocol number in it
 */
bool linnet_sent_skb(const struct sk_buff *skb)
{
	return skb->sk && skb->destructor == transmitted;
}

static void set_owner(struct sk_buff *skb, struct sock *sk)
{
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = transmitted;
	refcount_add(skb->truesize, &sk->sk_wmem_alloc);
	skb_set_hash_from_sk(skb, sk);
}

static void syn_options(struct sock *sk, struct linnet_options *opt, bool ack)
{
	struct tcp_options_received *rx = &tcp_sk(sk)->rx_opt;
	struct linnet_net *ln = linnet_sk_net(sk);

	opt->mss = linnet_advertised_mss(sk);
	if (ack ? rx->tstamp_ok : READ_ONCE(ln->timestamps)) {
		opt->timestamp = true;
		opt->tsval = linnet_timestamp_now(sk) + tcp_sk(sk)->tsoffset;
		opt->tsecr = rx->ts_recent;
	}
	if (ack ? rx->wscale_ok : READ_ONCE(ln->window_scaling)) {
		opt->wscale_ok = true;
		opt->wscale = rx->rcv_wscale;
	}
	opt->sack_permitted = ack ? rx->sack_ok : READ_ONCE(ln->sack);
	linnet_fastopen_option(sk, opt);
}

static void established_options(struct sock *sk, struct linnet_options *opt)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned int room;

	if (tp->rx_opt.tstamp_ok) {
		opt->timestamp = true;
		opt->tsval = linnet_timestamp_now(sk) + tp->tsoffset;
		opt->tsecr = tp->rx_opt.ts_recent;
	}
	if (!READ_ONCE(linnet_sk_net(sk)->dsack))
		r->dsack.end = r->dsack.start;
	if (!tp->rx_opt.sack_ok || !linnet_reassembly_told(r))
		return;
	room = (LINNET_OPTIONS_MAX - linnet_options_len(opt) - 4) /
	       LINNET_OPTLEN_SACK_BLOCK;
	if (r->dsack.start != r->dsack.end)
		LINNET_COUNT(sock_net(sk), DsackSent);
	opt->n_sack = linnet_reassembly_blocks(r, opt->sack, room);
}

static void write_header(struct sk_buff *skb, __be16 source, __be16 dest,
			 u32 seq, u32 ack, u8 flags, u32 window,
			 const struct linnet_options *opt)
{
	unsigned int len = LINNET_HEADER_LEN + linnet_options_len(opt);
	struct linnet_header *h;

	h = skb_push(skb, len);
	skb_reset_transport_header(skb);
	*h = (struct linnet_header){
		.source		= source,
		.dest		= dest,
		.seq		= htonl(seq),
		.ack_seq	= htonl(ack),
		.doff		= len / 4 << 4,
		.flags		= flags,
		.window		= htons(min_t(u32, window, 65535)),
	};
	/* fills all of what linnet_options_len() told */
	linnet_options_write(opt, (__be32 *)(h + 1));
}

static void ack_sent(struct sock *sk, u32 rcv_nxt)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	if (ack->quick)
		ack->quick--;
	linnet_compress_done(sk);
	if (rcv_nxt == tcp_sk(sk)->rcv_nxt)
		linnet_ack_disarm(sk);
}

static void data_sent(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	u32 now = tcp_jiffies32;

	if (!tcp_packets_in_flight(tcp_sk(sk)))
		linnet_cong_tx_start(sk);
	tcp_sk(sk)->lsndtime = now;
	/* An answer soon after data came: a dialogue, where ACKs can wait for
	 * the data that they will ride on
	 */
	if (tcp_sk(sk)->data_segs_in && now - ack->last_data < ack->timeout)
		ack->pingpong = true;
}

/* A copy of a queued buffer, which the device may have its way with.  A copy
 * that is still in the queue below has its header in the headroom that a second
 * one would share.
 */
static struct sk_buff *copy_queued(struct sk_buff *queued, gfp_t gfp)
{
	struct sk_buff *skb;

	tcp_skb_tsorted_save(queued) {
		skb = skb_cloned(queued) ? pskb_copy(queued, gfp) :
					   skb_clone(queued, gfp);
	} tcp_skb_tsorted_restore(queued);
	if (!skb)
		return NULL;
	/* it shares its place with the node in the queue's tree */
	skb->dev = NULL;
	return skb;
}

/* The pace: when may the next one go? */
static void note_departure(struct sock *sk, struct sk_buff *queued, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 prior = tp->tcp_wstamp_ns, credit, gap;
	unsigned long rate = READ_ONCE(sk->sk_pacing_rate);

	tp->tcp_wstamp_ns = max(prior, tp->tcp_clock_cache);
	queued->skb_mstamp_ns = tp->tcp_wstamp_ns;
	/* the first window goes as it is, as with fq */
	if (sk->sk_pacing_status == SK_PACING_NONE || !len || !rate ||
	    rate == ~0UL || tp->data_segs_out < TCP_INIT_CWND)
		return;
	gap = div64_ul((u64)len * NSEC_PER_SEC, rate);
	/* a timer that was late is made up for, in part */
	credit = tp->tcp_wstamp_ns - prior;
	tp->tcp_wstamp_ns += gap - min_t(u64, gap / 2, credit);
}

/**
 * linnet_transmit() - give one buffer to IP
 * @sk: the socket, locked, its clock fresh
 * @skb: the buffer; consumed unless @clone
 * @clone: @skb stays in a queue: send a copy that shares its data
 * @gfp: how to allocate the copy
 *
 * Return: 0, or a negative error; -ENOBUFS when it was dropped here for lack of
 * resources, and the window has been reduced for that.
 */
int linnet_transmit(struct sock *sk, struct sk_buff *skb, bool clone, gfp_t gfp)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct inet_sock *inet = inet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_options opt = {};
	struct sk_buff *queued = NULL;
	u32 seq = cb->seq, window, rcv_nxt;
	u16 segs = cb->segs, gso_size = cb->gso_size;
	u8 flags = cb->flags;
	u32 len = skb->len;
	int err;

	if (clone) {
		queued = skb;
		skb = copy_queued(queued, gfp);
		if (!skb)
			return -ENOBUFS;
	}

	if (!(flags & LINNET_SYN))
		flags = linnet_ecn_send(sk, skb, flags);
	/* a receiver that merges segments has no more to wait for */
	if (segs > 1)
		flags |= LINNET_PSH;
	if (flags & LINNET_SYN)
		syn_options(sk, &opt, flags & LINNET_ACK);
	else
		established_options(sk, &opt);
	window = flags & LINNET_SYN ? min_t(u32, tp->rcv_wnd, 65535) :
				      linnet_select_window(sk);
	rcv_nxt = tp->rcv_nxt;
	write_header(skb, inet->inet_sport, inet->inet_dport, seq,
		     flags & LINNET_ACK ? rcv_nxt : 0, flags, window, &opt);

	skb_shinfo(skb)->gso_segs = segs;
	skb_shinfo(skb)->gso_size = segs > 1 ? gso_size : 0;
	skb_shinfo(skb)->gso_type = segs > 1 ? sk->sk_gso_type : 0;
	/* TCP_TX_DELAY: a queueing discipline that can (fq) holds it back */
	skb_set_delivery_time(skb, tp->tcp_tx_delay ? tp->tcp_clock_cache +
			      (u64)tp->tcp_tx_delay * NSEC_PER_USEC : 0, true);
	memset(skb->cb, 0, sizeof(skb->cb));
	set_owner(skb, sk);
	linnet_sk(sk)->af->checksum(sk, skb);

	if (flags & LINNET_ACK)
		ack_sent(sk, rcv_nxt);
	if (len) {
		data_sent(sk);
		tp->data_segs_out += segs;
		tp->bytes_sent += len;
	}
	tp->segs_out += segs;
	LINNET_COUNT_SK(sk, OutSegs, segs);
	trace_linnet_send(sk, seq, len, flags, segs);

	err = linnet_sk(sk)->af->xmit(sk, skb);
	if (unlikely(err > 0)) {
		linnet_enter_cwr(sk);
		err = net_xmit_eval(err) ? -ENOBUFS : 0;
	}
	if (queued) {
		note_departure(sk, queued, len);
		if (!err) {
			note_sent_last(tp, queued);
			linnet_rate_sent(sk, queued);
		}
	}
	return err;
}

/* A segment without data that lies in no queue */
static void send_control(struct sock *sk, u8 flags, u32 seq)
{
	struct sk_buff *skb = alloc_skb(MAX_TCP_HEADER,
					sk_gfp_mask(sk, GFP_ATOMIC |
						    __GFP_NOWARN));

	if (!skb) {
		/* an ACK that could not be sent is still owed */
		if (!(flags & LINNET_RST))
			linnet_ack_arm(sk);
		return;
	}
	skb_reserve(skb, MAX_TCP_HEADER);
	memset(LINNET_CB(skb), 0, sizeof(struct linnet_cb));
	LINNET_CB(skb)->seq = seq;
	LINNET_CB(skb)->end_seq = seq;
	LINNET_CB(skb)->flags = flags;
	LINNET_CB(skb)->segs = 1;
	linnet_clock_refresh(tcp_sk(sk));
	linnet_transmit(sk, skb, false, GFP_ATOMIC);
}

/* A sequence number that the peer accepts even when its window has shrunk */
static u32 acceptable_seq(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 edge = tp->snd_una + tp->snd_wnd;

	if (!seq_before(edge, tp->snd_nxt) ||
	    (tp->rx_opt.wscale_ok &&
	     tp->snd_nxt - edge < 1U << tp->rx_opt.rcv_wscale))
		return tp->snd_nxt;
	return edge;
}

/**
 * linnet_send_ack() - acknowledge now
 * @sk: the socket, locked
 */
void linnet_send_ack(struct sock *sk)
{
	if (sk->sk_state == TCP_CLOSE)
		return;
	send_control(sk, LINNET_ACK, acceptable_seq(sk));
}

/**
 * linnet_send_challenge_ack() - answer what only an attacker or a restarted
 *	peer sends (RFC 5961, 3 to 5), not too often (7)
 * @sk: the socket, locked
 */
void linnet_send_challenge_ack(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct linnet_sock *ls = linnet_sk(sk);
	u32 since = tcp_jiffies32 - ls->last_challenge;
	int limit = READ_ONCE(ln->challenge_ack_limit);
	u32 now = jiffies / HZ;

	/* one connection must not answer itself into a loop ... */
	if (since < msecs_to_jiffies(READ_ONCE(ln->invalid_ratelimit)))
		return;
	if (limit == INT_MAX)
		goto send;
	/* ... and all together must not tell by silence that one exists: the
	 * limit is shared, and only on average exact (CVE-2016-5696)
	 */
	if (READ_ONCE(ln->challenge_timestamp) != now) {
		u32 half = (limit + 1) / 2;

		WRITE_ONCE(ln->challenge_timestamp, now);
		WRITE_ONCE(ln->challenge_count,
			   half + reciprocal_scale(get_random_u32(), limit));
	}
	if (!READ_ONCE(ln->challenge_count))
		return;
	WRITE_ONCE(ln->challenge_count, READ_ONCE(ln->challenge_count) - 1);
send:
	ls->last_challenge = tcp_jiffies32;
	LINNET_COUNT(sock_net(sk), ChallengeAcks);
	linnet_send_ack(sk);
}

/**
 * linnet_send_fin() - our side has nothing more to say
 * @sk: the socket, locked; its state has changed already
 *
 * Context: process, may sleep.
 */
void linnet_send_fin(struct sock *sk)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);
	struct tcp_sock *tp = tcp_sk(sk);

	if (tail) {
		LINNET_CB(tail)->flags |= LINNET_FIN;
		LINNET_CB(tail)->end_seq++;
		tp->write_seq++;
	} else {
		/* Owed whatever the memory limits: linnet_append().  Only who
		 * can wait for memory cannot be refused any.
		 */
		tail = linnet_alloc_skb(sk, sk_gfp_mask(sk, sk->sk_allocation |
							__GFP_DIRECT_RECLAIM |
							__GFP_NOFAIL));
		LINNET_CB(tail)->flags = LINNET_ACK | LINNET_FIN;
		LINNET_CB(tail)->seq = tp->write_seq;
		LINNET_CB(tail)->end_seq = ++tp->write_seq;
		linnet_append(sk, tail);
	}
	/* dropped on its way out, it is sent again by the persist timer */
	if (linnet_write_xmit(sk, linnet_send_mss(sk, NULL), TCP_NAGLE_OFF,
			      LINNET_XMIT_ALL))
		linnet_persist_start(sk);
}

/**
 * linnet_send_active_reset() - tell the peer that the connection is no more
 * @sk: the socket, locked
 */
void linnet_send_active_reset(struct sock *sk)
{
	LINNET_COUNT(sock_net(sk), OutRsts);
	send_control(sk, LINNET_ACK | LINNET_RST, acceptable_seq(sk));
}

/**
 * linnet_send_window_probe() - make the peer say where it stands
 * @sk: the socket, locked
 * @data: probe with data if the window takes some: it opened and we missed it
 *
 * Otherwise with a sequence number that was used before, which the peer must
 * answer with an ACK (RFC 9293, 3.8.6.1 and 3.8.4).
 */
void linnet_send_window_probe(struct sock *sk, bool data)
{
	struct sk_buff *skb = skb_peek(&sk->sk_write_queue);
	struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (data && skb &&
	    seq_before(LINNET_CB(skb)->seq, tp->snd_una + tp->snd_wnd)) {
		linnet_push_piece(sk);
		return;
	}
	if (data)
		LINNET_COUNT(sock_net(sk), WindowProbes);
	send_control(sk, LINNET_ACK, tp->snd_una - 1);
}

/**
 * linnet_send_syn() - open a connection (RFC 9293, 3.10.1)
 * @sk: the socket, locked, its sequence numbers set
 *
 * Return: 0 or -ENOBUFS; a SYN that could not be sent for another reason is
 * retransmitted, unless there is no route: then that error.
 */
int linnet_send_syn(struct sock *sk)
{
	struct sk_buff *skb = linnet_alloc_skb(sk, sk->sk_allocation);
	struct tcp_sock *tp = tcp_sk(sk);
	int err;

	if (!skb)
		return -ENOBUFS;
	LINNET_CB(skb)->flags = LINNET_SYN | linnet_ecn_syn(sk);
	LINNET_CB(skb)->seq = tp->write_seq;
	LINNET_CB(skb)->end_seq = ++tp->write_seq;
	LINNET_CB(skb)->segs = 1;
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
	linnet_clock_refresh(tp);
	tp->retrans_stamp = linnet_timestamp_now(sk);
	linnet_rtx_add(sk, skb);
	tp->packets_out = 1;
	tp->snd_nxt = tp->write_seq;
	LINNET_COUNT_SK(sk, ActiveOpens, 1);

	if (linnet_fastopen_send_syn(sk, skb)) {
		err = 0;
	} else {
		tp->syn_fastopen = tp->fastopen_req &&
				   tp->fastopen_req->cookie.len >= 0;
		err = linnet_transmit(sk, skb, true, sk->sk_allocation);
	}
	/* a SYN that is repeated goes without the option (RFC 7413, 4.1.3.1) */
	if (tp->fastopen_req)
		tp->fastopen_req->cookie.len = -1;
	if (err && err != -ENOBUFS)
		return err;
	linnet_rtx_arm(sk, LINNET_TIMER_RTO, linnet_rto(sk));
	return 0;
}

/**
 * linnet_make_reply() - a segment that answers without a connection
 * @flow: the two ends
 * @flags: flags
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @window: SEG.WND as on the wire
 * @opt: options
 *
 * Return: the buffer, data at the header, or NULL.
 */
struct sk_buff *linnet_make_reply(const struct linnet_flow *flow, u8 flags,
				  u32 seq, u32 ack, u32 window,
				  const struct linnet_options *opt)
{
	struct sk_buff *skb = alloc_skb(MAX_TCP_HEADER, GFP_ATOMIC |
					__GFP_NOWARN);

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	write_header(skb, htons(flow->lport), flow->rport, seq, ack, flags,
		     window, opt);
	return skb;
}

/**
 * linnet_send_reply() - send what linnet_make_reply() made
 * @sk: the listener that answers, or NULL
 * @flow: the two ends
 * @skb: consumed
 * @dst: the route, with a reference, which is consumed; NULL: not known
 *
 * Return: 0 or a negative error.
 */
int linnet_send_reply(struct sock *sk, const struct linnet_flow *flow,
		      struct sk_buff *skb, struct dst_entry *dst)
{
	LINNET_COUNT(flow->net, OutSegs);
	return linnet_flow_af(flow)->send_reply(sk, flow, skb, dst);
}

/**
 * linnet_send_reset() - answer a segment that belongs to nothing
 * @sk: the listener that it came to, or NULL
 * @flow: the two ends
 * @seg: the segment
 *
 * RFC 9293, 3.5.2: never in answer to a reset.
 */
void linnet_send_reset(struct sock *sk, const struct linnet_flow *flow,
		       const struct linnet_segment *seg)
{
	struct linnet_options none = {};
	struct sk_buff *skb;

	if (seg->flags & LINNET_RST)
		return;
	if (seg->flags & LINNET_ACK)
		skb = linnet_make_reply(flow, LINNET_RST, seg->ack, 0, 0,
					&none);
	else
		skb = linnet_make_reply(flow, LINNET_RST | LINNET_ACK, 0,
					seg->end_seq, 0, &none);
	if (!skb)
		return;
	LINNET_COUNT(flow->net, OutRsts);
	linnet_send_reply(sk, flow, skb, NULL);
}

/**
 * linnet_mss_for() - what a path takes in one segment
 * @af: IP version
 * @mtu: path MTU, bytes
 *
 * Return: bytes of data in a segment without options (RFC 6691).
 */
u32 linnet_mss_for(const struct linnet_af_ops *af, u32 mtu)
{
	u32 overhead = af->header_len + LINNET_HEADER_LEN;

	return mtu > overhead + LINNET_MSS_MIN ? mtu - overhead :
						 LINNET_MSS_MIN;
}

/**
 * linnet_advertised_mss() - the MSS option that we send (RFC 9293, 3.7.1)
 * @sk: the socket, locked
 *
 * Return: bytes.
 */
u16 linnet_advertised_mss(struct sock *sk)
{
	struct dst_entry *dst = linnet_sk(sk)->af->route(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_path path;
	u32 mss = tp->advmss;

	if (dst) {
		linnet_path_of(dst, &path);
		mss = min(mss, path.advmss);
	}
	if (tp->rx_opt.user_mss)
		mss = min_t(u32, mss, tp->rx_opt.user_mss);
	tp->advmss = mss;
	return mss;
}

/**
 * linnet_recompute_mss() - how much data may a segment carry?
 * @sk: the socket, locked
 *
 * From the path MTU as it was last seen, what the peer takes, what the user
 * asked for, and the options that every segment carries (RFC 9293, 3.7.1,
 * MUST-16).
 *
 * Return: bytes, also in tcp_sock.mss_cache.
 */
u32 linnet_recompute_mss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss, most, options = tp->tcp_header_len - LINNET_HEADER_LEN;

	mss = linnet_mss_for(linnet_sk(sk)->af, inet_csk(sk)->icsk_pmtu_cookie);
	mss = min_t(u32, mss, tp->rx_opt.mss_clamp);
	mss = max_t(u32, mss, LINNET_MSS_MIN);
	mss -= min(options, mss - 8);
	/* A peer with a small window shall not be kept waiting for one large
	 * segment to fit (RFC 9293, 3.8.6.2.1, Fs)
	 */
	most = tp->max_window > LINNET_MSS_DEFAULT_IPV4 ? tp->max_window >> 1 :
							  tp->max_window;
	if (most && mss > most)
		mss = max_t(u32, most, 68 - tp->tcp_header_len);
	tp->mss_cache = linnet_mtu_bound(sk, mss);
	return tp->mss_cache;
}

/**
 * linnet_sync_mss() - the same, by what the route says of the path MTU now
 * @sk: the socket, locked
 *
 * Return: bytes, also in tcp_sock.mss_cache.
 */
u32 linnet_sync_mss(struct sock *sk)
{
	struct dst_entry *dst = linnet_sk(sk)->af->route(sk);

	if (dst) {
		u32 mtu = dst_mtu(dst);

		if (mtu < inet_csk(sk)->icsk_pmtu_cookie)
			LINNET_COUNT(sock_net(sk), PmtuReduced);
		inet_csk(sk)->icsk_pmtu_cookie = mtu;
	}
	return linnet_recompute_mss(sk);
}
