// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One exchange and its connection to the gateway.
 *
 * The request's content waits, unread, until the connection is there: so an address that
 * does not answer can be left for another one, and 100 (Continue) is sent when there is
 * somebody to go on.  Whichever side is slow holds the other one: http_hold() and
 * ln_conn_hold() stop reading, so that no more than the buffers of both is in memory.
 *
 * There is one deadline, the exchange's.  It runs while the gateway is to act; while the
 * client is, the exchange's own idle time does.
 */
#include <errno.h>
#include <string.h>

#include "gateway.h"
#include "log.h"

#define DEADLINE_SLACK_MS	1000	/* connections have a deadline of their own */

static const struct http_handler handler;

/* One time for all of it: a gateway that dribbles, or writes to stderr, gets no more. */
static uint64_t left_for_header(struct gateway *g)
{
	uint64_t now = ln_conn_now(http_conn(g->x));

	if (!g->conf->response_ms)
		return 0;
	if (!g->header_by)
		g->header_by = now + g->conf->response_ms;
	return g->header_by > now ? g->header_by - now : 1;
}

static void rest(struct gateway *g)
{
	bool client = g->blocked || (!g->request_done && !g->holding && (g->opened || g->spooling));
	uint64_t ms = g->conf->idle_ms;

	if (g->over)
		return;
	if (client || g->began || !g->opened)
		g->header_by = 0;
	if (!g->opened && !g->spooling)
		ms = g->conf->connect_ms * (g->conf->remotes.n + 1) + DEADLINE_SLACK_MS;
	else if (!g->began)
		ms = left_for_header(g);
	http_deadline(g->x, client ? 0 : ms);
}

static const char *name(const struct gateway *g)
{
	return g->remote ? g->remote->name : g->conf->kind;
}

/* Lets the connection go; @early: before the end of the response. */
static void drop(struct gateway *g, bool early)
{
	struct ln_conn *c = g->c;
	struct gateway_link *link;

	if (g->ops->leave)
		g->ops->leave(g, early);
	g->up = NULL;
	/* leave() may have ended it in its own way. */
	if (!g->c)
		return;
	g->c = NULL;
	if (!g->opened) {
		ln_conn_close(c);
		return;
	}
	link = ln_conn_state(c);
	link->g = NULL;
	if (early || !g->keep || !g->request_done || !link->remote ||
	    !gateway_idle_put(&g->conf->remotes, c))
		ln_conn_close(c);
}

static void release(struct gateway *g)
{
	cgi_buffer_free(&g->environment);
	cgi_buffer_free(&g->head);
	gateway_spool_free(&g->spool);
}

/**
 * gateway_fail() - the gateway has failed: answer, or cut the response off
 * @g: the request; its @why goes to the log
 * @status: status code, unless the response has begun
 */
void gateway_fail(struct gateway *g, int status)
{
	if (g->over)
		return;
	ln_warning("%s %s: %s %s: %s: %s", g->conf->kind, name(g), http_request(g->x)->method,
		   http_request(g->x)->target, g->why ? g->why : "failed",
		   g->began ? "response cut off" : http_reason(status));
	g->over = true;
	drop(g, true);
	if (http_began(g->x))
		http_abort(g->x);
	else
		http_error(g->x, status);
}

/**
 * gateway_abandon() - let the gateway go and leave the exchange to others
 * @g: the request; only memory of the exchange stays
 */
void gateway_abandon(struct gateway *g)
{
	g->over = true;
	drop(g, true);
	release(g);
}

/* The response is complete. */
static void finish(struct gateway *g)
{
	g->over = true;
	drop(g, false);
	http_deadline(g->x, 0);
	http_end(g->x);
}

/**
 * gateway_retriable() - whether the request may be sent again
 * @g: the request
 *
 * Return: true when it would do no harm (RFC 9110, 9.2.2) and nothing that cannot be sent
 * again was sent.
 */
bool gateway_retriable(const struct gateway *g)
{
	static const char *const idempotent[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };
	const char *method = http_request(g->x)->method;

	if (g->answered || g->accepted || http_request(g->x)->content_length)
		return false;
	for (size_t i = 0; i < sizeof(idempotent) / sizeof(*idempotent); i++)
		if (!strcmp(method, idempotent[i]))
			return true;
	return false;
}

/*
 * Only what can be sent again may meet a connection that just ends.  For others one is
 * closed, so that who serves one at a time is free for the new one.
 */
static struct ln_conn *take_idle(struct gateway *g)
{
	struct ln_conn *c = gateway_idle_take(g->remote);

	if (c && !gateway_retriable(g)) {
		ln_conn_close(c);
		c = NULL;
	}
	return c;
}

/**
 * gateway_connect() - get a connection to one of the addresses: the kinds' connect()
 * @g: the request
 */
