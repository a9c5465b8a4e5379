// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP/1.0 and 1.1 on a connection (RFC 9112): requests in, one exchange at a time.
 *
 * All events of a connection end in run(), which does whatever can be done: answer the
 * next request, take in content, end the exchange, and at last set the deadline for what
 * is waited for.
 */
#include "http1.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http2.h"
#include "log.h"

/* Requests that arrived together are answered so many a turn: others wait, too. */
#define TURN_REQUESTS	32
/* A response so small is out when it is queued. */
#define SMALL_RESPONSE	16384
/* Exchanges kept for reuse, so that a busy worker allocates none. */
#define SPARE_MAX	64

/* OVER: the connection is finished or closed, and perhaps gone. */
enum step { AGAIN, WAIT, OVER };

/* Idle connections have no exchange; those under way change hands. */
static struct http_exchange *spare[SPARE_MAX];
static unsigned int n_spare;

static struct http_exchange *take_exchange(void)
{
	return n_spare ? spare[--n_spare] : calloc(1, sizeof(struct http_exchange));
}

static void give_exchange(struct http_exchange *x)
{
	if (n_spare < SPARE_MAX) {
		spare[n_spare++] = x;
		return;
	}
	arena_free(&x->arena);
	free(x);
}

static struct http1 *http1_state(struct ln_conn *c)
{
	return http_connection(c)->version;
}

static const struct http_limits *limits_of(const struct http1 *h)
{
	const struct http_service *service = ln_conn_data(h->c);

	return &service->limits;
}

static uint64_t progress_of(const struct http1 *h)
{
	return h->received + ln_conn_sent(h->c);
}

/* --- the deadline --- */

static void set_deadline(struct http1 *h)
{
	const struct http_limits *limits = limits_of(h);
	uint64_t now = ln_conn_now(h->c);
	enum http1_wait wait;
	uint64_t ms;
	size_t len;

	ln_conn_input(h->c, &len);
	if (h->x) {
		wait = HTTP1_EXCHANGE;
		ms = limits->idle_ms;
		if (h->x->deadline && !h->x->ended)
			ms = h->x->deadline > now ? h->x->deadline - now : 0;
	} else if (!http_body_done(&h->body)) {
		wait = HTTP1_DISCARD;
		ms = limits->idle_ms;
	} else if (len && !ln_conn_full(h->c)) {
		wait = HTTP1_HEADER;
		/* From the first octet on, however slowly the others come. */
		if (!h->header_by)
			h->header_by = now + limits->header_ms;
		ms = h->header_by > now ? h->header_by - now : 0;
	} else {
		wait = HTTP1_REQUEST;
		ms = h->requests ? limits->keep_alive_ms : limits->header_ms;
	}
	/* What counts from its beginning is not begun again. */
	if (wait == h->wait)
		return;
	h->wait = wait;
	h->progress = progress_of(h);
	ln_conn_deadline(h->c, ms);
}

void http1_deadline(struct http1 *h)
{
	h->wait = HTTP1_NOTHING;
	if (!h->busy)
		set_deadline(h);
}

void http1_wake(struct http1 *h)
{
	if (!h->busy)
		ln_conn_wake(h->c);
}

/* --- the next request --- */

static enum step finish(struct http1 *h)
{
	ln_conn_finish(h->c);
	return OVER;
}

static bool begin_exchange(struct http1 *h)
{
	h->x = take_exchange();
	if (!h->x) {
		ln_warning("%s: out of memory", ln_conn_name(h->c));
		return false;
	}
	exchange_init(h->x, &http1_ops, h, h->c);
	h->framing = (struct http_framing){ 0 };
	h->chunked = h->hold = h->broken = false;
	h->received = h->discarded = 0;
	h->requests++;
	h->header_by = 0;
	h->wait = HTTP1_NOTHING;
	return true;
}

/* The request line, for the log: of refused requests, too. */
static const char *copy_line(struct http1 *h, const char *head, size_t len)
{
	size_t n = len < HTTP_MAX_LINE ? len : HTTP_MAX_LINE;
	const char *end = memchr(head, '\r', n);
	const char *lf = memchr(head, '\n', end ? (size_t)(end - head) : n);

	end = lf ? lf : end;
	return arena_strndup(&h->x->arena, head, end ? (size_t)(end - head) : n);
}

