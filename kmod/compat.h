/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the kernels that Linnet supports: 6.1, 6.12 and 7.3, as
 * Debian ships them.  The only file that asks for a version.
 */
#ifndef _LINNET_COMPAT_H
#define _LINNET_COMPAT_H

#include <linux/version.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/hrtimer.h>
#include <linux/memcontrol.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/sysctl.h>
#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/ip.h>
#include <net/sock.h>
#include <net/tcp.h>

#define KERNEL_FROM(a, b) (LINUX_VERSION_CODE >= KERNEL_VERSION(a, b, 0))

#if KERNEL_FROM(6, 10)
#include <linux/skbuff_ref.h>
#include <net/proto_memory.h>
#endif
#if KERNEL_FROM(6, 5)
#include <net/gso.h>
#endif

/* 7.x: addresses of unknown size have a type of their own */
#if KERNEL_FROM(6, 19)
#define linnet_sockaddr	struct sockaddr_unsized
#else
#define linnet_sockaddr	struct sockaddr
#endif

/* 6.10: the arguments of proto->accept became a structure */
#if KERNEL_FROM(6, 10)
#define LINNET_ACCEPT_ARGS	struct sock *sk, struct proto_accept_arg *arg
#define LINNET_ACCEPT_NONBLOCK	(arg->flags & O_NONBLOCK)
#define LINNET_ACCEPT_ERROR(e)	(arg->err = (e))
#else
#define LINNET_ACCEPT_ARGS	struct sock *sk, int flags, int *error, bool kern
#define LINNET_ACCEPT_NONBLOCK	(flags & O_NONBLOCK)
#define LINNET_ACCEPT_ERROR(e)	(*error = (e))
#endif

/* 7.1: proto->recvmsg lost addr_len; a stream never had a use for it */
#if KERNEL_FROM(7, 1)
#define LINNET_RECVMSG_ARGS \
	struct sock *sk, struct msghdr *msg, size_t len, int flags
#define linnet_compat_recv_error(sk, msg, len) inet_recv_error(sk, msg, len)
#else
#define LINNET_RECVMSG_ARGS \
	struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len
#define linnet_compat_recv_error(sk, msg, len) \
	inet_recv_error(sk, msg, len, addr_len)
#endif

/* 6.9: handlers of inet_diag have an owner; 6.18: its filter takes all that was
 * asked
 */
#if KERNEL_FROM(6, 9)
#define LINNET_COMPAT_DIAG_OWNER	.owner = THIS_MODULE,
#else
#define LINNET_COMPAT_DIAG_OWNER
#endif
#if KERNEL_FROM(6, 18)
#define linnet_compat_diag_filter(filter, cb, sk)	filter((cb)->data, sk)
#else
#define linnet_compat_diag_filter(filter, cb, sk) \
	filter(((struct inet_diag_dump_data *)(cb)->data)->inet_diag_nla_bc, sk)
#endif

/* 6.8: diag clients may ask for sockets that are only bound, by a state that no
 * socket is in
 */
#if KERNEL_FROM(6, 8)
#define LINNET_BOUND_INACTIVE	TCP_BOUND_INACTIVE
#else
#define LINNET_BOUND_INACTIVE	0
#endif

/* Not versions, but choices of the kernel's */
#ifdef CONFIG_NETFILTER
#define linnet_compat_hooks_register	nf_register_net_hooks
#define linnet_compat_hooks_unregister	nf_unregister_net_hooks
#else
static inline int linnet_compat_hooks_register(struct net *net,
					       const struct nf_hook_ops *hooks,
					       unsigned int n)
{
	return -EOPNOTSUPP;
}

static inline void
linnet_compat_hooks_unregister(struct net *net,
			       const struct nf_hook_ops *hooks, unsigned int n)
{
}
#endif
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
#define linnet_compat_bridged(skb)	nf_bridge_info_exists(skb)
#else
#define linnet_compat_bridged(skb)	false
#endif

