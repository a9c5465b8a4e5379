// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker: the event loop, the listeners and the orderly end.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "server-internal.h"
#include "tls.h"

/* Connections taken in one go, so that the open ones get their turn. */
#define ACCEPT_BATCH	64
/* Wait before sending again when the kernel has no memory for it. */
#define RETRY_MS	20
/* Wait before the next accept() when descriptors or memory ran out. */
#define SHORTAGE_MS	1000
/* Other workers have all connections that there may be: look again after. */
#define TAKEN_MS	100
/* Descriptors besides those of connections. */
#define SPARE_FDS	(2 * LN_MAX_SOCKETS + 64)
/* A connection's own, and the file that it sends or the gateway that it uses. */
#define FDS_PER_CONN	2
/* Turns that connections get before the loop looks at sockets again. */
#define MAX_TURNS	1024
/* Free memory that is kept at the heap's end. */
#define KEPT_BYTES	(1024 * 1024)

static struct ln_metric accepted_linnet = {
	.name = "linnet_connections_accepted_total", .labels = "transport=\"linnet\"",
	.help = "Connections accepted", .type = LN_COUNTER,
};
static struct ln_metric accepted_tcp = {
	.name = "linnet_connections_accepted_total", .labels = "transport=\"tcp\"",
	.help = "Connections accepted", .type = LN_COUNTER,
};
static struct ln_metric open_now = {
	.name = "linnet_connections", .help = "Connections open", .type = LN_GAUGE,
};

/* What every worker counts; called in the master. */
void ln_server_metrics(void)
{
	ln_metric_define(&accepted_linnet);
	ln_metric_define(&accepted_tcp);
	ln_metric_define(&open_now);
}

static void listeners_poll(struct ln_server *s, bool on);

static bool room(const struct ln_server *s)
{
	return ln_peers_connections() < s->options->max_connections;
}

static void pause_listeners(struct ln_server *s, uint64_t ms);

static void on_resume(uv_timer_t *timer)
{
	struct ln_server *s = timer->data;

	if (s->stopping || !s->paused)
		return;
	if (room(s))
		listeners_poll(s, true);
	else
		pause_listeners(s, TAKEN_MS);
}

