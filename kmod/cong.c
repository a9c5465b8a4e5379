// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hosting the kernel's congestion controls: choose one, call it, tell it how
 * fast data is delivered.
 *
 * struct tcp_sock comes first in struct linnet_sock, so a tcp_congestion_ops
 * sees nothing but a socket with a window.  A callback may exchange the
 * algorithm under us (dctcp does when ECN is off): the pointer is read anew
 * each time.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rtnetlink.h>
#include <linux/sched/task.h>
#include <net/netlink.h>

#include "linnet.h"
#include "metrics.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

static DEFINE_MUTEX(default_mutex);

static const struct tcp_congestion_ops *ca_of(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ca_ops;
}

/* One made of BPF has none: nothing that could be held */
static bool has_module(const struct tcp_congestion_ops *ca)
{
	return ca->owner != BPF_MODULE_OWNER;
}

/* Our own algorithm lives as long as its sockets: a namespace that holds on to
 * it must not keep the module from being unloaded.
 */
static bool hold_default(const struct tcp_congestion_ops *ca)
{
	if (ca->owner == THIS_MODULE)
		return true;
	return has_module(ca) && try_module_get(ca->owner);
}

static void put_default(const struct tcp_congestion_ops *ca)
{
	if (ca->owner != THIS_MODULE)
		module_put(ca->owner);
}

/**
 * linnet_cong_net_init() - a new namespace begins with TCP's choice in it
 * @net: the namespace
 *
 * Return: 0.
 */
int linnet_cong_net_init(struct net *net)
{
	const struct tcp_congestion_ops *ca;

	rcu_read_lock();
	ca = rcu_dereference(net->ipv4.tcp_congestion_control);
	if (!ca || !hold_default(ca))
		ca = &linnet_reno;
	rcu_read_unlock();
	RCU_INIT_POINTER(linnet_pernet(net)->congestion_control, ca);
	return 0;
}

/**
 * linnet_cong_net_exit() - a namespace goes
 * @net: the namespace
 */
void linnet_cong_net_exit(struct net *net)
{
	put_default(rcu_dereference_protected(
			linnet_pernet(net)->congestion_control, true));
}

/* A connection holds what it uses */
static bool hold(const struct tcp_congestion_ops *ca)
{
	return has_module(ca) && try_module_get(ca->owner);
}

/* The kernel's table of names is private to TCP, so a TCP socket is asked to
 * take the name: that loads the module, and checks that the caller may.
 *
 * Returns it held by @hold_it, or an error.
 */
static const struct tcp_congestion_ops *
ca_by_name(struct net *net, const char *name,
	   bool (*hold_it)(const struct tcp_congestion_ops *))
{
	const struct tcp_congestion_ops *ca;
	struct socket *sock;
	int err;

	err = sock_create_kern(net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return ERR_PTR(err);
	err = tcp_prot.setsockopt(sock->sk, SOL_TCP, TCP_CONGESTION,
				  KERNEL_SOCKPTR((void *)name), strlen(name));
	ca = ca_of(sock->sk);
	if (err)
		ca = ERR_PTR(err);
	else if (!hold_it(ca))
		ca = ERR_PTR(-EOPNOTSUPP);
	sock_release(sock);
	return ca;
}

/**
 * linnet_cong_set_default() - net.linnet.congestion_control is written
 * @net: the namespace
 * @name: of a congestion control that is loaded or can be
 *
 * Context: process, may sleep.
 * Return: 0, -ENOENT for an unknown name, -EOPNOTSUPP for one made of BPF that
 * this kernel gives no way to hold, or what TCP said.
 */
int linnet_cong_set_default(struct net *net, const char *name)
{
	struct linnet_net *ln = linnet_pernet(net);
	const struct tcp_congestion_ops *ca, *old;

	ca = ca_by_name(net, name, hold_default);
	if (IS_ERR(ca))
		return PTR_ERR(ca);
	mutex_lock(&default_mutex);
	old = rcu_replace_pointer(ln->congestion_control, ca,
				  lockdep_is_held(&default_mutex));
	mutex_unlock(&default_mutex);
	/* readers take a reference of their own under RCU */
	synchronize_rcu();
	put_default(old);
	return 0;
}

/**
 * linnet_cong_get_default() - net.linnet.congestion_control is read
 * @net: the namespace
 * @name: room for %TCP_CA_NAME_MAX
 */
void linnet_cong_get_default(struct net *net, char *name)
{
	rcu_read_lock();
	strscpy(name,
		rcu_dereference(linnet_pernet(net)->congestion_control)->name,
		TCP_CA_NAME_MAX);
	rcu_read_unlock();
}

static void set_ca(struct sock *sk, const struct tcp_congestion_ops *ca)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	icsk->icsk_ca_ops = ca;
	icsk->icsk_ca_initialized = 0;
	icsk->icsk_ca_setsockopt = 0;
	icsk->icsk_ca_dst_locked = 0;
	memset(icsk->icsk_ca_priv, 0, sizeof(icsk->icsk_ca_priv));
}

