// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection's life cycle, and what its protocol may ask of it.  How bytes get
 * to and from the socket is conn-io.c's business.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "server-internal.h"
#include "tls-internal.h"

/* Time for a TLS handshake. */
#define HANDSHAKE_MS	10000

static void on_handle_closed(uv_handle_t *handle)
{
	struct ln_conn *c = handle->data;

	if (!--c->open_handles)
		free(c);
}

static void leave_turn(struct ln_conn *c)
{
	struct ln_server *s = c->server;
	struct ln_conn **p = &s->turn;

	if (!c->queued_turn)
		return;
	while (*p != c)
		p = &(*p)->next_turn;
	*p = c->next_turn;
	if (s->turn_end == &c->next_turn)
		s->turn_end = p;
}

/**
 * ln_conn_close() - end a connection at once
 * @c: the connection; gone for the caller
 */
void ln_conn_close(struct ln_conn *c)
{
	struct ln_server *s = c->server;

	if (c->phase == LN_CLOSED)
		return;
	c->phase = LN_CLOSED;
	leave_turn(c);
	c->proto->close(c);
	ln_debug("%s: closed", c->name);
	SSL_free(c->tls);
	c->tls = NULL;
	ln_tls_put(c->start_tls);
	ln_queue_clear(&c->out);
	if (c->in_room)
		free(c->in);
	c->in = NULL;
	c->in_room = c->in_len = 0;
	uv_close((uv_handle_t *)&c->poll, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	close(c->fd);
	*c->pprev = c->next;
	if (c->next)
		c->next->pprev = c->pprev;
	if (c->peer)
		ln_peer_put(c->peer);
	s->n_conns--;
	ln_server_conn_gone(s, c->accepted);
}

/* The socket says that it is over: once more in the log, then the end. */
void ln_conn_fail(struct ln_conn *c, int err)
{
	c->error = err;
	ln_info("%s: %s", c->name, strerror(err));
	ln_conn_close(c);
}

static void on_timer(uv_timer_t *timer)
{
	struct ln_conn *c = timer->data;
	uint64_t total = c->server->options->total_ms, now = uv_now(&c->server->loop);

	c->timer_at = LN_NEVER;
	if (c->phase == LN_LINGERING) {
		ln_conn_close(c);
		return;
	}
	if (c->accepted && total && now - c->born >= total) {
		ln_info("%s: reached the total time-out", c->name);
		c->error = ETIMEDOUT;
		ln_conn_close(c);
		return;
	}
	if (now < c->deadline) {
		ln_conn_arm(c, c->deadline == LN_NEVER ? LN_NEVER : c->deadline - now);
	} else if (c->phase == LN_OPEN) {
		c->deadline = LN_NEVER;
		ln_conn_arm(c, LN_NEVER);
		c->proto->timeout(c);
	} else {
		ln_conn_fail(c, ETIMEDOUT);
	}
}

/*
 * The timer is moved only to fire earlier: most deadlines are replaced by later
 * ones long before they are due, and a timer that fires early looks again.
 */
void ln_conn_arm(struct ln_conn *c, uint64_t ms)
{
	uint64_t total = c->accepted ? c->server->options->total_ms : 0;
	uint64_t now = uv_now(&c->server->loop), at;

	c->deadline = at = ms == LN_NEVER ? LN_NEVER : now + ms;
	if (total && c->phase != LN_LINGERING && c->born + total < at)
		at = c->born + total;
	if (at == LN_NEVER || c->timer_at <= at)
		return;
	c->timer_at = at;
	uv_timer_start(&c->timer, on_timer, at > now ? at - now : 0, 0);
}

/**
 * ln_conn_deadline() - have timeout() called later
 * @c: the connection
 * @ms: milliseconds from now; replaces what was asked for before; LN_NEVER for none
 */
void ln_conn_deadline(struct ln_conn *c, uint64_t ms)
{
	if (c->phase == LN_OPEN)
		ln_conn_arm(c, ms);
}

static struct ln_conn *conn_new(struct ln_server *s, int fd, const struct ln_proto *proto,
				void *data, int protocol)
{
	struct ln_conn *c = calloc(1, sizeof(*c) + proto->state_size);

	if (!c)
		return NULL;
	if (uv_poll_init(&s->loop, &c->poll, fd)) {
		free(c);
		return NULL;
	}
	uv_timer_init(&s->loop, &c->timer);
	c->open_handles = 2;
	c->poll.data = c->timer.data = c;
	c->server = s;
	c->proto = proto;
	c->data = data;
	c->fd = fd;
	c->protocol = protocol;
	c->born = uv_now(&s->loop);
	c->deadline = c->timer_at = LN_NEVER;
	c->next = s->conns;
	if (c->next)
		c->next->pprev = &c->next;
	c->pprev = &s->conns;
	s->conns = c;
	s->n_conns++;
	return c;
}

/* The transport is there: the handshake, or the protocol. */
void ln_conn_established(struct ln_conn *c)
{
	int one = 1;

	if (c->protocol)
		/* What belongs together is sent together, or with MSG_MORE. */
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (c->tls) {
		c->phase = LN_HANDSHAKE;
		ln_conn_arm(c, HANDSHAKE_MS);
		ln_conn_handshake(c);
		return;
	}
	c->phase = LN_OPEN;
	ln_conn_arm(c, LN_NEVER);
	ln_conn_poll(c);
	c->proto->open(c);
}

/* Takes over an accepted descriptor. */
void ln_conn_accepted(struct ln_listener *l, int fd, const union ln_addr *peer)
{
	struct ln_server *s = l->server;
	char addr[LN_ADDR_STRLEN];
	struct ln_conn *c;
	struct ln_peer *p;

	p = ln_peer_get(peer, s->options->max_per_address);
	if (!p) {
		ln_info("%s: refused: %s", ln_addr_format(peer, addr),
			errno == EUSERS ? "too many connections from there" : strerror(errno));
		close(fd);
		return;
	}
	c = conn_new(s, fd, l->proto, l->data, l->protocol);
	if (!c) {
		ln_warning("%s: refused: out of memory", ln_addr_format(peer, addr));
		ln_peer_put(p);
		close(fd);
		return;
	}
	c->accepted = true;
	s->n_accepted++;
	c->peer = p;
	c->peer_addr = *peer;
	ln_addr_format(peer, c->name);
	ln_info("%s: connected (%s)", c->name, ln_protocol_name(c->protocol));
	if (l->tls) {
		c->tls = ln_tls_session(l->tls, fd, NULL);
		if (!c->tls || ln_conn_tls_bind(c)) {
			ln_conn_close(c);
			return;
		}
	}
	ln_conn_established(c);
}

static int unix_address(const char *path, struct sockaddr_un *un, socklen_t *len)
{
	size_t n = strlen(path);

	if (n >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, path, n + 1);
	*len = sizeof(*un);
	/* "@name" is in the abstract name space, as unix(7) and ss(8) write it. */
	if (path[0] == '@') {
		un->sun_path[0] = 0;
		*len = offsetof(struct sockaddr_un, sun_path) + n;
	}
	return 0;
}

static int remote_socket(const struct ln_remote *r, bool *pending)
{
	struct sockaddr_un un;
	const struct sockaddr *sa = &r->addr.sa;
	socklen_t len = sa->sa_family == AF_INET6 ? sizeof(r->addr.in6) : sizeof(r->addr.in);
	int fd, err;

	if (r->path) {
		err = unix_address(r->path, &un, &len);
		if (err)
			return err;
		sa = (struct sockaddr *)&un;
	}
	fd = r->prepared ? r->fd :
			   socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				  r->path ? 0 : r->protocol);
	if (fd < 0)
		return -errno;
	*pending = false;
	if (!connect(fd, sa, len))
		return fd;
	if (errno == EINPROGRESS) {
		*pending = true;
		return fd;
	}
	err = -errno;
	close(fd);
	return err;
}

