/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for userspace/lib's connections, so that HTTP runs without sockets, loop
 * and clock; and a service that tells in its responses what it understood.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "server.h"

/**
 * struct ln_conn - a connection that is fed by hand
 * @service: what is served
 * @state: the protocol's
 * @in: what arrived and was not consumed, in memory of just that size
 * @in_len: its length
 * @eof: nothing more arrives
 * @queue: what the server sends
 * @stuck: the client takes nothing
 * @out: what the client got
 * @out_len: its length
 * @sent: the same, as the server counts
 * @now: loop time, ms
 * @due: deadline, loop time, LN_NEVER
 * @deadlines: how often it was set
 * @wake: input() was asked for
 * @was_full: output() is owed
 * @stopping: the server is ending
 * @finishing: ln_conn_finish() was called
 * @closed: close() was called
 */
struct ln_conn {
	struct http_service *service;
	void *state;
	char *in;
	size_t in_len;
	bool eof;
	struct ln_queue queue;
	bool stuck;
	char *out;
	size_t out_len;
	uint64_t sent;
	uint64_t now, due;
	unsigned int deadlines;
	bool wake, was_full, stopping, finishing, closed;
};

/* A connection is open from conn_new() on and must be let go by conn_free(). */
struct ln_conn *conn_new(struct http_service *service);
void conn_free(struct ln_conn *c);
/* Octets arrive; the server does what it can. */
void conn_feed(struct ln_conn *c, const void *data, size_t len);
void conn_eof(struct ln_conn *c);
/* Time passes; a deadline that is due is told. */
void conn_pass(struct ln_conn *c, uint64_t ms);
void conn_stop(struct ln_conn *c);
/* The loop goes round until there is nothing to do. */
void conn_turn(struct ln_conn *c);

/*
 * The service:
 *	/len	takes content, at most 1000 octets, answers with method, version, host,
 *		target, length and a sum of the content, and its trailers
 *	/ignore	answers at once
 *	/echo	sends content back, in chunks, with a trailer
 *	/wait	answers when later() is called
 *	/big	much content, as fast as it can be sent
 *	/twice	becomes /len by a local redirect
 * all else is not there.
 */
struct http_service *service_new(void);
extern struct http_exchange *waiting;	/* of /wait, NULL: none */
extern unsigned int closes, completes;	/* calls of close(); those with a whole response */

#endif
