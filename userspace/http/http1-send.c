// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP/1 responses on the wire (RFC 9112, 4 to 7).
 *
 * All text goes straight into the connection's queue.
 */
#include <stdlib.h>
#include <string.h>

#include "http1.h"

#define DIGITS		20	/* of a 64 bit number */
#define STATUS_LINE	48	/* with the longest phrase */
#define CHUNK_LINE	18	/* 16 hexadecimal digits, CR, LF */
#define TEXT(s)		s, sizeof(s) - 1

static struct http1 *http1_of(struct http_exchange *x)
{
	return x->version;
}

/* Nobody hears of it: the connection ends. */
static void broken(struct http1 *h)
{
	h->broken = true;
	http1_wake(h);
}

static char *put(char *p, const char *s, size_t len)
{
	memcpy(p, s, len);
	return p + len;
}

static char *put_number(char *p, uint64_t n)
{
	char digits[DIGITS], *d = digits + sizeof(digits);

	do
		*--d = '0' + n % 10;
	while (n /= 10);
	return put(p, d, digits + sizeof(digits) - d);
}

static char *put_chunk_size(char *p, uint64_t n)
{
	char digits[16], *d = digits + sizeof(digits);

	do
		*--d = "0123456789abcdef"[n & 15];
	while (n >>= 4);
	p = put(p, d, digits + sizeof(digits) - d);
	return put(p, TEXT("\r\n"));
}

static char *put_status(char *p, int status)
{
	const char *reason = http_reason(status);

	p = put(p, TEXT("HTTP/1.1 "));
	p = put_number(p, status);
	*p++ = ' ';
	p = put(p, reason, strlen(reason));
	return put(p, TEXT("\r\n"));
}

static size_t fields_size(const struct http_exchange *x)
{
	size_t n = 0;

	for (unsigned int i = 0; i < x->n_out; i++)
		n += x->out[i].name_len + x->out[i].value_len + strlen(": \r\n");
	return n;
}

static char *put_fields(char *p, const struct http_exchange *x)
{
	for (unsigned int i = 0; i < x->n_out; i++) {
		p = put(p, x->out[i].name, x->out[i].name_len);
		p = put(p, TEXT(": "));
		p = put(p, x->out[i].value, x->out[i].value_len);
		p = put(p, TEXT("\r\n"));
	}
	return p;
}

/*
 * Whether what remains of the content can be read past.  A client that waits for 100
 * (Continue) and gets something else may or may not send it: nobody can tell what comes
 * next.
 */
static bool content_can_end(const struct http1 *h)
{
	const struct http_exchange *x = h->x;

	if (http_body_done(&h->body) || (x->accepted && x->status < 400))
		return true;
	if (x->rq.expect_continue && !x->accepted)
		return false;
	if (h->framing.chunked)
		return x->status != 413;
	return h->body.left <= HTTP1_DISCARD_MAX;
}

/* RFC 9112, 9.3 */
static void decide_persistence(struct http1 *h)
{
	struct http_exchange *x = h->x;
	unsigned int limit = x->service->limits.requests;

	x->keep_alive = x->keep_alive && h->framing.keep_alive && !ln_conn_stopping(h->c) &&
			(!limit || h->requests < limit) &&
			(x->bare || x->length >= 0 || h->chunked) && content_can_end(h);
}

static void send_begin(struct http_exchange *x)
{
	struct http1 *h = http1_of(x);
	struct ln_queue *q = ln_conn_queue(h->c);
	const char *date = exchange_date(x), *server = x->service->server;
	size_t server_len = server ? strlen(server) : 0;
	char *start, *p;

	h->chunked = !x->bare && x->length < 0 && x->rq.version == HTTP_1_1;
	decide_persistence(h);
	start = ln_queue_reserve(q, STATUS_LINE + strlen("Server: \r\n") + server_len +
				    strlen("Date: \r\n") + strlen(date) + fields_size(x) +
				    strlen("Transfer-Encoding: chunked\r\n") + DIGITS +
				    strlen("Connection: keep-alive\r\n\r\n"));
	if (!start) {
		broken(h);
		return;
	}
	p = put_status(start, x->status);
	if (server && !exchange_has_out(x, "server")) {
		p = put(p, TEXT("Server: "));
		p = put(p, server, server_len);
		p = put(p, TEXT("\r\n"));
	}
	if (!exchange_has_out(x, "date")) {
		p = put(p, TEXT("Date: "));
		p = put(p, date, strlen(date));
		p = put(p, TEXT("\r\n"));
	}
	p = put_fields(p, x);
	if (h->chunked) {
		p = put(p, TEXT("Transfer-Encoding: chunked\r\n"));
	} else if (x->length >= 0) {
		p = put(p, TEXT("Content-Length: "));
		p = put_number(p, x->length);
		p = put(p, TEXT("\r\n"));
	}
	if (!x->keep_alive)
		p = put(p, TEXT("Connection: close\r\n"));
	else if (x->rq.version == HTTP_1_0)
		p = put(p, TEXT("Connection: keep-alive\r\n"));
	p = put(p, TEXT("\r\n"));
	ln_queue_commit(q, p - start);
	ln_conn_flush(h->c);
}