/**
 * linnet_cong_assign() - a new socket gets the namespace's default
 * @sk: the socket; has none
 */
void linnet_cong_assign(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct tcp_congestion_ops *ca;

	rcu_read_lock();
	ca = rcu_dereference(ln->congestion_control);
	if (!try_module_get(ca->owner)) {
		ca = &linnet_reno;
		__module_get(THIS_MODULE);
	}
	rcu_read_unlock();
	set_ca(sk, ca);
}

/**
 * linnet_cong_inherit() - a child gets its listener's, if that chose one
 * @child: a copy of @parent that holds no reference yet
 * @parent: the listener
 */
void linnet_cong_inherit(struct sock *child, const struct sock *parent)
{
	const struct tcp_congestion_ops *ca = ca_of(parent);

	if (inet_csk(parent)->icsk_ca_setsockopt &&
	    has_module(ca) && try_module_get(ca->owner)) {
		set_ca(child, ca);
		inet_csk(child)->icsk_ca_setsockopt = 1;
		return;
	}
	linnet_cong_assign(child);
}

/* By default twice the window a round trip in slow start, 1.2 times after: fast
 * enough not to hold the window back, slow enough to avoid bursts of it.
 */
static void update_pacing_rate(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 percent = tcp_snd_cwnd(tp) < tp->snd_ssthresh / 2 ?
		      READ_ONCE(ln->pacing_ss_ratio) :
		      READ_ONCE(ln->pacing_ca_ratio);
	u64 rate;

	rate = (u64)tp->mss_cache * ((USEC_PER_SEC / 100) << 3) * percent;
	rate *= max(tcp_snd_cwnd(tp), tp->packets_out);
	if (likely(tp->srtt_us))
		do_div(rate, tp->srtt_us);
	WRITE_ONCE(sk->sk_pacing_rate,
		   min_t(u64, rate, READ_ONCE(sk->sk_max_pacing_rate)));
}

/**
 * linnet_cong_start() - the connection is established: begin
 * @sk: the socket, locked, its round trip and first window known
 */
void linnet_cong_start(struct sock *sk)
{
	tcp_sk(sk)->prior_ssthresh = 0;
	if (ca_of(sk)->init)
		ca_of(sk)->init(sk);
	inet_csk(sk)->icsk_ca_initialized = 1;
	if (!ca_of(sk)->cong_control)
		update_pacing_rate(sk);
}

/**
 * linnet_cong_cleanup() - let the congestion control go
 * @sk: the socket, locked; does not send any more
 */
void linnet_cong_cleanup(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (!icsk->icsk_ca_ops)
		return;
	if (icsk->icsk_ca_initialized && ca_of(sk)->release)
		ca_of(sk)->release(sk);
	icsk->icsk_ca_initialized = 0;
	module_put(ca_of(sk)->owner);
	icsk->icsk_ca_ops = NULL;
}

/* A route knows its congestion control by a key.  Whose key it is the kernel
 * tells when it describes a route.
 */
static bool name_of_key(u32 key, char *name)
{
	u32 metrics[RTAX_MAX] = { [RTAX_CC_ALGO - 1] = key };
	const struct nlattr *nest, *found = NULL;
	struct sk_buff *skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return false;
	if (rtnetlink_put_metrics(skb, metrics) > 0) {
		nest = (const void *)skb->data;
		found = nla_find(nla_data(nest), nla_len(nest), RTAX_CC_ALGO);
	}
	if (found)
		nla_strscpy(name, found, TCP_CA_NAME_MAX);
	kfree_skb(skb);
	return found;
}