/* 6.5: proto->ioctl takes a kernel pointer */
#if KERNEL_FROM(6, 5)
#define LINNET_IOCTL_ARGS	struct sock *sk, int cmd, int *karg
#define LINNET_IOCTL_ANSWER(v)	(*karg = (v), 0)
#else
#define LINNET_IOCTL_ARGS	struct sock *sk, int cmd, unsigned long karg
#define LINNET_IOCTL_ANSWER(v)	put_user(v, (int __user *)karg)
#endif

/* 6.5: where struct ipv6_pinfo lies is told by an offset; before, it must be
 * the end of the object.
 */
#if KERNEL_FROM(6, 5)
#define linnet_compat_set_pinfo_offset(prot, type, member) \
	((prot)->ipv6_pinfo_offset = offsetof(type, member))
#else
#define linnet_compat_set_pinfo_offset(prot, type, member) \
	BUILD_BUG_ON(offsetofend(type, member) != sizeof(type))
#endif

/* 6.6 to 6.8: bit fields of inet_sock and ipv6_pinfo became atomic flags */
#if KERNEL_FROM(6, 6)
#define linnet_compat_inet_recverr(sk)	inet_test_bit(RECVERR, sk)
#else
#define linnet_compat_inet_recverr(sk)	(inet_sk(sk)->recverr)
#endif

#if KERNEL_FROM(6, 6)
#define linnet_compat_defer_connect(sk)	inet_test_bit(DEFER_CONNECT, sk)
#define linnet_compat_set_defer_connect(sk, on) \
	inet_assign_bit(DEFER_CONNECT, sk, on)
#else
#define linnet_compat_defer_connect(sk)	(inet_sk(sk)->defer_connect)
#define linnet_compat_set_defer_connect(sk, on) \
	(inet_sk(sk)->defer_connect = (on))
#endif

#if KERNEL_FROM(6, 8)
#define linnet_compat_inet6_recverr(sk)	inet6_test_bit(RECVERR6, sk)
#define linnet_compat_sends_flowinfo(sk)	inet6_test_bit(SNDFLOW, sk)
#else
#define linnet_compat_inet6_recverr(sk)	(inet6_sk(sk)->recverr)
#define linnet_compat_sends_flowinfo(sk)	(inet6_sk(sk)->sndflow)
#endif

/* 7.x: the list of flow labels moved from ipv6_pinfo to inet_sock */
#if KERNEL_FROM(7, 0)
#define linnet_compat_flowlabels(sk, np)	(inet_sk(sk)->ipv6_fl_list)
#else
#define linnet_compat_flowlabels(sk, np)	((np)->ipv6_fl_list)
#endif

/* 7.0: the bit that says that both ends take part has another name, since it
 * tells RFC 3168 from accurate ECN
 */
#if KERNEL_FROM(7, 0)
#define LINNET_ECN_OK	TCP_ECN_MODE_RFC3168
#else
#define LINNET_ECN_OK	TCP_ECN_OK
#endif

/* 6.9: cong_control got the ACK and its flags */
#if KERNEL_FROM(6, 9)
#define linnet_compat_cong_control(ca, sk, ack, flag, rs) \
	(ca)->cong_control(sk, ack, flag, rs)
#else
#define linnet_compat_cong_control(ca, sk, ack, flag, rs) \
	(ca)->cong_control(sk, rs)
#endif

/* 7.0: CA_EVENT_TX_START has a callback of its own */
#if KERNEL_FROM(7, 0)
static inline void
linnet_compat_cong_tx_start(const struct tcp_congestion_ops *ca,
			    struct sock *sk)
{
	if (ca->cwnd_event_tx_start)
		ca->cwnd_event_tx_start(sk);
}
#else
static inline void
linnet_compat_cong_tx_start(const struct tcp_congestion_ops *ca,
			    struct sock *sk)
{
	if (ca->cwnd_event)
		ca->cwnd_event(sk, CA_EVENT_TX_START);
}
#endif

/* Algorithms made of BPF have no module to hold; the way to hold them is
 * exported by 7.x only.  Kernels without BPF have no such owner.
 */
