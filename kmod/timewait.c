// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TIME-WAIT: for 2 MSL after a close, late segments of a connection are
 * answered and kept from a new one with the same two ends (RFC 9293, 3.10.7.4,
 * and RFC 1337).
 */
#include <linux/slab.h>
#include <linux/ktime.h>

#include "linnet.h"
#include "timewait.h"
#include "trace.h"
#include "xmit.h"

#define TIMEWAIT_LENGTH	TCP_TIMEWAIT_LEN	/* 60 s, as Linux TCP's */

static struct kmem_cache *timewait_cache;

static void timewait_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(timewait_cache,
			container_of(rcu, struct linnet_timewait, rcu));
}

/**
 * linnet_timewait_put() - give a reference back
 * @sk: a struct linnet_timewait, seen as a socket
 */
void linnet_timewait_put(struct sock *sk)
{
	struct linnet_timewait *tw = linnet_tw(sk);

	if (refcount_dec_and_test(&tw->common.skc_refcnt))
		call_rcu(&tw->rcu, timewait_free_rcu);
}

/**
 * linnet_timewait_kill() - end TIME-WAIT before its time
 * @sk: a struct linnet_timewait, seen as a socket; the caller's own reference
 *	stays his
 */
void linnet_timewait_kill(struct sock *sk)
{
	struct linnet_timewait *tw = linnet_tw(sk);

	if (linnet_unhash_timewait(tw))
		linnet_timewait_finish(sk);
}

/**
 * linnet_timewait_finish() - the end of TIME-WAIT that has left the table
 * @sk: a struct linnet_timewait, seen as a socket; gone after this
 */
void linnet_timewait_finish(struct sock *sk)
{
	struct linnet_timewait *tw = linnet_tw(sk);

	/* The timer may be running: it will find that there is nothing left
	 * to do, and RCU keeps the memory until it has.
	 */
	timer_delete(&tw->timer);
	linnet_ports_del_timewait(tw);
	atomic_dec(&linnet_pernet(sock_net(sk))->tw_count);
	linnet_timewait_put(sk);
}

/* Does the connection stay within this host? */
static bool is_loopback(const struct sock *sk)
{
	if (sk->sk_bound_dev_if == LOOPBACK_IFINDEX)
		return true;
	if (linnet_sk(sk)->af->family == AF_INET)
		return ipv4_is_loopback(sk->sk_daddr) ||
		       ipv4_is_loopback(sk->sk_rcv_saddr);
	return ipv6_addr_loopback(&sk->sk_v6_daddr) ||
	       ipv6_addr_loopback(&sk->sk_v6_rcv_saddr);
}

/**
 * linnet_timewait_reuse() - may connect() take the place of TIME-WAIT?
 * @sk: who connects, locked; told where to begin, if so
 * @sk2: a struct linnet_timewait with the same two ends, seen as a socket
 * @asked_for: the program has bound to this very port
 *
 * With timestamps old segments are told from new ones (RFC 6191, 2): a second
 * after the last one the new connection's are certainly greater.  As TCP, for
 * a port that was asked for without a question; for one that we choose if
 * tw_reuse says so, always (1) or on the loopback interface (2).
 */
bool linnet_timewait_reuse(struct sock *sk, const struct sock *sk2,
			   bool asked_for)
{
	int mode = READ_ONCE(linnet_pernet(sock_net(sk))->timewait_reuse);
	const struct linnet_timewait *tw = linnet_tw(sk2);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tw->timestamps)
		return false;
	if (!asked_for &&
	    (!mode || (mode == 2 && !is_loopback(sk)) ||
	     (u32)ktime_get_seconds() == tw->ts_recent_stamp))
		return false;
	tp->write_seq = tw->snd_nxt + 65535 + 2;
	if (!tp->write_seq)
		tp->write_seq = 1;
	tp->rx_opt.ts_recent = tw->ts_recent;
	tp->rx_opt.ts_recent_stamp = tw->ts_recent_stamp;
	return true;
}

static void timewait_expired(struct timer_list *t)
{
	struct linnet_timewait *tw = container_of(t, struct linnet_timewait,
						  timer);

	linnet_timewait_kill((struct sock *)tw);
}

