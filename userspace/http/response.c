// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The response of an exchange, whatever the version of the protocol: order, length,
 * what has no content, and which fields a handler may set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"
#include "log.h"
#include "request.h"

/**
 * http_status() - begin to describe the response
 * @x: the exchange, before http_begin()
 * @status: status code, 200 to 999
 */
void http_status(struct http_exchange *x, int status)
{
	if (!x->began)
		x->status = status;
}

/**
 * http_status_of() - the response's status code
 * @x: the exchange
 *
 * Return: the code, 0: none yet.
 */
int http_status_of(const struct http_exchange *x)
{
	return x->status;
}

/**
 * http_began() - whether http_begin() was called
 * @x: the exchange
 */
bool http_began(const struct http_exchange *x)
{
	return x->began;
}

/* What is between two neighbours, and the version's business (RFC 9110, 7.6.1). */
static bool is_hop_by_hop(const char *name, size_t len)
{
	switch (len) {
	case 7:
		return !strncasecmp(name, "upgrade", len);
	case 10:
		return !strncasecmp(name, "connection", len) ||
		       !strncasecmp(name, "keep-alive", len);
	case 16:
		return !strncasecmp(name, "proxy-connection", len);
	case 17:
		return !strncasecmp(name, "transfer-encoding", len);
	default:
		return false;
	}
}

/* A value with a line's end in it would split the response in two. */
static bool add_out(struct http_exchange *x, const char *name, size_t name_len,
		    const char *value, size_t value_len)
{
	struct http_out_field *f = &x->out[x->n_out];
	char *copy;

	if (!http_field_valid(name, name_len, value, value_len)) {
		ln_warning("%s: %s: field %.*s of the response is not valid: left out",
			   ln_conn_name(x->conn), x->rq.target, (int)name_len, name);
		return false;
	}
	copy = x->n_out < HTTP_MAX_OUT_FIELDS ? arena_alloc(&x->arena, name_len + value_len + 1)
					      : NULL;
	if (!copy) {
		ln_warning("%s: %s: field %.*s of the response is left out: %s",
			   ln_conn_name(x->conn), x->rq.target, (int)name_len, name,
			   x->n_out < HTTP_MAX_OUT_FIELDS ? "no memory" : "too many fields");
		return false;
	}
	memcpy(copy, name, name_len);
	memcpy(copy + name_len, value, value_len);
	f->name = copy;
	f->name_len = name_len;
	f->value = copy + name_len;
	f->value_len = value_len;
	x->n_out++;
	return true;
}

/**
 * http_add_n() - add a field to the response
 * @x: the exchange, before http_begin()
 * @name: its name, in any case
 * @name_len: its length
 * @value: its value
 * @value_len: its length
 *
 * Content-Length is taken as http_length() is, hop-by-hop fields are left out, and so is
 * what is not a valid field, with a warning line.
 */
void http_add_n(struct http_exchange *x, const char *name, size_t name_len, const char *value,
		size_t value_len)
{
	int64_t length;

	if (x->began || x->ended || is_hop_by_hop(name, name_len))
		return;
	if (name_len == 14 && !strncasecmp(name, "content-length", name_len)) {
		if (!http_length_parse(value, value_len, &length))
			x->length = length;
		return;
	}
	add_out(x, name, name_len, value, value_len);
}

/**
 * http_add() - add a field to the response
 * @x: the exchange, before http_begin()
 * @name: its name, in any case
 * @fmt: its value, as for printf()
 */
void http_add(struct http_exchange *x, const char *name, const char *fmt, ...)
{
	char text[512], *p = text;
	va_list ap;
	int n;

	if (!strchr(fmt, '%')) {
		http_add_n(x, name, strlen(name), fmt, strlen(fmt));
		return;
	}
	va_start(ap, fmt);
	if (!strcmp(fmt, "%s")) {
		const char *value = va_arg(ap, const char *);

		va_end(ap);
		http_add_n(x, name, strlen(name), value, strlen(value));
		return;
	}
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text)) {
		p = arena_alloc(&x->arena, n + 1);
		if (p) {
			va_start(ap, fmt);
			vsnprintf(p, n + 1, fmt, ap);
			va_end(ap);
		}
	}
	if (n >= 0 && p)
		http_add_n(x, name, strlen(name), p, n);
}

/**
 * exchange_has_out() - whether the response has a field
 * @x: the exchange
 * @name: its name
 */
bool exchange_has_out(const struct http_exchange *x, const char *name)
{
	size_t len = strlen(name);

	for (unsigned int i = 0; i < x->n_out; i++)
		if (x->out[i].name_len == len && !strncasecmp(x->out[i].name, name, len))
			return true;
	return false;
}

/**
 * http_length() - promise so much content
 * @x: the exchange, before http_begin()
 * @len: octets; for HEAD and 304 what GET would get
 */
void http_length(struct http_exchange *x, uint64_t len)
{
	if (!x->began)
		x->length = len;
}

/**
 * http_begin() - send the header
 * @x: the exchange with status, fields and perhaps length
 */
void http_begin(struct http_exchange *x)
{
	if (x->began || x->ended)
		return;
	if (x->status < 200 || x->status > 999)
		x->status = 500;
	/* RFC 9110, 6.4.1, 8.6 and 15.3.6 */
	x->bare = x->rq.kind == HTTP_KIND_HEAD || x->status == 204 || x->status == 304;
	if (x->status == 204)
		x->length = -1;
	else if (x->status == 205)
		x->length = 0;
	x->began = true;
	x->ops->begin(x);
	x->n_out = 0;
}

