// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection's life cycle: accepted, open, lingering, closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "log.h"
#include "server-internal.h"

/* Time for the peer to take what was sent last and to close its side. */
#define LINGER_MS	2000
/* Bytes thrown away in one go while lingering. */
#define DISCARD_BYTES	65536

enum phase { OPEN, LINGERING, CLOSED };

struct ln_conn {
	struct ln_server *server;
	struct ln_conn *next, **pprev;
	struct ln_peer *peer;
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd;
	int want;
	bool eof;
	enum phase phase;
	uint64_t born;
	char name[LN_ADDR_STRLEN];
	max_align_t state[];
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct ln_conn *c = handle->data;

	if (!--c->open_handles)
		free(c);
}

/**
 * ln_conn_close() - end a connection at once
 * @c: the connection; gone for the caller
 */
void ln_conn_close(struct ln_conn *c)
{
	struct ln_server *s = c->server;

	if (c->phase == CLOSED)
		return;
	c->phase = CLOSED;
	s->proto->close(c);
	uv_close((uv_handle_t *)&c->poll, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	close(c->fd);
	*c->pprev = c->next;
	if (c->next)
		c->next->pprev = c->pprev;
	ln_peer_put(&s->peers, c->peer);
	s->n_conns--;
	ln_debug("%s: closed", c->name);
	ln_server_conn_gone(s);
}

static void discard(struct ln_conn *c)
{
	static char scratch[DISCARD_BYTES];

	if (ln_conn_read(c, scratch, sizeof(scratch)) == -EAGAIN)
		return;
	if (c->eof)
		ln_conn_close(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ln_conn *c = poll->data;
	int err = 0;
	socklen_t len = sizeof(err);

	if (status < 0) {
		/* libuv's word for POLLERR */
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		ln_info("%s: %s", c->name, strerror(err));
		ln_conn_close(c);
		return;
	}
	if (c->phase == LINGERING)
		discard(c);
	else
		c->server->proto->ready(c, (events & UV_READABLE ? LN_READ : 0) |
					   (events & UV_WRITABLE ? LN_WRITE : 0));
}

static void on_timer(uv_timer_t *timer)
{
	struct ln_conn *c = timer->data;
	uint64_t total = c->server->options->total_ms;

	if (c->phase == LINGERING) {
		ln_conn_close(c);
	} else if (total && uv_now(&c->server->loop) - c->born >= total) {
		ln_info("%s: reached the total time-out", c->name);
		ln_conn_close(c);
	} else {
		c->server->proto->timeout(c);
	}
}

/* Takes over an accepted descriptor. */
void ln_conn_new(struct ln_server *s, int fd, const union ln_addr *peer)
{
	char addr[LN_ADDR_STRLEN];
	struct ln_conn *c;
	struct ln_peer *p;
	int one = 1;

	p = ln_peer_get(&s->peers, peer, s->options->max_per_address);
	if (!p) {
		ln_info("%s: refused: %s", ln_addr_format(peer, addr),
			errno == EUSERS ? "too many connections from there" : strerror(errno));
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c) + s->proto->state_size);
	if (!c || uv_poll_init(&s->loop, &c->poll, fd)) {
		ln_warning("%s: refused: out of memory", ln_addr_format(peer, addr));
		free(c);
		ln_peer_put(&s->peers, p);
		close(fd);
		return;
	}
	uv_timer_init(&s->loop, &c->timer);
	c->open_handles = 2;
	c->poll.data = c->timer.data = c;
	c->server = s;
	c->fd = fd;
	c->peer = p;
	c->born = uv_now(&s->loop);
	ln_addr_format(peer, c->name);
	c->next = s->conns;
	if (c->next)
		c->next->pprev = &c->next;
	c->pprev = &s->conns;
	s->conns = c;
	s->n_conns++;
	/* We write whole answers, or say MSG_MORE. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ln_info("%s: connected (%s)", c->name, ln_protocol_name(ln_socket_protocol(fd)));
	s->proto->open(c);
}

/* The server is ending. */
void ln_conn_stop(struct ln_conn *c)
{
	if (c->phase == OPEN)
		c->server->proto->stop(c);
}

struct ln_conn *ln_conn_next(struct ln_conn *c)
{
	return c->next;
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
 * ln_conn_data() - what ln_server_new() was given as data
 * @c: the connection
 */
void *ln_conn_data(struct ln_conn *c)
{
	return c->server->data;
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
 * ln_conn_stopping() - whether the server is ending
 * @c: the connection
 */
bool ln_conn_stopping(const struct ln_conn *c)
{
	return c->server->stopping;
}

/**
 * ln_conn_want() - choose what ready() is called for
 * @c: the connection
 * @events: LN_READ, LN_WRITE, both or 0
 */
void ln_conn_want(struct ln_conn *c, int events)
{
	if (c->want == events)
		return;
	c->want = events;
	if (events)
		uv_poll_start(&c->poll, (events & LN_READ ? UV_READABLE : 0) |
					(events & LN_WRITE ? UV_WRITABLE : 0), on_poll);
	else
		uv_poll_stop(&c->poll);
}

/**
 * ln_conn_deadline() - have timeout() called later
 * @c: the connection
 * @ms: milliseconds from now; replaces what was asked for before
 */
void ln_conn_deadline(struct ln_conn *c, uint64_t ms)
{
	uint64_t total = c->server->options->total_ms, age;

	if (total && c->phase == OPEN) {
		age = uv_now(&c->server->loop) - c->born;
		if (age >= total)
			ms = 0;
		else if (ms > total - age)
			ms = total - age;
	}
	uv_timer_start(&c->timer, on_timer, ms, 0);
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
 * ln_conn_read() - receive
 * @c: the connection
 * @buf: where to
 * @len: room there, not 0
 *
 * Return: bytes, 0 at the end of the stream, or a negative errno; -EAGAIN when
 * there is nothing now.
 */
ssize_t ln_conn_read(struct ln_conn *c, void *buf, size_t len)
{
	ssize_t n = recv(c->fd, buf, len, 0);

	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n <= 0)
		c->eof = true;
	return n < 0 ? -errno : n;
}

/**
 * ln_conn_write() - send
 * @c: the connection
 * @buf: bytes
 * @len: how many
 * @more: more follow at once, so that a short segment may wait for them
 *
 * Return: bytes taken, or a negative errno; -EAGAIN when there is no room now.
 */
ssize_t ln_conn_write(struct ln_conn *c, const void *buf, size_t len, bool more)
{
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));

	return n < 0 ? -errno : n;
}

/**
 * ln_conn_sendfile() - send from a file
 * @c: the connection
 * @file: its descriptor
 * @offset: where to start, moved on by what was sent
 * @len: bytes to send at most
 *
 * Return: bytes taken, 0 when the file ends at @offset, or a negative errno.
 */
ssize_t ln_conn_sendfile(struct ln_conn *c, int file, off_t *offset, size_t len)
{
	ssize_t n = sendfile(c->fd, file, offset, len);

	return n < 0 ? -errno : n;
}

/**
 * ln_conn_finish() - end a connection in order
 * @c: the connection; gone for the caller
 *
 * Closing a socket that still has something to read resets the connection, and
 * the reset may overtake what was sent last (RFC 9112, 9.6).  So the sending
 * side is closed first, and the rest is read and thrown away until the peer
 * closes too, for a bounded time.
 */
void ln_conn_finish(struct ln_conn *c)
{
	if (c->phase != OPEN)
		return;
	if (c->eof || shutdown(c->fd, SHUT_WR)) {
		ln_conn_close(c);
		return;
	}
	c->phase = LINGERING;
	ln_conn_want(c, LN_READ);
	ln_conn_deadline(c, LINGER_MS);
}