/**
 * linnet_timewait_start() - enter TIME-WAIT
 * @sk: a connection whose both ends have closed; ends as %TCP_CLOSE
 *
 * Context: socket lock held.  When there is no memory, or there are too many,
 * the connection ends without: what that risks is RFC 1337's.
 */
void linnet_timewait_start(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_timewait *tw = NULL;

	if (atomic_inc_return(&ln->tw_count) <= READ_ONCE(ln->max_tw_buckets))
		tw = kmem_cache_zalloc(timewait_cache, GFP_ATOMIC);
	if (!tw) {
		atomic_dec(&ln->tw_count);
		LINNET_COUNT(sock_net(sk), TimeWaitOverflow);
		linnet_done(sk);
		return;
	}
	tw->common.skc_family = sk->sk_family;
	tw->common.skc_state = TCP_TIME_WAIT;
	tw->common.skc_reuse = sk->sk_reuse;
	tw->common.skc_reuseport = sk->sk_reuseport;
	tw->common.skc_ipv6only = sk->sk_ipv6only;
	tw->common.skc_bound_dev_if = sk->sk_bound_dev_if;
	tw->common.skc_num = sk->sk_num;
	tw->common.skc_dport = sk->sk_dport;
	tw->common.skc_daddr = sk->sk_daddr;
	tw->common.skc_rcv_saddr = sk->sk_rcv_saddr;
	tw->common.skc_v6_daddr = sk->sk_v6_daddr;
	tw->common.skc_v6_rcv_saddr = sk->sk_v6_rcv_saddr;
	tw->common.skc_prot = sk->sk_prot;
	write_pnet(&tw->common.skc_net, sock_net(sk));
	tw->mark = READ_ONCE(sk->sk_mark);
	/* one for the table and its timer */
	refcount_set(&tw->common.skc_refcnt, 1);

	tw->snd_nxt = tp->snd_nxt;
	tw->rcv_nxt = tp->rcv_nxt;
	tw->window = min_t(u32, tp->rcv_wnd >> tp->rx_opt.rcv_wscale, 65535);
	tw->timestamps = tp->rx_opt.tstamp_ok;
	tw->ts_recent = tp->rx_opt.ts_recent;
	tw->ts_recent_stamp = ktime_get_seconds();
	tw->ts_offset = tp->tsoffset;
	tw->last_reply = jiffies - HZ;

	timer_setup(&tw->timer, timewait_expired, TIMER_PINNED);
	linnet_ports_add_timewait(tw, sk);
	/* Armed before it can be found, so that whoever ends it can stop it */
	mod_timer(&tw->timer, jiffies + TIMEWAIT_LENGTH);
	linnet_hash_timewait(sk, tw);
	LINNET_COUNT(sock_net(sk), TimeWaits);
	trace_linnet_state(sk, sk->sk_state, TCP_TIME_WAIT);
	linnet_done(sk);
}

static void timewait_ack(const struct linnet_timewait *tw,
			 const struct linnet_flow *flow)
{
	struct linnet_options opt = {};
	struct sk_buff *skb;

	if (tw->timestamps) {
		opt.timestamp = true;
		opt.tsval = (u32)div_u64(tcp_clock_ns(), NSEC_PER_MSEC) +
			    tw->ts_offset;
		opt.tsecr = tw->ts_recent;
	}
	skb = linnet_make_reply(flow, LINNET_ACK, tw->snd_nxt, tw->rcv_nxt,
				tw->window, &opt);
	if (skb)
		linnet_send_reply(NULL, flow, skb, NULL);
}

/**
 * linnet_timewait_rcv() - a segment arrives in TIME-WAIT
 * @sk: a struct linnet_timewait, seen as a socket; the caller's reference stays
 * @flow: the two ends
 * @seg: the segment
 * @isn: set on LINNET_TW_SYN to an initial sequence number above all that the
 *	old connection used (RFC 9293, 3.10.7.4, and RFC 6191)
 *
 * Return: LINNET_TW_DONE, or LINNET_TW_SYN when the segment opens a new
 * connection; TIME-WAIT is over then.
 */
