// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A session of nghttp2, and what it calls.
 */
#include "http2-internal.h"

#include <errno.h>

/* Answers to PING and SETTINGS that the peer does not take off our hands. */
#define MAX_ACKS		100

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
	(void)session;
	http2_budget_frame(user_data, hd);
	return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user_data)
{
	bool trailer = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
	struct http2 *h = user_data;
	struct http2_stream *s;

	if (trailer)
		s = stream_of(session, frame->hd.stream_id);
	else
		s = http2_stream_open(h, frame->hd.stream_id);
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	http2_head_start(h, s, trailer);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
	(void)session;
	(void)frame;
	(void)flags;
	http2_head_add(user_data, name, value);
	return 0;
}

/* nghttp2 would leave such a field out; RFC 9113, 8.2.1 has the request malformed. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
			     nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
			     void *user_data)
{
	(void)session;
	(void)frame;
	(void)name;
	(void)value;
	(void)flags;
	(void)user_data;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void headers_arrived(struct http2 *h, struct http2_stream *s, bool end)
{
	bool trailer = h->head.trailer;

	s->in_end = end;
	if (trailer && !http2_head_trailer(h, s)) {
		http2_check(h, nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
							 NGHTTP2_ENHANCE_YOUR_CALM));
		return;
	}
	if (!trailer) {
		http2_budget_request(h);
		http2_stream_request(s, http2_head_request(h, s));
	}
	http2_content_deliver(s);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct http2_stream *s = stream_of(session, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct http2 *h = user_data;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (s && h->head.stream == s)
			headers_arrived(h, s, end);
		break;
	case NGHTTP2_DATA:
		if (!s || !end)
			break;
		s->in_end = true;
		http2_content_deliver(s);
		break;
	case NGHTTP2_RST_STREAM:
		http2_budget_reset(h);
		break;
	case NGHTTP2_SETTINGS:
		h->settled = true;
		if (frame->hd.flags & NGHTTP2_FLAG_ACK)
			h->acknowledged = true;
		break;
	case NGHTTP2_PING:
		/* Ours went with the notice of an end: the peer has seen that. */
		if (frame->hd.flags & NGHTTP2_FLAG_ACK && h->drain_at != LN_NEVER)
			http2_refuse_more(h);
		break;
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user_data)
{
	struct http2_stream *s = stream_of(session, id);

	(void)flags;
	if (!s) {
		http2_check(user_data, nghttp2_session_consume(session, id, len));
		return 0;
	}
	if (http2_content_arrived(s, (const char *)data, len))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct http2_stream *s = stream_of(session, frame->hd.stream_id);
	struct http2 *h = user_data;

	switch (frame->hd.type) {
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
		if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			break;
		s->out_end = true;
		/* RFC 9113, 8.1: the rest of the request is not needed any more. */
		if (!s->in_end)
			http2_check(h, nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
								 s->id, NGHTTP2_NO_ERROR));
		break;
	case NGHTTP2_RST_STREAM:
		/* Not for what the server itself did: abort, or an end before the request's. */
		if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR && !(s && s->x.aborted))
			http2_budget_reset(h);
		break;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
	struct http2_stream *s = stream_of(session, id);

	(void)code;
	(void)user_data;
	if (s)
		http2_stream_closed(s, s->out_end);
	return 0;
}

static int new_session(struct http2 *h, nghttp2_session_callbacks *callbacks,
		       nghttp2_option *option)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, http2_data_send);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, MAX_ACKS);
	nghttp2_option_set_max_continuations(option, http2_max_continuations(h));
	/* http2-budget.c is stricter, and says so with the right code. */
	nghttp2_option_set_stream_reset_rate_limit(option, 10000, 10000);
	/*
	 * RFC 9218 where the client says that it does without RFC 7540's priorities, with
	 * PRIORITY_UPDATE; else RFC 7540's, which older clients mean by their weights.
	 */
	nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
	nghttp2_option_set_server_fallback_rfc7540_priorities(option, 1);
	return nghttp2_session_server_new2(&h->session, callbacks, h, option);
}

static int greet(struct http2 *h)
{
	const struct http_limits *limits = &h->service->limits;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	int rv = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
					 sizeof(settings) / sizeof(*settings));

	if (!rv)
		rv = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
							   HTTP2_WINDOW_ALL);
	return rv;
}

/**
 * http2_session_new() - make the session of a connection
 * @h: the connection
 *
 * Return: 0 or -ENOMEM.
 */
int http2_session_new(struct http2 *h)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int rv = nghttp2_session_callbacks_new(&callbacks);

	if (!rv)
		rv = nghttp2_option_new(&option);
	if (!rv)
		rv = new_session(h, callbacks, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	if (!rv)
		rv = greet(h);
	if (!rv)
		return 0;
	nghttp2_session_del(h->session);
	h->session = NULL;
	return -ENOMEM;
}
