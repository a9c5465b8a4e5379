// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Streams: from the first octet of a request to the end of its response.
 */
#include "http2-internal.h"

#include <stdlib.h>
#include <string.h>

/* Streams kept for the next requests, with the memory that they had. */
#define MAX_SPARE	8
/*
 * Less is no progress: a peer that opens its window octet by octet does not keep a
 * stream alive.
 */
#define PROGRESS_OCTETS	512

static struct http2_stream *take_spare(struct http2 *h)
{
	struct http2_stream *s = h->spare;

	if (!s)
		return calloc(1, sizeof(*s));
	h->spare = s->next;
	h->n_spare--;
	return s;
}

/**
 * http2_stream_open() - a stream begins
 * @h: the connection
 * @id: its identifier
 *
 * Return: the stream, or NULL without memory.
 */
struct http2_stream *http2_stream_open(struct http2 *h, int32_t id)
{
	struct http2_stream *s = take_spare(h);

	if (!s)
		return NULL;
	exchange_init(&s->x, &http2_ops, s, h->c);
	memset(&s->h, 0, sizeof(*s) - offsetof(struct http2_stream, h));
	s->h = h;
	s->id = id;
	s->progress = ln_conn_now(h->c);
	s->next = h->streams;
	s->pprev = &h->streams;
	if (s->next)
		s->next->pprev = &s->next;
	h->streams = s;
	h->n_streams++;
	nghttp2_session_set_stream_user_data(h->session, id, s);
	http2_want(h, s->progress + h->service->limits.idle_ms);
	return s;
}

static void stream_free(struct http2_stream *s)
{
	arena_free(&s->x.arena);
	free(s);
}

/**
 * http2_stream_closed() - a stream is over
 * @s: the stream, gone after this
 * @complete: its response was sent whole
 */
void http2_stream_closed(struct http2_stream *s, bool complete)
{
	struct http2 *h = s->h;

	if (h->head.stream == s)
		h->head.stream = NULL;
	if (s->requested)
		exchange_close(&s->x, complete);
	else
		arena_reset(&s->x.arena);
	h->in_memory -= s->out.memory;
	h->n_enlarged -= s->enlarged;
	ln_queue_clear(&s->in);
	ln_queue_clear(&s->out);
	*s->pprev = s->next;
	if (s->next)
		s->next->pprev = s->pprev;
	h->n_streams--;
	if (!(s->id & 1))
		h->n_pushed--;
	if (!h->n_streams) {
		h->idle_since = ln_conn_now(h->c);
		http2_want(h, h->idle_since + h->service->limits.keep_alive_ms);
	}
	if (h->n_spare == MAX_SPARE) {
		stream_free(s);
		return;
	}
	s->next = h->spare;
	h->spare = s;
	h->n_spare++;
}

/**
 * http2_streams_close() - the connection is over, and so are its streams
 * @h: the connection
 */
void http2_streams_close(struct http2 *h)
{
	struct http2_stream *s;

	while (h->streams)
		http2_stream_closed(h->streams, h->streams->out_end);
	while ((s = h->spare)) {
		h->spare = s->next;
		stream_free(s);
	}
}

/**
 * http2_stream_request() - a request is complete, its content apart
 * @s: the stream
 * @refuse: 0, or the status to refuse it with
 */
void http2_stream_request(struct http2_stream *s, int refuse)
{
	struct http2 *h = s->h;
	unsigned int max = h->service->limits.requests;

	s->requested = true;
	h->requests++;
	if (max && h->requests >= max)
		http2_refuse_more(h);
	if (refuse)
		exchange_refuse(&s->x, refuse);
	else
		exchange_request(&s->x);
}

/**
 * http2_stream_moved() - content arrived or was sent
 * @s: the stream
 * @len: octets
 */
void http2_stream_moved(struct http2_stream *s, size_t len)
{
	s->moved += len;
	if (s->moved < PROGRESS_OCTETS && s->out.bytes)
		return;
	s->moved = 0;
	s->progress = ln_conn_now(s->h->c);
}
