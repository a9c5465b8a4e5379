// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queries on streams: TCP, TLS and protocol 253 (RFC 7766, RFC 7858).
 *
 * Each message has two octets of length before it.  Queries are taken as they come; an
 * answer is sent when it is there, whatever was asked before it.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer/query.h"
#include "log.h"

/* A stopping server waits so long for the next query of a connection: a secondary that has asked
 * for the SOA is about to ask for the zone, and takes a reset for a failure of ours.
 */
#define NEXT_QUERY_MS	1000
/* Octets of answers that may wait for a peer that does not read. */
#define OUTPUT_MAX	(256 << 10)

/**
 * struct stream - a connection
 * @local: our address
 * @waiting: queries that will be answered later
 * @n_waiting: how many
 * @heard: when the last query came, in the loop's ms; 0: none has
 * @closed: there is nothing more to do
 * @ending: the server is stopping
 */
struct stream {
	union ln_addr local;
	struct query *waiting;
	unsigned int n_waiting;
	uint64_t heard;
	bool closed, ending;
};

static uint8_t response[QUERY_MESSAGE_MAX];

static void idle(struct ln_conn *c)
{
	struct worker *w = ln_conn_data(c);
	struct stream *s = ln_conn_state(c);

	ln_conn_deadline(c, s->ending ? NEXT_QUERY_MS : w->setup->options.idle_ms);
}

/* --- answers --- */

/* False: without memory the connection was closed, and with it went the queries that have more
 * messages to come; others have no connection any more.
 */
static bool write_message(struct ln_conn *c, const uint8_t *wire, size_t len)
{
	struct ln_queue *queue = ln_conn_queue(c);
	char *room = ln_queue_reserve(queue, 2 + len);

	/* One write: two would be two segments (RFC 7766 section 8). */
	if (!room) {
		ln_conn_close(c);
		return false;
	}
	knot_wire_write_u16((uint8_t *)room, len);
	memcpy(room + 2, wire, len);
	ln_queue_commit(queue, 2 + len);
	ln_conn_flush(c);
	return true;
}

static void stream_defer(struct query *q)
{
	struct stream *s = ln_conn_state(q->conn);

	q->next = s->waiting;
	q->pprev = &s->waiting;
	if (q->next)
		q->next->pprev = &q->next;
	s->waiting = q;
	s->n_waiting++;
}

static void stream_send(struct query *q)
{
	if (q->conn && write_message(q->conn, q->out, q->out_len))
		idle(q->conn);
}

static void stream_release(struct query *q)
{
	struct ln_conn *c = q->conn;
	struct stream *s;

	if (!c)
		return;
	s = ln_conn_state(c);
	*q->pprev = q->next;
	if (q->next)
		q->next->pprev = q->pprev;
	s->n_waiting--;
	/* What was held back goes on, or the connection ends. */
	ln_conn_wake(c);
}

static void stream_messages(struct query *q)
{
	if (!q->conn)
		query_messages_end(q);
	else
		ln_conn_wake(q->conn);
}

static const struct query_transport stream_transport = {
	.defer = stream_defer,
	.send = stream_send,
	.stream = stream_messages,
	.release = stream_release,
};

/* Messages of one response, as far as there is room.  False: the connection was closed. */
static bool pump_one(struct ln_conn *c, struct query *q)
{
	while (!ln_conn_full(c)) {
		int more;

		q->out_len = 0;
		more = q->messages->next(q);
		if (more < 0) {
			ln_conn_close(c);
			return false;
		}
		if (q->out_len && !write_message(c, q->out, q->out_len))
			return false;
		if (!more) {
			query_account(q);
			query_messages_end(q);
			return true;
		}
	}
	return true;
}

static void pump(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);

	for (struct query *q = s->waiting, *next; q; q = next) {
		next = q->next;
		if (q->messages && !pump_one(c, q))
			return;
	}
}

/* --- queries --- */

static enum dns_transport transport_of(const struct ln_conn *c)
{
	if (ln_conn_is_tls(c))
		return DNS_TLS;
	return ln_conn_protocol(c) == IPPROTO_TCP ? DNS_TCP : DNS_LINNET;
}

static void handle(struct ln_conn *c, const char *wire, size_t len)
{
	static struct query q;
	struct worker *w = ln_conn_data(c);
	struct stream *s = ln_conn_state(c);

	memset(&q, 0, offsetof(struct query, names));
	q.room_data = NULL;
	q.messages = NULL;
	q.worker = w;
	q.setup = w->setup;
	q.via = &stream_transport;
	q.transport = transport_of(c);
	q.peer = *ln_conn_peer(c);
	q.local = s->local;
	q.wire = (const uint8_t *)wire;
	q.len = len;
	q.conn = c;
	q.received = ln_conn_now(c);
	q.out = response;
	s->heard = q.received;
	if (query_handle(&q) == QUERY_REPLY)
		write_message(c, q.out, q.out_len);
}

static bool may_take(struct ln_conn *c)
{
	struct worker *w = ln_conn_data(c);
	struct stream *s = ln_conn_state(c);

	return s->n_waiting < w->setup->stream_queries && !ln_conn_full(c);
}

static void on_input(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);
	const char *in;
	size_t len, size;

	pump(c);
	for (;;) {
		if (s->closed)
			return;
		in = ln_conn_input(c, &len);
		if (len < 2)
			break;
		size = knot_wire_read_u16((const uint8_t *)in);
		if (len < 2 + size)
			break;
		if (!may_take(c)) {
			ln_conn_hold(c, true);
			return;
		}
		handle(c, in + 2, size);
		if (s->closed)
			return;
		ln_conn_consume(c, 2 + size);
		idle(c);
	}
	ln_conn_hold(c, false);
	if (ln_conn_eof(c) && !s->n_waiting)
		ln_conn_finish(c);
}

static void on_output(struct ln_conn *c)
{
	idle(c);
	on_input(c);
}

static void on_open(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);

	ln_conn_local(c, &s->local);
	idle(c);
}

/* Idle: no query arrived and no answer got on its way for so long (RFC 7766 section 6.2.3). */
static void on_timeout(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);

	if (s->n_waiting && !ln_conn_queued(c))
		idle(c);
	else if (s->ending && !ln_conn_queued(c))
		ln_conn_finish(c);
	else
		ln_conn_close(c);
}

static void on_stop(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);

	s->ending = true;
	if (s->heard && !s->n_waiting && !ln_conn_queued(c) &&
	    ln_conn_now(c) - s->heard >= NEXT_QUERY_MS)
		ln_conn_finish(c);
	else
		idle(c);
}

static void on_close(struct ln_conn *c)
{
	struct stream *s = ln_conn_state(c);

	s->closed = true;
	while (s->waiting) {
		struct query *q = s->waiting;

		s->waiting = q->next;
		q->conn = NULL;
		if (q->messages)
			query_messages_end(q);
	}
}

static const struct ln_proto stream_proto = {
	.state_size = sizeof(struct stream),
	.input_max = 2 + QUERY_MESSAGE_MAX,
	.output_max = OUTPUT_MAX,
	.open = on_open,
	.input = on_input,
	.output = on_output,
	.timeout = on_timeout,
	.stop = on_stop,
	.close = on_close,
};

int stream_start(struct worker *w, const struct ln_sockets *sockets)
{
	int err = ln_server_listen(w->server, sockets, SETUP_DNS, &stream_proto, NULL, w);

	if (!err && w->setup->tls)
		err = ln_server_listen(w->server, sockets, SETUP_DNS_TLS, &stream_proto,
				       w->setup->tls, w);
	return err;
}
