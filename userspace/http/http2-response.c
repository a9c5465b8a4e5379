// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Responses: what handlers call, and the frames that become of it.
 *
 * A stream keeps its content in a queue of its own.  nghttp2 decides which stream is
 * next, by window and priority; its DATA frame is then put together in the
 * connection's queue, in one copy, also of what comes from a file.
 */
#include "http2-internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* In memory: on a stream, and on all of a connection, where a stream may have a little. */
#define STREAM_MEMORY		(64 << 10)
#define ALL_MEMORY		(512 << 10)
#define LITTLE_MEMORY		(8 << 10)
#define FRAME_HEADER		9
/* A DATA frame with less, while there is more to send, is the work of a tiny window. */
#define SMALL_FRAME		100
#define MAX_NV			(HTTP_MAX_OUT_FIELDS + 4)

/* Header fields on their way to nghttp2, which refers to these texts until it sends them. */
struct list {
	struct arena *arena;
	size_t n;
	nghttp2_nv nv[MAX_NV];
};

/* Only what is used of it is written to: this comes with each response. */
static void list_start(struct list *l, struct http_exchange *x)
{
	l->arena = &x->arena;
	l->n = 0;
}

static void add(struct list *l, const char *name, size_t name_len, const char *value,
		size_t value_len)
{
	l->nv[l->n++] = (nghttp2_nv){
		.name = (uint8_t *)name,
		.namelen = name_len,
		.value = (uint8_t *)value,
		.valuelen = value_len,
		.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
	};
}

static void add_number(struct list *l, const char *name, uint64_t n)
{
	char text[24], *end = text + sizeof(text), *p = end;
	char *copy;

	do
		*--p = '0' + n % 10;
	while (n /= 10);
	copy = arena_strndup(l->arena, p, end - p);
	if (copy)
		add(l, name, strlen(name), copy, end - p);
}

static void add_text(struct list *l, const char *name, const char *value)
{
	char *copy = arena_strndup(l->arena, value, strlen(value));

	if (copy)
		add(l, name, strlen(name), copy, strlen(copy));
}

/* RFC 9113, 8.2: names are in lower case. */
static void add_fields(struct list *l, const struct http_exchange *x)
{
	for (unsigned int i = 0; i < x->n_out; i++) {
		const struct http_out_field *f = &x->out[i];
		/* response.c made a copy in the arena that is this exchange's alone. */
		char *name = (char *)f->name;

		for (unsigned int k = 0; k < f->name_len; k++)
			name[k] = tolower((unsigned char)name[k]);
		add(l, name, f->name_len, f->value, f->value_len);
	}
}

static void reset(struct http2_stream *s)
{
	http2_check(s->h, nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id,
						    NGHTTP2_INTERNAL_ERROR));
	http2_schedule(s->h);
}

/**
 * http2_resume() - nghttp2 shall look at a stream's content again
 * @s: the stream
 */
void http2_resume(struct http2_stream *s)
{
	if (s->deferred) {
		s->deferred = false;
		http2_check(s->h, nghttp2_session_resume_data(s->h->session, s->id));
	}
	http2_schedule(s->h);
}

static void op_begin(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);
	nghttp2_data_provider content = { .source.ptr = s, .read_callback = http2_data_read };
	bool none = x->bare || x->length == 0;
	struct list l;

	list_start(&l, x);
	add_number(&l, ":status", x->status);
	if (!exchange_has_out(x, "server") && x->service->server)
		add_text(&l, "server", x->service->server);
	if (!exchange_has_out(x, "date"))
		add_text(&l, "date", exchange_date(x));
	if (x->length >= 0)
		add_number(&l, "content-length", x->length);
	add_fields(&l, x);
	s->progress = ln_conn_now(x->conn);
	http2_check(s->h, nghttp2_submit_response(s->h->session, s->id, l.nv, l.n,
						  none ? NULL : &content));
	http2_schedule(s->h);
}

/* After a change of the stream's queue. */
static void written(struct http2_stream *s, size_t before, int err)
{
	s->h->in_memory += s->out.memory - before;
	s->progress = ln_conn_now(s->h->c);
	if (err)
		reset(s);
	else
		http2_resume(s);
}

static void op_write(struct http_exchange *x, const void *data, size_t len, bool owned)
{
	struct http2_stream *s = http2_stream_of(x);
	size_t before = s->out.memory;

	written(s, before, owned ? ln_queue_add_owned(&s->out, (void *)data, len)
				 : ln_queue_add(&s->out, data, len));
}

static void op_write_file(struct http_exchange *x, struct ln_file *file, off_t offset,
			  uint64_t len)
{
	struct http2_stream *s = http2_stream_of(x);

	written(s, s->out.memory, ln_queue_add_file(&s->out, file, offset, len));
}

static bool is_full(const struct http2_stream *s, size_t divisor)
{
	return s->out.memory >= STREAM_MEMORY / divisor ||
	       (s->h->in_memory >= ALL_MEMORY / divisor &&
		s->out.memory >= LITTLE_MEMORY / divisor);
}

