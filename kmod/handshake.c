// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The passive side, up to ESTABLISHED: RFC 9293, 3.10.7.2 and the part of
 * SYN-RECEIVED that a listener keeps.
 *
 * A SYN becomes a small request in the listener's SYN queue (synqueue.c), not a
 * socket; or, when that is full, nothing at all but a cookie in the answer
 * (syncookies.c).  The ACK of our SYN and ACK makes a child of it (child.c),
 * which waits in the accept queue.  Both queues are under the listener's lock.
 */
#include <linux/security.h>
#include <linux/slab.h>
#include <net/l3mdev.h>

#include "handshake.h"
#include "ecn.h"
#include "fastopen.h"
#include "flow.h"
#include "trace.h"
#include "xmit.h"

static u32 now_ms(void)
{
	return div_u64(ktime_get_ns(), NSEC_PER_MSEC);
}

/**
 * linnet_request_tsval() - our timestamp towards a peer (RFC 7323, 5.4)
 * @req: the request
 */
u32 linnet_request_tsval(const struct linnet_request *req)
{
	return now_ms() + req->ts_offset;
}

/* The interface that a connection is bound to: its listener's; the VRF that the
 * SYN came by, if the listener is for all of them; and a link-local address
 * means nothing without its link.
 */
static int bound_dev(const struct sock *sk, const struct linnet_flow *flow)
{
	int bound = READ_ONCE(sk->sk_bound_dev_if);

	if (!bound && READ_ONCE(linnet_sk_net(sk)->l3mdev_accept))
		bound = l3mdev_master_ifindex_by_index(flow->net, flow->iif);
	if (!bound && flow->family == AF_INET6 &&
	    ipv6_addr_type(&flow->raddr6) & IPV6_ADDR_LINKLOCAL)
		bound = flow->iif;
	return bound;
}

/**
 * linnet_request_init() - what a request has from the SYN's options and ends
 * @sk: the listener, locked
 * @req: the request, zeroed
 * @flow: the two ends
 * @opt: options of the SYN
 *
 * Return: the route to the peer, with a reference, or NULL when there is none.
 */
struct dst_entry *linnet_request_init(struct sock *sk,
				      struct linnet_request *req,
				      const struct linnet_flow *flow,
				      const struct linnet_options *opt)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct linnet_first_windows first;
	struct linnet_path path;
	struct dst_entry *dst;

	req->flow = *flow;
	req->bound_dev_if = bound_dev(sk, flow);
	req->opt = *opt;
	req->opt.timestamp &= !!READ_ONCE(ln->timestamps);
	req->opt.sack_permitted &= !!READ_ONCE(ln->sack);
	req->opt.wscale_ok &= !!READ_ONCE(ln->window_scaling);
	/* what we answer to that is for fastopen.c to say */
	req->opt.fastopen = false;
	req->ts_recent = opt->tsval;
	req->snt_isn = linnet_isn(flow, &req->ts_offset);
	dst = linnet_flow_af(flow)->path(sk, flow, &path);
	req->mss = path.advmss;
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);
	linnet_first_windows(sk, &path, req->mss - (req->opt.timestamp ?
			     LINNET_OPTLEN_TIMESTAMP_ALIGNED : 0),
			     req->opt.wscale_ok, &first);
	req->rcv_wnd = first.window;
	req->window_clamp = first.clamp;
	req->rcv_wscale = first.wscale;
	req->features = path.features;
	req->fastopen_no_cookie = path.fastopen_no_cookie;
	req->last_reply = jiffies - HZ;
	return dst;
}

/**
 * linnet_send_syn_ack() - answer a SYN
 * @sk: the listener, locked
 * @req: the request
 * @tsval: TSval, if timestamps are used
 * @dst: the route, with a reference, which is consumed; NULL: not known
 */
void linnet_send_syn_ack(struct sock *sk, struct linnet_request *req,
			 u32 tsval, struct dst_entry *dst)
{
	struct linnet_options opt = {
		.fastopen	= req->opt.fastopen && !req->retransmits,
		.cookie_len	= req->opt.cookie_len,
		.mss		= req->mss,
		.wscale		= req->rcv_wscale,
		.wscale_ok	= req->opt.wscale_ok,
		.sack_permitted	= req->opt.sack_permitted,
		.timestamp	= req->opt.timestamp,
		.tsval		= tsval,
		.tsecr		= req->ts_recent,
	};
	struct sk_buff *skb;

	memcpy(opt.cookie, req->opt.cookie, sizeof(opt.cookie));
	skb = linnet_make_reply(&req->flow, LINNET_SYN | LINNET_ACK |
				(req->ecn_ok ? LINNET_ECE : 0),
				req->snt_isn, req->rcv_isn + 1,
				min_t(u32, req->rcv_wnd, 65535), &opt);
	if (skb)
		linnet_send_reply(sk, &req->flow, skb, dst);
	else
		dst_release(dst);
}