#ifndef BPF_MODULE_OWNER
#define BPF_MODULE_OWNER	ERR_PTR(-EOPNOTSUPP)
#endif

/* 6.13: hrtimer_setup() in place of hrtimer_init() and an assignment */
#if KERNEL_FROM(6, 13)
#define linnet_compat_hrtimer_setup(timer, fn, clock, mode) \
	hrtimer_setup(timer, fn, clock, mode)
#else
static inline void
linnet_compat_hrtimer_setup(struct hrtimer *timer,
			    enum hrtimer_restart (*function)(struct hrtimer *),
			    clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* 6.19: the retransmission timer of connections moved into struct sock, and the
 * slow timer, which had been there, out of it
 */
#if KERNEL_FROM(6, 19)
#define linnet_compat_rtx_timer(sk)	(&(sk)->tcp_retransmit_timer)
#define linnet_compat_slow_timer(sk)	(&inet_csk(sk)->icsk_keepalive_timer)
#define linnet_compat_rtx_timer_sock(t) \
	container_of(t, struct sock, tcp_retransmit_timer)
#define linnet_compat_slow_timer_sock(t) \
	((struct sock *)container_of(t, struct inet_connection_sock, \
				     icsk_keepalive_timer))
#else
#define linnet_compat_rtx_timer(sk)	(&inet_csk(sk)->icsk_retransmit_timer)
#define linnet_compat_slow_timer(sk)	(&(sk)->sk_timer)
#define linnet_compat_rtx_timer_sock(t) \
	((struct sock *)container_of(t, struct inet_connection_sock, \
				     icsk_retransmit_timer))
#define linnet_compat_slow_timer_sock(t) \
	container_of(t, struct sock, sk_timer)
#endif

/* 6.11: handlers take the table as const */
#if KERNEL_FROM(6, 11)
#define linnet_ctl_table	const struct ctl_table
#else
#define linnet_ctl_table	struct ctl_table
#endif

/* 6.6: tables tell their size and need no empty entry at the end */
#if KERNEL_FROM(6, 6)
#define linnet_compat_register_sysctl(net, path, table, n) \
	register_net_sysctl_sz(net, path, table, n)
#else
#define linnet_compat_register_sysctl(net, path, table, n) \
	register_net_sysctl(net, path, table)
#endif

/* 6.19: accept() gives a child to the cgroup of its task for every protocol;
 * before, for TCP only
 */
#if KERNEL_FROM(6, 19)
static inline bool linnet_compat_memcg(const struct sock *sk)
{
	return mem_cgroup_sk_enabled(sk);
}

static inline bool linnet_compat_memcg_join(struct sock *sk)
{
	return false;
}

static inline void linnet_compat_memcg_leave(struct sock *sk)
{
}
#else
static inline bool linnet_compat_memcg(const struct sock *sk)
{
	return mem_cgroup_sockets_enabled && sk->sk_memcg;
}

static inline bool linnet_compat_memcg_join(struct sock *sk)
{
	struct mem_cgroup *memcg;

	if (!mem_cgroup_sockets_enabled || sk->sk_memcg ||
	    !cgroup_subsys_on_dfl(memory_cgrp_subsys))
		return false;
	rcu_read_lock();
	memcg = mem_cgroup_from_task(current);
	/* the root has no limit, and no counter */
	if (memcg && memcg->css.parent && css_tryget(&memcg->css))
		sk->sk_memcg = memcg;
	rcu_read_unlock();
	return sk->sk_memcg;
}

static inline void linnet_compat_memcg_leave(struct sock *sk)
{
	css_put(&sk->sk_memcg->css);
	sk->sk_memcg = NULL;
}
#endif

/* 6.6: how much of a buffer is window is measured for each socket; before, the
 * administrator told it
 */
#if KERNEL_FROM(6, 6)
#define LINNET_MEASURES_RATIO	true
#define linnet_compat_ratio(tp)	((tp)->scaling_ratio)
#define linnet_compat_set_ratio(tp, ratio)	((tp)->scaling_ratio = (ratio))
#else
#define LINNET_MEASURES_RATIO	false
#define linnet_compat_ratio(tp)	(1)
#define linnet_compat_set_ratio(tp, ratio)	((void)(ratio))
#endif

/* 6.3: IPv4 has a limit of its own for super-segments */
#if KERNEL_FROM(6, 3)
#define linnet_compat_gso_ipv4_max_size(dev) \
	READ_ONCE((dev)->gso_ipv4_max_size)
#else
#define linnet_compat_gso_ipv4_max_size(dev)	READ_ONCE((dev)->gso_max_size)
#endif

/* 6.5: the first SYNs are repeated without a longer timeout each time */
#if KERNEL_FROM(6, 5)
#define linnet_compat_syn_linear_timeouts(tcp) \
	READ_ONCE((tcp)->sysctl_tcp_syn_linear_timeouts)
#else
#define linnet_compat_syn_linear_timeouts(tcp)	0
#endif

/* 6.10: the first window may be larger than what the SYN can tell of it */
#if KERNEL_FROM(6, 10)
#define LINNET_FIRST_WINDOW_MAX	U32_MAX
#else
#define LINNET_FIRST_WINDOW_MAX	U16_MAX
#endif

/* 7.0: SO_RCVBUF asks the protocol to move its window clamp along */
#if KERNEL_FROM(7, 0)
#define LINNET_COMPAT_SET_RCVBUF(fn)	.set_rcvbuf = (fn),
#else
#define LINNET_COMPAT_SET_RCVBUF(fn)
#endif

/* 6.17: sk_uid() reads what other kernels let one read */
#if KERNEL_FROM(6, 17)
#define linnet_compat_uid(sk)	sk_uid(sk)
#else
#define linnet_compat_uid(sk)	READ_ONCE((sk)->sk_uid)
#endif

/* Kernels without VRF (CONFIG_NET_L3_MASTER_DEV) have no such knob of TCP's */
#ifdef CONFIG_NET_L3_MASTER_DEV
#define linnet_compat_l3mdev_accept(tcp) \
	READ_ONCE((tcp)->sysctl_tcp_l3mdev_accept)
#else
#define linnet_compat_l3mdev_accept(tcp)	1
#endif

/* 6.16, and 6.12 as it is kept: what is queued does not count as read */
#define LINNET_RCVBUF_LESS_QUEUED	KERNEL_FROM(6, 12)

/* 6.16, some of it a little later: the receive buffer grows by what is needed and
 * no more: what waits behind a hole needs room, a round trip below the clock's
 * resolution is none, and cheaper segments do not open the window by themselves
 */
#define LINNET_RCVBUF_EXACT	KERNEL_FROM(6, 16)

/* 6.19: on short paths the receive buffer grows slowly */
#if KERNEL_FROM(6, 19)
#define linnet_compat_rcvbuf_low_rtt(tcp) \
	READ_ONCE((tcp)->sysctl_tcp_rcvbuf_low_rtt)
#else
#define linnet_compat_rcvbuf_low_rtt(tcp)	0
#endif

/* 6.19: how long ACKs of out-of-order segments wait for each other can be tuned */
#if KERNEL_FROM(6, 19)
#define linnet_compat_comp_sack_rtt_percent(tcp) \
	READ_ONCE((tcp)->sysctl_tcp_comp_sack_rtt_percent)
#else
#define linnet_compat_comp_sack_rtt_percent(tcp)	5
#endif

/* 6.10: proto_ops->accept, as proto->accept */
#if KERNEL_FROM(6, 10)
#define LINNET_STREAM_ACCEPT_ARGS \
	struct socket *sock, struct socket *newsock, struct proto_accept_arg *arg
#define linnet_compat_inet_accept()	inet_accept(sock, newsock, arg)
#else
#define LINNET_STREAM_ACCEPT_ARGS \
	struct socket *sock, struct socket *newsock, int flags, bool kern
#define linnet_compat_inet_accept()	inet_accept(sock, newsock, flags, kern)
#endif

/* 6.5: pages are handed over by sendmsg() with MSG_SPLICE_PAGES, before by
 * sendpage(), which linnet_sendpage() turns into such a sendmsg().
 */
#if KERNEL_FROM(6, 17)
#define linnet_compat_splice_from_iter(skb, iter, most, gfp) \
	skb_splice_from_iter(skb, iter, most)
#elif KERNEL_FROM(6, 5)
#define linnet_compat_splice_from_iter(skb, iter, most, gfp) \
	skb_splice_from_iter(skb, iter, most, gfp)
#else
static inline ssize_t
linnet_compat_splice_from_iter(struct sk_buff *skb, struct iov_iter *iter,
			       ssize_t most, gfp_t gfp)
{
	/* linnet_sendpage() made it, of one piece */
	const struct bio_vec *bvec = iter->bvec;
	size_t at = bvec->bv_offset + iter->iov_offset;
	ssize_t n = min_t(size_t, most, bvec->bv_len - iter->iov_offset);
	int i = skb_shinfo(skb)->nr_frags;

	if (skb_can_coalesce(skb, i, bvec->bv_page, at)) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], n);
	} else if (i < MAX_SKB_FRAGS) {
		get_page(bvec->bv_page);
		skb_fill_page_desc_noacc(skb, i, bvec->bv_page, at, n);
	} else {
		return -EMSGSIZE;
	}
	iov_iter_advance(iter, n);
	skb->len += n;
	skb->data_len += n;
	skb->truesize += n;
	return n;
}
#endif

