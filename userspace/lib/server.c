// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop, the listeners and the orderly end of a server.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "server-internal.h"

/* Connections taken in one go, so that the open ones get their turn. */
#define ACCEPT_BATCH	64
/* Wait before the next accept() when descriptors or memory ran out. */
#define SHORTAGE_MS	1000
/* Descriptors besides those of connections. */
#define SPARE_FDS	(2 * LN_MAX_SOCKETS + 32)
/* A connection's own, and the file that it sends. */
#define FDS_PER_CONN	2

static void listeners_poll(struct ln_server *s, bool on);

static void on_resume(uv_timer_t *timer)
{
	struct ln_server *s = timer->data;

	if (!s->stopping && s->n_conns < s->options->max_connections)
		listeners_poll(s, true);
}

static void on_shortage(struct ln_server *s, int err)
{
	ln_warning("cannot accept for now: %s", strerror(err));
	listeners_poll(s, false);
	uv_timer_start(&s->resume, on_resume, SHORTAGE_MS, 0);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct ln_socket *l = poll->data;
	struct ln_server *s = l->server;
	union ln_addr peer;
	socklen_t len;
	int fd;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		if (s->n_conns >= s->options->max_connections) {
			/* The backlog keeps those who come now. */
			ln_debug("all %u connections are in use", s->n_conns);
			listeners_poll(s, false);
			return;
		}
		len = sizeof(peer);
		fd = accept4(l->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			ln_conn_new(s, fd, &peer);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			on_shortage(s, errno);
			return;
		default:
			/* What befell the connection that was waiting, as
			 * accept(2) tells: not the listener's trouble.
			 */
			ln_debug("accept: %s", strerror(errno));
		}
	}
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct ln_socket *l = poll->data;

	(void)status;
	(void)events;
	l->datagram(l->fd, l->data);
}

static void listeners_poll(struct ln_server *s, bool on)
{
	s->paused = !on;
	for (int i = 0; i < s->n_sockets; i++) {
		struct ln_socket *l = &s->sockets[i];

		if (l->datagram)
			continue;
		if (on)
			uv_poll_start(&l->poll, UV_READABLE, on_listener);
		else
			uv_poll_stop(&l->poll);
	}
}

/* A connection ended: there may be room again, or nothing left to wait for. */
void ln_server_conn_gone(struct ln_server *s)
{
	if (s->stopping) {
		if (!s->n_conns && !uv_is_closing((uv_handle_t *)&s->drain))
			uv_close((uv_handle_t *)&s->drain, NULL);
	} else if (s->paused && s->n_conns < s->options->max_connections) {
		listeners_poll(s, true);
	}
}

static void close_connections(struct ln_server *s)
{
	for (struct ln_conn *c = s->conns, *next; c; c = next) {
		next = ln_conn_next(c);
		ln_conn_close(c);
	}
}

static void on_drain(uv_timer_t *timer)
{
	struct ln_server *s = timer->data;

	ln_notice("closing %u connections that did not finish in time", s->n_conns);
	close_connections(s);
}

static void close_sockets(struct ln_server *s)
{
	for (int i = 0; i < s->n_sockets; i++) {
		uv_close((uv_handle_t *)&s->sockets[i].poll, NULL);
		close(s->sockets[i].fd);
	}
	s->n_sockets = 0;
}

static void begin_stop(struct ln_server *s)
{
	s->stopping = true;
	close_sockets(s);
	uv_close((uv_handle_t *)&s->resume, NULL);
	uv_unref((uv_handle_t *)&s->sigterm);
	uv_unref((uv_handle_t *)&s->sigint);
	uv_timer_start(&s->drain, on_drain, s->options->drain_ms, 0);
	for (struct ln_conn *c = s->conns, *next; c; c = next) {
		next = ln_conn_next(c);
		ln_conn_stop(c);
	}
	ln_server_conn_gone(s);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct ln_server *s = handle->data;

	if (s->stopping) {
		close_connections(s);
		return;
	}
	ln_notice("%s: finishing %u connections", strsignal(signum), s->n_conns);
	begin_stop(s);
}

