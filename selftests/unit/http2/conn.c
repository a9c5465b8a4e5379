// SPDX-License-Identifier: GPL-2.0-or-later
#include "conn.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(what)	do { if (!(what)) abort(); } while (0)

struct ln_conn {
	struct http_connection hc;	/* the protocol's state */
	struct http_service *service;
	size_t output_max;
	const char *in;
	size_t in_len;
	bool eof, wake, was_full, had, in_event, finished, closed;
	struct ln_queue out;
	uint64_t now, deadline, sent;
	unsigned char *text;
};

struct ln_conn *conn_new(struct http_service *service, size_t output_max)
{
	struct ln_conn *c = calloc(1, sizeof(*c));

	MUST(c);
	c->service = service;
	c->output_max = output_max;
	c->now = 1000;
	c->deadline = LN_NEVER;
	MUST(!http2_version.open(c));
	c->hc.ops = &http2_version;
	conn_turn(c);
	return c;
}

static bool is_open(const struct ln_conn *c)
{
	return !c->finished && !c->closed;
}

static void event(struct ln_conn *c, void (*fn)(struct ln_conn *c))
{
	if (!is_open(c))
		return;
	/* Nothing is called from within a function of server.h. */
	MUST(!c->in_event);
	c->in_event = true;
	fn(c);
	c->in_event = false;
}

bool conn_turn(struct ln_conn *c)
{
	/* A wake that never ends would keep a core busy. */
	for (int i = 0; c->wake && is_open(c); i++) {
		MUST(i < 10000);
		c->wake = false;
		event(c, http2_version.input);
	}
	return is_open(c);
}

bool conn_receive(struct ln_conn *c, const void *data, size_t len)
{
	/* A copy of just that size: reading beyond it is seen. */
	char *copy = malloc(len);

	MUST(copy || !len);
	if (len)
		memcpy(copy, data, len);
	c->in = copy;
	c->in_len = len;
	event(c, http2_version.input);
	MUST(!c->in_len || !is_open(c));
	c->in_len = 0;
	free(copy);
	return conn_turn(c);
}

bool conn_eof(struct ln_conn *c)
{
	c->eof = true;
	event(c, http2_version.input);
	return conn_turn(c);
}

bool conn_stop(struct ln_conn *c)
{
	event(c, http2_version.stop);
	return conn_turn(c);
}

bool conn_take_output(struct ln_conn *c, size_t len)
{
	bool had = c->out.bytes, room;

	if (len > c->out.bytes)
		len = c->out.bytes;
	ln_queue_consume(&c->out, len);
	c->sent += len;
	room = c->was_full && c->out.memory <= c->output_max / 2;
	if (room)
		c->was_full = false;
	if (room || (had && !c->out.bytes))
		event(c, http2_version.output);
	return conn_turn(c);
}

bool conn_pass_time(struct ln_conn *c, uint64_t ms)
{
	c->now += ms;
	if (c->deadline <= c->now) {
		c->deadline = LN_NEVER;
		event(c, http2_version.timeout);
	}
	return conn_turn(c);
}

const unsigned char *conn_output(struct ln_conn *c, size_t *len)
{
	struct iovec iov[4096];
	bool more;
	int n = ln_queue_iov(&c->out, iov, 4096, &more);
	size_t at = 0;

	MUST(!more);
	free(c->text);
	c->text = malloc(c->out.bytes + 1);
	MUST(c->text);
	for (int i = 0; i < n; i++) {
		memcpy(c->text + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	*len = at;
	return c->text;
}

void conn_free(struct ln_conn *c)
{
	ln_conn_close(c);
	ln_queue_clear(&c->out);
	free(c->text);
	free(c);
}

/* What the code under test complains about is not of interest. */
void ln_log(enum ln_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* --- server.h --- */

void *ln_conn_state(struct ln_conn *c)
{
	return &c->hc;
}

void *ln_conn_data(struct ln_conn *c)
{
	return c->service;
}

const char *ln_conn_name(const struct ln_conn *c)
{
	(void)c;
	return "test";
}

bool ln_conn_is_tls(const struct ln_conn *c)
{
	(void)c;
	return false;
}

uint64_t ln_conn_now(const struct ln_conn *c)
{
	return c->now;
}

const char *ln_conn_input(struct ln_conn *c, size_t *len)
{
	*len = c->in_len;
	return c->in;
}

void ln_conn_consume(struct ln_conn *c, size_t len)
{
	MUST(len <= c->in_len);
	c->in += len;
	c->in_len -= len;
}

bool ln_conn_eof(const struct ln_conn *c)
{
	return c->eof;
}

void ln_conn_wake(struct ln_conn *c)
{
	c->wake = true;
}

int ln_conn_write(struct ln_conn *c, const void *data, size_t len)
{
	MUST(is_open(c));
	return ln_queue_add(&c->out, data, len);
}

struct ln_queue *ln_conn_queue(struct ln_conn *c)
{
	MUST(is_open(c));
	return &c->out;
}

void ln_conn_flush(struct ln_conn *c)
{
	MUST(is_open(c));
}

bool ln_conn_full(struct ln_conn *c)
{
	bool full = c->out.memory >= c->output_max;

	c->was_full |= full;
	return full;
}

uint64_t ln_conn_queued(const struct ln_conn *c)
{
	return c->out.bytes;
}

uint64_t ln_conn_sent(const struct ln_conn *c)
{
	return c->sent;
}

void ln_conn_deadline(struct ln_conn *c, uint64_t ms)
{
	MUST(is_open(c));
	c->deadline = ms == LN_NEVER ? LN_NEVER : c->now + ms;
}

void ln_conn_finish(struct ln_conn *c)
{
	MUST(is_open(c));
	c->finished = true;
}

void ln_conn_close(struct ln_conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	http2_version.close(c);
}
