// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket options: SOL_LINNET, SOL_TCP, and those few of SOL_SOCKET that the
 * kernel grants to TCP alone.
 *
 * Options that only store a value in struct tcp_sock are left to the kernel's
 * own code, which our socket is good enough for: so ranges and errors are
 * those of the running kernel.  What would reach into TCP's queues, timers or
 * tables is done here.
 */
#include <linux/linnet.h>
#include <linux/tcp.h>

#include "linnet.h"
#include "trace.h"
#include "xmit.h"

static int set_user_mss(struct sock *sk, int val)
{
	/* RFC 9293, 3.7.1; as Linux TCP bounds it.  0: back to the path's. */
	if (val && (val < TCP_MIN_MSS || val > MAX_TCP_WINDOW))
		return -EINVAL;
	tcp_sk(sk)->rx_opt.user_mss = val;
	return 0;
}

static int set_nodelay(struct sock *sk, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!val) {
		tp->nonagle &= ~TCP_NAGLE_OFF;
		return 0;
	}
	/* off, and what Nagle held back goes now */
	tp->nonagle |= TCP_NAGLE_OFF | TCP_NAGLE_PUSH;
	linnet_push_pending(sk);
	tp->nonagle &= ~TCP_NAGLE_PUSH;
	return 0;
}

static int set_cork(struct sock *sk, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (val) {
		tp->nonagle |= TCP_NAGLE_CORK;
		return 0;
	}
	tp->nonagle &= ~TCP_NAGLE_CORK;
	tp->nonagle |= TCP_NAGLE_PUSH;
	linnet_push_pending(sk);
	tp->nonagle &= ~TCP_NAGLE_PUSH;
	return 0;
}

