/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP for servers: one request and its response are a struct http_exchange,
 * over HTTP/1.1 (http1.c) or HTTP/2 (http2.c) alike.
 *
 * When a request's header is complete and good, the service's request() is
 * called.  It answers at once, or names a struct http_handler by http_handle()
 * that goes on.  Content is asked for by http_accept(): without that, it is
 * thrown away (within bounds) when the response is out.
 *
 * The response: http_status(), then http_add() and http_length(), then
 * http_begin(), then content, then http_end().  Without http_length(), HTTP/1.1
 * gets chunks and HTTP/1.0 the end of the connection.  For HEAD, 204 and 304 the
 * content is swallowed.
 *
 * After http_end() or http_abort() the only call still to come is close(), never
 * from within a function of this header.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field.h"
#include "queue.h"
#include "server.h"

struct http_exchange;
struct http_service;

enum http_version { HTTP_1_0 = 10, HTTP_1_1 = 11, HTTP_2 = 20 };

enum http_kind {
	HTTP_KIND_OTHER, HTTP_KIND_GET, HTTP_KIND_HEAD, HTTP_KIND_POST, HTTP_KIND_PUT,
	HTTP_KIND_DELETE, HTTP_KIND_OPTIONS,
};

/**
 * struct http_request - a request's header; lives as long as its exchange
 * @method: the method's name, ends in NUL
 * @kind: the same, as far as it is known
 * @target: origin form or "*", as it was sent, ends in NUL; what was sent in
 *	absolute form is without scheme and authority
 * @target_len: its length
 * @host: host without its port, lower case, ends in NUL; empty for HTTP/1.0
 *	without Host
 * @authority: host and port as sent, ends in NUL
 * @version: version of the protocol
 * @content_length: octets of content; -1: not told beforehand
 * @expect_continue: 100-continue was asked for
 * @fields: the fields, without pseudo-header fields
 * @line: HTTP/1: the request line as it was sent, cut off at HTTP_MAX_LINE octets, of
 *	refused requests, too; ends in NUL.  NULL: none.
 *
 * Of a request that was refused before request() all but @line may be empty texts.
 */
struct http_request {
	const char *method;
	enum http_kind kind;
	const char *target;
	size_t target_len;
	const char *host;
	const char *authority;
	enum http_version version;
	int64_t content_length;
	bool expect_continue;
	struct http_fields fields;
	const char *line;
};

#define HTTP_MAX_LINE	1000

/**
 * struct http_handler - who goes on with an exchange; each may be NULL
 * @content: octets of content arrived; all of them are taken
 * @content_end: the content is complete; http_trailers() has what followed
 * @writable: after http_full() was true: there is room again
 * @timeout: the time given to http_deadline() is over; without this function
 *	the exchange is aborted
 * @left: HTTP/1: the client has ended its side after this request, its last: most
 *	clients that do so have gone.  Without this function the exchange goes on.
 * @close: last call; @complete: the response was sent whole
 */
struct http_handler {
	void (*content)(struct http_exchange *x, const char *data, size_t len);
	void (*content_end)(struct http_exchange *x);
	void (*writable)(struct http_exchange *x);
	void (*timeout)(struct http_exchange *x);
	void (*left)(struct http_exchange *x);
	void (*close)(struct http_exchange *x, bool complete);
};

/**
 * struct http2_limits - what an HTTP/2 client may cost without getting anything done; 0 in
 *	any of them: a default of http2-budget.c's
 * @resets: streams reset at once, by the client or for its fault
 * @resets_per_second: how many more may be in each second
 * @idle_frames: frames at once that do nothing; PING counts for 4, SETTINGS for 8
 * @idle_frames_per_second: how many more may be in each second
 * @continuations: CONTINUATION frames of one header
 */
struct http2_limits {
	unsigned int resets, resets_per_second;
	unsigned int idle_frames, idle_frames_per_second;
	unsigned int continuations;
};

/* Bounds, the same for every connection of a service. */
struct http_limits {
	size_t head;			/* octets of request line and fields */
	size_t target;			/* octets of the target */
	unsigned int fields;		/* number of fields */
	uint64_t content;		/* octets of content, unless http_accept() says other */
	uint64_t header_ms;		/* time for a header, from its first octet */
	uint64_t idle_ms;		/* no progress within an exchange */
	uint64_t min_rate;		/* octets per second of content, on average, after
					 * @header_ms of grace; 0: however slowly */
	uint64_t keep_alive_ms;		/* between two exchanges */
	unsigned int requests;		/* exchanges on one connection; 0: no limit */
	unsigned int streams;		/* HTTP/2: exchanges at once; 0: no HTTP/2 */
	struct http2_limits http2;
};