/* A complete header: all but its content moves from the input to the exchange. */
static void take_request(struct http1 *h, const char *in)
{
	struct http_exchange *x = h->x;
	size_t len = h->scan.pos - h->scan.start;
	const char *line = copy_line(h, in + h->scan.start, len);
	char *head = arena_strndup(&x->arena, in + h->scan.start, len);
	int status = head ? http_request_parse(&x->rq, &h->framing, &x->arena, head, len,
					       h->scan.fields)
			  : 503;

	x->rq.line = line;
	ln_conn_consume(h->c, h->scan.pos);
	h->scan = (struct http_scan){ 0 };
	if (status) {
		exchange_refuse(x, status);
		return;
	}
	http_body_start(&h->body, h->framing.chunked, x->rq.content_length);
	exchange_request(x);
}

static void refuse(struct http1 *h, int status)
{
	const char *in;
	size_t len;

	in = ln_conn_input(h->c, &len);
	h->x->rq.line = copy_line(h, in + h->scan.start, len - h->scan.start);
	exchange_refuse(h->x, status);
}

/* What is left of the last request's content is in the way of the next. */
static enum step discard(struct http1 *h)
{
	struct http_piece piece;
	const char *in;
	size_t len;
	int status;

	while (!http_body_done(&h->body)) {
		in = ln_conn_input(h->c, &len);
		status = http_body_step(&h->body, in, len, limits_of(h), &piece);
		h->discarded += piece.used;
		if (status || h->discarded > HTTP1_DISCARD_MAX)
			return finish(h);
		if (!piece.used)
			return ln_conn_eof(h->c) ? finish(h) : WAIT;
		ln_conn_consume(h->c, piece.used);
		h->received += piece.used;
	}
	return AGAIN;
}

static enum step next_request(struct http1 *h)
{
	enum step step;
	const char *in;
	size_t len;
	int r;

	if (!h->persist)
		return finish(h);
	step = discard(h);
	if (step != AGAIN)
		return step;
	in = ln_conn_input(h->c, &len);
	if (!len)
		return ln_conn_eof(h->c) || ln_conn_stopping(h->c) ? finish(h) : WAIT;
	if (ln_conn_full(h->c))
		return WAIT;
	r = http_scan(&h->scan, in, len, limits_of(h));
	/* Whatever is configured, no more than that is kept. */
	if (r == HTTP_SCAN_MORE && len >= http_proto.input_max)
		r = 431;
	/* Half a request and no more to come: nobody waits for an answer. */
	if (r == HTTP_SCAN_MORE)
		return ln_conn_eof(h->c) ? finish(h) : WAIT;
	if (!begin_exchange(h)) {
		ln_conn_close(h->c);
		return OVER;
	}
	if (r == HTTP_SCAN_DONE)
		take_request(h, in);
	else
		refuse(h, r);
	return AGAIN;
}

/* --- the exchange under way --- */

static bool take_trailer(struct http1 *h, const struct http_piece *piece)
{
	struct http_exchange *x = h->x;

	return !piece->trailer_len ||
	       !http_trailer_parse(&x->trailer, &x->arena, piece->trailer, piece->trailer_len,
				   h->body.trailer.fields);
}

/* Content that the handler wants, as far as it has arrived. */
static void take_content(struct http1 *h)
{
	struct http_exchange *x = h->x;
	struct http_piece piece;
	const char *in;
	size_t len;
	int status;

	while (x->accepted && !x->ended && !x->content_done && !h->hold) {
		/* What http_redirect_local() left behind is nobody's. */
		if (http_body_done(&h->body) || x->redirects) {
			exchange_content_end(x);
			return;
		}
		in = ln_conn_input(h->c, &len);
		status = http_body_step(&h->body, in, len, limits_of(h), &piece);
		if (!status && !take_trailer(h, &piece))
			status = 503;
		if (!status && !piece.used && ln_conn_eof(h->c))
			status = 400;
		if (!status && !piece.used && len >= http_proto.input_max)
			status = 431;
		if (status) {
			x->keep_alive = false;
			http_error(x, status);
			return;
		}
		if (!piece.used)
			return;
		if (piece.len)
			exchange_content(x, piece.data, piece.len);
		else
			exchange_pace(x);
		ln_conn_consume(h->c, piece.used);
		h->received += piece.used;
	}
}

static void end_exchange(struct http1 *h, bool complete)
{
	struct http_exchange *x = h->x;

	h->x = NULL;
	h->wait = HTTP1_NOTHING;
	exchange_close(x, complete);
	give_exchange(x);
}