#if KERNEL_FROM(6, 5)
#define LINNET_COMPAT_PROTO_SENDPAGE
#define LINNET_COMPAT_OPS_SENDPAGE
#define LINNET_COMPAT_DEFINE_SENDPAGE
#define linnet_compat_is_sendpage(flags)	false
#define linnet_compat_pages_follow(flags)	false
#else
/* A user cannot ask for it: sendmsg() takes MSG_SPLICE_PAGES away. */
#define linnet_compat_is_sendpage(flags)	((flags) & MSG_SPLICE_PAGES)
/* Another one comes at once */
#define linnet_compat_pages_follow(flags) \
	(linnet_compat_is_sendpage(flags) && (flags) & MSG_SENDPAGE_NOTLAST)
#define LINNET_COMPAT_PROTO_SENDPAGE	.sendpage = linnet_sendpage,
#define LINNET_COMPAT_OPS_SENDPAGE	.sendpage = inet_sendpage,
/* The pages of one sendpage() as the data of a sendmsg() */
#define LINNET_COMPAT_DEFINE_SENDPAGE					\
static int linnet_sendpage(struct sock *sk, struct page *page,		\
			   int offset, size_t size, int flags)		\
{									\
	struct bio_vec bvec = {						\
		.bv_page = page, .bv_len = size, .bv_offset = offset };	\
	struct msghdr msg = { .msg_flags = flags };			\
									\
	if (flags & MSG_SENDPAGE_NOTLAST)				\
		msg.msg_flags |= MSG_MORE;				\
	/* pages that cannot be referenced are copied */		\
	if (sendpage_ok(page))						\
		msg.msg_flags |= MSG_SPLICE_PAGES;			\
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &bvec, 1, size);	\
	return linnet_sendmsg(sk, &msg, size);				\
}
#endif

