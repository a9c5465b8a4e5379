// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket options that are about opening: Fast Open, TCP_DEFER_ACCEPT.
 */
#include <linux/linnet.h>
#include <linux/tcp.h>

#include "linnet.h"
#include "fastopen.h"

static bool unconnected(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN);
}

static int set_fastopen_connect(struct sock *sk, int val)
{
	struct linnet_net *ln = linnet_sk_net(sk);

	if (val < 0 || val > 1)
		return -EINVAL;
	if (!(READ_ONCE(ln->fastopen) & LINNET_FASTOPEN_CLIENT))
		return -EOPNOTSUPP;
	if (sk->sk_state != TCP_CLOSE)
		return -EINVAL;
	tcp_sk(sk)->fastopen_connect = val;
	return 0;
}

static int set_fastopen_no_cookie(struct sock *sk, int val)
{
	if (val < 0 || val > 1 || !unconnected(sk))
		return -EINVAL;
	tcp_sk(sk)->fastopen_no_cookie = val;
	return 0;
}

static int set_fastopen_key(struct sock *sk, sockptr_t optval,
			    unsigned int optlen)
{
	u8 octets[LINNET_FASTOPEN_KEYS * LINNET_FASTOPEN_KEY_LEN];
	int err;

	if (optlen != LINNET_FASTOPEN_KEY_LEN && optlen != sizeof(octets))
		return -EINVAL;
	if (copy_from_sockptr(octets, optval, optlen))
		return -EFAULT;
	lock_sock(sk);
	err = linnet_fastopen_set_key(sk, octets, optlen);
	release_sock(sk);
	memzero_explicit(octets, sizeof(octets));
	return err;
}

/**
 * linnet_open_setsockopt() - set an option that is about opening
 * @sk: the socket, not locked
 * @optname: of level SOL_TCP
 * @optval: value
 * @optlen: bytes of it
 *
 * Return: 0, an error, or -ENOPROTOOPT when the option is none of these.
 */
int linnet_open_setsockopt(struct sock *sk, int optname, sockptr_t optval,
			   unsigned int optlen)
{
	int val, err = 0;

	if (optname == TCP_FASTOPEN_KEY)
		return set_fastopen_key(sk, optval, optlen);
	switch (optname) {
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
	case TCP_DEFER_ACCEPT:
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (optlen < sizeof(int))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	lock_sock(sk);
	switch (optname) {
	case TCP_FASTOPEN:
		err = linnet_fastopen_set_most(sk, val);
		break;
	case TCP_FASTOPEN_CONNECT:
		err = set_fastopen_connect(sk, val);
		break;
	case TCP_FASTOPEN_NO_COOKIE:
		err = set_fastopen_no_cookie(sk, val);
		break;
	case TCP_DEFER_ACCEPT:
		linnet_listen_defer(sk, val);
		break;
	}
	release_sock(sk);
	return err;
}

static int get_fastopen_key(struct sock *sk, char __user *optval,
			    int __user *optlen, int len)
{
	u8 octets[LINNET_FASTOPEN_KEYS * LINNET_FASTOPEN_KEY_LEN];

	len = min(len, linnet_fastopen_get_key(sk, octets));
	if (put_user(len, optlen) || copy_to_user(optval, octets, len))
		return -EFAULT;
	return 0;
}

static int get_int(const struct sock *sk, int optname)
{
	switch (optname) {
	case TCP_FASTOPEN:
		return linnet_fastopen_get_most(sk);
	case TCP_FASTOPEN_CONNECT:
		return tcp_sk(sk)->fastopen_connect;
	case TCP_FASTOPEN_NO_COOKIE:
		return tcp_sk(sk)->fastopen_no_cookie;
	default:
		return linnet_listen_deferred(sk);
	}
}

/**
 * linnet_open_getsockopt() - read an option that is about opening
 * @sk: the socket, not locked
 * @optname: of level SOL_TCP
 * @optval: where to
 * @optlen: room there, and bytes written
 *
 * Return: 0, an error, or -ENOPROTOOPT when the option is none of these.
 */
int linnet_open_getsockopt(struct sock *sk, int optname, char __user *optval,
			   int __user *optlen)
{
	int len, val, err = 0;

	switch (optname) {
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
	case TCP_FASTOPEN_KEY:
	case TCP_DEFER_ACCEPT:
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	lock_sock(sk);
	switch (optname) {
	case TCP_FASTOPEN_KEY:
		err = get_fastopen_key(sk, optval, optlen, len);
		break;
	default:
		val = get_int(sk, optname);
		len = min_t(int, len, sizeof(val));
		if (put_user(len, optlen) || copy_to_user(optval, &val, len))
			err = -EFAULT;
	}
	release_sock(sk);
	return err;
}
