// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs: they read and write until they are refused, and then run again only
 * when the socket wakes them, as an edge-triggered epoll would. Each octet of a
 * stream is known by its place.
 */
#include <linux/net.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "sim.h"

#define PATTERN		1048573		/* a prime: no period meets another */
#define LISTEN_PORT	5000
#define CLIENT_PORT	40000

struct connection connections[CONNECTIONS_MAX];
unsigned int n_connections;
u64 last_progress;
u64 octets_delivered;
struct sim_random program_random;
bool fast_open;
int client_family, server_family;
static struct socket *listener;
static u8 *pattern;

static void run_soon(struct end *e);

/* --- the streams --- */

static const u8 *octets_at(const struct end *sender, u64 offset, u32 *len)
{
	u64 at = (offset + sender->port * 7919ULL) % PATTERN;

	if (!pattern) {
		struct sim_random r;
		u32 i;

		pattern = malloc(PATTERN);
		random_seed(&r, 253);
		for (i = 0; i < PATTERN; i++)
			pattern[i] = random_u64(&r) >> 56;
	}
	*len = min_t(u64, *len, PATTERN - at);
	return pattern + at;
}

struct end *end_of(const struct host *h, u16 local, u16 remote)
{
	unsigned int i;

	for (i = 0; i < n_connections; i++) {
		struct end *e = &connections[i].ends[h - hosts];

		if (e->port == local && e->peer->port == remote)
			return e;
	}
	return NULL;
}

static void progress(void)
{
	last_progress = clock_now;
}

/* --- waking --- */

struct waiter {
	struct wait_queue_entry	entry;
	struct end		*end;
};

static int woken(struct wait_queue_entry *entry, unsigned int mode, int sync,
		 void *key)
{
	run_soon(container_of(entry, struct waiter, entry)->end);
	return 1;
}

static void wait_on(struct end *e)
{
	struct waiter *w = calloc(1, sizeof(*w));

	w->end = e;
	w->entry.func = woken;
	INIT_LIST_HEAD(&w->entry.entry);
	e->waiter = w;
	add_wait_queue(&e->sock->wq.wait, &w->entry);
}

static void timer_runs(void *arg)
{
	struct end *e = arg;

	e->timer = NULL;
	run_soon(e);
}

static void run_at(struct end *e, u64 at)
{
	if (e->timer) {
		if (e->timer_at <= at)
			return;
		clock_cancel(e->timer);
	}
	e->timer_at = at;
	e->timer = clock_at(at, timer_runs, e);
}

/* --- options --- */

static void set_option(struct end *e, int level, int name, int value)
{
	struct sock *sk = e->sock->sk;
	int err;

	err = sk->sk_prot->setsockopt(sk, level, name,
				      KERNEL_SOCKPTR(&value), sizeof(value));
	SIM_MUST(!err, "setsockopt(%d, %d) is refused: %d", level, name, err);
}

static void set_buffers(struct end *e)
{
	struct sock *sk = e->sock->sk;

	if (e->how.sndbuf) {
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
		sk->sk_sndbuf = max_t(int, e->how.sndbuf * 2, SOCK_MIN_SNDBUF);
	}
	if (e->how.rcvbuf) {
		sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
		sk->sk_rcvbuf = max_t(int, e->how.rcvbuf * 2, SOCK_MIN_RCVBUF);
	}
	if (e->how.nodelay)
		set_option(e, SOL_TCP, TCP_NODELAY, 1);
	if (keepalives) {
		lock_sock(sk);
		tcp_sk(sk)->keepalive_time = 20 * HZ;
		tcp_sk(sk)->keepalive_intvl = 10 * HZ;
		sk->sk_prot->keepalive(sk, 1);
		sock_set_flag(sk, SOCK_KEEPOPEN);
		release_sock(sk);
	}
}

/* --- writing and reading --- */

static u64 may_send(const struct end *e)
{
	const struct behaviour *how = &e->how;
	u64 rounds;

	if (!how->request)
		return how->to_send;
	/* a message for each that the peer has sent, and one to begin with */
	rounds = e->received / how->answer + how->starts;
	return min(how->to_send, rounds * how->request);
}

