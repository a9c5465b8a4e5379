// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP/2 (RFC 9113): the events of a connection.
 *
 * Each event ends with turn(), which hands over content, lets nghttp2 send as long as
 * the connection has not enough to send, and sees whether all is over.
 */
#include "http2-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"

/* The peer's answer to the notice of an end is waited for so long, in ms. */
#define NOTICE_MS	1000

static struct http2 *http2_of(struct ln_conn *c)
{
	return http_connection(c)->version;
}

/**
 * http2_schedule() - see that turn() comes
 * @h: the connection
 */
void http2_schedule(struct http2 *h)
{
	if (!h->busy && !h->over)
		ln_conn_wake(h->c);
}

/**
 * http2_want() - see that a time is not missed
 * @h: the connection
 * @at: loop time, ms
 */
void http2_want(struct http2 *h, uint64_t at)
{
	uint64_t now = ln_conn_now(h->c);

	if (at >= h->timer_at || h->over)
		return;
	h->timer_at = at;
	ln_conn_deadline(h->c, at > now ? at - now : 0);
}

/**
 * http2_check() - look at what a function of nghttp2 returned
 * @h: the connection, which is over when there is no memory for its state
 * @rv: 0 or an error
 */
void http2_check(struct http2 *h, int rv)
{
	if (!nghttp2_is_fatal(rv) || h->broken)
		return;
	ln_error("%s: HTTP/2: %s", ln_conn_name(h->c), nghttp2_strerror(rv));
	h->broken = true;
	http2_schedule(h);
}

/**
 * http2_terminate() - end a connection for what the peer does
 * @h: the connection
 * @code: what GOAWAY says
 * @why: what the log says
 */
void http2_terminate(struct http2 *h, uint32_t code, const char *why)
{
	if (h->terminated)
		return;
	h->terminated = true;
	ln_info("%s: HTTP/2: %s", ln_conn_name(h->c), why);
	http2_check(h, nghttp2_session_terminate_session(h->session, code));
	http2_schedule(h);
}

/**
 * http2_refuse_more() - take no new streams; the connection ends with the last of them
 * @h: the connection
 */
void http2_refuse_more(struct http2 *h)
{
	if (h->refusing)
		return;
	h->refusing = true;
	h->drain_at = LN_NEVER;
	http2_check(h, nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
					     nghttp2_session_get_last_proc_stream_id(h->session),
					     NGHTTP2_NO_ERROR, NULL, 0));
	http2_schedule(h);
}

/* GOAWAY without the session, which is of no use any more (RFC 9113, 6.8). */
static void farewell(struct http2 *h, uint32_t code)
{
	int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
	const unsigned char frame[] = {
		0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0,
		last >> 24, last >> 16, last >> 8, last, 0, 0, 0, code,
	};

	h->over = true;
	ln_conn_write(h->c, frame, sizeof(frame));
	ln_conn_finish(h->c);
}

static void received_nonsense(struct http2 *h, int error)
{
	ln_info("%s: HTTP/2: %s", ln_conn_name(h->c), nghttp2_strerror(error));
	switch (error) {
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		farewell(h, NGHTTP2_PROTOCOL_ERROR);
		break;
	case NGHTTP2_ERR_FLOODED:
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		farewell(h, NGHTTP2_ENHANCE_YOUR_CALM);
		break;
	default:
		farewell(h, NGHTTP2_INTERNAL_ERROR);
	}
}

static void deliver(struct http2 *h)
{
	struct http2_stream *s, *next;

	while (h->deliver) {
		h->deliver = false;
		for (s = h->streams; s; s = next) {
			next = s->next;
			if (s->promised) {
				s->promised = false;
				http2_stream_request(s, 0);
			}
			if (s->deliver)
				http2_content_deliver(s);
		}
	}
}

/* A peer that is told to go is told whatever else waits. */
static int send_frames(struct http2 *h)
{
	const uint8_t *data;
	ssize_t n;

	while (nghttp2_session_want_write(h->session) &&
	       (h->terminated || !ln_conn_full(h->c))) {
		n = nghttp2_session_mem_send(h->session, &data);
		if (n <= 0)
			return n;
		if (ln_queue_add(ln_conn_queue(h->c), data, n))
			return NGHTTP2_ERR_NOMEM;
	}
	return 0;
}

static void turn(struct http2 *h)
{
	/* With nothing to take, a peer is not stuck: is_stuck() counts from here. */
	if (!ln_conn_queued(h->c))
		h->sent_at = ln_conn_now(h->c);
	do {
		deliver(h);
		http2_check(h, send_frames(h));
	} while (!h->broken && (http2_feed(h) || h->deliver));
	if (h->broken) {
		h->over = true;
		ln_conn_close(h->c);
		return;
	}
	ln_conn_flush(h->c);
	h->busy = false;
	if ((nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session)) &&
	    !(ln_conn_eof(h->c) && !h->n_streams))
		return;
	h->over = true;
	ln_conn_finish(h->c);
}

/*
 * A client of HTTP/2 that sends no more has left: it could not even open a window.  What
 * is complete goes out as far as it can.
 */
static void cut_off(struct http2 *h)
{
	for (struct http2_stream *s = h->streams; s; s = s->next)
		if (s->requested)
			http_abort(&s->x);
}