/**
 * ln_connect() - make a connection
 * @s: the server whose loop it lives in
 * @remote: where to; what it points to must stay until open() or close()
 * @proto: what is spoken; open() comes when the connection is there, or close()
 *	when it did not come about
 * @data: what ln_conn_data() returns
 *
 * Neither is called before this function has returned.
 *
 * Return: the connection, or NULL with errno set.
 */
struct ln_conn *ln_connect(struct ln_server *s, const struct ln_remote *remote,
			   const struct ln_proto *proto, void *data)
{
	bool pending;
	int fd = remote_socket(remote, &pending);
	struct ln_conn *c;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	c = conn_new(s, fd, proto, data, remote->path ? 0 : remote->protocol);
	if (!c) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	if (remote->path) {
		snprintf(c->name, sizeof(c->name), "unix:%.*s", (int)sizeof(c->name) - 6,
			 remote->path);
	} else {
		c->peer_addr = remote->addr;
		ln_addr_format(&remote->addr, c->name);
	}
	if (remote->tls) {
		c->tls = ln_tls_session(remote->tls, fd, remote->name);
		if (!c->tls)
			c->error = EPROTO;
	}
	c->phase = LN_CONNECTING;
	ln_conn_arm(c, remote->connect_ms);
	if (pending)
		ln_conn_poll(c);
	else
		/* Here already, but our caller does not have it yet. */
		ln_conn_schedule(c);
	return c;
}