/* Returns false when the socket or the behaviour wants a pause */
static bool write_some(struct end *e)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	u64 most = may_send(e);
	u32 len;
	struct kvec vec;
	int n;

	if (e->sent >= most || e->shut || e->error)
		return false;
	if (e->writes_again > clock_now) {
		run_at(e, e->writes_again);
		return false;
	}
	if (random_chance(&program_random, e->how.cork)) {
		e->corked = !e->corked;
		set_option(e, SOL_TCP, TCP_CORK, e->corked);
	}
	len = 1 + random_below(&program_random, e->how.write_max);
	len = min_t(u64, len, most - e->sent);
	vec.iov_base = (void *)octets_at(e, e->sent, &len);
	vec.iov_len = len;
	if (e->sent + len < most &&
	    random_chance(&program_random, e->how.more))
		msg.msg_flags |= MSG_MORE;
	iov_iter_kvec(&msg.msg_iter, WRITE, &vec, 1, len);
	n = e->sk->sk_prot->sendmsg(e->sk, &msg, len);
	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		e->error = -n;
		return false;
	}
	e->sent += n;
	progress();
	if (e->sent == most && e->corked) {
		e->corked = false;
		set_option(e, SOL_TCP, TCP_CORK, 0);
	}
	if (e->how.write_pause)
		e->writes_again = clock_now + random_u64(&program_random) %
				  e->how.write_pause;
	return true;
}

/* What goes with the SYN, or makes it (RFC 7413) */
static void write_first(struct end *e)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	u32 len = 1 + random_below(&program_random, e->how.write_max);
	struct kvec vec;
	int n;

	len = min_t(u64, len, may_send(e));
	vec.iov_base = (void *)octets_at(e, 0, &len);
	vec.iov_len = len;
	iov_iter_kvec(&msg.msg_iter, WRITE, &vec, 1, len);
	n = e->sk->sk_prot->sendmsg(e->sk, &msg, len);
	if (n >= 0) {
		e->sent += n;
		progress();
	} else if (n == -ENOBUFS && memory_fail_rate) {
		run_at(e, clock_now + NS_PER_MS);
	} else if (n != -EINPROGRESS && n != -EAGAIN) {
		e->error = -n;
	}
}

static bool read_some(struct end *e)
{
	static u8 buffer[65536];
	struct msghdr msg = { .msg_flags = 0 };
	u32 len = 1 + random_below(&program_random,
				   min_t(u32, e->how.read_max, sizeof(buffer)));
	struct kvec vec = { buffer, len };
	u32 done = 0;
	int n, addr_len;

	if (e->eof || e->error)
		return false;
	if (e->how.stop_for && !e->paused && e->received >= e->how.stop_at) {
		e->paused = true;
		e->reads_again = clock_now + e->how.stop_for;
	}
	if (e->reads_again > clock_now) {
		run_at(e, e->reads_again);
		return false;
	}
	iov_iter_kvec(&msg.msg_iter, READ, &vec, 1, len);
	n = e->sk->sk_prot->recvmsg(e->sk, &msg, len, MSG_DONTWAIT, &addr_len);
	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		e->error = -n;
		return false;
	}
	progress();
	if (!n) {
		e->eof = true;
		return false;
	}
	while (done < n) {
		u32 piece = n - done;
		const u8 *want = octets_at(e->peer, e->received, &piece);

		SIM_MUST(!memcmp(buffer + done, want, piece),
			 "what was read near octet %llu is not what was sent",
			 e->received);
		done += piece;
		e->received += piece;
	}
	octets_delivered += n;
	SIM_MUST(e->received <= e->peer->sent,
		 "%llu octets are read of %llu written", e->received,
		 e->peer->sent);
	if (e->how.read_pause)
		e->reads_again = clock_now + e->how.read_pause;
	return true;
}

/* --- ends --- */