/* How much of @len the response takes. */
static uint64_t taken(struct http_exchange *x, uint64_t len)
{
	uint64_t left;

	if (x->bare || !x->began || x->ended)
		return 0;
	if (x->length < 0)
		return len;
	left = x->length - x->sent;
	if (len > left)
		ln_error("%s: %s: more content than promised: cut off", ln_conn_name(x->conn),
			 x->rq.target);
	return len < left ? len : left;
}

/**
 * http_write() - send content
 * @x: the exchange, after http_begin()
 * @data: content, which is copied
 * @len: octets
 */
void http_write(struct http_exchange *x, const void *data, size_t len)
{
	len = taken(x, len);
	if (!len)
		return;
	x->sent += len;
	x->ops->write(x, data, len, false);
}

/**
 * http_write_owned() - send content without a copy
 * @x: the exchange, after http_begin()
 * @data: content from malloc(), which is freed
 * @len: octets
 */
void http_write_owned(struct http_exchange *x, void *data, size_t len)
{
	len = taken(x, len);
	if (!len) {
		free(data);
		return;
	}
	x->sent += len;
	x->ops->write(x, data, len, true);
}

/**
 * http_write_file() - send content out of a file
 * @x: the exchange, after http_begin()
 * @file: the file, which gets an owner more while it is needed
 * @offset: where to begin in it
 * @len: octets
 */
void http_write_file(struct http_exchange *x, struct ln_file *file, off_t offset, uint64_t len)
{
	len = taken(x, len);
	if (!len)
		return;
	x->sent += len;
	x->ops->write_file(x, file, offset, len);
}

/**
 * http_full() - whether enough waits to be sent
 * @x: the exchange
 *
 * Return: true: write no more until writable().
 */
bool http_full(struct http_exchange *x)
{
	return !x->ended && x->ops->full(x);
}

/**
 * http_trailer() - a field to follow the content
 * @x: the exchange, after http_begin(); sent where the client wants such
 * @name: its name
 * @value: its value
 */
void http_trailer(struct http_exchange *x, const char *name, const char *value)
{
	size_t len = strlen(name);

	if (x->began && !x->ended && http_trailer_allowed(name, len))
		add_out(x, name, len, value, strlen(value));
}

/**
 * http_end() - the response is complete
 * @x: the exchange
 *
 * What was not begun yet has no content.  A response that is shorter than promised is
 * aborted.
 */
void http_end(struct http_exchange *x)
{
	if (x->ended)
		return;
	if (!x->began) {
		x->length = 0;
		http_begin(x);
	}
	if (!x->bare && x->length >= 0 && x->sent < (uint64_t)x->length) {
		ln_error("%s: %s: less content than promised", ln_conn_name(x->conn),
			 x->rq.target);
		http_abort(x);
		return;
	}
	x->ended = true;
	x->ops->end(x);
}

/**
 * http_abort() - the response cannot be completed
 * @x: the exchange; the client notices that something is missing
 */
void http_abort(struct http_exchange *x)
{
	if (x->ended)
		return;
	x->ended = x->aborted = true;
	x->keep_alive = false;
	x->ops->abort(x);
}

/**
 * http_respond() - a whole response
 * @x: the exchange
 * @status: status code
 * @type: media type, or NULL
 * @data: content
 * @len: octets
 */
void http_respond(struct http_exchange *x, int status, const char *type, const void *data,
		  size_t len)
{
	if (x->began || x->ended)
		return;
	http_status(x, status);
	if (type)
		http_add_n(x, "Content-Type", strlen("Content-Type"), type, strlen(type));
	http_length(x, len);
	http_begin(x);
	http_write(x, data, len);
	http_end(x);
}

/**
 * http_error() - a whole response that says what went wrong
 * @x: the exchange; fields added so far (Allow, Retry-After) stay.  When the response has
 *	begun it is aborted.
 * @status: status code
 *
 * The page is the service's, or else plain text.
 */
void http_error(struct http_exchange *x, int status)
{
	char text[64];
	int n;

	if (x->ended)
		return;
	if (x->began) {
		http_abort(x);
		return;
	}
	x->length = -1;
	x->status = status;
	if (x->service->error_page && !x->failing) {
		x->failing = true;
		x->service->error_page(x, status);
		if (x->began || x->ended)
			return;
	}
	n = snprintf(text, sizeof(text), "%d %s\n", status, http_reason(status));
	http_respond(x, status, "text/plain; charset=utf-8", text, n);
}

/**
 * http_added() - how many fields the response has so far
 * @x: the exchange, before http_begin()
 */
unsigned int http_added(const struct http_exchange *x)
{
	return x->n_out;
}

/**
 * http_informational() - send an interim response
 * @x: the exchange, before http_begin()
 * @status: 103, or another 1xx but 100 and 101
 * @first: http_added() before the fields that go with it; those are forgotten then, the
 *	others are for the response to come
 */
void http_informational(struct http_exchange *x, int status, unsigned int first)
{
	struct http_out_field kept[HTTP_MAX_OUT_FIELDS];

	if (x->began || x->ended)
		return;
	memcpy(kept, x->out, first * sizeof(*kept));
	memmove(x->out, x->out + first, (x->n_out - first) * sizeof(*kept));
	x->n_out -= first;
	if (status > 101 && status < 200 && x->rq.version != HTTP_1_0)
		x->ops->informational(x, status);
	memcpy(x->out, kept, first * sizeof(*kept));
	x->n_out = first;
}

/**
 * http_push() - promise the response to a request that the client will make
 * @x: the exchange, before http_end()
 * @target: origin form
 */
void http_push(struct http_exchange *x, const char *target)
{
	if (!x->ended && x->ops->push)
		x->ops->push(x, target);
}
