// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The SYN queue: who waits for the ACK of our SYN, and when to repeat it.
 *
 * A request is found by the hash of its two ends, and stands in one list of
 * those that have timed out as often as it has.  Each such list is in the order
 * of time, since all in it wait equally long: whose turn it is stands at the
 * head.  So nothing here grows with the queue.  All is under the listener's
 * lock.
 */
#include <linux/slab.h>

#include "handshake.h"
#include "fastopen.h"
#include "metrics.h"
#include "rtt.h"
#include "xmit.h"

/* 1, 2, 4 ... 64 s, and 120 s for all further ones */
#define TIMEOUT_LISTS	8
/* So many are dealt with at a time; the lock is let go between */
#define TICK_BATCH	128

/**
 * struct linnet_listen - the SYN queue of a listener
 * @mask: buckets, less one
 * @due: requests by the number of their timeouts, first due first
 * @bucket: requests by the hash of their flow
 *
 * How many there are, and how many of them never timed out, stands where TCP
 * has it, in icsk_accept_queue: so what the kernel decides by that, we decide
 * alike.
 */
struct linnet_listen {
	unsigned int		mask;
	struct list_head	due[TIMEOUT_LISTS];
	struct hlist_head	bucket[];
};

static struct kmem_cache *request_cache;

/* Whose is a request?  Of a SO_REUSEPORT group the listener that got the SYN
 * must get the rest of the handshake, even if the group, or what its program
 * says, has changed since.
 */
#define OWNER_CHAINS	256

static struct owners {
	spinlock_t		lock;
	struct hlist_head	chain;
} owners[OWNER_CHAINS];

static struct owners *owners_of(const struct linnet_flow *flow)
{
	return &owners[linnet_flow_hash(flow) >> 24];
}

/**
 * linnet_synq_init() - make the cache of requests
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_synq_init(void)
{
	unsigned int i;

	for (i = 0; i < OWNER_CHAINS; i++) {
		spin_lock_init(&owners[i].lock);
		INIT_HLIST_HEAD(&owners[i].chain);
	}
	request_cache = KMEM_CACHE(linnet_request, SLAB_HWCACHE_ALIGN);
	return request_cache ? 0 : -ENOMEM;
}

/**
 * linnet_synq_exit() - give the cache back, all of it free
 */
void linnet_synq_exit(void)
{
	kmem_cache_destroy(request_cache);
}

/**
 * linnet_synq_alloc() - a request, zeroed, in no queue
 *
 * Return: NULL when there is no memory.
 */
struct linnet_request *linnet_synq_alloc(void)
{
	struct linnet_request *req;

	req = kmem_cache_alloc(request_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (req)
		*req = (struct linnet_request){};
	return req;
}

/**
 * linnet_synq_free() - free a request that is in no queue
 * @req: the request
 */
void linnet_synq_free(struct linnet_request *req)
{
	linnet_forget_saved_syn(req);
	kmem_cache_free(request_cache, req);
}

static struct request_sock_queue *counts(const struct sock *sk)
{
	return &inet_csk((struct sock *)sk)->icsk_accept_queue;
}

static struct hlist_head *bucket_of(struct linnet_listen *listen,
				    const struct linnet_flow *flow)
{
	return &listen->bucket[linnet_flow_hash(flow) & listen->mask];
}

static bool same_flow(const struct linnet_request *req,
		      const struct linnet_flow *b)
{
	const struct linnet_flow *a = &req->flow;

	if (a->family != b->family || a->lport != b->lport ||
	    a->rport != b->rport)
		return false;
	/* the same addresses may exist in several VRFs */
	if (req->bound_dev_if && req->bound_dev_if != b->iif &&
	    req->bound_dev_if != b->sdif)
		return false;
	if (a->family == AF_INET)
		return a->laddr == b->laddr && a->raddr == b->raddr;
	return ipv6_addr_equal(&a->laddr6, &b->laddr6) &&
	       ipv6_addr_equal(&a->raddr6, &b->raddr6);
}

/**
 * linnet_synq_find() - the request that a segment belongs to
 * @sk: the listener, locked
 * @flow: the two ends of the segment
 *
 * Return: NULL if there is none.
 */
struct linnet_request *linnet_synq_find(struct sock *sk,
					const struct linnet_flow *flow)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	struct linnet_request *req;

