// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program on our host: it makes the system calls that the input says, and
 * knows each octet that it reads by its sequence number.
 */
#include <linux/net.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "fuzz.h"

struct program program;
static u8 buffer[65536];

static void drop_socket(void)
{
	if (program.held)
		program_call(CALL_RELEASE, 0, 0);
	if (program.sock)
		socket_release(program.sock);
	program.sock = NULL;
	if (program.sk)
		sock_put(program.sk);
	program.sk = NULL;
}

static void adopt(struct socket *sock)
{
	program.sock = sock;
	program.sk = sock->sk;
	sock_hold(program.sk);
}

void program_listen(void)
{
	program.listener = socket_create(ours->net, our_family());
	SIM_MUST(!host_bind(program.listener, peer.our_port,
			    peer.family == FAMILY_MAPPED) &&
		 !linnet_stream_ops.listen(program.listener, 4),
		 "listen() fails");
}

/* A socket that may connect, or a negative error */
static int closed_socket(void)
{
	if (!program.sock) {
		drop_socket();
		adopt(socket_create(ours->net, our_family()));
		/* by what was there before, in TIME-WAIT or an orphan */
		if (host_bind(program.sock, peer.our_port,
			      peer.family == FAMILY_MAPPED))
			return -EADDRINUSE;
	}
	if (program.sk->sk_state != TCP_CLOSE)
		return -EISCONN;
	/* after a connection that has ended only so */
	program_call(CALL_DISCONNECT, 0, 0);
	return 0;
}

int program_connect(void)
{
	return closed_socket() ?:
	       host_connect(program.sock, theirs, peer.port);
}

static void accept_one(void)
{
	struct sock *sk, *lsk;
	int err;

	if (!program.listener)
		return;
	lsk = program.listener->sk;
	sk = lsk->sk_prot->accept(lsk, O_NONBLOCK, &err, false);
	if (!sk)
		return;
	drop_socket();
	adopt(socket_graft(sk));
}

static void send_some(u32 len, u8 flags)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct sock *sk = program.sk;
	struct kvec vec = { buffer, len };
	u32 seq = tcp_sk(sk)->write_seq, i;
	int n;

	/* the SYN that it makes comes before it */
	if (inet_sk(sk)->defer_connect)
		seq++;
	for (i = 0; i < len; i++)
		buffer[i] = our_octet(seq + i);
	if (flags & 1)
		msg.msg_flags |= MSG_MORE;
	if (flags & 2)
		msg.msg_flags |= MSG_EOR;
	iov_iter_kvec(&msg.msg_iter, WRITE, &vec, 1, len);
	n = sk->sk_prot->sendmsg(sk, &msg, len);
	SIM_MUST(n <= (int)len, "more is taken than there is");
	SIM_MUST(n < 0 || !(sk->sk_shutdown & SEND_SHUTDOWN) || !len,
		 "data is taken after shutdown()");
}

/* sendto() with MSG_FASTOPEN: what our octets are is known with the number of
 * the SYN only, which is drawn as soon as connect() has bound both ends
 */
static void fast_open(u32 len)
{
	struct sock *sk;
	int value = 1;

	if (closed_socket())
		return;
	sk = program.sk;
	sk->sk_prot->setsockopt(sk, SOL_TCP, TCP_FASTOPEN_CONNECT,
				KERNEL_SOCKPTR(&value), sizeof(value));
	if (host_connect(program.sock, theirs, peer.port))
		return;
	if (inet_sk(sk)->defer_connect)
		send_some(len, 0);
}

static void recv_some(u32 len, int flags)
{
	struct sock *sk = program.sk;
	struct msghdr msg = {};
	struct kvec vec = { buffer, len };
	struct tcp_sock *tp = tcp_sk(sk);
	u32 seq = tp->copied_seq, i, readable = linnet_readable(sk);
	int n, addr_len;

	iov_iter_kvec(&msg.msg_iter, READ, &vec, 1, len);
	n = sk->sk_prot->recvmsg(sk, &msg, len, flags | MSG_DONTWAIT,
				 &addr_len);
	if (n < 0)
		return;
	SIM_MUST(n <= (int)min(len, readable),
		 "%d octets are read, %u had come", n, readable);
	SIM_MUST(tp->copied_seq == seq + (flags & MSG_PEEK ? 0 : n),
		 "%d octets are read, and COPIED_SEQ moves by %u", n,
		 tp->copied_seq - seq);
	if (flags & MSG_TRUNC)
		return;
	for (i = 0; i < n; i++)
		SIM_MUST(buffer[i] == peer_octet(seq + i),
			 "what is read is not what was sent there");
}

static void set_option(int name, int value)
{
	struct sock *sk = program.sk;

	sk->sk_prot->setsockopt(sk, SOL_TCP, name, KERNEL_SOCKPTR(&value),
				sizeof(value));
}

