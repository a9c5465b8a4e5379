// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Field sections of HTTP/2 into a struct http_request (RFC 9113, 8).
 *
 * nghttp2 has checked names, values, the order and number of pseudo-header fields,
 * and that there is no field of HTTP/1's connection management.
 */
#include "http2-internal.h"

#include <string.h>
#include <strings.h>

#include "request.h"

/* RFC 9113, 6.5.2 */
#define FIELD_OVERHEAD	32

enum { METHOD, SCHEME, AUTHORITY, PATH };

static const char *const pseudo_names[] = { ":method", ":scheme", ":authority", ":path" };

/**
 * http2_head_start() - a field section begins
 * @h: the connection
 * @s: the stream
 * @trailer: it comes after the content
 */
void http2_head_start(struct http2 *h, struct http2_stream *s, bool trailer)
{
	struct http2_head *head = &h->head;

	head->stream = s;
	head->since = ln_conn_now(h->c);
	head->trailer = trailer;
	head->n = 0;
	head->size = 0;
	head->too_large = head->long_target = head->no_memory = false;
	memset(head->pseudo, 0, sizeof(head->pseudo));
	http2_want(h, head->since + h->service->limits.header_ms);
}

static struct http_field *place_of(struct http2_head *head, const struct http_limits *limits,
				   const nghttp2_vec *name)
{
	if (name->len && name->base[0] == ':') {
		for (size_t i = 0; i < sizeof(pseudo_names) / sizeof(*pseudo_names); i++)
			if (strlen(pseudo_names[i]) == name->len &&
			    !memcmp(pseudo_names[i], name->base, name->len))
				return &head->pseudo[i];
		return NULL;
	}
	if (head->n >= limits->fields || head->n >= HTTP_MAX_FIELDS) {
		head->too_large = true;
		return NULL;
	}
	return &head->field[head->n++];
}

/**
 * http2_head_add() - a field arrived
 * @h: the connection
 * @name: its name
 * @value: its value
 *
 * What is beyond the limits is not kept.
 */
void http2_head_add(struct http2 *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
	const struct http_limits *limits = &h->service->limits;
	struct http2_head *head = &h->head;
	struct http_field *f;
	struct arena *a;

	if (!head->stream || head->too_large || head->no_memory)
		return;
	head->size += n.len + v.len + FIELD_OVERHEAD;
	f = place_of(head, limits, &n);
	if (f == &head->pseudo[PATH])
		head->long_target = v.len > limits->target;
	if (head->size > limits->head || head->long_target)
		head->too_large = true;
	if (!f || head->too_large)
		return;
	a = &head->stream->x.arena;
	f->name_len = n.len;
	f->value_len = v.len;
	f->name = arena_strndup(a, (const char *)n.base, n.len);
	f->value = arena_strndup(a, (const char *)v.base, v.len);
	head->no_memory = !f->name || !f->value;
}

static bool field_named(const struct http_field *f, const char *name)
{
	return f->name_len == strlen(name) && !memcmp(f->name, name, f->name_len);
}

/* RFC 9113, 8.2.3: Cookie fields that were taken apart for HPACK become one again. */
static bool join_cookies(struct http2_head *head, struct arena *a)
{
	struct http_field *first = NULL;
	unsigned int n = 0, cookies = 0;
	size_t len = 0;
	char *joined, *to;

	for (unsigned int i = 0; i < head->n; i++) {
		if (!field_named(&head->field[i], "cookie"))
			continue;
		cookies++;
		len += head->field[i].value_len + 2;
	}
	if (cookies < 2)
		return true;
	joined = to = arena_alloc(a, len);
	if (!joined)
		return false;
	for (unsigned int i = 0; i < head->n; i++) {
		struct http_field *f = &head->field[i];

		if (!field_named(f, "cookie")) {
			head->field[n++] = *f;
			continue;
		}
		if (to != joined)
			to = mempcpy(to, "; ", 2);
		to = mempcpy(to, f->value, f->value_len);
		if (!first) {
			first = &head->field[n];
			head->field[n++] = *f;
		}
	}
	first->value = joined;
	first->value_len = to - joined;
	head->n = n;
	return true;
}

static bool same_authority(const struct http_field *a, const struct http_field *b)
{
	return a->value_len == b->value_len && !strncasecmp(a->value, b->value, a->value_len);
}

