// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Content of requests, under flow control (RFC 9113, 5.2): on a stream the peer may send
 * again as much as a handler has taken.
 *
 * What no handler wants yet waits in memory: on a stream its window at most, and so on the
 * connection the windows of all of its streams.  The connection's own window opens again
 * as content arrives: streams whose handlers are slow would otherwise keep the others waiting.
 */
#include "http2-internal.h"

static bool wanted(const struct http2_stream *s)
{
	return s->x.accepted && !s->x.held && !s->x.ended;
}

static void consume(struct http2_stream *s, size_t len)
{
	http2_check(s->h, nghttp2_session_consume_stream(s->h->session, s->id, len));
}

/**
 * http2_content_accept() - a handler wants a stream's content
 * @s: the stream
 *
 * Long content gets a larger window, on a few streams at a time.
 */
void http2_content_accept(struct http2_stream *s)
{
	struct http2 *h = s->h;
	int64_t length = s->x.rq.content_length;

	if (s->in_end || s->enlarged || (length >= 0 && length <= HTTP2_WINDOW) ||
	    h->n_enlarged == HTTP2_ENLARGED)
		return;
	s->enlarged = true;
	h->n_enlarged++;
	http2_check(h, nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, s->id,
							     HTTP2_WINDOW_WANTED));
}

/**
 * http2_content_arrived() - content arrived
 * @s: the stream
 * @data: octets
 * @len: how many
 *
 * Return: 0 or -ENOMEM.
 */
int http2_content_arrived(struct http2_stream *s, const char *data, size_t len)
{
	http2_stream_moved(s, len);
	http2_budget_content(s->h, len, false);
	http2_check(s->h, nghttp2_session_consume_connection(s->h->session, len));
	if (!s->x.ended && (!wanted(s) || s->in.bytes))
		return ln_queue_add(&s->in, data, len);
	if (!s->x.ended)
		exchange_content(&s->x, data, len);
	consume(s, len);
	return 0;
}

/**
 * http2_content_deliver() - hand over what waits, and the end of it
 * @s: the stream
 */
void http2_content_deliver(struct http2_stream *s)
{
	struct ln_piece piece;

	s->deliver = false;
	while (wanted(s) && ln_queue_front(&s->in, &piece)) {
		exchange_content(&s->x, piece.data, piece.len);
		ln_queue_consume(&s->in, piece.len);
		consume(s, piece.len);
	}
	if (s->x.ended && s->in.bytes) {
		consume(s, s->in.bytes);
		ln_queue_clear(&s->in);
	}
	if (s->in_end && !s->in.bytes && wanted(s) && !s->x.content_done)
		exchange_content_end(&s->x);
}