/**
 * linnet_lsm_request() - ask the security modules whether a SYN may be answered
 * @sk: the listener, locked
 * @skb: the SYN, data at its header
 * @family: of the packet
 *
 * They know TCP's kind of request, so one is shown to them.
 */
bool linnet_lsm_request(struct sock *sk, struct sk_buff *skb, int family)
{
	static const struct request_sock_ops ops[] = {
		{ .family = AF_INET }, { .family = AF_INET6 },
	};
	struct inet_request_sock ireq = {
		.req.rsk_ops = &ops[family == AF_INET6],
	};
	int err;

	ireq.ireq_family = family;
	err = security_inet_conn_request(sk, skb, &ireq.req);
	/* a label for our answers (CIPSO): requests have no IP options */
	if (family == AF_INET)
		kfree(rcu_dereference_protected(ireq.ireq_opt, 1));
	return !err;
}

/* The headers of the SYN, for TCP_SAVED_SYN */
static void save_syn(const struct sock *sk, struct linnet_request *req,
		     const struct linnet_segment *seg)
{
	const struct sk_buff *skb = seg->skb;
	struct saved_syn *saved;
	u32 mac = 0, network = skb_network_offset(skb) * -1;

	if (!tcp_sk(sk)->save_syn)
		return;
	if (tcp_sk(sk)->save_syn == 2 && skb_mac_header_was_set(skb))
		mac = skb_mac_header_len(skb);
	saved = kmalloc(struct_size(saved, data,
				    mac + network + seg->header_len),
			GFP_ATOMIC | __GFP_NOWARN);
	if (!saved)
		return;
	saved->mac_hdrlen = mac;
	saved->network_hdrlen = network;
	saved->tcp_hdrlen = seg->header_len;
	memcpy(saved->data, skb_network_header(skb) - mac,
	       mac + network + seg->header_len);
	req->saved_syn = saved;
}

/**
 * linnet_forget_saved_syn() - free what TCP_SAVE_SYN has saved
 * @req: the request
 */
void linnet_forget_saved_syn(struct linnet_request *req)
{
	kfree(req->saved_syn);
	req->saved_syn = NULL;
}

/* Without cookies the last quarter of the backlog is not for strangers: they
 * could be a flood
 */
static bool backlog_spent(const struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	int most = READ_ONCE(ln->max_syn_backlog);

	return !READ_ONCE(ln->syncookies) &&
	       most - (int)linnet_listen_syn_queue(sk) < most >> 2;
}

/* The child that the data of a SYN make (RFC 7413).  Returns false when the
 * handshake goes its usual way.
 */
static bool fast_open(struct sock *sk, struct linnet_request *req,
		      struct linnet_segment *seg, bool *taken)
{
	struct linnet_options answer = {};
	struct sock *child;

	if (linnet_fastopen_server(sk, seg, req, &answer)) {
		child = linnet_fastopen_child(sk, req, seg, &answer, taken);
		if (child) {
			linnet_synq_free(req);
			sk->sk_data_ready(sk);
			__acquire(&child->sk_lock.slock); /* sk_clone_lock() */
			bh_unlock_sock(child);
			sock_put(child);
			return true;
		}
	}
	req->opt.fastopen = answer.fastopen;
	req->opt.cookie_len = answer.cookie_len;
	memcpy(req->opt.cookie, answer.cookie, sizeof(answer.cookie));
	return false;
}

/* A SYN for a listener: RFC 9293, 3.10.7.2, third.  Returns true when the buffer
 * has been taken.
 */
