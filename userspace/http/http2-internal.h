/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of HTTP/2 share: a connection is a struct http2 with a session of
 * nghttp2, an exchange is a struct http2_stream.
 *
 * nghttp2 keeps the states of frames and streams.  Its two functions that do so,
 * mem_recv and mem_send, are called by http2.c alone, from events of the connection:
 * so a stream, and the exchange in it, never ends within a function that a handler
 * called.
 */
#ifndef HTTP_HTTP2_INTERNAL_H
#define HTTP_HTTP2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "exchange.h"
#include "http2.h"

/* Content that may arrive before the handler asks for it, RFC 9113's default. */
#define HTTP2_WINDOW		65535
/* On streams whose content is wanted, and how many of a connection have it at a time. */
#define HTTP2_WINDOW_WANTED	(256 << 10)
#define HTTP2_ENLARGED		4
/* On all streams together: what may be on its way. */
#define HTTP2_WINDOW_ALL	(1 << 20)

/**
 * struct http2_budget - tokens that are spent and come back in time; see http2-budget.c
 * @spent: thousandths of tokens
 * @at: loop time, ms, at which @spent was true
 */
struct http2_budget {
	int64_t spent;
	uint64_t at;
};

/**
 * struct http2_stream - a stream
 * @x: its exchange
 * @h: the connection
 * @id: the stream's identifier
 * @next: of the connection's streams, or of its spare ones
 * @pprev: what points here
 * @in: content that arrived and that no handler took yet
 * @out: content to be sent
 * @progress: loop time, ms, of the last progress
 * @moved: octets moved since then
 * @requested: the header was complete: the exchange has begun
 * @promised: pushed: the request is still to be made
 * @in_end: the peer has sent all
 * @out_end: END_STREAM went out
 * @deferred: nghttp2 waits for http2_resume()
 * @deliver: look at @in
 * @enlarged: the window is HTTP2_WINDOW_WANTED
 * @starved: http_full() was true
 */
struct http2_stream {
	struct http_exchange x;
	struct http2 *h;
	int32_t id;
	struct http2_stream *next, **pprev;
	struct ln_queue in, out;
	uint64_t progress;
	size_t moved;
	bool requested, promised, in_end, out_end, deferred, deliver, enlarged, starved;
};

/**
 * struct http2_head - a header or trailer that is arriving; one at a time on a
 * connection (RFC 9113, 4.3)
 * @stream: whose, or NULL
 * @since: loop time, ms, at which it began
 * @trailer: it is a trailer
 * @n: fields so far
 * @size: their size as RFC 9113, 6.5.2 counts it
 * @too_large: there is more than the limits allow
 * @long_target: and it is the target
 * @no_memory: something could not be kept
 * @pseudo: :method, :scheme, :authority, :path
 * @field: the fields, and room for a Host
 */
struct http2_head {
	struct http2_stream *stream;
	uint64_t since;
	bool trailer;
	unsigned int n;
	size_t size;
	bool too_large, long_target, no_memory;
	struct http_field pseudo[4];
	struct http_field field[HTTP_MAX_FIELDS + 1];
};

/**
 * struct http2 - a connection
 * @c: the connection
 * @service: what is served
 * @session: nghttp2's
 * @streams: all that are open, promised ones too
 * @spare: some that are not, with an arena each
 * @n_streams: how many in @streams
 * @n_spare: how many in @spare
 * @n_pushed: how many in @streams are pushed
 * @n_enlarged: how many in @streams are enlarged
 * @requests: how many there were
 * @head: the header that is arriving
 * @resets: see http2-budget.c
 * @frames: see http2-budget.c
 * @opened: loop time, ms
 * @idle_since: loop time, ms, at which the last stream ended
 * @sent: octets sent when last looked at
 * @sent_at: loop time, ms, at which @sent changed, or nothing waited to be sent
 * @timer_at: loop time, ms, of the connection's deadline, LN_NEVER: none
 * @drain_at: loop time, ms, at which @refusing begins, LN_NEVER: no end near
 * @in_memory: octets in memory in all streams' @out
 * @busy: within an event: http2_turn() is to come
 * @deliver: some stream's deliver or promised is set
 * @starved: some stream's starved is set
 * @settled: the peer's SETTINGS arrived
 * @acknowledged: the peer has acknowledged ours
 * @refusing: GOAWAY was submitted: new streams are no longer taken
 * @terminated: the same with an error
 * @broken: without memory, no more can be said
 * @over: no more is to be done
 */
struct http2 {
	struct ln_conn *c;
	struct http_service *service;
	nghttp2_session *session;
	struct http2_stream *streams, *spare;
	unsigned int n_streams, n_spare, n_pushed, n_enlarged;
	unsigned int requests;
	struct http2_head head;
	struct http2_budget resets, frames;
	uint64_t opened, idle_since;
	uint64_t sent, sent_at;
	uint64_t timer_at, drain_at;
	size_t in_memory;
	bool busy, deliver, starved, settled, acknowledged, refusing, terminated;
	bool broken, over;
};

static inline struct http2_stream *http2_stream_of(struct http_exchange *x)
{
	return x->version;
}

/* http2.c */
void http2_schedule(struct http2 *h);
void http2_want(struct http2 *h, uint64_t at);
void http2_check(struct http2 *h, int rv);
void http2_refuse_more(struct http2 *h);
void http2_terminate(struct http2 *h, uint32_t code, const char *why);

/* http2-callbacks.c */
int http2_session_new(struct http2 *h);

/* http2-head.c */
void http2_head_start(struct http2 *h, struct http2_stream *s, bool trailer);
void http2_head_add(struct http2 *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
int http2_head_request(struct http2 *h, struct http2_stream *s);
bool http2_head_trailer(struct http2 *h, struct http2_stream *s);

/* http2-stream.c */
struct http2_stream *http2_stream_open(struct http2 *h, int32_t id);
void http2_stream_closed(struct http2_stream *s, bool complete);
void http2_streams_close(struct http2 *h);
void http2_stream_request(struct http2_stream *s, int refuse);
void http2_stream_moved(struct http2_stream *s, size_t len);

/* http2-content.c */
int http2_content_arrived(struct http2_stream *s, const char *data, size_t len);
void http2_content_deliver(struct http2_stream *s);
void http2_content_accept(struct http2_stream *s);

/* http2-response.c */
extern const struct http_ops http2_ops;
ssize_t http2_data_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
			uint32_t *flags, nghttp2_data_source *source, void *user_data);
void http2_resume(struct http2_stream *s);
int http2_data_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
		    size_t length, nghttp2_data_source *source, void *user_data);
bool http2_feed(struct http2 *h);

/* http2-push.c */
void http2_push(struct http_exchange *x, const char *target);

/* http2-budget.c */
unsigned int http2_max_continuations(const struct http2 *h);
void http2_budget_frame(struct http2 *h, const nghttp2_frame_hd *hd);
void http2_budget_reset(struct http2 *h);
void http2_budget_content(struct http2 *h, size_t len, bool small);
void http2_budget_request(struct http2 *h);

#endif
