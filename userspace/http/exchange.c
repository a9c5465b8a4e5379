// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request and its response, whatever the version of the protocol: the life of an
 * exchange and the request's content.  The response is in response.c.
 */
#include "exchange.h"

#include <string.h>
#include <time.h>

#include "date.h"
#include "log.h"

#define MAX_REDIRECTS	5

/**
 * exchange_init() - begin an exchange
 * @x: the exchange; all but its arena is overwritten
 * @ops: the version
 * @version: the version's own
 * @c: the connection, whose data is the service
 */
void exchange_init(struct http_exchange *x, const struct http_ops *ops, void *version,
		   struct ln_conn *c)
{
	memset(x, 0, offsetof(struct http_exchange, arena));
	x->ops = ops;
	x->version = version;
	x->conn = c;
	x->service = ln_conn_data(c);
	x->rq = (struct http_request){ .method = "", .target = "", .host = "", .authority = "" };
	x->started = ln_conn_now(c);
	x->length = -1;
	x->keep_alive = true;
}

/* RFC 9110, 10.1.1; an HTTP/1.0 client knows no such thing.  Several are a list. */
static bool check_expect(struct http_request *rq)
{
	const struct http_field *f = NULL;

	if (rq->version == HTTP_1_0)
		return true;
	while ((f = http_field(&rq->fields, "expect", f))) {
		if (!http_field_is(f, "100-continue"))
			return false;
		rq->expect_continue = true;
	}
	return true;
}

static void call_service(struct http_exchange *x)
{
	x->service->request(x);
	if (!x->ended && !x->handler) {
		ln_error("%s: %s %s: nobody answers", ln_conn_name(x->conn), x->rq.method,
			 x->rq.target);
		http_error(x, 500);
	}
}

/**
 * exchange_request() - a request's header has arrived and is in x->rq
 * @x: the exchange
 */
void exchange_request(struct http_exchange *x)
{
	/* TRACE would hand a script what it may not see; CONNECT is for proxies. */
	if (!strcmp(x->rq.method, "TRACE") || !strcmp(x->rq.method, "CONNECT")) {
		exchange_refuse(x, 501);
		return;
	}
	if (!check_expect(&x->rq)) {
		exchange_refuse(x, 417);
		return;
	}
	call_service(x);
}

/**
 * exchange_refuse() - answer a request that cannot be understood or is not wanted
 * @x: the exchange
 * @status: status code
 *
 * Where the next request would begin is not known: an HTTP/1 connection ends.
 */
void exchange_refuse(struct http_exchange *x, int status)
{
	x->keep_alive = false;
	http_error(x, status);
}

static void too_large(struct http_exchange *x)
{
	if (x->began)
		http_abort(x);
	else
		http_error(x, 413);
}

/*
 * Apache's rule (mod_reqtimeout): some time for a start, and then a second more for each
 * min_rate octets that are there.  A peer that dribbles would otherwise never be idle.
 */
static bool is_slow(const struct http_exchange *x)
{
	const struct http_limits *limits = &x->service->limits;

	return limits->min_rate && !x->held && !x->content_done &&
	       ln_conn_now(x->conn) - x->content_since >
		       limits->header_ms + x->content_got * 1000 / limits->min_rate;
}

/**
 * exchange_pace() - something of the content arrived
 * @x: the exchange, which asked for content; is ended when it comes too slowly
 */
void exchange_pace(struct http_exchange *x)
{
	if (x->ended || !is_slow(x))
		return;
	ln_info("%s: %s: content comes too slowly", ln_conn_name(x->conn), x->rq.target);
	x->keep_alive = false;
	if (x->began)
		http_abort(x);
	else
		http_error(x, 408);
}

/**
 * exchange_content() - octets of content arrived
 * @x: the exchange, which asked for content
 * @data: content
 * @len: octets
 *
 * Return: true, or false when the exchange was ended because there is too much.
 */
bool exchange_content(struct http_exchange *x, const char *data, size_t len)
{
	x->content_got += len;
	if (x->content_got > x->content_max) {
		too_large(x);
		return false;
	}
	if (!x->ended && x->handler && x->handler->content)
		x->handler->content(x, data, len);
	exchange_pace(x);
	return true;
}

/**
 * exchange_content_end() - the content is complete
 * @x: the exchange, which asked for content; x->trailer has what followed
 */
void exchange_content_end(struct http_exchange *x)
{
	x->content_done = true;
	if (!x->ended && x->handler && x->handler->content_end)
		x->handler->content_end(x);
}

/**
 * exchange_writable() - there is room again
 * @x: the exchange
 */
void exchange_writable(struct http_exchange *x)
{
	if (!x->ended && x->handler && x->handler->writable)
		x->handler->writable(x);
}

/**
 * exchange_timeout() - the handler's deadline is over, or nothing went on for too long
 * @x: the exchange
 */
void exchange_timeout(struct http_exchange *x)
{
	bool due = x->deadline && x->deadline <= ln_conn_now(x->conn);

	if (x->ended)
		return;
	if (due) {
		x->deadline = 0;
		if (x->handler && x->handler->timeout) {
			x->handler->timeout(x);
			return;
		}
	}
	x->keep_alive = false;
	if (x->began)
		http_abort(x);
	else
		/* RFC 9110, 15.5.9: 408 where it is the client that is late. */
		http_error(x, x->accepted && !x->content_done && !x->held ? 408 : 503);
}

/**
 * exchange_close() - an exchange is over
 * @x: the exchange; may be begun again by exchange_init()
 * @complete: the response was sent whole
 */