void gateway_connect(struct gateway *g)
{
	struct gateway_remotes *remotes = &g->conf->remotes;
	struct ln_conn *client = http_conn(g->x);
	struct gateway_link *link;

	g->opened = false;
	while (g->tries <= remotes->n) {
		if (!g->remote || !g->reused)
			g->remote = gateway_remotes_pick(remotes, ln_conn_now(client));
		g->c = g->tries ? NULL : take_idle(g);
		g->tries++;
		g->reused = g->c;
		if (g->c) {
			link = ln_conn_state(g->c);
			link->g = g;
			gateway_opened(g);
			return;
		}
		g->c = ln_connect(g->conf->server, &g->remote->remote, &gateway_proto, g);
		if (g->c) {
			rest(g);
			return;
		}
		g->why = strerror(errno);
		gateway_remote_down(g->remote, ln_conn_now(client));
	}
	gateway_fail(g, 502);
}

/* Nothing came of the connection: the next address, if there is one. */
static void not_connected(struct gateway *g, int error)
{
	uint64_t now = ln_conn_now(http_conn(g->x));

	gateway_remote_down(g->remote, now);
	if (g->tries < g->conf->remotes.n) {
		ln_warning("%s %s: %s: trying the next address", g->conf->kind, name(g),
			   strerror(error));
		gateway_connect(g);
		return;
	}
	g->why = error ? strerror(error) : "no connection";
	gateway_fail(g, error == ETIMEDOUT ? 504 : 502);
}

/**
 * gateway_opened() - the connection is there: send
 * @g: the request, with @c set
 */
void gateway_opened(struct gateway *g)
{
	g->opened = true;
	if (!g->up)
		g->up = g->c;
	if (!g->ops->send(g)) {
		if (!g->why)
			g->why = "request too large";
		gateway_fail(g, 500);
		return;
	}
	if (g->request_done) {
		g->ops->content_end(g);
	} else {
		g->accepted = true;
		http_accept(g->x, g->conf->content_max);
	}
	rest(g);
}

/**
 * gateway_content_unwanted() - the gateway takes no more of the content
 * @g: the request
 *
 * What still comes is thrown away.
 */
void gateway_content_unwanted(struct gateway *g)
{
	g->up = NULL;
	gateway_room(g);
}

/**
 * gateway_room() - what was written to the gateway has gone so far that there is room again
 * @g: the request
 */
void gateway_room(struct gateway *g)
{
	if (g->over)
		return;
	if (g->holding) {
		g->holding = false;
		http_hold(g->x, false);
	}
	rest(g);
}

/* --- the connection's side --- */

static void conn_open(struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);
	struct gateway *g = ln_conn_data(c);

	link->conn = c;
	link->g = g;
	link->remote = g->remote;
	gateway_opened(g);
}

static void end_of_input(struct gateway *g)
{
	g->keep = false;
	if (g->ops->eof(g)) {
		finish(g);
		return;
	}
	if (!g->answered && g->reused && gateway_retriable(g)) {
		drop(g, true);
		gateway_connect(g);
		return;
	}
	gateway_fail(g, 502);
}

/**
 * gateway_input() - octets came from the gateway
 * @g: the request
 * @c: the connection
 */
void gateway_input(struct gateway *g, struct ln_conn *c)
{
	for (;;) {
		const char *data;
		size_t len;
		ssize_t n;

		data = ln_conn_input(c, &len);
		if (!len)
			break;
		if (g->began && http_full(g->x)) {
			g->blocked = true;
			ln_conn_hold(c, true);
			rest(g);
			return;
		}
		g->answered = true;
		n = g->ops->input(g, data, len < GATEWAY_PIECE ? len : GATEWAY_PIECE);
		/* Answered otherwise: @c is gone. */
		if (g->over)
			return;
		if (n < 0) {
			gateway_fail(g, 502);
			return;
		}
		ln_conn_consume(c, n);
		if (g->complete) {
			finish(g);
			return;
		}
		if (!n)
			break;
	}
	if (ln_conn_eof(c))
		end_of_input(g);
	else
		rest(g);
}

static void conn_input(struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);

	if (link->g) {
		gateway_input(link->g, c);
		return;
	}
	/* Nobody asked: its end, or something that must not become the next response. */
	gateway_idle_remove(link);
	link->remote = NULL;
	ln_conn_close(c);
}

static void conn_output(struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);

	if (link->g)
		gateway_room(link->g);
}

/* Only idle connections have a deadline, and only they need not see a stop through. */
static void conn_end_idle(struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);

	if (!link->g)
		ln_conn_close(c);
}

/**
 * gateway_closed() - the connection has gone without being asked to
 * @g: the request; its @c is to be forgotten by the caller
 * @error: errno
 */
void gateway_closed(struct gateway *g, int error)
{
	bool opened = g->opened;

	g->c = NULL;
	g->up = NULL;
	if (g->over)
		return;
	if (!opened) {
		not_connected(g, error);
		return;
	}
	if (g->reused && gateway_retriable(g)) {
		gateway_connect(g);
		return;
	}
	g->why = error ? strerror(error) : "connection closed";
	gateway_fail(g, error == ETIMEDOUT && !g->began ? 504 : 502);
}

