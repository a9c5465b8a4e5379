// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The passive side, up to ESTABLISHED: RFC 9293, 3.10.7.2 and the part of
 * SYN-RECEIVED that a listener keeps.
 *
 * A SYN becomes a small request in the listener's SYN queue, not a socket.  The
 * ACK of our SYN and ACK turns it into a child in the accept queue.  Both
 * queues, and the timer that repeats the SYN and ACK, are under the listener's
 * lock.
 */
#include <linux/jhash.h>
#include <linux/slab.h>

#include "linnet.h"
#include "flow.h"
#include "rtt.h"
#include "trace.h"

/**
 * struct linnet_request - a connection in SYN-RECEIVED
 * @node: in the SYN queue
 * @flow: the two ends
 * @opt: what the peer's SYN carried and we take up
 * @rcv_isn: the peer's initial sequence number
 * @snt_isn: ours
 * @ts_recent: the peer's last timestamp
 * @ts_offset: what our TSval starts from
 * @rcv_wnd: window told in our SYN and ACK, bytes
 * @rcv_wscale: window scale told there
 * @mss: MSS told there, bytes
 * @retransmits: how often the SYN and ACK was repeated
 * @acked: the ACK has come, but the accept queue was full, or it carried no
 *	data and TCP_DEFER_ACCEPT waits for some
 * @sent_us: when the SYN and ACK was sent first, microseconds
 * @expires: when it is sent again, jiffies
 */
struct linnet_request {
	struct hlist_node	node;
	struct linnet_flow	flow;
	struct linnet_options	opt;
	u32			rcv_isn;
	u32			snt_isn;
	u32			ts_recent;
	u32			ts_offset;
	u32			rcv_wnd;
	u8			rcv_wscale;
	u8			retransmits;
	u16			mss;
	bool			acked;
	u64			sent_us;
	unsigned long		expires;
};

/**
 * struct linnet_listen - the SYN queue of a listener
 * @count: requests in it
 * @limit: how many there may be
 * @mask: buckets, less one
 * @bucket: requests by the hash of their flow
 */
struct linnet_listen {
	unsigned int		count;
	unsigned int		limit;
	unsigned int		mask;
	struct hlist_head	bucket[];
};

static struct kmem_cache *request_cache;

/**
 * linnet_handshake_init() - make the cache of requests
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_handshake_init(void)
{
	request_cache = KMEM_CACHE(linnet_request, SLAB_HWCACHE_ALIGN);
	return request_cache ? 0 : -ENOMEM;
}

/**
 * linnet_handshake_exit() - give the cache back, all of it free
 */
void linnet_handshake_exit(void)
{
	kmem_cache_destroy(request_cache);
}

static struct hlist_head *bucket_of(struct linnet_listen *listen,
				    const struct linnet_flow *flow)
{
	return &listen->bucket[linnet_flow_hash(flow) & listen->mask];
}

static bool same_flow(const struct linnet_flow *a, const struct linnet_flow *b)
{
	if (a->family != b->family || a->lport != b->lport ||
	    a->rport != b->rport)
		return false;
	if (a->family == AF_INET)
		return a->laddr == b->laddr && a->raddr == b->raddr;
	return ipv6_addr_equal(&a->laddr6, &b->laddr6) &&
	       ipv6_addr_equal(&a->raddr6, &b->raddr6);
}

static struct linnet_request *find_request(struct sock *sk,
					   const struct linnet_flow *flow)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	struct linnet_request *req;

	hlist_for_each_entry(req, bucket_of(listen, flow), node)
		if (same_flow(&req->flow, flow))
			return req;
	return NULL;
}

static void drop_request(struct sock *sk, struct linnet_request *req)
{
	hlist_del(&req->node);
	linnet_sk(sk)->listen->count--;
	kmem_cache_free(request_cache, req);
}

/**
 * linnet_listen_syn_queue() - requests in the SYN queue of a listener
 * @sk: the listener
 */
unsigned int linnet_listen_syn_queue(const struct sock *sk)
{
	const struct linnet_listen *listen = linnet_sk(sk)->listen;

	return listen ? READ_ONCE(listen->count) : 0;
}

static u32 now_ms(void)
{
	return div_u64(ktime_get_ns(), NSEC_PER_MSEC);
}

static void send_syn_ack(struct sock *sk, struct linnet_request *req)
{
	struct linnet_options opt = {
		.mss		= req->mss,
		.wscale		= req->rcv_wscale,
		.wscale_ok	= req->opt.wscale_ok,
		.sack_permitted	= req->opt.sack_permitted,
		.timestamp	= req->opt.timestamp,
		.tsval		= now_ms() + req->ts_offset,
		.tsecr		= req->ts_recent,
	};
	struct sk_buff *skb;

	skb = linnet_make_reply(&req->flow, LINNET_SYN | LINNET_ACK,
				req->snt_isn, req->rcv_isn + 1,
				min_t(u32, req->rcv_wnd, 65535), &opt);
	if (skb)
		linnet_send_reply(sk, &req->flow, skb);
}