/**
 * ln_conn_adopt() - make a connection of a stream socket that is there
 * @s: the server whose loop it lives in
 * @fd: the socket, not blocking; closed when the call fails, too
 * @name: for the log
 * @proto: what is spoken; open() comes in the next turn of the loop
 * @data: what ln_conn_data() returns
 *
 * Return: the connection, or NULL with errno set.
 */
struct ln_conn *ln_conn_adopt(struct ln_server *s, int fd, const char *name,
			      const struct ln_proto *proto, void *data)
{
	struct ln_conn *c = conn_new(s, fd, proto, data, 0);

	if (!c) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->phase = LN_CONNECTING;
	ln_conn_schedule(c);
	return c;
}

/*
 * The server is ending.  What the peer sent before that it sent to a server that
 * was there: the protocol sees it first.  During a handshake it is told later.
 */
void ln_conn_stop(struct ln_conn *c)
{
	if (c->phase == LN_OPEN)
		ln_conn_receive(c);
	if (c->phase == LN_OPEN)
		c->proto->stop(c);
}

/**
 * ln_conn_state() - the protocol's state of a connection
 * @c: the connection
 */
void *ln_conn_state(struct ln_conn *c)
{
	return c->state;
}

/**
 * ln_conn_data() - the data of its listener, or of ln_connect()
 * @c: the connection
 */
void *ln_conn_data(struct ln_conn *c)
{
	return c->data;
}

/**
 * ln_conn_server() - whose it is
 * @c: the connection
 */
struct ln_server *ln_conn_server(struct ln_conn *c)
{
	return c->server;
}

/**
 * ln_conn_name() - the peer's address and port, for log lines
 * @c: the connection
 */
const char *ln_conn_name(const struct ln_conn *c)
{
	return c->name;
}

/**
 * ln_conn_peer() - the peer's address; of family 0 for a UNIX socket
 * @c: the connection
 */
const union ln_addr *ln_conn_peer(const struct ln_conn *c)
{
	return &c->peer_addr;
}

/**
 * ln_conn_local() - our own address; of family 0 for a UNIX socket
 * @c: the connection
 * @addr: what to fill in
 */
void ln_conn_local(const struct ln_conn *c, union ln_addr *addr)
{
	socklen_t len = sizeof(*addr);

	memset(addr, 0, sizeof(*addr));
	if (!c->protocol || getsockname(c->fd, &addr->sa, &len))
		memset(addr, 0, sizeof(*addr));
}

/**
 * ln_conn_protocol() - its transport
 * @c: the connection
 *
 * Return: IPPROTO_TCP, IPPROTO_LINNET, or 0 for a UNIX socket.
 */
int ln_conn_protocol(const struct ln_conn *c)
{
	return c->protocol;
}

/**
 * ln_conn_fd() - the descriptor, for socket options
 * @c: the connection
 */
int ln_conn_fd(const struct ln_conn *c)
{
	return c->fd;
}

/**
 * ln_conn_is_tls() - whether it is encrypted
 * @c: the connection
 */
bool ln_conn_is_tls(const struct ln_conn *c)
{
	return c->tls;
}

/**
 * ln_conn_tls_version() - as "TLSv1.3", or NULL
 * @c: the connection
 */
const char *ln_conn_tls_version(const struct ln_conn *c)
{
	return c->tls ? SSL_get_version(c->tls) : NULL;
}

/**
 * ln_conn_tls_serves() - whether a host may be asked for on an accepted connection
 * @c: the connection
 * @host: host name without a port
 *
 * Return: false when the peer named another host in its handshake, which has another
 * certificate (RFC 9110, 7.4 and 15.5.20); true without TLS.
 */
bool ln_conn_tls_serves(const struct ln_conn *c, const char *host)
{
	return !c->tls || ln_tls_serves(c->tls, host);
}

/**
 * ln_conn_alpn() - the protocol that was agreed upon
 * @c: the connection
 * @len: where its length goes
 *
 * Return: the name, not ending in NUL, or NULL.
 */
const char *ln_conn_alpn(const struct ln_conn *c, size_t *len)
{
	const unsigned char *name = NULL;
	unsigned int n = 0;

	if (c->tls)
		SSL_get0_alpn_selected(c->tls, &name, &n);
	*len = n;
	return (const char *)name;
}