	hlist_for_each_entry(req, bucket_of(listen, flow), node)
		if (same_flow(req, flow))
			return req;
	return NULL;
}

/**
 * linnet_synq_owner() - which of a SO_REUSEPORT group has the request of a flow?
 * @flow: the two ends of a segment
 *
 * Return: the listener, with a reference, or NULL.
 */
struct sock *linnet_synq_owner(const struct linnet_flow *flow)
{
	struct owners *o = owners_of(flow);
	struct linnet_request *req;
	struct sock *sk = NULL;

	if (hlist_empty(&o->chain))
		return NULL;
	spin_lock_bh(&o->lock);
	hlist_for_each_entry(req, &o->chain, owned) {
		if (net_eq(req->flow.net, flow->net) && same_flow(req, flow)) {
			/* it drops its requests before it goes */
			sk = req->listener;
			sock_hold(sk);
			break;
		}
	}
	spin_unlock_bh(&o->lock);
	return sk;
}

static void set_owner(struct sock *sk, struct linnet_request *req)
{
	struct owners *o;

	INIT_HLIST_NODE(&req->owned);
	if (!sk->sk_reuseport)
		return;
	req->listener = sk;
	o = owners_of(&req->flow);
	spin_lock_bh(&o->lock);
	hlist_add_head(&req->owned, &o->chain);
	spin_unlock_bh(&o->lock);
}

static void clear_owner(struct linnet_request *req)
{
	struct owners *o;

	if (hlist_unhashed(&req->owned))
		return;
	o = owners_of(&req->flow);
	spin_lock_bh(&o->lock);
	hlist_del(&req->owned);
	spin_unlock_bh(&o->lock);
}

static unsigned long timeout(const struct sock *sk,
			     const struct linnet_request *req)
{
	return usecs_to_jiffies(linnet_rto_backoff(LINNET_RTO_INITIAL_US,
						   req->timeouts,
						   linnet_rto_max_us(sk)));
}

/* To the end of those who wait as long */
static void start_timer(struct sock *sk, struct linnet_request *req)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	unsigned int list = min_t(unsigned int, req->timeouts,
				  TIMEOUT_LISTS - 1);

	req->expires = jiffies + timeout(sk, req);
	list_move_tail(&req->due, &listen->due[list]);
}

/* The listener's timer is for whoever is due first */
static void wake_for(struct sock *sk, const struct linnet_request *req)
{
	const struct timer_list *timer = linnet_compat_slow_timer(sk);

	if (!timer_pending(timer) || time_after(timer->expires, req->expires))
		linnet_keepalive_arm(sk, req->expires - jiffies);
}

/**
 * linnet_synq_restart() - the SYN and ACK was repeated out of turn: wait again
 * @sk: the listener, locked
 * @req: the request
 */
void linnet_synq_restart(struct sock *sk, struct linnet_request *req)
{
	start_timer(sk, req);
	wake_for(sk, req);
}

/**
 * linnet_synq_add() - a SYN has come
 * @sk: the listener, locked
 * @req: the request; the queue's from now on
 */
void linnet_synq_add(struct sock *sk, struct linnet_request *req)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;

	INIT_LIST_HEAD(&req->due);
	start_timer(sk, req);
	hlist_add_head(&req->node, bucket_of(listen, &req->flow));
	wake_for(sk, req);
	reqsk_queue_added(counts(sk));
	set_owner(sk, req);
}

/**
 * linnet_synq_drop() - a request has become a socket, or is given up
 * @sk: the listener, locked
 * @req: the request; freed
 */
void linnet_synq_drop(struct sock *sk, struct linnet_request *req)
{
	hlist_del(&req->node);
	list_del(&req->due);
	clear_owner(req);
	if (!req->timeouts)
		atomic_dec(&counts(sk)->young);
	atomic_dec(&counts(sk)->qlen);
	linnet_synq_free(req);
}