/* What sock_setsockopt() does with these, and the kernel's tcp_setsockopt() */
static void set_field(enum call call, u8 amount)
{
	struct sock *sk = program.sk;

	lock_sock(sk);
	switch (call) {
	case CALL_KEEPALIVE:
		tcp_sk(sk)->keepalive_time = (1 + amount) * HZ;
		tcp_sk(sk)->keepalive_intvl = (1 + amount / 2) * HZ;
		sk->sk_prot->keepalive(sk, amount & 1);
		sock_valbool_flag(sk, SOCK_KEEPOPEN, amount & 1);
		break;
	case CALL_RCVBUF:
		sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
		sk->sk_rcvbuf = max_t(int, amount * 1024, SOCK_MIN_RCVBUF);
		break;
	case CALL_SNDBUF:
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
		sk->sk_sndbuf = max_t(int, amount * 1024, SOCK_MIN_SNDBUF);
		break;
	case CALL_LOWAT:
		linnet_set_rcvlowat(sk, amount * 64);
		break;
	case CALL_USER_TIMEOUT:
		inet_csk(sk)->icsk_user_timeout = amount * 100;
		break;
	case CALL_LINGER2:
		tcp_sk(sk)->linger2 = amount & 1 ? -1 : amount * HZ;
		break;
	default:
		break;
	}
	release_sock(sk);
}

/* As inet_shutdown() */
static void shut(int how)
{
	struct sock *sk = program.sk;

	lock_sock(sk);
	if (sk->sk_state == TCP_SYN_SENT) {
		sk->sk_prot->disconnect(sk, O_NONBLOCK);
	} else if ((1 << sk->sk_state) & ~(TCPF_CLOSE | TCPF_LISTEN)) {
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		sk->sk_prot->shutdown(sk, how);
		sk->sk_state_change(sk);
	}
	release_sock(sk);
}

static void close_socket(bool linger0)
{
	if (linger0) {
		sock_set_flag(program.sk, SOCK_LINGER);
		program.sk->sk_lingertime = 0;
	}
	socket_release(program.sock);
	program.sock = NULL;
}

static void hold(bool on)
{
	if (on == program.held)
		return;
	program.held = on;
	if (on)
		lock_sock(program.sk);
	else
		release_sock(program.sk);
}

static void without_socket(enum call call, u8 amount)
{
	struct sock *lsk = program.listener ? program.listener->sk : NULL;

	switch (call) {
	case CALL_ACCEPT:
		accept_one();
		break;
	case CALL_CONNECT:
		/* what comes to the port is the listener's */
		if (!program.listener)
			program_connect();
		break;
	case CALL_FASTOPEN:
		if (!program.listener)
			fast_open(amount_of(amount, 1000));
		break;
	case CALL_LISTEN_CLOSE:
		if (program.listener)
			socket_release(program.listener);
		program.listener = NULL;
		break;
	case CALL_DEFER:
		if (!lsk)
			break;
		lock_sock(lsk);
		linnet_listen_defer(lsk, amount);
		release_sock(lsk);
		break;
	default:
		break;
	}
}

static void with_socket(enum call call, u8 amount, u8 flags)
{
	u32 len = amount_of(amount, tcp_sk(program.sk)->mss_cache);
	struct sock *sk = program.sk;

	switch (call) {
	case CALL_SEND:
		send_some(len, flags);
		break;
	case CALL_RECV:
		recv_some(len, 0);
		break;
	case CALL_PEEK:
		recv_some(len, MSG_PEEK);
		break;
	case CALL_DISCARD:
		recv_some(len, MSG_TRUNC);
		break;
	case CALL_SHUTDOWN:
		shut(SEND_SHUTDOWN);
		break;
	case CALL_SHUTDOWN_READ:
		shut(RCV_SHUTDOWN);
		break;
	case CALL_CLOSE:
	case CALL_RESET:
		close_socket(call == CALL_RESET);
		break;
	case CALL_DISCONNECT:	/* connect() to AF_UNSPEC */
		lock_sock(sk);
		sk->sk_prot->disconnect(sk, 0);
		release_sock(sk);
		break;
	case CALL_HOLD:
		hold(true);
		break;
	case CALL_NODELAY:
		set_option(TCP_NODELAY, amount & 1);
		break;
	case CALL_CORK:
		set_option(TCP_CORK, amount & 1);
		break;
	case CALL_MAXSEG:
		set_option(TCP_MAXSEG, amount * 16);
		break;
	case CALL_QUICKACK:
		set_option(TCP_QUICKACK, amount & 3);
		break;
	default:
		set_field(call, amount);
	}
}

/**
 * program_call() - a system call
 * @call: which
 * @amount: of what it is about, as amount_of() says
 * @flags: of send(): 1: MSG_MORE, 2: MSG_EOR
 *
 * One that a program could not make now is left out.
 */
void program_call(enum call call, u8 amount, u8 flags)
{
	if (call == CALL_RELEASE) {
		hold(false);
		return;
	}
	if (program.held)
		return;
	if (call == CALL_ACCEPT || call == CALL_CONNECT ||
	    call == CALL_LISTEN_CLOSE || call == CALL_DEFER ||
	    call == CALL_FASTOPEN)
		without_socket(call, amount);
	else if (program.sock)
		with_socket(call, amount, flags);
}

void program_record(const u8 *record)
{
	program_call(record[1] % CALLS, record[2], record[3]);
}

/* The program ends: all its descriptors are closed */
void program_end(void)
{
	drop_socket();
	if (program.listener)
		socket_release(program.listener);
	program.listener = NULL;
}