enum linnet_tw_verdict linnet_timewait_rcv(struct sock *sk,
					   const struct linnet_flow *flow,
					   const struct linnet_segment *seg,
					   u32 *isn)
{
	struct linnet_timewait *tw = linnet_tw(sk);
	struct linnet_net *ln = linnet_pernet(flow->net);
	bool old_timestamp, newer_timestamp;

	old_timestamp = tw->timestamps && seg->opt.timestamp &&
			seq_before(seg->opt.tsval, tw->ts_recent) &&
			ktime_get_seconds() - tw->ts_recent_stamp <
			LINNET_PAWS_MEMORY;
	newer_timestamp = tw->timestamps && seg->opt.timestamp &&
			  seq_after(seg->opt.tsval, tw->ts_recent);

	if (!old_timestamp && seg->seq == tw->rcv_nxt &&
	    (seg->seq == seg->end_seq || (seg->flags & LINNET_RST))) {
		if (seg->flags & LINNET_RST) {
			/* RFC 1337, 3: assassination, refused if asked for */
			if (!READ_ONCE(ln->rfc1337))
				linnet_timewait_kill(sk);
			return LINNET_TW_DONE;
		}
		if (seg->opt.timestamp) {
			tw->ts_recent = seg->opt.tsval;
			tw->ts_recent_stamp = ktime_get_seconds();
		}
		mod_timer_pending(&tw->timer, jiffies + TIMEWAIT_LENGTH);
		return LINNET_TW_DONE;
	}

	if ((seg->flags & (LINNET_SYN | LINNET_RST | LINNET_ACK)) ==
	    LINNET_SYN && !old_timestamp &&
	    (seq_after(seg->seq, tw->rcv_nxt) || newer_timestamp)) {
		*isn = tw->snd_nxt + 65535 + 2;
		LINNET_COUNT(flow->net, TimeWaitRecycled);
		linnet_timewait_kill(sk);
		return LINNET_TW_SYN;
	}

	if (old_timestamp)
		LINNET_COUNT(flow->net, PawsDropped);
	if (seg->flags & LINNET_RST)
		return LINNET_TW_DONE;
	/* A retransmitted FIN begins the 2 MSL anew (RFC 9293, 3.10.7.4) */
	if (old_timestamp || (seg->flags & LINNET_ACK))
		mod_timer_pending(&tw->timer, jiffies + TIMEWAIT_LENGTH);
	if (time_after(jiffies, READ_ONCE(tw->last_reply) +
		       msecs_to_jiffies(READ_ONCE(ln->invalid_ratelimit))) ||
	    seg->seq != seg->end_seq) {
		WRITE_ONCE(tw->last_reply, jiffies);
		timewait_ack(tw, flow);
	}
	return LINNET_TW_DONE;
}

/**
 * linnet_timewait_expires() - when TIME-WAIT ends
 * @sk: a struct linnet_timewait, seen as a socket
 *
 * Return: jiffies.
 */
unsigned long linnet_timewait_expires(const struct sock *sk)
{
	return linnet_tw(sk)->timer.expires;
}

/**
 * linnet_timewait_purge() - a network namespace goes: end what it has
 * @net: the namespace
 */
void linnet_timewait_purge(struct net *net)
{
	struct linnet_table_position pos = {};
	struct sock *sk;

	while ((sk = linnet_table_next(net, &pos))) {
		if (sk->sk_state != TCP_TIME_WAIT) {
			sock_put(sk);
			continue;
		}
		linnet_timewait_kill(sk);
		linnet_timewait_put(sk);
		/* what was behind it has moved up */
		pos.index--;
	}
	/* A timer that took one out before we came to it may not have counted
	 * it off yet, which is the last that it does with the namespace
	 */
	while (atomic_read(&linnet_pernet(net)->tw_count))
		schedule_timeout_uninterruptible(1);
}

/**
 * linnet_timewait_init() - make the cache
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_timewait_init(void)
{
	BUILD_BUG_ON(offsetof(struct linnet_timewait, mark) !=
		     offsetof(struct inet_timewait_sock, tw_mark));
	timewait_cache = KMEM_CACHE(linnet_timewait, SLAB_HWCACHE_ALIGN);
	return timewait_cache ? 0 : -ENOMEM;
}

/**
 * linnet_timewait_exit() - give the cache back, all of it free
 */
void linnet_timewait_exit(void)
{
	kmem_cache_destroy(timewait_cache);
}