/* The administrator has chosen it, whatever the user may choose */
static const struct tcp_congestion_ops *ca_by_key(struct net *net, u32 key)
{
	const struct tcp_congestion_ops *ca;
	const struct cred *before;
	char name[TCP_CA_NAME_MAX];
	struct cred *kernel;

	if (!name_of_key(key, name))
		return ERR_PTR(-ENOENT);
	kernel = prepare_kernel_cred(&init_task);
	if (!kernel)
		return ERR_PTR(-ENOMEM);
	before = override_creds(kernel);
	ca = ca_by_name(net, name, hold);
	revert_creds(before);
	put_cred(kernel);
	return ca;
}

/**
 * linnet_cong_by_route() - take the congestion control that the route asks for
 *	("congctl")
 * @sk: the socket, locked, about to connect or just accepted
 *
 * As with TCP it comes before the user's choice, and when it is locked the user
 * has none any more.  One that the kernel does not have any more, or that we
 * cannot hold, is as if the route had said nothing.
 *
 * Context: process, may sleep: a child gets it when it is accepted, which is
 * before anybody can send on it.
 */
void linnet_cong_by_route(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	const struct dst_entry *dst = __sk_dst_get(sk);
	u32 key = dst ? dst_metric(dst, RTAX_CC_ALGO) : TCP_CA_UNSPEC;
	bool begun = icsk->icsk_ca_initialized;
	const struct tcp_congestion_ops *ca;

	if (likely(key == TCP_CA_UNSPEC) || !ca_of(sk))
		return;
	if (ca_of(sk)->key != key) {
		ca = ca_by_key(sock_net(sk), key);
		if (IS_ERR(ca))
			return;
		linnet_cong_cleanup(sk);
		set_ca(sk, ca);
		if (begun)
			linnet_cong_start(sk);
	}
	icsk->icsk_ca_dst_locked = tcp_ca_dst_locked(dst);
}

/**
 * linnet_cong_set_state() - TCP_CA_Open ... TCP_CA_Loss
 * @sk: the socket, locked
 * @state: new state; the callback still sees the old one
 */
void linnet_cong_set_state(struct sock *sk, u8 state)
{
	if (inet_csk(sk)->icsk_ca_state == state)
		return;
	if (ca_of(sk)->set_state)
		ca_of(sk)->set_state(sk, state);
	inet_csk(sk)->icsk_ca_state = state;
	trace_linnet_cwnd(sk);
}

/**
 * linnet_cong_event() - tell of an event
 * @sk: the socket, locked
 * @event: CA_EVENT_LOSS ...; for CA_EVENT_TX_START see linnet_cong_tx_start()
 */
void linnet_cong_event(struct sock *sk, enum tcp_ca_event event)
{
	if (inet_csk(sk)->icsk_ca_initialized && ca_of(sk)->cwnd_event)
		ca_of(sk)->cwnd_event(sk, event);
}

/**
 * linnet_cong_tx_start() - data goes out and nothing was on its way
 * @sk: the socket, locked
 */
void linnet_cong_tx_start(struct sock *sk)
{
	if (inet_csk(sk)->icsk_ca_initialized)
		linnet_compat_cong_tx_start(ca_of(sk), sk);
}

/**
 * linnet_cong_ssthresh() - the slow-start threshold after a loss
 * @sk: the socket, locked
 *
 * Return: segments.
 */
u32 linnet_cong_ssthresh(struct sock *sk)
{
	return ca_of(sk)->ssthresh(sk);
}

/**
 * linnet_cong_in_ack() - an ACK has come, before anything is done with it
 * @sk: the socket, locked
 * @ack: the ACK
 */
void linnet_cong_in_ack(struct sock *sk, const struct linnet_ack *ack)
{
	u32 flags = CA_ACK_SLOWPATH;

	if (!ca_of(sk)->in_ack_event)
		return;
	if (ack->window_update)
		flags |= CA_ACK_WIN_UPDATE;
	if (ack->ece)
		flags |= CA_ACK_ECE;
	ca_of(sk)->in_ack_event(sk, flags);
}

/**
 * linnet_cong_pkts_acked() - segments have been acknowledged
 * @sk: the socket, locked
 * @sample: how many, and their round trip
 */
void linnet_cong_pkts_acked(struct sock *sk, const struct ack_sample *sample)
{
	if (ca_of(sk)->pkts_acked)
		ca_of(sk)->pkts_acked(sk, sample);
}