static void shut(struct end *e)
{
	struct sock *sk = e->sk;

	e->shut = true;
	lock_sock(sk);
	if ((1 << sk->sk_state) & ~(TCPF_CLOSE | TCPF_LISTEN)) {
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
		sk->sk_state_change(sk);
	}
	release_sock(sk);
	progress();
}

static void close_end(struct end *e)
{
	struct waiter *w = e->waiter;

	if (e->closed)
		return;
	e->closed = true;
	progress();
	remove_wait_queue(&e->sock->wq.wait, &w->entry);
	free(w);
	if (e->how.closing == CLOSE_LINGER0) {
		sock_set_flag(e->sk, SOCK_LINGER);
		e->sk->sk_lingertime = 0;
	}
	socket_release(e->sock);
	e->sock = NULL;
}

static bool aborts(const struct end *e)
{
	return (e->how.closing == CLOSE_LINGER0 ||
		e->how.closing == CLOSE_UNREAD) &&
	       e->sent + e->received >= e->how.abort_at;
}

static void let_go(void *arg)
{
	struct end *e = arg;

	release_sock(e->sk);
	e->held = false;
	run_soon(e);
	check_all();
}

/* Something may have changed: go as far as possible */
static void run(void *arg)
{
	struct end *e = arg;
	bool more;
	int n = 0;

	e->run = NULL;
	if (e->closed || e->held)
		return;
	if (!e->connected) {
		if (e->sk->sk_err) {
			e->error = sock_error(e->sk);
			e->error = -e->error;
			close_end(e);
			return;
		}
		if (inet_sk(e->sk)->defer_connect) {
			write_first(e);
			return;
		}
		if (e->sk->sk_state == TCP_SYN_SENT ||
		    e->sk->sk_state == TCP_SYN_RECV)
			return;
		e->connected = true;
		e->sock->state = SS_CONNECTED;
		progress();
	}
	e->idle = true;
	do {
		more = write_some(e);
		if (aborts(e)) {
			close_end(e);
			check_all();
			return;
		}
		more |= read_some(e);
		e->idle &= !more;
		if (more && ++n >= 64) {
			run_soon(e);
			break;
		}
	} while (more);
	if (e->error) {
		close_end(e);
	} else if (e->sent == e->how.to_send && !e->shut &&
		   e->how.closing == CLOSE_SHUTDOWN) {
		shut(e);
	}
	if (e->sent == e->how.to_send &&
	    (e->eof || (e->how.closing == CLOSE_AT_ONCE &&
			e->received >= e->peer->how.to_send)))
		close_end(e);
	if (!e->closed && random_chance(&program_random, e->how.hold)) {
		/* the program is in a system call for a while */
		lock_sock(e->sk);
		e->held = true;
		clock_at(clock_now + 1 + random_below(&program_random,
						      5 * NS_PER_MS),
			 let_go, e);
	}
	check_all();
}

/* Programs take time, too; those that were woken for nothing, more: a writer
 * whom the limit of memory holds is told again and again to try
 */
static void run_soon(struct end *e)
{
	if (!e->run)
		e->run = clock_at(clock_now +
				  (e->idle ? NS_PER_MS : NS_PER_US), run, e);
}

/* --- beginning --- */

static void adopt(struct end *e, struct socket *sock)
{
	e->sock = sock;
	e->sk = sock->sk;
	sock_hold(e->sk);
	set_buffers(e);
	wait_on(e);
	run_soon(e);
}

static int accept_woken(struct wait_queue_entry *entry, unsigned int mode,
			int sync, void *key);

static void accept_all(void *arg)
{
	struct sock *sk, *lsk = listener->sk;
	int err;

	while ((sk = lsk->sk_prot->accept(lsk, O_NONBLOCK, &err, false))) {
		struct end *e = end_of(&hosts[1], inet_sk(sk)->inet_num,
				       ntohs(inet_sk(sk)->inet_dport));
		struct socket *sock = socket_graft(sk);

		/* no memory for its answer; the SYN will come once more */
		if (sk->sk_state == TCP_CLOSE && sk->sk_err == ENOMEM &&
		    memory_fail_rate) {
			socket_release(sock);
			continue;
		}
		SIM_MUST(e, "a connection from nowhere");
		if (e->sock || e->closed) {
			/* a SYN that was late opened it once more */
			socket_release(sock);
			continue;
		}
		e->connected = true;
		progress();
		adopt(e, sock);
	}
}

