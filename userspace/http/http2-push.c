// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Server push (RFC 9113, 8.4): a request that the client did not make is promised to
 * it, and goes through the service as if it had.
 */
#include "http2-internal.h"

#include <string.h>

/* At once on a connection; more are not promised. */
#define MAX_PUSHED	32

/* Fields that a response may depend on: the promised request has them, too. */
static bool is_copied(const struct http_field *f)
{
	static const char *const names[] = {
		"accept", "accept-encoding", "accept-language", "authorization", "cookie",
		"user-agent",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (f->name_len == strlen(names[i]) && !memcmp(f->name, names[i], f->name_len))
			return true;
	return false;
}

static bool may_push(const struct http2 *h, const struct http2_stream *parent, const char *target)
{
	size_t len = strlen(target);

	/* RFC 9113, 8.4: only with a stream that the client began, and not against its will. */
	if (!(parent->id & 1) || h->refusing || h->terminated || h->n_pushed >= MAX_PUSHED ||
	    !nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_ENABLE_PUSH) ||
	    h->n_pushed >= nghttp2_session_get_remote_settings(
				   h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
		return false;
	if (target[0] != '/' || len > h->service->limits.target)
		return false;
	for (size_t i = 0; i < len; i++)
		if (target[i] <= ' ' || target[i] > '~' || target[i] == '#')
			return false;
	return true;
}

static nghttp2_nv pair(const char *name, const char *value, size_t value_len)
{
	return (nghttp2_nv){
		.name = (uint8_t *)name,
		.namelen = strlen(name),
		.value = (uint8_t *)value,
		.valuelen = value_len,
	};
}

static int32_t promise(struct http2_stream *parent, const char *target)
{
	const struct http_request *rq = &parent->x.rq;
	const char *scheme = ln_conn_is_tls(parent->x.conn) ? "https" : "http";
	nghttp2_nv nv[4 + HTTP_MAX_FIELDS + 1] = {
		pair(":method", "GET", 3),
		pair(":scheme", scheme, strlen(scheme)),
		pair(":authority", rq->authority, strlen(rq->authority)),
		pair(":path", target, strlen(target)),
	};
	size_t n = 4;

	for (unsigned int i = 0; i < rq->fields.n; i++) {
		const struct http_field *f = &rq->fields.field[i];

		if (is_copied(f))
			nv[n++] = pair(f->name, f->value, f->value_len);
	}
	return nghttp2_submit_push_promise(parent->h->session, NGHTTP2_FLAG_NONE, parent->id, nv,
					   n, NULL);
}

static bool make_request(struct http2_stream *s, const struct http_request *from,
			 const char *target)
{
	struct arena *a = &s->x.arena;
	struct http_request *rq = &s->x.rq;

	*rq = (struct http_request){
		.method = "GET",
		.kind = HTTP_KIND_GET,
		.target = arena_strndup(a, target, strlen(target)),
		.target_len = strlen(target),
		.host = arena_strndup(a, from->host, strlen(from->host)),
		.authority = arena_strndup(a, from->authority, strlen(from->authority)),
		.version = HTTP_2,
		.fields.field = arena_alloc(a, (from->fields.n + 1) * sizeof(struct http_field)),
	};
	if (!rq->target || !rq->host || !rq->authority || !rq->fields.field)
		return false;
	for (unsigned int i = 0; i < from->fields.n; i++) {
		const struct http_field *f = &from->fields.field[i];
		struct http_field *to = &rq->fields.field[rq->fields.n];

		if (!is_copied(f) && !(f->name_len == 4 && !memcmp(f->name, "host", 4)))
			continue;
		to->name = arena_strndup(a, f->name, f->name_len);
		to->value = arena_strndup(a, f->value, f->value_len);
		to->name_len = f->name_len;
		to->value_len = f->value_len;
		if (!to->name || !to->value)
			return false;
		rq->fields.n++;
	}
	return true;
}

/**
 * http2_push() - promise the response to a GET request, if the client takes such
 * @x: the exchange whose response refers to @target
 * @target: origin form
 */
void http2_push(struct http_exchange *x, const char *target)
{
	struct http2_stream *parent = http2_stream_of(x), *s;
	struct http2 *h = parent->h;
	int32_t id;

	if (!may_push(h, parent, target))
		return;
	id = promise(parent, target);
	if (id < 0) {
		http2_check(h, id);
		return;
	}
	s = http2_stream_open(h, id);
	if (s)
		h->n_pushed++;
	if (!s || !make_request(s, &x->rq, target)) {
		http2_check(h, nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id,
							 NGHTTP2_INTERNAL_ERROR));
		return;
	}
	s->in_end = s->promised = h->deliver = true;
	http2_schedule(h);
}