static void conn_close(struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);
	struct gateway *g = link->g;

	if (!link->conn) {
		/* It did not come about; ours unless drop() gave it up. */
		g = ln_conn_data(c);
		if (g->c != c)
			return;
	} else if (!g) {
		if (link->remote && (link->prev || link->remote->idle == link))
			gateway_idle_remove(link);
		return;
	}
	gateway_closed(g, ln_conn_error(c));
}

const struct ln_proto gateway_proto = {
	.state_size = sizeof(struct gateway_link),
	.input_max = GATEWAY_PIECE,
	.output_max = 4 * GATEWAY_PIECE,
	.open = conn_open,
	.input = conn_input,
	.output = conn_output,
	.timeout = conn_end_idle,
	.stop = conn_end_idle,
	.close = conn_close,
};

/* --- the exchange's side --- */

/**
 * gateway_spool() - keep content for later
 * @g: the request
 * @data: the content
 * @len: octets
 */
void gateway_spool(struct gateway *g, const char *data, size_t len)
{
	int r = gateway_spool_add(&g->spool, g->conf->spool_fd, data, len);

	if (r >= 0)
		return;
	g->why = strerror(-r);
	gateway_fail(g, r == -ENOSPC || r == -EDQUOT ? 507 : 500);
}

static void on_content(struct http_exchange *x, const char *data, size_t len)
{
	struct gateway *g = http_state(x);

	if (g->over)
		return;
	if (g->spooling) {
		if (g->ops->collect)
			g->ops->collect(g, data, len);
		else
			gateway_spool(g, data, len);
		return;
	}
	if (!g->up)
		return;
	g->ops->content(g, data, len);
	if (!g->holding && g->up && ln_conn_full(g->up)) {
		g->holding = true;
		http_hold(x, true);
	}
	rest(g);
}

static void on_content_end(struct http_exchange *x)
{
	struct gateway *g = http_state(x);

	if (g->over)
		return;
	g->request_done = true;
	if (g->spooling) {
		g->spooling = false;
		if (!g->withheld)
			gateway_add_length(g);
		g->ops->connect(g);
		return;
	}
	if (g->up)
		g->ops->content_end(g);
	rest(g);
}

static void on_writable(struct http_exchange *x)
{
	struct gateway *g = http_state(x);

	if (g->over || !g->blocked || !g->c)
		return;
	g->blocked = false;
	ln_conn_hold(g->c, false);
	ln_conn_wake(g->c);
	rest(g);
}

static void on_timeout(struct http_exchange *x)
{
	struct gateway *g = http_state(x);

	if (g->over)
		return;
	g->why = g->began ? "no progress in time" : "no response in time";
	gateway_fail(g, 504);
}

static void on_left(struct http_exchange *x)
{
	struct gateway *g = http_state(x);

	if (g->over)
		return;
	g->over = true;
	drop(g, true);
	http_abort(x);
}

static void on_close(struct http_exchange *x, bool complete)
{
	struct gateway *g = http_state(x);

	(void)complete;
	g->over = true;
	if (g->c || g->up)
		drop(g, true);
	else if (g->ops->leave)
		g->ops->leave(g, true);
	release(g);
}

static const struct http_handler handler = {
	.content = on_content,
	.content_end = on_content_end,
	.writable = on_writable,
	.timeout = on_timeout,
	.left = on_left,
	.close = on_close,
};

/**
 * gateway_init() - begin
 * @g: zeroed, of http_alloc()
 * @x: the exchange
 * @conf: the location's section
 * @ops: the kind's
 *
 * From here on the exchange is gateway_fail()'s or gateway_start()'s to answer.
 */
void gateway_init(struct gateway *g, struct http_exchange *x, struct gateway_conf *conf,
		  const struct gateway_ops *ops)
{
	g->x = x;
	g->conf = conf;
	g->ops = ops;
	g->left = -1;
	cgi_buffer_init(&g->environment, GATEWAY_MAX_ENVIRONMENT);
	cgi_buffer_init(&g->head, conf->header_max);
	gateway_spool_init(&g->spool, conf->spool_memory);
	http_handle(x, &handler, g);
}

/**
 * gateway_start() - the request's header is ready: connect, or spool its content first
 * @g: the request
 */
void gateway_start(struct gateway *g)
{
	int64_t length = http_request(g->x)->content_length;
	uint64_t max = g->conf->content_max ? g->conf->content_max
					    : http_service(g->x)->limits.content;

	g->request_done = !length;
	/* Before a program is started for nothing. */
	if (length > 0 && (uint64_t)length > max) {
		g->over = true;
		http_error(g->x, 413);
		return;
	}
	g->spooling |= length < 0 && g->conf->spools;
	if (g->spooling) {
		g->accepted = true;
		http_accept(g->x, g->conf->content_max);
		rest(g);
		return;
	}
	g->ops->connect(g);
}
