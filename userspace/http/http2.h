/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What proto.c, which owns the connection, shares with the two versions of the
 * protocol.
 *
 * proto.c waits for the first octets (or takes ALPN's word) and chooses: "h2", or
 * the preface of RFC 9113, 3.4, by prior knowledge is http2_version, all else
 * http1_version.  From open() on all events of the connection go to the version.
 *
 * Exchanges: exchange_init() zeroes all but the arena, whose memory must be zeroed
 * when the exchange is new; exchange_close() ends with arena_reset(), which keeps a
 * block for the next exchange in the same memory.  Before that memory is freed comes
 * arena_free().
 *
 * Functions of struct http_ops are called from within handlers and from the events
 * of other connections: they queue, and leave all that ends an exchange
 * (exchange_close()) to an event of the connection, for which ln_conn_wake() asks.
 */
#ifndef HTTP_HTTP2_H
#define HTTP_HTTP2_H

#include "server.h"

/* RFC 9113, 3.4 */
#define HTTP2_PREFACE		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_LEN	24

/**
 * struct http_version_ops - events of a connection, as in struct ln_proto
 * @open: the connection is this version's: sets http_connection()->version.  Returns 0
 *	or a negative errno, after which the connection is closed and no other function is
 *	called.  Octets that arrived (an HTTP/2 preface) are still in ln_conn_input();
 *	input() is called next if there are any.  The service is ln_conn_data().
 * @close: last call; frees http_connection()->version
 */
struct http_version_ops {
	int (*open)(struct ln_conn *c);
	void (*input)(struct ln_conn *c);
	void (*output)(struct ln_conn *c);
	void (*timeout)(struct ln_conn *c);
	void (*stop)(struct ln_conn *c);
	void (*close)(struct ln_conn *c);
};

/**
 * struct http_connection - ln_conn_state() of a connection
 * @ops: the version, NULL while it is not known
 * @version: the version's own
 */
struct http_connection {
	const struct http_version_ops *ops;
	void *version;
};

static inline struct http_connection *http_connection(struct ln_conn *c)
{
	return ln_conn_state(c);
}

extern const struct http_version_ops http1_version;	/* http1.c */
extern const struct http_version_ops http2_version;	/* http2.c */

#endif