/* 6.7: a protocol may see the options of SOL_SOCKET before the kernel does */
#if KERNEL_FROM(6, 7)
#define linnet_compat_custom_sockopt(sock) \
	set_bit(SOCK_CUSTOM_SOCKOPT, &(sock)->flags)
#else
#define linnet_compat_custom_sockopt(sock)	do { } while (0)
#endif

/* 6.9: TCP, and so we, have SO_PEEK_OFF */
#if KERNEL_FROM(6, 9)
#define LINNET_COMPAT_SET_PEEK_OFF	.set_peek_off = sk_set_peek_off,
#else
#define LINNET_COMPAT_SET_PEEK_OFF
#endif

/* 6.16, 7.x: device memory came into these calls; we have none */
#if KERNEL_FROM(6, 16)
#define linnet_compat_zerocopy_realloc(sk, size, uarg) \
	msg_zerocopy_realloc(sk, size, uarg, false)
#define linnet_compat_zerocopy_stream(sk, skb, msg, len, uarg) \
	skb_zerocopy_iter_stream(sk, skb, msg, len, uarg, NULL)
#else
#define linnet_compat_zerocopy_realloc(sk, size, uarg) \
	msg_zerocopy_realloc(sk, size, uarg)
#define linnet_compat_zerocopy_stream(sk, skb, msg, len, uarg) \
	skb_zerocopy_iter_stream(sk, skb, msg, len, uarg)