static struct wait_queue_entry accept_entry = { .func = accept_woken };

static int accept_woken(struct wait_queue_entry *entry, unsigned int mode,
			int sync, void *key)
{
	clock_at(clock_now, accept_all, NULL);
	return 1;
}

static void connect_again(void *arg)
{
	struct end *e = arg;
	int err = host_connect(e->sock, e->peer->host, e->peer->port);

	if (err == -ENOBUFS && memory_fail_rate) {
		clock_at(clock_now + NS_PER_MS, connect_again, e);
		return;
	}
	SIM_MUST(!err, "connect() is refused: %d", err);
}

static void connect_end(void *arg)
{
	u32 fail_rate = memory_fail_rate;
	struct end *e = arg;

	adopt(e, socket_create(e->host->net, client_family));
	memory_fail_rate = 0;
	SIM_MUST(!host_bind(e->sock, e->port, false), "port %u is taken",
		 e->port);
	memory_fail_rate = fail_rate;
	if (fast_open)
		set_option(e, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	connect_again(e);
}

void programs_start(void)
{
	u32 fail_rate = memory_fail_rate;
	unsigned int i, j;

	progress();
	memory_fail_rate = 0;
	listener = socket_create(hosts[1].net, server_family);
	SIM_MUST(!host_bind(listener, LISTEN_PORT,
			    server_family != client_family),
		 "the port is taken");
	if (connections[0].ends[1].how.rcvbuf) {
		listener->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
		listener->sk->sk_rcvbuf =
			max_t(int, connections[0].ends[1].how.rcvbuf * 2,
			      SOCK_MIN_RCVBUF);
	}
	SIM_MUST(!linnet_stream_ops.listen(listener, 16), "listen() fails");
	memory_fail_rate = fail_rate;
	INIT_LIST_HEAD(&accept_entry.entry);
	add_wait_queue(&listener->wq.wait, &accept_entry);

	for (i = 0; i < n_connections; i++) {
		struct connection *c = &connections[i];

		for (j = 0; j < 2; j++) {
			c->ends[j].host = &hosts[j];
			c->ends[j].peer = &c->ends[!j];
			c->ends[j].port = !j ? CLIENT_PORT + i :
				c->crossing ? CLIENT_PORT + 100 + i :
					      LISTEN_PORT;
		}
		clock_at(clock_now + c->starts_at, connect_end, &c->ends[0]);
		if (c->crossing)
			clock_at(clock_now + random_below(&program_random,
							  wires[0].delay),
				 connect_end, &c->ends[1]);
	}
}

bool programs_done(void)
{
	unsigned int i;

	for (i = 0; i < 2 * n_connections; i++) {
		const struct end *e = &connections[i / 2].ends[i % 2];

		if (e->closed)
			continue;
		/* one whose peer broke it off may never come into being */
		if (e->sock || !e->peer->closed ||
		    (!e->peer->error && !keepalives))
			return false;
	}
	return true;
}

/* All is over: no more than the listener is left */
void programs_end(void)
{
	unsigned int i;

	for (i = 0; i < 2 * n_connections; i++) {
		struct end *e = &connections[i / 2].ends[i % 2];

		if (e->timer)
			clock_cancel(e->timer);
		e->timer = NULL;
		if (e->run)
			clock_cancel(e->run);
		e->run = NULL;
	}
	remove_wait_queue(&listener->wq.wait, &accept_entry);
	socket_release(listener);
	while (clock_step())
		;
	for (i = 0; i < 2 * n_connections; i++) {
		struct end *e = &connections[i / 2].ends[i % 2];

		if (e->sk) {
			SIM_MUST(e->sk->sk_state == TCP_CLOSE,
				 "a connection is left in state %d",
				 e->sk->sk_state);
			sock_put(e->sk);
		}
	}
	while (clock_step())
		;
}