/**
 * linnet_listen_syn_queue() - requests in the SYN queue of a listener
 * @sk: the listener
 */
unsigned int linnet_listen_syn_queue(const struct sock *sk)
{
	return reqsk_queue_len(counts(sk));
}

/**
 * linnet_synq_each() - look at the requests of a listener
 * @sk: the listener, or what was one, locked
 * @skip: so many are left out at the beginning
 * @each: called for each; other than 0 ends the walk
 * @arg: for it
 *
 * Return: 0, or what @each returned.
 */
int linnet_synq_each(struct sock *sk, unsigned long skip,
		     int (*each)(struct sock *sk, struct linnet_request *req,
				 void *arg), void *arg)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	struct linnet_request *req;
	unsigned int i;
	int err;

	for (i = 0; listen && i <= listen->mask; i++) {
		hlist_for_each_entry(req, &listen->bucket[i], node) {
			if (skip) {
				skip--;
				continue;
			}
			err = each(sk, req, arg);
			if (err)
				return err;
		}
	}
	return 0;
}

/* How often to repeat.  Half of the queue is for the young: when it fills with
 * requests that have timed out, these get fewer repetitions, the fewer the
 * more of them there are.
 */
static unsigned int most_timeouts(const struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	unsigned int most = inet_csk(sk)->icsk_syn_retries ?:
			    READ_ONCE(ln->synack_retries);
	unsigned int len = reqsk_queue_len(counts(sk)), young;

	if (len << 1 > max(8U, READ_ONCE(sk->sk_max_ack_backlog))) {
		young = reqsk_queue_len_young(counts(sk)) << 1;
		for (; most > 2 && len >= young; young <<= 1)
			most--;
	}
	return counts(sk)->rskq_defer_accept ?: most;
}

/* Returns false when the request is given up */
static bool timed_out(struct sock *sk, struct linnet_request *req)
{
	unsigned int defer = counts(sk)->rskq_defer_accept;
	bool waits = defer && req->acked;

	if (req->timeouts >= most_timeouts(sk) &&
	    (!waits || req->timeouts >= defer))
		return false;
	/* While the ACK that we have waits for data there is nothing to
	 * repeat; at the end the peer gets a last chance to send some.
	 */
	if (!waits || req->timeouts + 1 >= defer) {
		req->retransmits++;
		LINNET_COUNT(sock_net(sk), SynRetrans);
		LINNET_COUNT(sock_net(sk), RetransSegs);
		linnet_send_syn_ack(sk, req, linnet_request_tsval(req),
					    NULL);
	}
	if (!req->timeouts++)
		atomic_dec(&counts(sk)->young);
	start_timer(sk, req);
	return true;
}

/* The request that is due next, or NULL when there is none */
static struct linnet_request *next_due(struct linnet_listen *listen)
{
	struct linnet_request *req, *next = NULL;
	unsigned int i;

	for (i = 0; i < TIMEOUT_LISTS; i++) {
		req = list_first_entry_or_null(&listen->due[i],
					       struct linnet_request, due);
		if (req && (!next || time_before(req->expires, next->expires)))
			next = req;
	}
	return next;
}

/**
 * linnet_listen_tick() - repeat each SYN and ACK that is due
 * @sk: the listener, locked
 */
void linnet_listen_tick(struct sock *sk)
{
	struct linnet_listen *listen = linnet_sk(sk)->listen;
	struct linnet_request *req;
	unsigned int n;

	for (n = 0; n < TICK_BATCH; n++) {
		req = next_due(listen);
		if (!req)
			return;
		if (time_before(jiffies, req->expires)) {
			linnet_keepalive_arm(sk, req->expires - jiffies);
			return;
		}
		if (!timed_out(sk, req)) {
			LINNET_COUNT(sock_net(sk), AttemptFails);
			linnet_synq_drop(sk, req);
		}
	}
	linnet_keepalive_arm(sk, 1);
}

/**
 * linnet_listen_defer() - TCP_DEFER_ACCEPT: how many timeouts is that?
 * @sk: the socket, locked
 * @seconds: how long to wait for data
 */