static unsigned long synack_timeout(const struct linnet_request *req)
{
	return usecs_to_jiffies(linnet_rto_backoff(LINNET_RTO_INITIAL_US,
						   req->retransmits));
}

static unsigned int most_retransmits(const struct sock *sk)
{
	return inet_csk(sk)->icsk_syn_retries ?:
	       READ_ONCE(linnet_pernet(sock_net(sk))->synack_retries);
}

/* An ACK without data may wait so long for the data (TCP_DEFER_ACCEPT) */
static bool defers(const struct sock *sk, const struct linnet_request *req)
{
	u32 seconds = linnet_sk(sk)->defer_accept;

	return seconds && div_u64(ktime_get_ns(), NSEC_PER_USEC) -
	       req->sent_us < (u64)seconds * USEC_PER_SEC;
}

/* A SYN for a listener: RFC 9293, 3.10.7.2, third */
static void new_request(struct sock *sk, const struct linnet_segment *seg,
			const struct linnet_flow *flow)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	const struct linnet_af_ops *af = linnet_flow_af(flow);
	u32 isn = LINNET_CB(seg->skb)->seq;
	struct linnet_request *req;
	u32 space;

	if (sk_acceptq_is_full(sk)) {
		LINNET_COUNT(sock_net(sk), ListenOverflows);
		goto drop;
	}
	if (listen->count >= listen->limit) {
		LINNET_COUNT(sock_net(sk), ReqQFullDrop);
		goto drop;
	}
	req = kmem_cache_zalloc(request_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!req)
		goto drop;

	req->flow = *flow;
	req->opt = seg->opt;
	req->opt.timestamp &= !!READ_ONCE(ln->timestamps);
	req->opt.sack_permitted &= !!READ_ONCE(ln->sack);
	req->opt.wscale_ok &= !!READ_ONCE(ln->window_scaling);
	req->rcv_isn = seg->seq;
	req->snt_isn = isn ?: linnet_isn(flow);
	req->ts_recent = seg->opt.tsval;
	req->ts_offset = linnet_timestamp_offset(flow);
	req->mss = linnet_mss_for(af, af->path_mtu(sk, flow));
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);

	space = min(linnet_rcv_full(sk), linnet_window_most(sk));
	req->rcv_wnd = min_t(u32, space, 65535);
	if (req->opt.wscale_ok)
		req->rcv_wscale = linnet_wscale_for(linnet_window_most(sk));
	req->sent_us = div_u64(ktime_get_ns(), NSEC_PER_USEC);
	req->expires = jiffies + synack_timeout(req);

	hlist_add_head(&req->node, bucket_of(listen, flow));
	if (!listen->count++)
		linnet_keepalive_arm(sk, HZ / 5);
	send_syn_ack(sk, req);
	return;
drop:
	LINNET_COUNT(sock_net(sk), ListenDrops);
}

static struct sock *make_child(struct sock *sk, struct linnet_request *req)
{
	struct sock *child = sk_clone_lock(sk, GFP_ATOMIC);
	struct linnet_sock *ls;
	struct tcp_sock *tp;

	if (!child)
		return NULL;
	ls = linnet_sk(child);
	tp = tcp_sk(child);
	/* What the copy shares with the listener by accident */
	child->sk_state = TCP_SYN_RECV;
	ls->listen = NULL;
	ls->bind_bucket = NULL;
	ls->defer_accept = 0;
	sk_node_init(&child->sk_node);
	INIT_HLIST_NODE(&child->sk_bind_node);
	RCU_INIT_POINTER(inet_sk(child)->inet_opt, NULL);
	inet_sk(child)->mc_list = NULL;
	atomic64_set(&child->sk_cookie, 0);
	linnet_timers_init(child);
	linnet_cong_inherit(child, sk);

	inet_sk(child)->inet_num = req->flow.lport;
	inet_sk(child)->inet_sport = htons(req->flow.lport);
	inet_sk(child)->inet_dport = req->flow.rport;
	child->sk_mark = sk->sk_mark;
	sk_set_txhash(child);
	ls->af = linnet_flow_af(&req->flow);
	ls->af->init_child(sk, child, &req->flow);
	linnet_init_connection(child);