static bool op_full(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	if (!is_full(s, 1))
		return false;
	s->starved = s->h->starved = true;
	return true;
}

/**
 * http2_feed() - tell those that wait for it that there is room again
 * @h: the connection
 *
 * Return: whether one was told.
 */
bool http2_feed(struct http2 *h)
{
	struct http2_stream *s, *next;
	bool fed = false;

	if (!h->starved)
		return false;
	h->starved = false;
	for (s = h->streams; s; s = next) {
		next = s->next;
		if (!s->starved)
			continue;
		if (is_full(s, 2)) {
			h->starved = true;
			continue;
		}
		s->starved = false;
		fed = true;
		exchange_writable(&s->x);
	}
	return fed;
}

static void op_end(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	s->deliver = s->h->deliver = true;
	http2_resume(s);
}

static void op_abort(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	s->deliver = s->h->deliver = true;
	reset(s);
}

static void interim(struct http2_stream *s, struct list *l)
{
	int rv = nghttp2_submit_headers(s->h->session, NGHTTP2_FLAG_NONE, s->id, NULL, l->nv,
					l->n, NULL);

	http2_check(s->h, rv);
	s->progress = ln_conn_now(s->h->c);
	http2_schedule(s->h);
}

static void op_accept(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);
	struct list l;

	list_start(&l, x);
	if (x->rq.expect_continue && !x->began && !s->in.bytes && !s->in_end) {
		add_number(&l, ":status", 100);
		interim(s, &l);
	}
	http2_content_accept(s);
	s->deliver = s->h->deliver = true;
	http2_schedule(s->h);
}

static void op_hold(struct http_exchange *x, bool hold)
{
	struct http2_stream *s = http2_stream_of(x);

	if (hold)
		return;
	s->progress = ln_conn_now(x->conn);
	s->deliver = s->h->deliver = true;
	http2_schedule(s->h);
}

static void op_informational(struct http_exchange *x, int status)
{
	struct list l;

	list_start(&l, x);
	add_number(&l, ":status", status);
	add_fields(&l, x);
	interim(http2_stream_of(x), &l);
}

static void op_deadline(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	if (x->deadline)
		http2_want(s->h, x->deadline);
	else
		s->progress = ln_conn_now(x->conn);
}

const struct http_ops http2_ops = {
	.begin = op_begin,
	.write = op_write,
	.write_file = op_write_file,
	.full = op_full,
	.end = op_end,
	.abort = op_abort,
	.accept = op_accept,
	.hold = op_hold,
	.informational = op_informational,
	.push = http2_push,
	.deadline = op_deadline,
};

/**
 * http2_data_read() - nghttp2 asks how much a stream has to send
 * @session: nghttp2's
 * @id: the stream's identifier
 * @buf: not written to: see http2_data_send()
 * @length: octets that may be sent now
 * @flags: what to tell
 * @source: the stream
 * @user_data: the connection
 *
 * Return: octets, or NGHTTP2_ERR_DEFERRED when the handler has to write more first.
 */
ssize_t http2_data_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
			uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	struct http2_stream *s = source->ptr;
	struct http_exchange *x = &s->x;
	struct list l;

	(void)buf;
	if (!s->out.bytes && !x->ended) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (length < s->out.bytes)
		return length;
	if (x->ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (x->n_out) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			list_start(&l, x);
			add_fields(&l, x);
			http2_check(user_data, nghttp2_submit_trailer(session, id, l.nv, l.n));
		}
	}
	return s->out.bytes;
}

/**
 * http2_data_send() - nghttp2 asks for a DATA frame
 * @session: nghttp2's
 * @frame: the frame; without padding
 * @header: its header
 * @length: octets of content
 * @source: the stream
 * @user_data: the connection
 *
 * Return: 0, or NGHTTP2_ERR_PAUSE when the connection has enough to send; a file that
 * cannot be read as far as promised resets its stream.
 */
int http2_data_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
		    size_t length, nghttp2_data_source *source, void *user_data)
{
	struct http2_stream *s = source->ptr;
	struct http2 *h = user_data;
	struct ln_queue *to = ln_conn_queue(h->c);
	size_t before = s->out.memory;
	char *room = ln_queue_reserve(to, FRAME_HEADER + length);

	(void)session;
	(void)frame;
	if (!room)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(room, header, FRAME_HEADER);
	if (length && ln_queue_read(&s->out, room + FRAME_HEADER, length) != (ssize_t)length) {
		h->in_memory += s->out.memory - before;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	ln_queue_commit(to, FRAME_HEADER + length);
	h->in_memory += s->out.memory - before;
	http2_stream_moved(s, length);
	http2_budget_content(h, length, s->out.bytes && length < SMALL_FRAME);
	return ln_conn_full(h->c) ? NGHTTP2_ERR_PAUSE : 0;
}