/*
 * RFC 9113, 8.3.1: :authority is what counts, and Host is the same if it is there.  For
 * those who only know HTTP/1 there is always a Host field.
 */
static int check_authority(struct http_request *rq, struct http2_head *head, struct arena *a)
{
	const struct http_field *authority = &head->pseudo[AUTHORITY], *host = NULL;

	for (unsigned int i = 0; i < head->n && !host; i++)
		if (field_named(&head->field[i], "host"))
			host = &head->field[i];
	if (!authority->name && !host)
		return 400;
	if (!authority->name)
		authority = host;
	else if (host && !same_authority(authority, host))
		return 400;
	if (!host)
		head->field[head->n++] = (struct http_field){
			.name = "host", .name_len = 4,
			.value = authority->value, .value_len = authority->value_len,
		};
	return http_request_authority(rq, a, authority->value, authority->value_len);
}

static int check_target(struct http_request *rq, const struct http2_head *head)
{
	const struct http_field *path = &head->pseudo[PATH], *scheme = &head->pseudo[SCHEME];

	if (!http_field_is(scheme, "http") && !http_field_is(scheme, "https"))
		return 400;
	if (path->value[0] != '/' && (strcmp(path->value, "*") || rq->kind != HTTP_KIND_OPTIONS))
		return 400;
	/* nghttp2 lets octets pass that RFC 3986 has in no target, and HTTP/1 is refused with. */
	for (size_t i = 0; i < path->value_len; i++)
		if (path->value[i] <= ' ' || path->value[i] > '~' || path->value[i] == '#')
			return 400;
	return 0;
}

static int check_length(struct http_request *rq)
{
	const struct http_field *f = http_field(&rq->fields, "content-length", NULL);

	return f ? http_length_parse(f->value, f->value_len, &rq->content_length) : 0;
}

static bool keep_fields(struct http_fields *to, const struct http2_head *head, struct arena *a)
{
	if (!head->n)
		return true;
	to->field = arena_alloc(a, head->n * sizeof(*to->field));
	if (!to->field)
		return false;
	memcpy(to->field, head->field, head->n * sizeof(*to->field));
	to->n = head->n;
	return true;
}

/**
 * http2_head_request() - a request's header is complete
 * @h: the connection
 * @s: the stream: gets its request; s->in_end says whether there is content
 *
 * Return: 0, or the status to refuse the request with.
 */
int http2_head_request(struct http2 *h, struct http2_stream *s)
{
	struct http_request *rq = &s->x.rq;
	struct http2_head *head = &h->head;
	struct arena *a = &s->x.arena;
	int status;

	*rq = (struct http_request){
		.method = "", .target = "", .host = "", .authority = "",
		.version = HTTP_2,
		.content_length = s->in_end ? 0 : -1,
	};
	head->stream = NULL;
	if (head->no_memory)
		return 503;
	/* What is known of it is for the log. */
	if (head->pseudo[METHOD].value)
		rq->method = head->pseudo[METHOD].value;
	if (head->pseudo[PATH].value)
		rq->target = head->pseudo[PATH].value;
	rq->target_len = head->pseudo[PATH].value_len;
	if (head->too_large)
		return head->long_target ? 414 : 431;
	/* CONNECT, which has no path, is for proxies. */
	if (!http_method_known(rq->method, &rq->kind) || !head->pseudo[PATH].value)
		return 501;
	if (!join_cookies(head, a))
		return 503;
	status = check_authority(rq, head, a);
	if (!status)
		status = check_target(rq, head);
	if (status)
		return status;
	if (!keep_fields(&rq->fields, head, a))
		return 503;
	return check_length(rq);
}

/**
 * http2_head_trailer() - a trailer is complete
 * @h: the connection
 * @s: the stream: gets its trailer, without what may not be in one
 *
 * Return: false when it is beyond the limits.
 */
bool http2_head_trailer(struct http2 *h, struct http2_stream *s)
{
	struct http2_head *head = &h->head;
	unsigned int n = 0;

	head->stream = NULL;
	if (head->too_large || head->no_memory)
		return false;
	for (unsigned int i = 0; i < head->n; i++)
		if (http_trailer_allowed(head->field[i].name, head->field[i].name_len))
			head->field[n++] = head->field[i];
	head->n = n;
	return keep_fields(&s->x.trailer, head, &s->x.arena);
}