static bool new_request(struct sock *sk, struct linnet_segment *seg,
			const struct linnet_flow *flow)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	u32 isn = LINNET_CB(seg->skb)->seq;
	struct linnet_request *req;
	struct dst_entry *dst;
	bool cookie = false, taken = false;

	/* One who was in TIME-WAIT has shown before that he is there */
	if (!isn && (READ_ONCE(ln->syncookies) == 2 ||
		     inet_csk_reqsk_queue_is_full(sk))) {
		cookie = linnet_cookie_wanted(sk);
		if (!cookie)
			goto drop;
	}
	if (sk_acceptq_is_full(sk)) {
		LINNET_COUNT(sock_net(sk), ListenOverflows);
		goto drop;
	}
	if (!linnet_lsm_request(sk, seg->skb, flow->family))
		goto drop;
	if (cookie) {
		linnet_cookie_answer(sk, seg, flow);
		return false;
	}
	if (!isn && backlog_spent(sk))
		goto drop;
	req = linnet_synq_alloc();
	if (!req)
		goto drop;
	dst = linnet_request_init(sk, req, flow, &seg->opt);
	req->ecn_ok = linnet_ecn_request(sk, seg, req->features);
	req->rcv_isn = seg->seq;
	/* unless it goes on where TIME-WAIT ended */
	if (isn)
		req->snt_isn = isn;
	save_syn(sk, req, seg);
	if (fast_open(sk, req, seg, &taken)) {
		dst_release(dst);
		return taken;
	}
	req->sent_us = div_u64(ktime_get_ns(), NSEC_PER_USEC);
	linnet_synq_add(sk, req);
	linnet_send_syn_ack(sk, req, linnet_request_tsval(req), dst);
	return false;
drop:
	atomic_inc(&sk->sk_drops);
	LINNET_COUNT(sock_net(sk), ListenDrops);
	return false;
}

/* The ACK has come: a child for the accept queue, which gets the segment.
 * Returns false when there is none; @taken tells whether the buffer was taken.
 */
static bool give_birth(struct sock *sk, struct linnet_request *req,
		       struct linnet_segment *seg, bool *taken)
{
	struct sock *child = linnet_child_make(sk, req, seg->skb);

	*taken = false;
	if (!child) {
		LINNET_COUNT(sock_net(sk), ListenDrops);
		return false;
	}
	linnet_child_enqueue(sk, child);
	*taken = linnet_rcv_state(child, seg);
	sk->sk_data_ready(sk);
	__acquire(&child->sk_lock.slock);	/* sk_clone_lock() did */
	bh_unlock_sock(child);
	sock_put(child);
	return true;
}

/* A peer that repeats itself gets not more than so many answers */
static bool may_answer(struct linnet_request *req)
{
	struct linnet_net *ln = linnet_pernet(req->flow.net);

	if (time_before(jiffies, req->last_reply +
			msecs_to_jiffies(READ_ONCE(ln->invalid_ratelimit))))
		return false;
	req->last_reply = jiffies;
	return true;
}

static void challenge(struct sock *sk, struct linnet_request *req)
{
	struct linnet_options opt = {
		.timestamp	= req->opt.timestamp,
		.tsval		= linnet_request_tsval(req),
		.tsecr		= req->ts_recent,
	};
	struct sk_buff *skb;

	if (!may_answer(req))
		return;
	skb = linnet_make_reply(&req->flow, LINNET_ACK, req->snt_isn + 1,
				req->rcv_isn + 1,
				req->rcv_wnd >> req->rcv_wscale, &opt);
	if (skb)
		linnet_send_reply(sk, &req->flow, skb, NULL);
}

/* The same SYN again: our answer was lost, or is late */
static void repeat_syn_ack(struct sock *sk, struct linnet_request *req)
{
	if (!may_answer(req))
		return;
	req->retransmits++;
	LINNET_COUNT(sock_net(sk), SynRetrans);
	LINNET_COUNT(sock_net(sk), RetransSegs);
	linnet_send_syn_ack(sk, req, linnet_request_tsval(req), NULL);
	linnet_synq_restart(sk, req);
}

/* A segment for a request: RFC 9293, 3.10.7.4, as far as SYN-RECEIVED goes */
static bool request_rcv(struct sock *sk, struct linnet_request *req,
			struct linnet_segment *seg)
{
	bool taken;