/* What precedes so much content on the wire. */
static int begin_piece(struct http1 *h, uint64_t len)
{
	char line[CHUNK_LINE];

	return h->chunked ? ln_queue_add(ln_conn_queue(h->c), line,
					 put_chunk_size(line, len) - line)
			  : 0;
}

/* What follows it; @err: it could not be queued. */
static void end_piece(struct http1 *h, int err)
{
	if (h->chunked && !err)
		err = ln_queue_add(ln_conn_queue(h->c), TEXT("\r\n"));
	if (err)
		broken(h);
	else
		ln_conn_flush(h->c);
}

static void send_write(struct http_exchange *x, const void *data, size_t len, bool owned)
{
	struct http1 *h = http1_of(x);
	struct ln_queue *q = ln_conn_queue(h->c);
	int err = begin_piece(h, len);

	if (owned && !err)
		err = ln_queue_add_owned(q, (void *)data, len);
	else if (owned)
		free((void *)data);
	else if (!err)
		err = ln_queue_add(q, data, len);
	end_piece(h, err);
}

static void send_file(struct http_exchange *x, struct ln_file *file, off_t offset, uint64_t len)
{
	struct http1 *h = http1_of(x);
	int err = begin_piece(h, len);

	if (!err)
		err = ln_queue_add_file(ln_conn_queue(h->c), file, offset, len);
	end_piece(h, err);
}

static bool send_full(struct http_exchange *x)
{
	return ln_conn_full(http1_of(x)->c);
}

static void send_end(struct http_exchange *x)
{
	struct http1 *h = http1_of(x);
	struct ln_queue *q = ln_conn_queue(h->c);
	char *start, *p;

	/* RFC 9110, 6.5.1: trailers only for those who want them. */
	if (!h->framing.te_trailers)
		x->n_out = 0;
	if (h->chunked) {
		start = ln_queue_reserve(q, strlen("0\r\n\r\n") + fields_size(x));
		if (!start) {
			broken(h);
			return;
		}
		p = put(start, TEXT("0\r\n"));
		p = put_fields(p, x);
		p = put(p, TEXT("\r\n"));
		ln_queue_commit(q, p - start);
		ln_conn_flush(h->c);
	}
	http1_wake(h);
}

static void send_abort(struct http_exchange *x)
{
	http1_wake(http1_of(x));
}

static void send_accept(struct http_exchange *x)
{
	struct http1 *h = http1_of(x);
	size_t waiting;

	/* RFC 9110, 10.1.1: not needed when the content has begun to come. */
	ln_conn_input(h->c, &waiting);
	if (x->rq.expect_continue && !x->began && !waiting && !http_body_done(&h->body) &&
	    ln_conn_write(h->c, TEXT("HTTP/1.1 100 Continue\r\n\r\n")))
		broken(h);
	http1_wake(h);
}

static void send_hold(struct http_exchange *x, bool hold)
{
	struct http1 *h = http1_of(x);

	h->hold = hold;
	if (!hold)
		http1_wake(h);
}

static void send_informational(struct http_exchange *x, int status)
{
	struct http1 *h = http1_of(x);
	struct ln_queue *q = ln_conn_queue(h->c);
	char *start, *p;

	start = ln_queue_reserve(q, STATUS_LINE + fields_size(x) + strlen("\r\n"));
	if (!start) {
		broken(h);
		return;
	}
	p = put_status(start, status);
	p = put_fields(p, x);
	p = put(p, TEXT("\r\n"));
	ln_queue_commit(q, p - start);
	ln_conn_flush(h->c);
}

static void send_deadline(struct http_exchange *x)
{
	http1_deadline(http1_of(x));
}

const struct http_ops http1_ops = {
	.begin = send_begin,
	.write = send_write,
	.write_file = send_file,
	.full = send_full,
	.end = send_end,
	.abort = send_abort,
	.accept = send_accept,
	.hold = send_hold,
	.informational = send_informational,
	.deadline = send_deadline,
};