static void on_input(struct ln_conn *c)
{
	struct http2 *h = http2_of(c);
	size_t len;
	const char *data = ln_conn_input(c, &len);
	ssize_t n = 0;

	h->busy = true;
	if (len) {
		n = nghttp2_session_mem_recv(h->session, (const uint8_t *)data, len);
		ln_conn_consume(c, len);
	}
	if (n < 0) {
		received_nonsense(h, n);
		return;
	}
	if (ln_conn_eof(c))
		cut_off(h);
	turn(h);
}

static void on_output(struct ln_conn *c)
{
	struct http2 *h = http2_of(c);

	h->busy = true;
	turn(h);
}

static void earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

/* Header time: the preface, our SETTINGS' acknowledgement, and each header. */
static void check_header_time(struct http2 *h, uint64_t now, uint64_t *next)
{
	uint64_t ms = h->service->limits.header_ms;

	if (!h->settled && h->opened + ms <= now)
		http2_terminate(h, NGHTTP2_PROTOCOL_ERROR, "no preface and SETTINGS in time");
	else if (!h->acknowledged && h->opened + ms <= now)
		http2_terminate(h, NGHTTP2_SETTINGS_TIMEOUT, "SETTINGS not acknowledged in time");
	else if (!h->acknowledged)
		earlier(next, h->opened + ms);
	if (h->head.stream && h->head.since + ms <= now)
		http2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, "a header is not complete in time");
	else if (h->head.stream)
		earlier(next, h->head.since + ms);
}

static void check_streams(struct http2 *h, uint64_t now, uint64_t *next)
{
	struct http2_stream *s, *following;

	for (s = h->streams; s; s = following) {
		/* The handler's deadline was for the handler: sending takes its own time. */
		uint64_t due = s->x.deadline && !s->x.ended
				       ? s->x.deadline
				       : s->progress + h->service->limits.idle_ms;

		following = s->next;
		if (due > now) {
			earlier(next, due);
			continue;
		}
		s->progress = now;
		if (s->x.ended || !s->requested)
			http2_check(h, nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE,
								 s->id, NGHTTP2_CANCEL));
		else
			exchange_timeout(&s->x);
		earlier(next, now + h->service->limits.idle_ms);
	}
}

/* A peer that takes nothing at all. */
static bool is_stuck(struct http2 *h, uint64_t now, uint64_t *next)
{
	if (h->sent != ln_conn_sent(h->c) || !ln_conn_queued(h->c)) {
		h->sent = ln_conn_sent(h->c);
		h->sent_at = now;
	}
	if (!ln_conn_queued(h->c))
		return false;
	earlier(next, h->sent_at + h->service->limits.idle_ms);
	return h->sent_at + h->service->limits.idle_ms <= now;
}

static void on_timeout(struct ln_conn *c)
{
	struct http2 *h = http2_of(c);
	uint64_t now = ln_conn_now(c), next = LN_NEVER;
	uint64_t idle_end = h->idle_since + h->service->limits.keep_alive_ms;

	h->busy = true;
	h->timer_at = LN_NEVER;
	if (is_stuck(h, now, &next)) {
		h->over = true;
		ln_conn_close(c);
		return;
	}
	check_header_time(h, now, &next);
	check_streams(h, now, &next);
	if (h->drain_at <= now)
		http2_refuse_more(h);
	earlier(&next, h->drain_at);
	if (!h->n_streams && idle_end <= now)
		http2_refuse_more(h);
	else if (!h->n_streams)
		earlier(&next, idle_end);
	http2_want(h, next);
	turn(h);
}

/* RFC 9113, 6.8: a notice first, so that no request that is on its way is refused. */
static void on_stop(struct ln_conn *c)
{
	struct http2 *h = http2_of(c);

	if (h->refusing || h->over)
		return;
	h->busy = true;
	if (!h->n_streams) {
		http2_refuse_more(h);
	} else {
		h->drain_at = ln_conn_now(c) + NOTICE_MS;
		http2_want(h, h->drain_at);
		http2_check(h, nghttp2_submit_shutdown_notice(h->session));
		http2_check(h, nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL));
	}
	turn(h);
}

static int on_open(struct ln_conn *c)
{
	struct http2 *h = calloc(1, sizeof(*h));
	uint64_t now = ln_conn_now(c);

	if (!h)
		return -ENOMEM;
	h->c = c;
	h->service = ln_conn_data(c);
	h->timer_at = h->drain_at = LN_NEVER;
	h->opened = h->idle_since = h->sent_at = now;
	if (http2_session_new(h)) {
		free(h);
		return -ENOMEM;
	}
	http_connection(c)->version = h;
	http2_want(h, now + h->service->limits.header_ms);
	http2_want(h, now + h->service->limits.keep_alive_ms);
	http2_schedule(h);
	return 0;
}

static void on_close(struct ln_conn *c)
{
	struct http2 *h = http2_of(c);

	h->over = true;
	http2_streams_close(h);
	nghttp2_session_del(h->session);
	free(h);
	http_connection(c)->version = NULL;
}

const struct http_version_ops http2_version = {
	.open = on_open,
	.input = on_input,
	.output = on_output,
	.timeout = on_timeout,
	.stop = on_stop,
	.close = on_close,
};