/* Room for the descriptors of so many connections, as far as the system lets us. */
static void raise_nofile(unsigned int max_connections)
{
	rlim_t want = (rlim_t)max_connections * FDS_PER_CONN + SPARE_FDS;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max < want ? rl.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur < want)
		ln_warning("%u connections may need %llu descriptors, the limit is %llu",
			   max_connections, (unsigned long long)want,
			   (unsigned long long)rl.rlim_cur);
}

/**
 * ln_server_new() - a server without listeners yet
 * @o: options; they must outlive the server
 * @proto: what its connections speak
 * @data: what ln_conn_data() returns
 *
 * Return: the server, or NULL after an error line.
 */
struct ln_server *ln_server_new(const struct ln_options *o, const struct ln_proto *proto,
				void *data)
{
	struct ln_server *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		ln_error("out of memory");
		return NULL;
	}
	err = uv_loop_init(&s->loop);
	if (err) {
		ln_error("cannot start the event loop: %s", uv_strerror(err));
		free(s);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_nofile(o->max_connections);
	s->options = o;
	s->proto = proto;
	s->data = data;
	uv_timer_init(&s->loop, &s->drain);
	uv_timer_init(&s->loop, &s->resume);
	uv_signal_init(&s->loop, &s->sigterm);
	uv_signal_init(&s->loop, &s->sigint);
	s->drain.data = s->resume.data = s->sigterm.data = s->sigint.data = s;
	return s;
}

static int add_sockets(struct ln_server *s, int type, uint16_t port, ln_datagram_fn fn, void *data)
{
	char text[LN_ADDR_STRLEN];
	int fds[LN_MAX_SOCKETS], n;

	n = ln_net_open(s->options, type, port, fds);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct ln_socket *l = &s->sockets[s->n_sockets++];
		union ln_addr addr = { 0 };
		socklen_t len = sizeof(addr);

		l->server = s;
		l->fd = fds[i];
		l->datagram = fn;
		l->data = data;
		uv_poll_init(&s->loop, &l->poll, l->fd);
		l->poll.data = l;
		uv_poll_start(&l->poll, UV_READABLE, fn ? on_datagram : on_listener);
		getsockname(l->fd, &addr.sa, &len);
		ln_notice("listening on %s (%s)", ln_addr_format(&addr, text),
			  ln_protocol_name(ln_socket_protocol(l->fd)));
	}
	return 0;
}

/**
 * ln_server_listen() - open the listeners that the options ask for
 * @s: the server; call once
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_server_listen(struct ln_server *s)
{
	return add_sockets(s, SOCK_STREAM, s->options->port, NULL, NULL);
}

/**
 * ln_server_datagram() - open UDP sockets on the addresses of the options
 * @s: the server; call once
 * @port: UDP port, 0 to let the kernel pick one
 * @fn: called when one of them has something to read
 * @data: passed on to @fn
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_server_datagram(struct ln_server *s, uint16_t port, ln_datagram_fn fn, void *data)
{
	return add_sockets(s, SOCK_DGRAM, port, fn, data);
}

/**
 * ln_server_run() - serve until SIGTERM or SIGINT, then finish
 * @s: the server
 *
 * After the first signal nothing is accepted and connections may finish for
 * as long as the options say; a second signal closes them at once.
 *
 * Return: the program's exit status.
 */
int ln_server_run(struct ln_server *s)
{
	uv_signal_start(&s->sigterm, on_signal, SIGTERM);
	uv_signal_start(&s->sigint, on_signal, SIGINT);
	ln_notice("ready");
	uv_run(&s->loop, UV_RUN_DEFAULT);
	ln_notice("stopped");
	return EXIT_SUCCESS;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/**
 * ln_server_free() - release a server that is not running
 * @s: the server
 */
void ln_server_free(struct ln_server *s)
{
	close_sockets(s);
	uv_walk(&s->loop, close_handle, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	free(s);
}
