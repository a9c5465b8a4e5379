/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What exchange.c shares with the two versions of the protocol, http1.c and
 * http2.c, and with nobody else.
 *
 * exchange.c keeps the rules that both have: the order of the calls, what has no
 * content, the length that was promised, deadlines, the call of handlers.  A
 * version puts things on the wire.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "arena.h"
#include "http.h"

/* A field of the response: places in the arena. */
struct http_out_field {
	const char *name, *value;
	unsigned int name_len, value_len;
};

/* What a gateway may answer with, and what a location adds. */
#define HTTP_MAX_OUT_FIELDS	128

/**
 * struct http_ops - a version of the protocol; all are called by exchange.c alone
 * @begin: send the header: x->status and x->out
 * @write: send content; @owned: the version frees @data
 * @write_file: send content
 * @full: whether enough waits to be sent
 * @end: the response is complete, with x->trailers if there are any
 * @abort: the response cannot be completed: the peer must notice
 * @accept: send 100 (Continue), let content come
 * @hold: stop or go on reading content
 * @informational: send a 1xx with x->out
 * @push: promise a target; NULL: no such thing
 * @deadline: x->deadline changed
 */
struct http_ops {
	void (*begin)(struct http_exchange *x);
	void (*write)(struct http_exchange *x, const void *data, size_t len, bool owned);
	void (*write_file)(struct http_exchange *x, struct ln_file *file, off_t offset,
			   uint64_t len);
	bool (*full)(struct http_exchange *x);
	void (*end)(struct http_exchange *x);
	void (*abort)(struct http_exchange *x);
	void (*accept)(struct http_exchange *x);
	void (*hold)(struct http_exchange *x, bool hold);
	void (*informational)(struct http_exchange *x, int status);
	void (*push)(struct http_exchange *x, const char *target);
	void (*deadline)(struct http_exchange *x);
};

/**
 * struct http_exchange - one request and its response
 * @ops: the version
 * @version: the version's own (connection or stream)
 * @conn: the connection
 * @service: what is served
 * @rq: the request; texts and fields in @arena
 * @handler: who goes on, or NULL
 * @state: the handler's
 * @data: the service's
 * @redirects: how often http_redirect_local() was called
 * @started: loop time, ms
 * @deadline: loop time at which @handler's timeout() is due, 0: idle time alone
 * @accepted: content is wanted
 * @content_max: octets of content wanted at most
 * @content_got: octets of content so far
 * @content_since: loop time when the content was asked for, moved by the time for which it
 *	was held
 * @held: the handler wants no content now
 * @held_since: loop time when that began
 * @content_done: the content is complete
 * @trailer: fields after the content
 * @status: status of the response, 0: none yet
 * @n_out: how many fields @out has
 * @length: octets of content promised, -1: not told
 * @sent: octets of content written
 * @bare: a response without content by its nature
 * @began: http_begin() was called
 * @ended: http_end() or http_abort() was called
 * @aborted: the response is not complete
 * @keep_alive: HTTP/1: the connection persists
 * @closed: the handler's close() was called
 * @failing: an error page is being made
 * @arena: memory that is freed with the exchange
 * @out: fields of the response, then, after begin, its trailers
 */
struct http_exchange {
	const struct http_ops *ops;
	void *version;
	struct ln_conn *conn;
	struct http_service *service;
	struct http_request rq;
	const struct http_handler *handler;
	void *state;
	void *data;
	unsigned int redirects;
	uint64_t started;
	uint64_t deadline;
	bool accepted;
	uint64_t content_max, content_got;
	uint64_t content_since, held_since;
	bool held;
	bool content_done;
	struct http_fields trailer;
	int status;
	unsigned int n_out;
	int64_t length;
	uint64_t sent;
	bool bare, began, ended, aborted, keep_alive, closed, failing;
	/* What exchange_init() leaves alone: */
	struct arena arena;
	struct http_out_field out[HTTP_MAX_OUT_FIELDS];
};

/* For the versions: */
void exchange_init(struct http_exchange *x, const struct http_ops *ops, void *version,
		   struct ln_conn *c);
/* The header is in x->rq: calls the service. */
void exchange_request(struct http_exchange *x);
/* A request that is refused before that. */
void exchange_refuse(struct http_exchange *x, int status);
/* Returns false when the exchange was ended because there is too much. */
bool exchange_content(struct http_exchange *x, const char *data, size_t len);
void exchange_content_end(struct http_exchange *x);
/* Something of the content arrived, be it none of its octets: ends it when it is too slow. */
void exchange_pace(struct http_exchange *x);
void exchange_writable(struct http_exchange *x);
void exchange_timeout(struct http_exchange *x);
/* The response is out, or never will be: log, handler's close(), arena_reset(). */
void exchange_close(struct http_exchange *x, bool complete);
/* The Date field's value, made once a second. */
const char *exchange_date(struct http_exchange *x);
/* Whether x->out has a field; @name is in lower case. */
bool exchange_has_out(const struct http_exchange *x, const char *name);

#endif