/**
 * ln_conn_stopping() - whether the server is ending
 * @c: the connection
 */
bool ln_conn_stopping(const struct ln_conn *c)
{
	return c->server->stopping;
}

/**
 * ln_conn_now() - the event loop's monotonic clock
 * @c: a connection of the server
 *
 * Return: milliseconds.
 */
uint64_t ln_conn_now(const struct ln_conn *c)
{
	return uv_now(&c->server->loop);
}

/**
 * ln_conn_allow() - ask the token bucket of the peer's address
 * @c: an accepted connection
 * @per_second: tokens that come in a second
 * @burst: tokens that there are at most, at least 1
 *
 * Return: whether there was a token.
 */
bool ln_conn_allow(struct ln_conn *c, double per_second, double burst)
{
	return !c->peer || ln_peer_allow(c->peer, per_second, burst);
}

/**
 * ln_conn_input() - what arrived and was not consumed
 * @c: the connection
 * @len: where the number of bytes goes
 *
 * Return: the bytes; they stay until the callback ends or some are consumed.
 */
const char *ln_conn_input(struct ln_conn *c, size_t *len)
{
	*len = c->in_len;
	return c->in + c->in_start;
}

/**
 * ln_conn_consume() - bytes were used
 * @c: the connection
 * @len: how many, no more than there are
 */
void ln_conn_consume(struct ln_conn *c, size_t len)
{
	bool was_stuck = c->in_len >= c->proto->input_max;

	c->in_start += len;
	c->in_len -= len;
	if (!c->in_len)
		c->in_start = 0;
	if (was_stuck && len)
		ln_conn_poll(c);
}

/**
 * ln_conn_eof() - whether the peer has ended its stream
 * @c: the connection
 */
bool ln_conn_eof(const struct ln_conn *c)
{
	return c->eof;
}

/**
 * ln_conn_hold() - stop or go on reading from the socket
 * @c: the connection
 * @hold: stop
 */
void ln_conn_hold(struct ln_conn *c, bool hold)
{
	if (c->held == hold)
		return;
	c->held = hold;
	/* TLS may have bytes that the socket no longer has. */
	if (!hold && ln_conn_tls_pending(c))
		ln_conn_wake(c);
	ln_conn_poll(c);
}

/**
 * ln_conn_wake() - have input() called in the next turn of the loop
 * @c: the connection
 */
void ln_conn_wake(struct ln_conn *c)
{
	c->wake = true;
	ln_conn_schedule(c);
}

/**
 * ln_conn_queue() - what waits to be sent, to add to it
 * @c: the connection; ln_conn_flush() afterwards
 */
struct ln_queue *ln_conn_queue(struct ln_conn *c)
{
	return &c->out;
}

/**
 * ln_conn_flush() - what was added to the queue is to be sent
 * @c: the connection
 */
void ln_conn_flush(struct ln_conn *c)
{
	if (c->phase < LN_FINISHING && !c->blocked)
		ln_conn_schedule(c);
}

/* What cannot be queued would leave a hole: the connection ends. */
static int queued(struct ln_conn *c, int err)
{
	if (err) {
		c->error = -err;
		ln_queue_clear(&c->out);
		ln_conn_finish(c);
		return err;
	}
	ln_conn_flush(c);
	return 0;
}

/**
 * ln_conn_write() - send a copy
 * @c: the connection
 * @data: bytes
 * @len: how many
 *
 * Return: 0, or -ENOMEM: the connection ends.
 */
int ln_conn_write(struct ln_conn *c, const void *data, size_t len)
{
	return queued(c, ln_queue_add(&c->out, data, len));
}

/**
 * ln_conn_printf() - send text
 * @c: the connection
 * @fmt: as for printf()
 *
 * Return: 0, or -ENOMEM: the connection ends.
 */
int ln_conn_printf(struct ln_conn *c, const char *fmt, ...)
{
	va_list ap, again;
	char *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : ln_queue_reserve(&c->out, n + 1);
	if (to) {
		vsnprintf(to, n + 1, fmt, again);
		ln_queue_commit(&c->out, n);
	}
	va_end(again);
	return queued(c, to ? 0 : -ENOMEM);
}

/**
 * ln_conn_write_file() - send from a file
 * @c: the connection
 * @file: the file; the connection becomes an owner
 * @offset: where to start
 * @len: bytes
 *
 * Return: 0, or -ENOMEM: the connection ends.
 */
int ln_conn_write_file(struct ln_conn *c, struct ln_file *file, off_t offset, uint64_t len)
{
	return queued(c, ln_queue_add_file(&c->out, file, offset, len));
}