/*
 * Whether the response has gone out.  What is little and in memory goes out in this turn;
 * not to wait for it spares memory when thousands of requests come in one turn.
 */
static bool response_out(struct http1 *h)
{
	const struct ln_queue *q = ln_conn_queue(h->c);

	return !ln_conn_queued(h->c) || (q->bytes == q->memory && q->bytes <= SMALL_RESPONSE);
}

/* Nothing waits behind this request either. */
static bool has_left(struct http1 *h)
{
	struct http_exchange *x = h->x;
	size_t len;

	ln_conn_input(h->c, &len);
	return !len && ln_conn_eof(h->c) && http_body_done(&h->body) && !x->ended && x->handler &&
	       x->handler->left;
}

static enum step go_on(struct http1 *h)
{
	struct http_exchange *x = h->x;

	take_content(h);
	if (has_left(h))
		x->handler->left(x);
	if (h->broken || x->aborted) {
		end_exchange(h, false);
		ln_conn_close(h->c);
		return OVER;
	}
	if (!x->ended || !response_out(h))
		return WAIT;
	h->persist = x->keep_alive;
	end_exchange(h, true);
	return AGAIN;
}

static void run(struct http1 *h)
{
	unsigned int requests = h->requests;
	enum step step = AGAIN;

	h->busy = true;
	while (step == AGAIN) {
		if (h->x) {
			step = go_on(h);
		} else if (h->requests - requests < TURN_REQUESTS) {
			step = next_request(h);
		} else {
			ln_conn_wake(h->c);
			step = WAIT;
		}
	}
	if (step == OVER)
		return;
	h->busy = false;
	set_deadline(h);
}

/* --- events --- */

static int http1_open(struct ln_conn *c)
{
	struct http1 *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->c = c;
	h->persist = true;
	http_body_start(&h->body, false, 0);
	http_connection(c)->version = h;
	set_deadline(h);
	return 0;
}

static void http1_input(struct ln_conn *c)
{
	run(http1_state(c));
}

static void http1_output(struct ln_conn *c)
{
	struct http1 *h = http1_state(c);

	if (h->x && !ln_conn_full(c)) {
		h->busy = true;
		exchange_writable(h->x);
	}
	run(h);
}

/* Nothing went on within an exchange, or its handler's deadline is over. */
static void exchange_late(struct http1 *h)
{
	struct http_exchange *x = h->x;
	bool handlers = x->deadline && !x->ended;

	if (handlers ? x->deadline > ln_conn_now(h->c) : progress_of(h) != h->progress) {
		h->wait = HTTP1_NOTHING;
		set_deadline(h);
		return;
	}
	h->wait = HTTP1_NOTHING;
	if (x->ended) {
		ln_info("%s: takes nothing", ln_conn_name(h->c));
		end_exchange(h, false);
		ln_conn_close(h->c);
		return;
	}
	h->busy = true;
	exchange_timeout(x);
	run(h);
}

/* RFC 9112, 2.2: an empty line before it is none of a request. */
static bool request_begun(struct http1 *h)
{
	size_t len;
	const char *in = ln_conn_input(h->c, &len);

	return len > h->scan.start && in[h->scan.start] != '\r';
}

static void http1_timeout(struct ln_conn *c)
{
	struct http1 *h = http1_state(c);

	switch (h->wait) {
	case HTTP1_EXCHANGE:
		exchange_late(h);
		break;
	case HTTP1_HEADER:
		if (!request_begun(h)) {
			ln_conn_finish(c);
			break;
		}
		if (!begin_exchange(h)) {
			ln_conn_close(c);
			break;
		}
		h->busy = true;
		refuse(h, 408);
		run(h);
		break;
	default:
		ln_conn_finish(c);
	}
}

static void http1_stop(struct ln_conn *c)
{
	struct http1 *h = http1_state(c);
	size_t len;

	ln_conn_input(c, &len);
	if (!h->x && !len && http_body_done(&h->body))
		ln_conn_finish(c);
}

static void http1_close(struct ln_conn *c)
{
	struct http1 *h = http1_state(c);

	if (h->x) {
		h->busy = true;
		end_exchange(h, false);
	}
	free(h);
}

const struct http_version_ops http1_version = {
	.open = http1_open,
	.input = http1_input,
	.output = http1_output,
	.timeout = http1_timeout,
	.stop = http1_stop,
	.close = http1_close,
};
