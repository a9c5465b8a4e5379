// SPDX-License-Identifier: GPL-2.0-or-later
#include "standin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "http2.h"
#include "log.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

/* --- the connection --- */

void *ln_conn_state(struct ln_conn *c)
{
	return c->state;
}

void *ln_conn_data(struct ln_conn *c)
{
	return c->service;
}

const char *ln_conn_name(const struct ln_conn *c)
{
	(void)c;
	return "standin";
}

const char *ln_conn_alpn(const struct ln_conn *c, size_t *len)
{
	(void)c;
	*len = 0;
	return NULL;
}

bool ln_conn_stopping(const struct ln_conn *c)
{
	return c->stopping;
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
	char *rest = malloc(c->in_len - len + !(c->in_len - len));

	MUST(len <= c->in_len && rest);
	c->in_len -= len;
	memcpy(rest, c->in + len, c->in_len);
	free(c->in);
	c->in = rest;
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
	return ln_queue_add(&c->queue, data, len);
}

struct ln_queue *ln_conn_queue(struct ln_conn *c)
{
	return &c->queue;
}

void ln_conn_flush(struct ln_conn *c)
{
	MUST(!c->finishing);
}

bool ln_conn_full(struct ln_conn *c)
{
	bool full = c->queue.memory >= http_proto.output_max;

	c->was_full |= full;
	return full;
}

uint64_t ln_conn_queued(const struct ln_conn *c)
{
	return c->queue.bytes;
}

uint64_t ln_conn_sent(const struct ln_conn *c)
{
	return c->sent;
}

void ln_conn_deadline(struct ln_conn *c, uint64_t ms)
{
	c->deadlines++;
	c->due = ms == LN_NEVER ? LN_NEVER : c->now + ms;
}

void ln_conn_finish(struct ln_conn *c)
{
	c->finishing = true;
}

void ln_conn_close(struct ln_conn *c)
{
	MUST(!c->closed);
	c->closed = true;
	http_proto.close(c);
}

