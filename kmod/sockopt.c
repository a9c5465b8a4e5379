// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket options: SOL_LINNET, and those of SOL_TCP that programs set on any
 * stream socket.  What is not known is -ENOPROTOOPT, which programs take
 * calmly.
 */
#include <linux/linnet.h>
#include <linux/tcp.h>

#include "linnet.h"
#include "trace.h"

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

static int set_window_clamp(struct sock *sk, int val)
{
	if (val) {
		linnet_window_clamp(sk, max(val, 0));
		return 0;
	}
	if (sk->sk_state != TCP_CLOSE)
		return -EINVAL;
	tcp_sk(sk)->window_clamp = 0;
	return 0;
}

static int set_quickack(struct sock *sk, int val)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	ack->pingpong = !(val & 1);
	if (val & 1) {
		ack->quick = 16;
		if (ack->pending)
			linnet_send_ack(sk);
	}
	return 0;
}

static int set_linger2(struct sock *sk, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (val < 0)
		tp->linger2 = -1;
	else if (val > TCP_FIN_TIMEOUT_MAX / HZ)
		tp->linger2 = TCP_FIN_TIMEOUT_MAX;
	else
		tp->linger2 = val * HZ;
	return 0;
}

static int set_tcp_option(struct sock *sk, int optname, int val)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	switch (optname) {
	case TCP_NODELAY:
		return set_nodelay(sk, val);
	case TCP_CORK:
		return set_cork(sk, val);
	case TCP_MAXSEG:
		return set_user_mss(sk, val);
	case TCP_KEEPIDLE:
		return set_keepidle(sk, val);
	case TCP_KEEPINTVL:
		if (val < 1 || val > MAX_TCP_KEEPINTVL)
			return -EINVAL;
		tp->keepalive_intvl = val * HZ;
		return 0;
	case TCP_KEEPCNT:
		if (val < 1 || val > MAX_TCP_KEEPCNT)
			return -EINVAL;
		tp->keepalive_probes = val;
		return 0;
	case TCP_SYNCNT:
		if (val < 1 || val > MAX_TCP_SYNCNT)
			return -EINVAL;
		icsk->icsk_syn_retries = val;
		return 0;
	case TCP_USER_TIMEOUT:	/* RFC 5482, milliseconds */
		if (val < 0)
			return -EINVAL;
		icsk->icsk_user_timeout = val;
		return 0;
	case TCP_LINGER2:
		return set_linger2(sk, val);
	case TCP_DEFER_ACCEPT:
		linnet_listen_defer(sk, val);
		return 0;
	case TCP_QUICKACK:
		return set_quickack(sk, val);
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(sk, val);
	case TCP_NOTSENT_LOWAT:
		tp->notsent_lowat = val;
		sk->sk_write_space(sk);
		return 0;
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
		/* A hint: without the cookie of RFC 7413 a connection opens
		 * with a full handshake, and the program sees no difference.
		 */
		return val < 0 ? -EINVAL : 0;
	}
	return -ENOPROTOOPT;
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
	case TCP_USER_TIMEOUT:
		*val = icsk->icsk_user_timeout;
		return 0;
	case TCP_LINGER2:
		*val = tp->linger2 < 0 ? -1 :
		       (int)linnet_fin_timeout(sk) / HZ;
		return 0;
	case TCP_DEFER_ACCEPT:
		*val = linnet_listen_deferred(sk);
		return 0;
	case TCP_QUICKACK:
		*val = !linnet_sk(sk)->ack.pingpong;
		return 0;
	case TCP_WINDOW_CLAMP:
		*val = tp->window_clamp;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*val = tp->notsent_lowat;
		return 0;
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
		*val = 0;
		return 0;
	}
	return -ENOPROTOOPT;
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

	if (level == SOL_IP)
		return ip_setsockopt(sk, level, optname, optval, optlen);
	if (level == SOL_IPV6)
		return sk->sk_family == AF_INET6 ?
		       ipv6_setsockopt(sk, level, optname, optval, optlen) :
		       -ENOPROTOOPT;
	if (level != SOL_TCP)
		return -ENOPROTOOPT;
	/* The kernel's own code, on our socket: loads the module, asks for the
	 * privilege, exchanges references.
	 */
	if (optname == TCP_CONGESTION)
		return tcp_prot.setsockopt(sk, level, optname, optval, optlen);

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

static void fill_linnet_info(struct sock *sk, struct linnet_info *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool slow = lock_sock_fast(sk);

	info->proto = sk->sk_protocol;
	info->state = sk->sk_state;
	info->rto_us = linnet_rto(sk);
	info->srtt_us = tp->srtt_us >> 3;
	info->rttvar_us = tp->mdev_us >> 2;
	info->snd_cwnd = tcp_snd_cwnd(tp);
	info->snd_ssthresh = tp->snd_ssthresh;
	info->mss = tp->mss_cache;
	info->out_of_order = linnet_sk(sk)->reassembly.bytes;
	unlock_sock_fast(sk, slow);
}

/* tcp_get_info() reads struct tcp_sock; what Linnet keeps elsewhere is filled
 * in after it.
 */
static void fill_tcp_info(struct sock *sk, struct tcp_info *info)
{
	struct linnet_sock *ls = linnet_sk(sk);

	tcp_get_info(sk, info);
	if (sk->sk_state == TCP_LISTEN)
		return;
	info->tcpi_rto = linnet_rto(sk);
	info->tcpi_ato = jiffies_to_usecs(ls->ack.timeout);
	info->tcpi_rcv_mss = ls->ack.rcv_mss;
	info->tcpi_pmtu = ls->pmtu;
	info->tcpi_last_data_recv = jiffies_to_msecs(tcp_jiffies32 -
						     ls->ack.last_data);
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

	if (level == SOL_IP)
		return ip_getsockopt(sk, level, optname, optval, optlen);
	if (level == SOL_IPV6)
		return sk->sk_family == AF_INET6 ?
		       ipv6_getsockopt(sk, level, optname, optval, optlen) :
		       -ENOPROTOOPT;
	if (level == SOL_LINNET && optname == LINNET_INFO) {
		struct linnet_info info = {};

		fill_linnet_info(sk, &info);
		return copy_answer(optval, optlen, &info, sizeof(info));
	}
	if (level != SOL_TCP)
		return -ENOPROTOOPT;
	if (optname == TCP_CONGESTION)
		return tcp_prot.getsockopt(sk, level, optname, optval, optlen);
	if (optname == TCP_INFO) {
		struct tcp_info info = {};

		fill_tcp_info(sk, &info);
		return copy_answer(optval, optlen, &info, sizeof(info));
	}
	lock_sock(sk);
	err = get_tcp_option(sk, optname, &val);
	release_sock(sk);
	return err ?: copy_answer(optval, optlen, &val, sizeof(val));
}