/* May this ACK open the window?  On a path that reorders, SACK tells progress
 * as well.
 */
static bool may_grow(const struct sock *sk, const struct linnet_ack *ack)
{
	u32 usual = READ_ONCE(linnet_sk_net(sk)->reordering);

	/* what is acknowledged now may have been counted when it was SACKed */
	return ack->delivered &&
	       (ack->segs || (tcp_sk(sk)->reordering > usual && ack->sacked));
}

/**
 * linnet_cong_control() - set window and pace after an ACK
 * @sk: the socket, locked
 * @ack: the ACK, its rate sample complete
 */
void linnet_cong_control(struct sock *sk, const struct linnet_ack *ack)
{
	u32 ack_seq = ack->seg->ack;

	if (ca_of(sk)->cong_control) {
		linnet_compat_cong_control(ca_of(sk), sk, ack_seq, 0, &ack->rs);
	} else {
		if (tcp_in_cwnd_reduction(sk)) {
			linnet_recovery_cwnd(sk, ack->delivered,
					     ack->rs.losses,
					     ack->una_advanced);
		} else if (may_grow(sk, ack)) {
			ca_of(sk)->cong_avoid(sk, ack_seq, ack->delivered);
			tcp_sk(sk)->snd_cwnd_stamp = tcp_jiffies32;
		}
		update_pacing_rate(sk);
	}
	trace_linnet_cwnd(sk);
}

/**
 * linnet_cong_cwnd_validate() - was the window what limited us? (RFC 7661)
 * @sk: the socket, locked, has just sent
 * @limited: it was
 */
void linnet_cong_cwnd_validate(struct sock *sk, bool limited)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* Remember the fullest moment of a window, and whether it was full */
	if (!seq_before(tp->snd_una, tp->cwnd_usage_seq) || limited ||
	    (!tp->is_cwnd_limited && tp->packets_out > tp->max_packets_out)) {
		tp->is_cwnd_limited = limited;
		tp->max_packets_out = tp->packets_out;
		tp->cwnd_usage_seq = tp->snd_nxt;
	}
	if (limited) {
		tp->snd_cwnd_used = 0;
		tp->snd_cwnd_stamp = tcp_jiffies32;
		return;
	}
	if (tp->packets_out > tp->snd_cwnd_used)
		tp->snd_cwnd_used = tp->packets_out;
	if (!linnet_rto_passed(sk, tp->snd_cwnd_stamp) ||
	    !READ_ONCE(linnet_sk_net(sk)->slow_start_after_idle) ||
	    ca_of(sk)->cong_control)
		return;
	/* Half of the way down to what was used, a timeout long not full */
	if (inet_csk(sk)->icsk_ca_state == TCP_CA_Open) {
		u32 used = max(tp->snd_cwnd_used, linnet_init_cwnd(sk));

		if (used < tcp_snd_cwnd(tp)) {
			tp->snd_ssthresh = tcp_current_ssthresh(sk);
			tcp_snd_cwnd_set(tp, (tcp_snd_cwnd(tp) + used) >> 1);
		}
		tp->snd_cwnd_used = 0;
	}
	tp->snd_cwnd_stamp = tcp_jiffies32;
}

/**
 * linnet_cong_idle_restart() - after idleness what the window says is stale
 *	(RFC 5681, 4.1)
 * @sk: the socket, locked; nothing is on its way
 */
void linnet_cong_idle_restart(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 idle = tcp_jiffies32 - tp->lsndtime;
	u32 cwnd = tcp_snd_cwnd(tp), restart, rto;

	if (!tp->lsndtime || !linnet_rto_passed(sk, tp->lsndtime) ||
	    !READ_ONCE(linnet_sk_net(sk)->slow_start_after_idle) ||
	    !inet_csk(sk)->icsk_ca_initialized || ca_of(sk)->cong_control)
		return;
	rto = usecs_to_jiffies(linnet_rto(sk));
	linnet_cong_event(sk, CA_EVENT_CWND_RESTART);
	tp->snd_ssthresh = tcp_current_ssthresh(sk);
	/* halve it for every timeout, down to the initial window */
	restart = min(tcp_snd_cwnd(tp), linnet_init_cwnd(sk));
	for (; idle > rto && cwnd > restart; idle -= rto)
		cwnd >>= 1;
	tcp_snd_cwnd_set(tp, max(cwnd, restart));
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->snd_cwnd_used = 0;
}