/**
 * ln_conn_full() - whether so much waits that a writer should wait for output()
 * @c: the connection
 */
bool ln_conn_full(struct ln_conn *c)
{
	bool full = c->out.memory >= c->proto->output_max;

	c->was_full |= full;
	return full;
}

/**
 * ln_conn_queued() - bytes that wait to be sent
 * @c: the connection
 */
uint64_t ln_conn_queued(const struct ln_conn *c)
{
	return c->out.bytes;
}

/**
 * ln_conn_sent() - bytes that the socket took so far
 * @c: the connection
 */
uint64_t ln_conn_sent(const struct ln_conn *c)
{
	return c->sent;
}

/**
 * ln_conn_start_tls() - encrypt from here on
 * @c: the connection
 * @tls: context; the connection becomes an owner until the handshake
 *
 * Return: 0, or -EPROTO when the peer did not wait for the answer: what it sent
 * in the clear must not count as sent under TLS (RFC 3207, 6).
 */
int ln_conn_start_tls(struct ln_conn *c, struct ln_tls *tls)
{
	if (c->in_len || c->tls)
		return -EPROTO;
	c->start_tls = ln_tls_get(tls);
	ln_conn_hold(c, true);
	ln_conn_schedule(c);
	return 0;
}

/**
 * ln_conn_start_tls_to() - encrypt from here on, as the client
 * @c: a connection of ln_connect()
 * @tls: context; the connection becomes an owner until the handshake
 * @name: the server's name, for SNI and the check of its certificate; must stay until open()
 *	or close()
 *
 * Return: as ln_conn_start_tls().
 */
int ln_conn_start_tls_to(struct ln_conn *c, struct ln_tls *tls, const char *name)
{
	c->tls_name = name;
	return ln_conn_start_tls(c, tls);
}

/**
 * ln_conn_start_tls_with() - encrypt from here on, by the TLS session of another connection
 * @c: the connection
 * @tls: context, with ln_tls_bind_sessions(); the connection becomes an owner until the
 *	handshake
 * @with: a connection that has, or had, TLS by @tls: the peer may resume sessions of it, or of others
 *	that were started with it, and no others.  Without one it makes a new session,
 *	which ln_conn_tls_resumed() tells.
 *
 * Return: 0, or -EPROTO as ln_conn_start_tls(), and when @with never had TLS.
 */
int ln_conn_start_tls_with(struct ln_conn *c, struct ln_tls *tls, const struct ln_conn *with)
{
	if (!with->tls_marked)
		return -EPROTO;
	memcpy(c->tls_binding, with->tls_binding, sizeof(c->tls_binding));
	c->tls_bound = true;
	return ln_conn_start_tls(c, tls);
}

/**
 * ln_conn_tls_resumed() - whether the handshake took up an earlier session
 * @c: the connection
 */
bool ln_conn_tls_resumed(const struct ln_conn *c)
{
	return c->tls && SSL_session_reused(c->tls);
}

/**
 * ln_conn_stop_tls() - go on in the clear
 * @c: the connection
 *
 * When what is queued has gone out, close_notify is sent; what is written after this call
 * waits for the peer's own close_notify and goes out in the clear (RFC 4217, 13).
 *
 * Return: 0, or -EPROTO when there is no TLS, or when the peer did not wait for the answer.
 */
int ln_conn_stop_tls(struct ln_conn *c)
{
	if (!c->tls || c->in_len || SSL_pending(c->tls))
		return -EPROTO;
	c->stop_tls = true;
	ln_conn_schedule(c);
	return 0;
}

/**
 * ln_conn_error() - why the connection ended
 * @c: the connection, in close()
 *
 * Return: an errno, or 0.
 */
int ln_conn_error(const struct ln_conn *c)
{
	return c->error;
}

/**
 * ln_conn_finish() - end a connection in order
 * @c: the connection; the only call still to come is close()
 *
 * What is queued goes out first.  Closing a socket that still has something to
 * read resets the connection, and the reset may overtake what was sent last (RFC
 * 9112, 9.6).  So the sending side is closed then, and the rest is read and thrown
 * away until the peer closes too, for a bounded time.
 */
void ln_conn_finish(struct ln_conn *c)
{
	if (c->phase >= LN_FINISHING)
		return;
	if (c->phase != LN_OPEN) {
		ln_conn_close(c);
		return;
	}
	c->phase = LN_FINISHING;
	c->wake = false;
	c->in_len = c->in_start = 0;
	ln_conn_arm(c, c->server->options->idle_ms);
	ln_conn_poll(c);
	ln_conn_schedule(c);
}