	tp->snd_una = req->snt_isn;
	tp->snd_nxt = req->snt_isn + 1;
	tp->write_seq = tp->snd_nxt;
	tp->pushed_seq = tp->snd_nxt;
	tp->rcv_nxt = req->rcv_isn + 1;
	tp->rcv_wup = tp->rcv_nxt;
	tp->copied_seq = tp->rcv_nxt;
	tp->tsoffset = req->ts_offset;
	tp->advmss = req->mss;
	tp->rcv_wnd = req->rcv_wnd;
	tp->window_clamp = linnet_window_most(child);
	tp->rx_opt.rcv_wscale = req->rcv_wscale;
	tp->total_retrans = req->retransmits;
	linnet_syn_options(child, &req->opt);
	tp->rx_opt.ts_recent = req->ts_recent;
	return child;
}

/* The ACK has come: from the SYN queue to the accept queue */
static struct sock *promote(struct sock *sk, struct linnet_request *req)
{
	struct sock *child = make_child(sk, req);

	if (!child)
		return NULL;
	linnet_inherit_port(sk, child);
	if (linnet_hash_unique(child)) {
		__acquire(&child->sk_lock.slock);	/* sk_clone_lock() did */
		sock_set_flag(child, SOCK_DEAD);
		this_cpu_inc(linnet_orphan_count);
		linnet_set_state(child, TCP_CLOSE);
		linnet_destroy_sock(child);
		bh_unlock_sock(child);
		sock_put(child);
		return NULL;
	}
	if (!req->retransmits) {
		linnet_clock_refresh(tcp_sk(child));
		linnet_rtt_measured(child, tcp_sk(child)->tcp_mstamp -
				    req->sent_us);
	}
	drop_request(sk, req);
	list_add_tail(&linnet_sk(child)->accept_queue,
		      &linnet_sk(sk)->accept_queue);
	sk_acceptq_added(sk);
	LINNET_COUNT(sock_net(sk), PassiveOpens);
	return child;
}

static void challenge(struct sock *sk, const struct linnet_request *req)
{
	struct linnet_options opt = {
		.timestamp	= req->opt.timestamp,
		.tsval		= now_ms() + req->ts_offset,
		.tsecr		= req->ts_recent,
	};
	struct sk_buff *skb;

	skb = linnet_make_reply(&req->flow, LINNET_ACK, req->snt_isn + 1,
				req->rcv_isn + 1,
				req->rcv_wnd >> req->rcv_wscale, &opt);
	if (skb)
		linnet_send_reply(sk, &req->flow, skb);
}

/* A segment for a request: RFC 9293, 3.10.7.4, as far as SYN-RECEIVED goes */
static bool request_rcv(struct sock *sk, struct linnet_request *req,
			struct linnet_segment *seg)
{
	struct sock *child;
	bool taken;

	if ((seg->flags & (LINNET_SYN | LINNET_ACK | LINNET_RST)) ==
	    LINNET_SYN && seg->seq == req->rcv_isn) {
		/* the same SYN again: ours was lost */
		send_syn_ack(sk, req);
		return false;
	}
	if (!linnet_segment_acceptable(seg->seq, seg->end_seq, req->rcv_isn + 1,
				       req->rcv_wnd) ||
	    (req->opt.timestamp && seg->opt.timestamp &&
	     seq_before(seg->opt.tsval, req->ts_recent))) {
		if (!(seg->flags & LINNET_RST))
			challenge(sk, req);
		return false;
	}
	if (seg->flags & LINNET_RST) {
		if (seg->seq == req->rcv_isn + 1)
			drop_request(sk, req);
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
	if (!seg->len && !(seg->flags & LINNET_FIN) && defers(sk, req)) {
		req->acked = true;
		return false;
	}
	if (sk_acceptq_is_full(sk)) {
		/* Wait for the user to accept; the peer believes that it is
		 * connected, and what it sends brings us here again.
		 */
		LINNET_COUNT(sock_net(sk), ListenOverflows);
		if (READ_ONCE(linnet_pernet(sock_net(sk))->abort_on_overflow)) {
			linnet_send_reset(sk, &req->flow, seg);
			drop_request(sk, req);
		}
		req->acked = true;
		return false;
	}
	child = promote(sk, req);
	if (!child) {
		LINNET_COUNT(sock_net(sk), ListenDrops);
		return false;
	}
	taken = linnet_rcv_state(child, seg);
	sk->sk_data_ready(sk);
	__acquire(&child->sk_lock.slock);	/* sk_clone_lock() did */
	bh_unlock_sock(child);
	sock_put(child);
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
	struct linnet_request *req = find_request(sk, flow);
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
	if (seg->flags & LINNET_ACK) {		/* second */
		linnet_send_reset(sk, flow, seg);
		return false;
	}
	if ((seg->flags & (LINNET_SYN | LINNET_FIN)) == LINNET_SYN)
		new_request(sk, seg, flow);	/* third */
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
	struct linnet_request *req = find_request(sk, flow);

	if (req && seq == req->snt_isn)
		drop_request(sk, req);
}

/**
 * linnet_listen_tick() - repeat each SYN and ACK that is due
 * @sk: the listener, locked
 *
 * Return: false when the SYN queue is empty.
 */
bool linnet_listen_tick(struct sock *sk)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	unsigned int most = most_retransmits(sk), i;
	struct linnet_request *req;
	struct hlist_node *next;