/**
 * struct http_service - what is served; data of ln_server_listen() with http_proto
 * @limits: bounds
 * @server: product name for the Server field
 * @request: a request arrived
 * @error_page: a request was refused with @status before request(), or by http_error():
 *	answers with a page of its own (http_respond() or the like), or leaves it to
 *	us; NULL: a plain text
 * @log: an exchange is over
 * @data: the service's own
 */
struct http_service {
	struct http_limits limits;
	const char *server;
	void (*request)(struct http_exchange *x);
	void (*error_page)(struct http_exchange *x, int status);
	void (*log)(struct http_exchange *x);
	void *data;
};

extern const struct ln_proto http_proto;
extern const char *const http_alpn[];	/* h2, http/1.1 */

/* --- the request --- */

const struct http_request *http_request(const struct http_exchange *x);
struct http_service *http_service(struct http_exchange *x);
struct ln_conn *http_conn(struct http_exchange *x);
const struct http_field *http_trailers(struct http_exchange *x, unsigned int *n);
void http_handle(struct http_exchange *x, const struct http_handler *handler, void *state);
void *http_state(struct http_exchange *x);
void *http_alloc(struct http_exchange *x, size_t size);	/* zeroed, freed with the exchange */
/* One pointer for the service itself, beside the handler's state. */
void http_set_data(struct http_exchange *x, void *data);
void *http_data(const struct http_exchange *x);

/**
 * http_accept() - ask for the content
 * @x: the exchange; its handler has content() and content_end()
 * @max: octets, the service's limit or not; when there are more, the exchange is
 *	answered with 413 (perhaps from within this call), or, when the response has
 *	begun, aborted.  0: the service's limit
 *
 * 100 (Continue) is sent when it was asked for.
 */
void http_accept(struct http_exchange *x, uint64_t max);
/* No more content() while @hold; a bounded rest may still come. */
void http_hold(struct http_exchange *x, bool hold);

/* --- the response --- */

void http_status(struct http_exchange *x, int status);
int http_status_of(const struct http_exchange *x);	/* 0: none yet */
bool http_began(const struct http_exchange *x);		/* http_begin() was called */
void http_add(struct http_exchange *x, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void http_add_n(struct http_exchange *x, const char *name, size_t name_len, const char *value,
		size_t value_len);
void http_length(struct http_exchange *x, uint64_t len);
void http_begin(struct http_exchange *x);
void http_write(struct http_exchange *x, const void *data, size_t len);
void http_write_owned(struct http_exchange *x, void *data, size_t len);	/* free()d */
void http_write_file(struct http_exchange *x, struct ln_file *file, off_t offset, uint64_t len);
bool http_full(struct http_exchange *x);
void http_trailer(struct http_exchange *x, const char *name, const char *value);
void http_end(struct http_exchange *x);
void http_abort(struct http_exchange *x);
/* timeout() after @ms instead of the idle time-out; 0: the idle time-out again. */
void http_deadline(struct http_exchange *x, uint64_t ms);

/*
 * Before http_begin(): forget handler, status and fields, and call the service again as
 * if the request were GET (HEAD stays) @target without content.  Returns false, with
 * nothing done, for a target not in origin form or after five times.
 */
bool http_redirect_local(struct http_exchange *x, const char *target);

/* A whole response, with the fields added before. */
void http_error(struct http_exchange *x, int status);
void http_respond(struct http_exchange *x, int status, const char *type, const void *data,
		  size_t len);
/* 103 or another 1xx with the fields added since http_added() was @first. */
unsigned int http_added(const struct http_exchange *x);
void http_informational(struct http_exchange *x, int status, unsigned int first);
/* HTTP/2: promise GET @target; does nothing where the client cannot or will not. */
void http_push(struct http_exchange *x, const char *target);
bool http_keep_alive(const struct http_exchange *x);
void http_no_keep_alive(struct http_exchange *x);

/* --- for the log --- */

uint64_t http_sent(const struct http_exchange *x);	/* octets of content sent */
uint64_t http_started(const struct http_exchange *x);	/* loop time, ms */
const char *http_reason(int status);

#endif
