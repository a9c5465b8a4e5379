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
#include <linux/sysctl.h>
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#define KERNEL_FROM(a, b) (LINUX_VERSION_CODE >= KERNEL_VERSION(a, b, 0))

#if KERNEL_FROM(6, 10)
#include <net/proto_memory.h>
#endif

#if KERNEL_FROM(6, 5)
#include <net/gso.h>
#endif

/* 7.x: addresses of unknown size have a type of their own */
#if KERNEL_FROM(6, 19)
typedef struct sockaddr_unsized linnet_sockaddr;
#else
typedef struct sockaddr linnet_sockaddr;
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

/* 7.x: the list of flow labels moved from ipv6_pinfo to inet_sock */
static inline void linnet_compat_clear_flowlabels(struct sock *sk,
						  struct ipv6_pinfo *np)
{
#if KERNEL_FROM(7, 0)
	inet_sk(sk)->ipv6_fl_list = NULL;
#else
	np->ipv6_fl_list = NULL;
#endif
}

/* 6.9: cong_control got the ACK and its flags */
static inline void
linnet_compat_cong_control(const struct tcp_congestion_ops *ca, struct sock *sk,
			   u32 ack, int flag, const struct rate_sample *rs)
{
#if KERNEL_FROM(6, 9)
	ca->cong_control(sk, ack, flag, rs);
#else
	ca->cong_control(sk, rs);
#endif
}

/* 7.0: CA_EVENT_TX_START has a callback of its own */
static inline void
linnet_compat_cong_tx_start(const struct tcp_congestion_ops *ca,
			    struct sock *sk)
{
#if KERNEL_FROM(7, 0)
	if (ca->cwnd_event_tx_start)
		ca->cwnd_event_tx_start(sk);
#else
	if (ca->cwnd_event)
		ca->cwnd_event(sk, CA_EVENT_TX_START);
#endif
}

/* Algorithms made of BPF have no module to hold; the way to hold them is
 * exported by 7.x only.  Kernels without BPF have no such owner.
 */
#ifndef BPF_MODULE_OWNER
#define BPF_MODULE_OWNER	ERR_PTR(-EOPNOTSUPP)
#endif
static inline bool
linnet_compat_cong_usable(const struct tcp_congestion_ops *ca)
{
	return ca->owner != BPF_MODULE_OWNER;
}

/* 6.13: hrtimer_setup() in place of hrtimer_init() and an assignment */
static inline void
linnet_compat_hrtimer_setup(struct hrtimer *timer,
			    enum hrtimer_restart (*function)(struct hrtimer *),
			    clockid_t clock, enum hrtimer_mode mode)
{
#if KERNEL_FROM(6, 13)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* 6.11: handlers take the table as const; 6.6: tables tell their size and need
 * no empty entry at the end
 */
#if KERNEL_FROM(6, 11)
typedef const struct ctl_table linnet_ctl_table;
#else
typedef struct ctl_table linnet_ctl_table;
#endif

#if KERNEL_FROM(6, 6)
#define linnet_compat_register_sysctl(net, path, table, n) \
	register_net_sysctl_sz(net, path, table, n)
#else
#define linnet_compat_register_sysctl(net, path, table, n) \
	register_net_sysctl(net, path, table)
#endif

/* 6.17: sk_uid() reads what other kernels let one read */
static inline kuid_t linnet_compat_uid(const struct sock *sk)
{
#if KERNEL_FROM(6, 17)
	return sk_uid(sk);
#else
	return READ_ONCE(sk->sk_uid);
#endif
}

/* Listener's clone, locked.  7.x: sk_clone_lock() is an inline function */
static inline struct sock *linnet_compat_clone(struct sock *sk)
{
	return sk_clone_lock(sk, GFP_ATOMIC);
}

/* 6.3: some bit fields of inet_sock became atomic flags */
static inline bool linnet_compat_inet_recverr(const struct sock *sk)
{
#if KERNEL_FROM(6, 6)
	return inet_test_bit(RECVERR, sk);
#else
	return inet_sk(sk)->recverr;
#endif
}

static inline bool linnet_compat_inet6_recverr(const struct sock *sk)
{
#if KERNEL_FROM(6, 8)
	return inet6_test_bit(RECVERR6, sk);
#else
	return inet6_sk(sk)->recverr;
#endif
}

static inline bool linnet_compat_sends_flowinfo(const struct sock *sk)
{
#if KERNEL_FROM(6, 8)
	return inet6_test_bit(SNDFLOW, sk);
#else
	return inet6_sk(sk)->sndflow;
#endif
}

/* 7.x: a reason to drop in place of an error */
static inline bool linnet_compat_sk_filter(struct sock *sk, struct sk_buff *skb,
					   unsigned int cap)
{
	return sk_filter_trim_cap(sk, skb, cap);
}

#endif /* _LINNET_COMPAT_H */
