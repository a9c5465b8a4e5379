// SPDX-License-Identifier: GPL-2.0-or-later
#include "passive.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "counts.h"
#include "session.h"
#include "transfer.h"

/* Connections of others that are taken and closed. */
#define MAX_STRANGERS	32
#define BACKLOG		64
/* Ports that are looked at for one that is free. */
#define MAX_TRIES	1024

/**
 * struct passive - a socket that waits for a data connection
 * @poll: its events
 * @timer: the time that a transfer waits
 * @handles: of libuv, still open
 * @fd: the socket
 * @strangers: who came that was somebody else
 * @session: whose it is
 */
struct passive {
	uv_poll_t poll;
	uv_timer_t timer;
	int handles;
	int fd;
	unsigned int strangers;
	struct session *session;
};

static void set_port(union ln_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

static socklen_t address_len(const union ln_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

/* A socket that another listens on may be bound to with SO_REUSEADDR; then listen() fails. */
static int listen_on(const union ln_addr *a, int protocol)
{
	int one = 1, err;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, &a->sa, address_len(a)) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/*
 * From a port that nobody can foretell, through the range.  The kernel is not left to pick: it
 * takes long when many ports are in TIME-WAIT, which does not matter to us.
 */
static int listen_in_range(const struct setup *setup, union ln_addr *a, int protocol)
{
	unsigned int n = setup->passive_last - setup->passive_first + 1, start = 0;
	int fd = -EADDRINUSE;

	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return -EAGAIN;
	for (unsigned int i = 0; i < n && i < MAX_TRIES; i++) {
		set_port(a, setup->passive_first + (start + i) % n);
		fd = listen_on(a, protocol);
		if (fd != -EADDRINUSE)
			break;
	}
	return fd;
}

static void on_closed(uv_handle_t *handle)
{
	struct passive *p = handle->data;

	if (!--p->handles)
		free(p);
}

/**
 * passive_close() - no longer wait for a data connection
 * @s: the session
 */
void passive_close(struct session *s)
{
	struct passive *p = s->passive;

	if (!p)
		return;
	s->passive = NULL;
	uv_close((uv_handle_t *)&p->poll, on_closed);
	uv_close((uv_handle_t *)&p->timer, on_closed);
	close(p->fd);
}

static bool same_host(const union ln_addr *a, const union ln_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr));
}

static bool refuse(const struct session *s, const union ln_addr *peer)
{
	char text[LN_ADDR_STRLEN];

	if (same_host(peer, ln_conn_peer(s->conn)))
		return false;
	ln_warning("%s: data connection from %s refused", ln_conn_name(s->conn),
		   ln_addr_format(peer, text));
	ln_metric_add(&counts_refused, 1);
	return true;
}

/*
 * Takes the client's connection, if it is there.  RFC 2577, 5: a port that is guessed must be
 * of no use.
 */
static void take(struct passive *p)
{
	struct session *s = p->session;
	union ln_addr peer;
	socklen_t len = sizeof(peer);
	int fd;

	while ((fd = accept4(p->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (!refuse(s, &peer)) {
			passive_close(s);
			transfer_accept(s, fd);
			return;
		}
		close(fd);
		if (++p->strangers == MAX_STRANGERS) {
			passive_close(s);
			transfer_no_connection(s, "Too many connections of others");
			return;
		}
		len = sizeof(peer);
	}
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	take(poll->data);
}

static void on_time(uv_timer_t *timer)
{
	struct passive *p = timer->data;
	struct session *s = p->session;

	passive_close(s);
	transfer_no_connection(s, "Nobody connected in time");
}

int passive_open(struct session *s)
{
	struct ln_server *server = ln_conn_server(s->conn);
	union ln_addr a;
	socklen_t len = sizeof(a);
	struct passive *p;
	int fd;

	session_drop_data(s);
	ln_conn_local(s->conn, &a);
	fd = listen_in_range(s->setup, &a, ln_conn_protocol(s->conn));
	if (fd < 0)
		return fd;
	p = calloc(1, sizeof(*p));
	if (!p || getsockname(fd, &a.sa, &len) ||
	    uv_poll_init(ln_server_loop(server), &p->poll, fd)) {
		free(p);
		close(fd);
		return -ENOMEM;
	}
	uv_timer_init(ln_server_loop(server), &p->timer);
	p->handles = 2;
	p->poll.data = p->timer.data = p;
	p->fd = fd;
	p->session = s;
	s->passive = p;
	s->way = WAY_PASSIVE;
	return ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

/* Until then who connects waits in the backlog. */
void passive_await(struct session *s)
{
	struct passive *p = s->passive;

	take(p);
	if (s->passive != p)
		return;
	uv_poll_start(&p->poll, UV_READABLE, on_connection);
	uv_timer_start(&p->timer, on_time, s->setup->limits.connect_ms, 0);
}