void ln_log(enum ln_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* What HTTP/2 is asked for here. */
static int no_open(struct ln_conn *c)
{
	(void)c;
	return -EPROTO;
}

const struct http_version_ops http2_version = { .open = no_open };

struct ln_conn *conn_new(struct http_service *service)
{
	struct ln_conn *c = calloc(1, sizeof(*c));

	MUST(c);
	c->service = service;
	c->state = calloc(1, http_proto.state_size);
	c->in = malloc(1);
	MUST(c->state && c->in);
	c->now = 1000000;
	c->due = LN_NEVER;
	http_proto.open(c);
	return c;
}

void conn_free(struct ln_conn *c)
{
	if (!c->closed)
		ln_conn_close(c);
	ln_queue_clear(&c->queue);
	free(c->state);
	free(c->in);
	free(c->out);
	free(c);
}

/* The client takes what there is. */
static void take(struct ln_conn *c)
{
	ssize_t n;

	c->out = realloc(c->out, c->out_len + c->queue.bytes + 1);
	MUST(c->out);
	while (c->queue.bytes) {
		n = ln_queue_read(&c->queue, c->out + c->out_len, c->queue.bytes);
		MUST(n > 0);
		c->out_len += n;
		c->sent += n;
	}
	c->out[c->out_len] = 0;
}

void conn_turn(struct ln_conn *c)
{
	while (!c->closed) {
		if (c->finishing && (!c->queue.bytes || !c->stuck)) {
			take(c);
			ln_conn_close(c);
		} else if (c->finishing) {
			return;
		} else if (c->wake) {
			c->wake = false;
			http_proto.input(c);
		} else if (c->queue.bytes && !c->stuck) {
			take(c);
			c->was_full = false;
			http_proto.output(c);
		} else {
			return;
		}
	}
}

void conn_feed(struct ln_conn *c, const void *data, size_t len)
{
	if (c->closed || c->finishing || !len)
		return;
	c->in = realloc(c->in, c->in_len + len);
	MUST(c->in);
	memcpy(c->in + c->in_len, data, len);
	c->in_len += len;
	http_proto.input(c);
	conn_turn(c);
}

void conn_eof(struct ln_conn *c)
{
	c->eof = true;
	if (!c->closed && !c->finishing)
		http_proto.input(c);
	conn_turn(c);
}

void conn_pass(struct ln_conn *c, uint64_t ms)
{
	c->now += ms;
	if (c->closed || c->finishing || c->due > c->now)
		return;
	c->due = LN_NEVER;
	http_proto.timeout(c);
	conn_turn(c);
}

void conn_stop(struct ln_conn *c)
{
	c->stopping = true;
	if (!c->closed && !c->finishing)
		http_proto.stop(c);
	conn_turn(c);
}

/* --- the service --- */

#define BIG	(5 * 1000 * 1000)

struct http_exchange *waiting;
unsigned int closes, completes;

struct taken {
	uint64_t len;
	uint32_t sum;
};

static void sum(struct http_exchange *x, const char *data, size_t len)
{
	struct taken *t = http_state(x);

	t->len += len;
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + (unsigned char)data[i];
}

static void tell(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	struct taken *t = http_state(x);
	const struct http_field *f;
	unsigned int n;
	char *text = http_alloc(x, 20000);
	int at;

	MUST(text && strlen(rq->target) == rq->target_len);
	f = http_trailers(x, &n);
	at = snprintf(text, 10000, "%s %d %s %s %.300s %llu %x", rq->method, (int)rq->version,
		      rq->host, rq->authority, rq->target, (unsigned long long)t->len, t->sum);
	for (unsigned int i = 0; i < n && at < 9000; i++)
		at += snprintf(text + at, 1000, " %.*s=%.*s", (int)f[i].name_len, f[i].name,
			       (int)f[i].value_len, f[i].value);
	http_respond(x, 200, "text/plain", text, at);
}

static void on_close(struct http_exchange *x, bool complete)
{
	closes++;
	completes += complete;
	if (waiting == x)
		waiting = NULL;
}

static const struct http_handler len_handler = {
	.content = sum, .content_end = tell, .close = on_close,
};

static void len(struct http_exchange *x)
{
	struct taken *t = http_alloc(x, sizeof(*t));

	MUST(t);
	http_handle(x, &len_handler, t);
	http_accept(x, 1000);
}

static void echo(struct http_exchange *x, const char *data, size_t n)
{
	http_write(x, data, n);
}

static void echo_end(struct http_exchange *x)
{
	http_trailer(x, "X-Sum", "1");
	http_trailer(x, "Content-Length", "7");
	http_end(x);
}

static const struct http_handler echo_handler = {
	.content = echo, .content_end = echo_end, .close = on_close,
};

static void start_echo(struct http_exchange *x)
{
	http_handle(x, &echo_handler, NULL);
	http_accept(x, 0);
	http_status(x, 200);
	http_begin(x);
}

static const struct http_handler wait_handler = { .close = on_close };

static void write_big(struct http_exchange *x)
{
	static const char zeros[10000];
	uint64_t *left = http_state(x);

	while (*left && !http_full(x)) {
		http_write(x, zeros, sizeof(zeros));
		*left -= sizeof(zeros);
	}
	if (!*left)
		http_end(x);
}

static const struct http_handler big_handler = { .writable = write_big, .close = on_close };

static void start_big(struct http_exchange *x)
{
	uint64_t *left = http_alloc(x, sizeof(*left));

	MUST(left);
	*left = BIG;
	http_handle(x, &big_handler, left);
	http_status(x, 200);
	http_length(x, BIG);
	http_begin(x);
	write_big(x);
}

static void request(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);

	http_add(x, "Date", "now");
	if (!strcmp(rq->target, "/len")) {
		len(x);
	} else if (!strcmp(rq->target, "/ignore")) {
		http_respond(x, 200, "text/plain", "ignored", 7);
	} else if (!strcmp(rq->target, "/echo")) {
		start_echo(x);
	} else if (!strcmp(rq->target, "/wait")) {
		http_handle(x, &wait_handler, NULL);
		waiting = x;
	} else if (!strcmp(rq->target, "/big")) {
		start_big(x);
	} else if (!strcmp(rq->target, "/twice")) {
		http_handle(x, &wait_handler, NULL);
		MUST(http_redirect_local(x, "/len"));
	} else if (rq->target[0] == '*') {
		http_respond(x, 204, NULL, NULL, 0);
	} else {
		http_error(x, 404);
	}
}

static void error_page(struct http_exchange *x, int status)
{
	(void)status;
	if (!exchange_has_out(x, "date"))
		http_add(x, "Date", "now");
}

struct http_service *service_new(void)
{
	static struct http_service service;

	service = (struct http_service){
		.limits = { .head = 1024, .target = 200, .fields = 20, .content = 5000,
			    .header_ms = 10000, .idle_ms = 20000, .keep_alive_ms = 30000,
			    .requests = 0, .streams = 1 },
		.server = "standin",
		.request = request,
		.error_page = error_page,
	};
	return &service;
}