void exchange_close(struct http_exchange *x, bool complete)
{
	if (x->closed)
		return;
	x->closed = true;
	if (!x->ended)
		x->ended = x->aborted = true;
	if (!complete)
		x->aborted = true;
	if (x->service->log)
		x->service->log(x);
	if (x->handler && x->handler->close)
		x->handler->close(x, !x->aborted);
	arena_reset(&x->arena);
}

/**
 * exchange_date() - the time now, for the Date field
 * @x: the exchange
 */
const char *exchange_date(struct http_exchange *x)
{
	static time_t then = -1;
	static char text[HTTP_DATE_LEN];
	time_t now = time(NULL);

	(void)x;
	if (now != then) {
		http_date_format(now, text);
		then = now;
	}
	return text;
}

/* --- what handlers call about the request --- */

/**
 * http_request() - the request's header
 * @x: the exchange
 */
const struct http_request *http_request(const struct http_exchange *x)
{
	return &x->rq;
}

/**
 * http_service() - the service that the request came to
 * @x: the exchange
 */
struct http_service *http_service(struct http_exchange *x)
{
	return x->service;
}

/**
 * http_conn() - the connection that the request came by
 * @x: the exchange
 */
struct ln_conn *http_conn(struct http_exchange *x)
{
	return x->conn;
}

/**
 * http_trailers() - the fields that followed the content
 * @x: the exchange
 * @n: where to put how many
 *
 * Return: the fields, without those that make no sense there; empty before
 * content_end().
 */
const struct http_field *http_trailers(struct http_exchange *x, unsigned int *n)
{
	*n = x->trailer.n;
	return x->trailer.field;
}

/**
 * http_handle() - name who goes on with an exchange
 * @x: the exchange
 * @handler: its functions
 * @state: what http_state() is to return
 */
void http_handle(struct http_exchange *x, const struct http_handler *handler, void *state)
{
	x->handler = handler;
	x->state = state;
}

/**
 * http_state() - what http_handle() was given
 * @x: the exchange
 */
void *http_state(struct http_exchange *x)
{
	return x->state;
}

/**
 * http_alloc() - memory that is freed with the exchange
 * @x: the exchange
 * @size: octets
 *
 * Return: zeroed memory, or NULL without memory.
 */
void *http_alloc(struct http_exchange *x, size_t size)
{
	void *p = arena_alloc(&x->arena, size);

	return p ? memset(p, 0, size) : NULL;
}

/**
 * http_set_data() - keep a pointer of the service's
 * @x: the exchange
 * @data: what http_data() is to return
 */
void http_set_data(struct http_exchange *x, void *data)
{
	x->data = data;
}

/**
 * http_data() - what http_set_data() was given
 * @x: the exchange
 */
void *http_data(const struct http_exchange *x)
{
	return x->data;
}

void http_accept(struct http_exchange *x, uint64_t max)
{
	if (x->ended || x->accepted)
		return;
	x->content_max = max ? max : x->service->limits.content;
	if (x->rq.content_length > 0 && (uint64_t)x->rq.content_length > x->content_max) {
		too_large(x);
		return;
	}
	x->accepted = true;
	x->content_since = x->held_since = ln_conn_now(x->conn);
	x->ops->accept(x);
}

bool http_redirect_local(struct http_exchange *x, const char *target)
{
	char *copy;

	if (x->began || x->ended || x->redirects == MAX_REDIRECTS || target[0] != '/')
		return false;
	for (const char *p = target; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '#')
			return false;
	copy = arena_strndup(&x->arena, target, strlen(target));
	if (!copy)
		return false;
	x->redirects++;
	x->rq.target = copy;
	x->rq.target_len = strlen(copy);
	if (x->rq.kind != HTTP_KIND_HEAD) {
		x->rq.method = "GET";
		x->rq.kind = HTTP_KIND_GET;
	}
	x->rq.content_length = 0;
	x->accepted = false;
	x->handler = NULL;
	x->state = NULL;
	x->status = 0;
	x->n_out = 0;
	x->length = -1;
	http_deadline(x, 0);
	call_service(x);
	return true;
}

/**
 * http_hold() - stop or go on taking content
 * @x: the exchange
 * @hold: stop
 */
void http_hold(struct http_exchange *x, bool hold)
{
	if (x->ended)
		return;
	/* That time is not the peer's. */
	if (hold && !x->held)
		x->held_since = ln_conn_now(x->conn);
	if (!hold && x->held)
		x->content_since += ln_conn_now(x->conn) - x->held_since;
	x->held = hold;
	x->ops->hold(x, hold);
}

/**
 * http_deadline() - ask for timeout()
 * @x: the exchange
 * @ms: milliseconds from now; 0: no more
 */
void http_deadline(struct http_exchange *x, uint64_t ms)
{
	if (x->ended)
		return;
	x->deadline = ms ? ln_conn_now(x->conn) + ms : 0;
	x->ops->deadline(x);
}

/**
 * http_keep_alive() - whether the connection persists after this exchange
 * @x: the exchange
 */
bool http_keep_alive(const struct http_exchange *x)
{
	return x->keep_alive;
}

/**
 * http_no_keep_alive() - end the connection after this exchange; before http_begin()
 * @x: the exchange
 */
void http_no_keep_alive(struct http_exchange *x)
{
	x->keep_alive = false;
}

/**
 * http_sent() - octets of content sent so far
 * @x: the exchange
 */
uint64_t http_sent(const struct http_exchange *x)
{
	return x->sent;
}

/**
 * http_started() - loop time, in ms, when the request came
 * @x: the exchange
 */
uint64_t http_started(const struct http_exchange *x)
{
	return x->started;
}