void linnet_listen_defer(struct sock *sk, int seconds)
{
	unsigned int n = 0, one = 1, sum = 1;

	if (seconds > 0)
		for (n = 1; seconds > sum && n < 255; n++) {
			one = min(one << 1, LINNET_RTO_MAX_US / 1000000);
			sum += one;
		}
	counts(sk)->rskq_defer_accept = n;
}

/**
 * linnet_listen_deferred() - TCP_DEFER_ACCEPT: how long is that?
 * @sk: the socket, locked
 *
 * Return: seconds.
 */
int linnet_listen_deferred(const struct sock *sk)
{
	unsigned int n = counts(sk)->rskq_defer_accept, one = 1, sum = 0;

	for (; n; n--) {
		sum += one;
		one = min(one << 1, LINNET_RTO_MAX_US / 1000000);
	}
	return sum;
}

static struct linnet_listen *make_queue(unsigned int backlog)
{
	unsigned int i, buckets = roundup_pow_of_two(clamp(backlog, 8U, 65536U));
	struct linnet_listen *listen;

	listen = kvzalloc(struct_size(listen, bucket, buckets),
			  GFP_KERNEL_ACCOUNT);
	if (!listen)
		return NULL;
	listen->mask = buckets - 1;
	for (i = 0; i < buckets; i++)
		INIT_HLIST_HEAD(&listen->bucket[i]);
	for (i = 0; i < TIMEOUT_LISTS; i++)
		INIT_LIST_HEAD(&listen->due[i]);
	return listen;
}

/**
 * linnet_listen_start() - CLOSED to LISTEN (RFC 9293, 3.10.1)
 * @sk: the socket, locked
 * @backlog: connections that may wait to be accepted, and SYNs for the ACK
 *
 * A later listen() with another backlog changes the limits; the buckets stay
 * as many as they are.
 *
 * Return: 0, -ENOMEM or -EADDRINUSE.
 */
int linnet_listen_start(struct sock *sk, int backlog)
{
	struct linnet_sock *ls = linnet_sk(sk);
	int err;

	ls->listen = make_queue(backlog);
	if (!ls->listen)
		return -ENOMEM;
	atomic_set(&counts(sk)->qlen, 0);
	atomic_set(&counts(sk)->young, 0);
	counts(sk)->synflood_warned = 0;
	INIT_LIST_HEAD(&ls->accept_queue);
	sk->sk_ack_backlog = 0;
	/* no cookie has been sent lately.  0 would say that one has been five
	 * minutes after the machine started, when jiffies pass by 0.
	 */
	tcp_sk(sk)->rx_opt.ts_recent_stamp = jiffies - 2 * TCP_SYNCOOKIE_VALID;
	linnet_fastopen_listen(sk, backlog);

	/* Two sockets may be bound to a port by SO_REUSEADDR, but not both
	 * listen: so look once more, now as a listener.
	 */
	inet_sk_set_state(sk, TCP_LISTEN);
	err = linnet_get_port(sk, inet_sk(sk)->inet_num);
	if (!err) {
		inet_sk(sk)->inet_sport = htons(inet_sk(sk)->inet_num);
		sk_dst_reset(sk);
		err = linnet_hash_listener(sk);
	}
	if (err) {
		inet_sk_set_state(sk, TCP_CLOSE);
		kvfree(ls->listen);
		ls->listen = NULL;
	}
	return err;
}

/**
 * linnet_listen_stop() - the listener is closed
 * @sk: the listener, locked in process context
 *
 * Who waits to be accepted is told by a reset.
 */
void linnet_listen_stop(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk), *child, *next_child;
	struct linnet_listen *listen = ls->listen;
	struct linnet_request *req, *next;
	unsigned int i;

	linnet_unhash(sk);
	sk_stop_timer(sk, linnet_compat_slow_timer(sk));
	for (i = 0; i < TIMEOUT_LISTS; i++)
		list_for_each_entry_safe(req, next, &listen->due[i], due)
			linnet_synq_drop(sk, req);
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