	if ((seg->flags & (LINNET_SYN | LINNET_ACK | LINNET_RST)) ==
	    LINNET_SYN && seg->seq == req->rcv_isn) {
		repeat_syn_ack(sk, req);
		return false;
	}
	if (!linnet_segment_acceptable(seg->seq, seg->end_seq, req->rcv_isn + 1,
				       req->rcv_wnd) ||
	    (req->opt.timestamp && seg->opt.timestamp &&
	     linnet_paws_old(req->ts_recent, seg->opt.tsval, 0))) {
		if (!(seg->flags & LINNET_RST))
			challenge(sk, req);
		return false;
	}
	if (seg->flags & LINNET_RST) {
		if (seg->seq == req->rcv_isn + 1)
			linnet_synq_drop(sk, req);
		else
			challenge(sk, req);
		return false;
	}
	if (seg->flags & LINNET_SYN) {
		challenge(sk, req);
		return false;
	}
	if (!(seg->flags & LINNET_ACK))
		return false;
	if (seg->ack != req->snt_isn + 1) {
		linnet_send_reset(sk, &req->flow, seg);
		return false;
	}
	/* TCP_DEFER_ACCEPT: not before data comes, or time is up */
	if (!seg->len && !(seg->flags & LINNET_FIN) && req->timeouts <
	    inet_csk(sk)->icsk_accept_queue.rskq_defer_accept) {
		req->acked = true;
		return false;
	}
	if (sk_acceptq_is_full(sk)) {
		/* Wait for the user to accept; the peer believes that it is
		 * connected, and what it sends brings us here again.
		 */
		LINNET_COUNT(sock_net(sk), ListenOverflows);
		LINNET_COUNT(sock_net(sk), ListenDrops);
		if (READ_ONCE(linnet_pernet(sock_net(sk))->abort_on_overflow)) {
			linnet_send_reset(sk, &req->flow, seg);
			linnet_synq_drop(sk, req);
			return false;
		}
		req->acked = true;
		return false;
	}
	if (give_birth(sk, req, seg, &taken))
		linnet_synq_drop(sk, req);
	return taken;
}

/* An ACK that belongs to no request: RFC 9293, 3.10.7.2, second; unless it
 * answers a cookie
 */
static bool ack_without_request(struct sock *sk, struct linnet_segment *seg,
				const struct linnet_flow *flow)
{
	struct linnet_request req;
	bool taken;

	if (!linnet_cookie_check(sk, seg, flow, &req)) {
		linnet_send_reset(sk, flow, seg);
		return false;
	}
	if (sk_acceptq_is_full(sk)) {
		LINNET_COUNT(sock_net(sk), ListenOverflows);
		LINNET_COUNT(sock_net(sk), ListenDrops);
		return false;
	}
	if (!linnet_lsm_request(sk, seg->skb, flow->family))
		return false;
	give_birth(sk, &req, seg, &taken);
	return taken;
}

/**
 * linnet_listen_rcv() - a segment arrives for a listener
 * @sk: the listener, locked
 * @seg: the segment
 * @flow: its two ends
 *
 * Return: true when the buffer has been taken.
 */
bool linnet_listen_rcv(struct sock *sk, struct linnet_segment *seg,
		       const struct linnet_flow *flow)
{
	struct linnet_request *req = linnet_synq_find(sk, flow);
	struct sock *other;

	if (req)
		return request_rcv(sk, req, seg);

	/* A segment that waited in the backlog may belong to a child that the
	 * one before it has made.
	 */
	other = linnet_lookup_connection(flow);
	if (other) {
		bool taken = false;

		if (other->sk_state == TCP_TIME_WAIT) {
			linnet_timewait_put(other);
			return false;
		}
		bh_lock_sock(other);
		if (!sock_owned_by_user(other))
			taken = linnet_rcv_state(other, seg);
		bh_unlock_sock(other);
		sock_put(other);
		return taken;
	}

	if (seg->flags & LINNET_RST)		/* first */
		return false;
	if (seg->flags & LINNET_ACK)		/* second */
		return ack_without_request(sk, seg, flow);
	if ((seg->flags & (LINNET_SYN | LINNET_FIN)) == LINNET_SYN)
		return new_request(sk, seg, flow);	/* third */
	return false;
}

/**
 * linnet_listen_icmp() - an ICMP error about a SYN and ACK of ours
 * @sk: the listener, locked
 * @flow: the two ends
 * @seq: sequence number of the segment quoted
 */
void linnet_listen_icmp(struct sock *sk, const struct linnet_flow *flow,
			u32 seq)
{
	struct linnet_request *req = linnet_synq_find(sk, flow);

	if (req && seq == req->snt_isn)
		linnet_synq_drop(sk, req);
}
