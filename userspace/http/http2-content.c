// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Content of requests, under flow control (RFC 9113, 5.2): the peer may send again as
 * much as a handler has taken.
 *
 * What no handler wants yet waits in memory: on a stream its window at most, on the
 * connection HTTP2_WINDOW_ALL.
 */
#include "http2-internal.h"

static bool wanted(const struct http2_stream *s)
{
	return s->x.accepted && !s->held && !s->x.ended;
}

static void consume(struct http2_stream *s, size_t len)
{
	http2_check(s->h, nghttp2_session_consume(s->h->session, s->id, len));
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

/**
 * http2_content_window() - see whether the peer still has window
 * @h: the connection
 *
 * Streams whose handlers are slow may hold all of the connection's window.  The others do
 * not dribble then: they are not let.
 */
void http2_content_window(struct http2 *h)
{
	bool shut = nghttp2_session_get_local_window_size(h->session) <= 0;

	if (shut == h->shut)
		return;
	h->shut = shut;
	for (struct http2_stream *s = h->streams; s; s = s->next)
		exchange_hold(&s->x, HTTP_HELD_WINDOW, shut);
}