#endif

/* 6.13: what the caller asked for comes as a whole */
#if KERNEL_FROM(6, 13)
#define linnet_compat_tx_timestamp(sk, sockc, flags) \
	sock_tx_timestamp(sk, sockc, flags)
#else
#define linnet_compat_tx_timestamp(sk, sockc, flags) \
	sock_tx_timestamp(sk, (sockc)->tsflags, flags)
#endif

/* 6.15: whether an ACK is to be stamped is read from TCP's control block */
#ifdef TSTAMP_ACK_SK
#define LINNET_COMPAT_ACK_WANTED	TSTAMP_ACK_SK
#else
#define LINNET_COMPAT_ACK_WANTED	1
#endif
#define linnet_compat_wants_ack_stamp(skb) \
	(TCP_SKB_CB(skb)->txstamp_ack = LINNET_COMPAT_ACK_WANTED)

/* 7.x: timestamps stay ktime_t until they are told */
#if KERNEL_FROM(7, 0)
#define linnet_compat_tss(kt)	(kt)
#else
#define linnet_compat_tss(kt)	((kt) ? ktime_to_timespec64(kt) : \
				 (struct timespec64) {})
#endif

/* 6.2: octets are counted from what was written, not from what was acknowledged */
#if KERNEL_FROM(6, 2)
#define LINNET_COMPAT_OPT_ID_TCP	SOF_TIMESTAMPING_OPT_ID_TCP
#else
#define LINNET_COMPAT_OPT_ID_TCP	0
#endif

/* 6.11: the shortest timeout can be tuned */
#if KERNEL_FROM(6, 11)
#define linnet_compat_rto_min_us(tcp)	READ_ONCE((tcp)->sysctl_tcp_rto_min_us)
#else
#define linnet_compat_rto_min_us(tcp)	jiffies_to_usecs(TCP_RTO_MIN)
#endif

/* 6.15: the longest timeout can be tuned, and set for a socket; before, what is
 * tuned holds for all at once.  In microseconds.
 */
#if KERNEL_FROM(6, 15)
#define linnet_compat_rto_max_ms(tcp)	READ_ONCE((tcp)->sysctl_tcp_rto_max_ms)
#define linnet_compat_rto_max(sk, ms)	jiffies_to_usecs(tcp_rto_max(sk))
#define linnet_compat_set_rto_max(sk, ms) \
	WRITE_ONCE(inet_csk(sk)->icsk_rto_max, msecs_to_jiffies(ms))
#else
#define linnet_compat_rto_max_ms(tcp)	jiffies_to_msecs(TCP_RTO_MAX)
#define linnet_compat_rto_max(sk, ms)	((u32)(ms) * USEC_PER_MSEC)
#define linnet_compat_set_rto_max(sk, ms)	do { } while (0)
#endif

/* Options of newer kernels.  TCP's code knows them, or refuses them */
#ifndef TCP_IS_MPTCP
#define TCP_IS_MPTCP		43
#endif
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS		44
#endif
#ifndef TCP_RTO_MIN_US
#define TCP_RTO_MIN_US		45
#endif
#ifndef TCP_DELACK_MAX_US
#define TCP_DELACK_MAX_US	46
#endif

/* Not cleared by CONFIG_INIT_STACK_ALL_ZERO: it is filled in before it is read */
#if __has_attribute(uninitialized)
#define linnet_unset __attribute__((uninitialized))
#else
#define linnet_unset
#endif

#endif /* _LINNET_COMPAT_H */