/**
 * linnet_rate_sent() - note with a buffer what was delivered when it was sent
 * @sk: the socket, locked
 * @skb: the buffer
 *
 * This and the following estimate the delivery rate: a sample spans from the
 * sending of a segment to its acknowledgement, and its rate is what was
 * delivered in between over the longer of the time to send and the time to
 * acknowledge it (draft-cheng-iccrg-delivery-rate-estimation).
 */
void linnet_rate_sent(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->packets_out) {
		u64 now = linnet_sent_us(skb);

		tp->first_tx_mstamp = now;
		tp->delivered_mstamp = now;
	}
	cb->first_tx_mstamp = tp->first_tx_mstamp;
	cb->delivered_mstamp = tp->delivered_mstamp;
	cb->delivered = tp->delivered;
	cb->app_limited = tp->app_limited;
}

/**
 * linnet_rate_delivered() - a buffer has arrived
 * @sk: the socket, locked
 * @skb: the buffer
 * @rs: the sample of this ACK: the buffer sent last makes it
 */
void linnet_rate_delivered(struct sock *sk, struct sk_buff *skb,
			   struct rate_sample *rs)
{
	struct linnet_cb *cb = LINNET_CB(skb);
	struct tcp_sock *tp = tcp_sk(sk);
	u64 sent = linnet_sent_us(skb);

	if (!cb->delivered_mstamp)
		return;
	if (rs->prior_delivered &&
	    (sent < tp->first_tx_mstamp ||
	     (sent == tp->first_tx_mstamp &&
	      !seq_after(cb->end_seq, rs->last_end_seq))))
		return;
	rs->prior_delivered = cb->delivered;
	rs->prior_mstamp = cb->delivered_mstamp;
	rs->is_app_limited = cb->app_limited;
	rs->is_retrans = !!(cb->sacked & LINNET_RETRANS);
	rs->last_end_seq = cb->end_seq;
	rs->interval_us = sent - cb->first_tx_mstamp;
	tp->first_tx_mstamp = sent;
}

/**
 * linnet_rate_generate() - finish the sample of an ACK
 * @sk: the socket, locked
 * @delivered: segments that the ACK told delivered
 * @lost: segments that it made us mark lost
 * @rs: the sample; without a valid rate, delivered and interval_us are -1
 */
void linnet_rate_generate(struct sock *sk, u32 delivered, u32 lost,
			  struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->app_limited && seq_after(tp->delivered, tp->app_limited))
		tp->app_limited = 0;
	if (delivered)
		tp->delivered_mstamp = tp->tcp_mstamp;
	rs->acked_sacked = delivered;
	rs->losses = lost;
	if (!rs->prior_mstamp) {
		rs->delivered = -1;
		rs->interval_us = -1;
		return;
	}
	rs->delivered = tp->delivered - rs->prior_delivered;
	rs->snd_interval_us = rs->interval_us;
	rs->rcv_interval_us = tcp_stamp_us_delta(tp->tcp_mstamp,
						 rs->prior_mstamp);
	rs->interval_us = max(rs->snd_interval_us, rs->rcv_interval_us);
	/* Shorter than the least round trip: ACKs were held up and came at
	 * once; such a rate is too good to be true
	 */
	if (unlikely(rs->interval_us < (long)minmax_get(&tp->rtt_min))) {
		rs->interval_us = -1;
		return;
	}
	if (!rs->is_app_limited ||
	    ((u64)rs->delivered * tp->rate_interval_us >=
	     (u64)tp->rate_delivered * rs->interval_us)) {
		tp->rate_delivered = rs->delivered;
		tp->rate_interval_us = rs->interval_us;
		tp->rate_app_limited = rs->is_app_limited;
	}
}

/**
 * linnet_rate_app_limited() - is it the application that sends too little?
 * @sk: the socket, locked, about to get more data
 */
void linnet_rate_app_limited(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->write_seq - tp->snd_nxt < tp->mss_cache &&
	    tcp_packets_in_flight(tp) < tcp_snd_cwnd(tp) &&
	    tp->lost_out <= tp->retrans_out)
		tp->app_limited = (tp->delivered +
				   tcp_packets_in_flight(tp)) ? : 1;
}