static void pause_listeners(struct ln_server *s, uint64_t ms)
{
	listeners_poll(s, false);
	uv_timer_start(&s->resume, on_resume, ms, 0);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct ln_listener *l = poll->data;
	struct ln_server *s = l->server;
	union ln_addr peer;
	socklen_t len;
	int fd;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		if (!room(s)) {
			/* The backlog keeps those who come now. */
			ln_debug("all %u connections are in use", s->options->max_connections);
			pause_listeners(s, TAKEN_MS);
			return;
		}
		len = sizeof(peer);
		fd = accept4(l->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			ln_metric_add(l->protocol == IPPROTO_TCP ? &accepted_tcp : &accepted_linnet,
				      1);
			ln_metric_add(&open_now, 1);
			ln_conn_accepted(l, fd, &peer);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			ln_warning("cannot accept for now: %s", strerror(errno));
			pause_listeners(s, SHORTAGE_MS);
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
	struct ln_listener *l = poll->data;

	(void)status;
	(void)events;
	l->datagram(l->server, l->fd, l->data);
}

static void listeners_poll(struct ln_server *s, bool on)
{
	s->paused = !on;
	for (int i = 0; i < s->n_listeners; i++) {
		struct ln_listener *l = &s->listeners[i];

		if (l->datagram)
			continue;
		if (on)
			uv_poll_start(&l->poll, UV_READABLE, on_listener);
		else
			uv_poll_stop(&l->poll);
	}
}

static void on_retry(uv_timer_t *timer)
{
	struct ln_server *s = timer->data;

	for (struct ln_conn *c = s->conns; c; c = c->next) {
		if (!ln_conn_starved(c))
			continue;
		c->vain = 0;
		ln_conn_schedule(c);
	}
}

/* A connection is starved: it gets another turn soon. */
void ln_server_retry(struct ln_server *s)
{
	if (!uv_is_active((uv_handle_t *)&s->retry))
		uv_timer_start(&s->retry, on_retry, RETRY_MS, 0);
}

static void end_if_done(struct ln_server *s)
{
	if (s->stopping && !s->n_conns && !s->holds)
		uv_stop(&s->loop);
}

/* A connection ended: there may be room again, or nothing left to wait for. */
void ln_server_conn_gone(struct ln_server *s, bool accepted)
{
	if (accepted) {
		s->n_accepted--;
		ln_metric_add(&open_now, -1);
	}
	if (accepted && s->paused && !s->stopping && !uv_is_active((uv_handle_t *)&s->resume) &&
	    room(s))
		listeners_poll(s, true);
	end_if_done(s);
}

static void close_connections(struct ln_server *s)
{
	/* Closing one may close others, and its protocol may make new ones. */
	while (s->conns)
		ln_conn_close(s->conns);
}

static void on_drain(uv_timer_t *timer)
{
	struct ln_server *s = timer->data;

	ln_notice("closing %u connections that did not finish in time", s->n_accepted);
	close_connections(s);
	uv_stop(&s->loop);
}

static void begin_stop(struct ln_server *s)
{
	s->stopping = true;
	for (int i = 0; i < s->n_listeners; i++) {
		uv_close((uv_handle_t *)&s->listeners[i].poll, NULL);
		close(s->listeners[i].fd);
	}
	s->n_listeners = 0;
	uv_timer_stop(&s->resume);
	uv_timer_start(&s->drain, on_drain, s->options->drain_ms, 0);
	/* A connection that stops may take its neighbours along. */
	for (struct ln_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		ln_conn_stop(c);
		if (next && next->phase == LN_CLOSED)
			next = s->conns;
	}
	end_if_done(s);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct ln_server *s = handle->data;

	(void)signum;
	if (s->stopping) {
		close_connections(s);
		uv_stop(&s->loop);
		return;
	}
	begin_stop(s);
}

static void end_turn(struct ln_server *s)
{
	for (struct ln_turn_end *e = s->at_turn_end; e; e = e->next)
		e->run(e->data);
}

static void on_idle(uv_idle_t *handle)
{
	/* Its being active keeps the loop from waiting. */
	(void)handle;
}

/* Before the loop waits: what the callbacks of this turn queued is sent. */
static void on_prepare(uv_prepare_t *handle)
{
	struct ln_server *s = handle->data;
	struct ln_conn *c;

	for (int i = 0; i < MAX_TURNS && s->turn; i++) {
		c = s->turn;
		s->turn = c->next_turn;
		if (!s->turn)
			s->turn_end = &s->turn;
		c->queued_turn = false;
		ln_conn_take_turn(c);
	}
	/* Who had no turn yet gets one before the loop waits. */
	if (s->turn)
		uv_idle_start(&s->idle, on_idle);
	else
		uv_idle_stop(&s->idle);
	end_turn(s);
	end_if_done(s);
}

/* Room for the descriptors of so many connections, as far as the system lets us. */
static void raise_nofile(unsigned int max_connections)
{
	rlim_t want = (rlim_t)max_connections * FDS_PER_CONN + SPARE_FDS;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur >= want)
		return;
	if (rl.rlim_max < want) {
		/* Root may raise the hard limit, too. */
		rl.rlim_cur = rl.rlim_max = want;
		if (!setrlimit(RLIMIT_NOFILE, &rl))
			return;
		getrlimit(RLIMIT_NOFILE, &rl);
	}
	rl.rlim_cur = rl.rlim_max < want ? rl.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur < want)
		ln_warning("%u connections may need %llu descriptors, the limit is %llu",
			   max_connections, (unsigned long long)want,
			   (unsigned long long)rl.rlim_cur);
}

/**
 * ln_server_new() - a worker without listeners yet
 * @o: options; they must outlive the server
 *
 * Return: the server, or NULL after an error line.
 */
struct ln_server *ln_server_new(const struct ln_options *o)
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
	/* What responses need comes and goes with each turn: it is not given back and
	 * asked for again, page by page.
	 */
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	raise_nofile(o->max_connections);
	s->options = o;
	s->turn_end = &s->turn;
	uv_timer_init(&s->loop, &s->drain);
	uv_timer_init(&s->loop, &s->resume);
	uv_timer_init(&s->loop, &s->retry);
	uv_signal_init(&s->loop, &s->sigterm);
	uv_prepare_init(&s->loop, &s->prepare);
	uv_idle_init(&s->loop, &s->idle);
	s->drain.data = s->resume.data = s->retry.data = s->sigterm.data = s->prepare.data = s;
	uv_prepare_start(&s->prepare, on_prepare);
	return s;
}

