/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An HTTP/1 connection: http1.c receives and keeps order, http1-send.c sends.
 */
#ifndef HTTP_HTTP1_H
#define HTTP_HTTP1_H

#include "body.h"
#include "exchange.h"
#include "request.h"

/* Content that nobody asked for is read up to this, for the next request behind it. */
#define HTTP1_DISCARD_MAX	65536

/* What the connection's deadline is for. */
enum http1_wait { HTTP1_NOTHING, HTTP1_REQUEST, HTTP1_HEADER, HTTP1_DISCARD, HTTP1_EXCHANGE };

/**
 * struct http1 - a connection
 * @c: the connection
 * @x: the exchange under way, or NULL: between two
 * @scan: how far the next request's header was looked at
 * @body: the content of the last request
 * @framing: what the last request's header said of the connection
 * @wait: what the deadline is for
 * @header_by: loop time by which the header under way must be complete, 0: none is
 * @received: octets of content so far, for all exchanges
 * @progress: @received and ln_conn_sent() when an exchange's deadline was set
 * @discarded: octets of content thrown away after the last exchange
 * @requests: exchanges so far
 * @persist: there may be another exchange
 * @chunked: the response is in chunks
 * @hold: the handler takes no content
 * @busy: an event of the connection is under way, and looks after the exchange at its end
 * @broken: the response could not be queued
 */
struct http1 {
	struct ln_conn *c;
	struct http_exchange *x;
	struct http_scan scan;
	struct http_body body;
	struct http_framing framing;
	enum http1_wait wait;
	uint64_t header_by;
	uint64_t received;
	uint64_t progress;
	uint64_t discarded;
	unsigned int requests;
	bool persist, chunked, hold, busy, broken;
};

extern const struct http_ops http1_ops;

/* Something changed from without: look after the exchange. */
void http1_wake(struct http1 *h);
/* x->deadline changed. */
void http1_deadline(struct http1 *h);

#endif