	for (i = 0; i <= listen->mask && listen->count; i++) {
		hlist_for_each_entry_safe(req, next, &listen->bucket[i],
					  node) {
			if (time_before(jiffies, req->expires))
				continue;
			/* deferred: the peer has sent its ACK, leave it be */
			if (req->acked && defers(sk, req)) {
				req->expires = jiffies + HZ;
				continue;
			}
			if (req->retransmits >= most) {
				LINNET_COUNT(sock_net(sk), AttemptFails);
				drop_request(sk, req);
				continue;
			}
			req->retransmits++;
			LINNET_COUNT(sock_net(sk), SynRetrans);
			LINNET_COUNT(sock_net(sk), RetransSegs);
			send_syn_ack(sk, req);
			req->expires = jiffies + synack_timeout(req);
		}
	}
	return listen->count;
}

/* As many half-open as may wait, but room for a burst of them */
static unsigned int syn_queue_limit(const struct sock *sk, int backlog)
{
	int most = READ_ONCE(linnet_pernet(sock_net(sk))->max_syn_backlog);

	return clamp_t(unsigned int, backlog, 8, max(most, 8));
}

/**
 * linnet_listen_again() - listen() on a listener: another backlog
 * @sk: the listener, locked
 * @backlog: connections that may wait to be accepted
 *
 * The buckets stay as many as they are: longer chains, not fewer requests.
 */
void linnet_listen_again(struct sock *sk, int backlog)
{
	linnet_sk(sk)->listen->limit = syn_queue_limit(sk, backlog);
}

/**
 * linnet_listen_start() - CLOSED to LISTEN (RFC 9293, 3.10.1)
 * @sk: the socket, locked
 * @backlog: connections that may wait to be accepted
 *
 * Return: 0, -ENOMEM or -EADDRINUSE.
 */
int linnet_listen_start(struct sock *sk, int backlog)
{
	struct linnet_sock *ls = linnet_sk(sk);
	unsigned int limit = syn_queue_limit(sk, backlog), buckets, i;
	int err;

	buckets = roundup_pow_of_two(limit + 1);
	ls->listen = kvzalloc(struct_size(ls->listen, bucket, buckets),
			      GFP_KERNEL_ACCOUNT);
	if (!ls->listen)
		return -ENOMEM;
	ls->listen->limit = limit;
	ls->listen->mask = buckets - 1;
	for (i = 0; i < buckets; i++)
		INIT_HLIST_HEAD(&ls->listen->bucket[i]);
	INIT_LIST_HEAD(&ls->accept_queue);
	sk->sk_ack_backlog = 0;

	/* Two sockets may be bound to a port by SO_REUSEADDR, but not both
	 * listen: so look once more, now as a listener.
	 */
	inet_sk_set_state(sk, TCP_LISTEN);
	err = linnet_get_port(sk, inet_sk(sk)->inet_num);
	if (err) {
		inet_sk_set_state(sk, TCP_CLOSE);
		kvfree(ls->listen);
		ls->listen = NULL;
		return err;
	}
	inet_sk(sk)->inet_sport = htons(inet_sk(sk)->inet_num);
	sk_dst_reset(sk);
	linnet_hash_listener(sk);
	return 0;
}

/**
 * linnet_listen_stop() - the listener is closed
 * @sk: the listener, locked in process context
 *
 * Who waits in a queue is told by a reset.
 */
void linnet_listen_stop(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk), *child, *next_child;
	struct linnet_listen *listen = ls->listen;
	struct linnet_request *req;
	struct hlist_node *next;
	unsigned int i;

	linnet_unhash(sk);
	sk_stop_timer(sk, &ls->keepalive_timer);
	for (i = 0; i <= listen->mask; i++)
		hlist_for_each_entry_safe(req, next, &listen->bucket[i], node)
			drop_request(sk, req);
	list_for_each_entry_safe(child, next_child, &ls->accept_queue,
				 accept_queue) {
		list_del_init(&child->accept_queue);
		sk_acceptq_removed(sk);
		linnet_forget_child((struct sock *)child);
		cond_resched();
	}
	ls->listen = NULL;
	kvfree(listen);
}