static int set_keepidle(struct sock *sk, int val)
{
	if (val < 1 || val > MAX_TCP_KEEPIDLE)
		return -EINVAL;
	tcp_sk(sk)->keepalive_time = val * HZ;
	if (sock_flag(sk, SOCK_KEEPOPEN) &&
	    !((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		linnet_keepalive_arm(sk, linnet_keepalive_time(sk));
	return 0;
}

/* 0: ACKs may wait.  Else what is owed goes now; and then they may wait again
 * when the value is even.
 */
static int set_quickack(struct sock *sk, int val)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	ack->pingpong = !val;
	if (val && ack->pending &&
	    (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) {
		linnet_send_ack(sk);
		ack->pingpong = !(val & 1);
	}
	return 0;
}

/* Options that the kernel's code reads from and writes to struct tcp_sock, and
 * does nothing else with.  Those of repair mode among them fail, since nothing
 * ever enters it.
 */
static bool kernel_sets(int optname)
{
	switch (optname) {
	case TCP_CONGESTION:	/* loads modules, checks privileges */
	case TCP_SYNCNT:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
	case TCP_LINGER2:
	case TCP_WINDOW_CLAMP:
	case TCP_USER_TIMEOUT:
	case TCP_NOTSENT_LOWAT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
	case TCP_SAVE_SYN:
	case TCP_INQ:
	case TCP_TX_DELAY:
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
	case TCP_REPAIR_OPTIONS:
	case TCP_REPAIR_WINDOW:
	case TCP_TIMESTAMP:
	case TCP_IS_MPTCP:
	case TCP_RTO_MAX_MS:
	case TCP_RTO_MIN_US:
	case TCP_DELACK_MAX_US:
		return true;
	}
	return false;
}

static bool kernel_gets(int optname)
{
	switch (optname) {
	case TCP_CONGESTION:
	case TCP_WINDOW_CLAMP:
	case TCP_USER_TIMEOUT:
	case TCP_NOTSENT_LOWAT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
	case TCP_SAVE_SYN:
	case TCP_SAVED_SYN:
	case TCP_INQ:
	case TCP_TX_DELAY:
	case TCP_CC_INFO:
	case TCP_ULP:
	case TCP_REPAIR:
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
	case TCP_REPAIR_WINDOW:
	case TCP_TIMESTAMP:
	case TCP_IS_MPTCP:
	case TCP_RTO_MAX_MS:
	case TCP_RTO_MIN_US:
	case TCP_DELACK_MAX_US:
		return true;
	}
	return false;
}

/* What Linnet does not have.  Signatures and keys (RFC 2385, RFC 5925) are
 * refused as by a kernel that was built without them.
 */
static int refused(int optname)
{
	/* nobody has the privilege */
	return optname == TCP_REPAIR ? -EPERM : -ENOPROTOOPT;
}

/* Kernel TLS and the like, by name: there is none of any name */
static int refuse_ulp(sockptr_t name, unsigned int len)
{
	char first;

	if (!len)
		return -EINVAL;
	if (copy_from_sockptr(&first, name, 1))
		return -EFAULT;
	return -ENOENT;
}

static int set_tcp_option(struct sock *sk, int optname, int val)
{
	switch (optname) {
	case TCP_NODELAY:
		return set_nodelay(sk, val);
	case TCP_CORK:
		return set_cork(sk, val);
	case TCP_MAXSEG:
		return set_user_mss(sk, val);
	case TCP_KEEPIDLE:
		return set_keepidle(sk, val);
	case TCP_QUICKACK:
		return set_quickack(sk, val);
	}
	return refused(optname);
}

static int get_tcp_option(struct sock *sk, int optname, int *val)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	switch (optname) {
	case TCP_NODELAY:
		*val = !!(tp->nonagle & TCP_NAGLE_OFF);
		return 0;
	case TCP_CORK:
		*val = !!(tp->nonagle & TCP_NAGLE_CORK);
		return 0;
	case TCP_MAXSEG:
		*val = tp->mss_cache;
		if (tp->rx_opt.user_mss &&
		    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
			*val = tp->rx_opt.user_mss;
		return 0;
	case TCP_KEEPIDLE:
		*val = linnet_keepalive_time(sk) / HZ;
		return 0;
	case TCP_KEEPINTVL:
		*val = tp->keepalive_intvl ? tp->keepalive_intvl / HZ :
					     READ_ONCE(ln->keepalive_intvl);
		return 0;
	case TCP_KEEPCNT:
		*val = tp->keepalive_probes ?: READ_ONCE(ln->keepalive_probes);
		return 0;
	case TCP_SYNCNT:
		*val = icsk->icsk_syn_retries ?: READ_ONCE(ln->syn_retries);
		return 0;
	case TCP_LINGER2:
		*val = tp->linger2 < 0 ? -1 :
		       (int)linnet_fin_timeout(sk) / HZ;
		return 0;
	case TCP_QUICKACK:
		*val = !linnet_sk(sk)->ack.pingpong;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int val;

	if (optlen < sizeof(int))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	if (val < 0 || val > 1)
		return -EINVAL;
	lock_sock(sk);
	sock_valbool_flag(sk, SOCK_ZEROCOPY, val);
	release_sock(sk);
	return 0;
}

/**
 * linnet_setsockopt() - proto->setsockopt
 * @sk: the socket, not locked
 * @level: SOL_IP, SOL_IPV6, SOL_TCP, SOL_LINNET
 * @optname: option
 * @optval: value
 * @optlen: bytes of it
 *
 * Return: 0, -ENOPROTOOPT for what is not known, -EINVAL for a value out of
 * range, -EFAULT.
 */
int linnet_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		      unsigned int optlen)
{
	int val, err;

	if (level == SOL_LINNET)
		return optname == LINNET_ZEROCOPY ?
		       set_zerocopy(sk, optval, optlen) : -ENOPROTOOPT;
	if (level != SOL_TCP)
		return sk->sk_family == AF_INET6 ?
		       ipv6_setsockopt(sk, level, optname, optval, optlen) :
		       ip_setsockopt(sk, level, optname, optval, optlen);
	if (kernel_sets(optname))
		return tcp_prot.setsockopt(sk, level, optname, optval, optlen);
	if (optname == TCP_ULP)
		return refuse_ulp(optval, optlen);

	err = linnet_open_setsockopt(sk, optname, optval, optlen);
	if (err != -ENOPROTOOPT)
		return err;

	if (optlen < sizeof(int))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	lock_sock(sk);
	err = set_tcp_option(sk, optname, val);
	release_sock(sk);
	return err;
}

static int copy_answer(char __user *optval, int __user *optlen, void *answer,
		       int size)
{
	int len;

	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	len = min(len, size);
	if (put_user(len, optlen) || copy_to_user(optval, answer, len))
		return -EFAULT;
	return 0;
}

/* Pages of the receive queue are not mapped: the caller copies instead.  TCP
 * asks for the length first.
 */
static int refuse_zerocopy_receive(int __user *optlen)
{
	int len;

	if (get_user(len, optlen))
		return -EFAULT;
	if (len < (int)offsetofend(struct tcp_zerocopy_receive, length))
		return -EINVAL;
	return -EOPNOTSUPP;
}

/**
 * linnet_getsockopt() - proto->getsockopt
 * @sk: the socket, not locked
 * @level: SOL_IP, SOL_IPV6, SOL_TCP, SOL_LINNET
 * @optname: option
 * @optval: where to
 * @optlen: room there, and bytes written
 *
 * Return: 0, -ENOPROTOOPT for what is not known, -EINVAL, -EFAULT.
 */
int linnet_getsockopt(struct sock *sk, int level, int optname,
		      char __user *optval, int __user *optlen)
{
	int val, err;

	if (level == SOL_LINNET) {
		struct linnet_info info = {};

		if (optname != LINNET_INFO)
			return -ENOPROTOOPT;
		linnet_info_fill(sk, &info);
		return copy_answer(optval, optlen, &info, sizeof(info));
	}
	if (level != SOL_TCP)
		return sk->sk_family == AF_INET6 ?
		       ipv6_getsockopt(sk, level, optname, optval, optlen) :
		       ip_getsockopt(sk, level, optname, optval, optlen);
	if (kernel_gets(optname))
		return tcp_prot.getsockopt(sk, level, optname, optval, optlen);
	if (optname == TCP_INFO) {
		struct tcp_info info = {};

		linnet_tcp_info_fill(sk, &info);
		return copy_answer(optval, optlen, &info, sizeof(info));
	}
	err = linnet_open_getsockopt(sk, optname, optval, optlen);
	if (err != -ENOPROTOOPT)
		return err;
	if (optname == TCP_ZEROCOPY_RECEIVE)
		return refuse_zerocopy_receive(optlen);
	lock_sock(sk);
	err = get_tcp_option(sk, optname, &val);
	release_sock(sk);
	return err ?: copy_answer(optval, optlen, &val, sizeof(val));
}

/**
 * linnet_stream_setsockopt() - proto_ops->setsockopt, SOL_SOCKET included
 * @sock: the socket
 * @level: level
 * @optname: option
 * @optval: value
 * @optlen: bytes of it
 *
 * The kernel grants some options of SOL_SOCKET to TCP by its protocol number.
 *
 * Return: 0 or a negative error.
 */
int linnet_stream_setsockopt(struct socket *sock, int level, int optname,
			     sockptr_t optval, unsigned int optlen)
{
	if (level != SOL_SOCKET)
		return sock_common_setsockopt(sock, level, optname, optval,
					      optlen);
	switch (optname) {
	case SO_ZEROCOPY:
		return set_zerocopy(sock->sk, optval, optlen);
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMPING_NEW:
		return linnet_set_timestamping(sock, optname, optval, optlen);
	}
	return sock_setsockopt(sock, level, optname, optval, optlen);
}