static struct ln_listener *add_listener(struct ln_server *s, const struct ln_socket *socket,
					void *data)
{
	struct ln_listener *l;

	if (s->n_listeners == LN_MAX_SOCKETS) {
		ln_error("more than %d sockets", LN_MAX_SOCKETS);
		return NULL;
	}
	l = &s->listeners[s->n_listeners++];
	*l = (struct ln_listener){ .server = s, .fd = socket->fd, .data = data };
	l->protocol = socket->protocol;
	uv_poll_init(&s->loop, &l->poll, l->fd);
	l->poll.data = l;
	return l;
}

/**
 * ln_server_listen() - serve on stream sockets
 * @s: the server
 * @sockets: sockets of the daemon
 * @tag: those of them that were wanted with this tag
 * @proto: what is spoken on their connections
 * @tls: context, or NULL
 * @data: what ln_conn_data() returns
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_server_listen(struct ln_server *s, const struct ln_sockets *sockets, const char *tag,
		     const struct ln_proto *proto, struct ln_tls *tls, void *data)
{
	struct ln_listener *l;

	for (int i = 0; i < sockets->n; i++) {
		const struct ln_socket *k = &sockets->socket[i];

		if (k->type != SOCK_STREAM || strcmp(k->tag, tag))
			continue;
		l = add_listener(s, k, data);
		if (!l)
			return -ENOSPC;
		l->proto = proto;
		l->tls = tls;
		uv_poll_start(&l->poll, UV_READABLE, on_listener);
	}
	return 0;
}

/**
 * ln_server_datagram() - serve on datagram sockets
 * @s: the server
 * @sockets: sockets of the daemon
 * @tag: those of them that were wanted with this tag
 * @fn: called when one of them has something to read
 * @data: passed on to @fn
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_server_datagram(struct ln_server *s, const struct ln_sockets *sockets, const char *tag,
		       ln_datagram_fn fn, void *data)
{
	struct ln_listener *l;

	for (int i = 0; i < sockets->n; i++) {
		const struct ln_socket *k = &sockets->socket[i];

		if (k->type != SOCK_DGRAM || strcmp(k->tag, tag))
			continue;
		l = add_listener(s, k, data);
		if (!l)
			return -ENOSPC;
		l->datagram = fn;
		uv_poll_start(&l->poll, UV_READABLE, on_datagram);
	}
	return 0;
}

/**
 * ln_server_loop() - the event loop, for timers and work of one's own
 * @s: the server
 */
uv_loop_t *ln_server_loop(struct ln_server *s)
{
	return &s->loop;
}

/**
 * ln_server_options() - the options of its daemon
 * @s: the server
 */
const struct ln_options *ln_server_options(const struct ln_server *s)
{
	return s->options;
}

/**
 * ln_server_stopping() - whether it is ending
 * @s: the server
 */
bool ln_server_stopping(const struct ln_server *s)
{
	return s->stopping;
}

/**
 * ln_server_at_turn_end() - have something done at the end of each turn of the loop
 * @s: the server
 * @e: what
 */
void ln_server_at_turn_end(struct ln_server *s, struct ln_turn_end *e)
{
	e->next = s->at_turn_end;
	s->at_turn_end = e;
}

/**
 * ln_server_hold() - something is under way that must be finished first
 * @s: the server; ln_server_release() when it is
 */
void ln_server_hold(struct ln_server *s)
{
	s->holds++;
}

/**
 * ln_server_release() - what was held is finished
 * @s: the server
 */
void ln_server_release(struct ln_server *s)
{
	s->holds--;
	end_if_done(s);
}

/**
 * ln_server_run() - serve until SIGTERM, then finish
 * @s: the server
 *
 * After the first signal nothing is accepted and connections may finish for
 * as long as the options say; a second signal closes them at once.
 *
 * Return: the process's exit status.
 */
int ln_server_run(struct ln_server *s)
{
	uv_signal_start(&s->sigterm, on_signal, SIGTERM);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	end_turn(s);
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
	uv_walk(&s->loop, close_handle, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	free(s);
}
