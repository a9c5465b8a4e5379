// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP/1.1 on a connection: requests in, one at a time, responses out.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "request.h"
#include "response.h"
#include "serve.h"

/* Sent in one go, so that other connections get their turn. */
#define SEND_BUDGET	(512 * 1024)

struct http {
	char *in;
	size_t in_len;
	struct http_scan scan;
	uint64_t header_by;	/* when the header under way must be complete; 0: none is */
	bool first;		/* no request yet */
	bool sending;
	struct http_response response;
};

static const struct http_config *config_of(struct ln_conn *c)
{
	return ln_conn_data(c);
}

/* Wait for a request, or for the rest of one. */
static void await(struct ln_conn *c, struct http *h)
{
	const struct http_config *config = config_of(c);
	uint64_t now = ln_conn_now(c);

	ln_conn_want(c, LN_READ);
	if (!h->in_len && !h->first) {
		ln_conn_deadline(c, config->options->idle_ms);
		return;
	}
	/* From the first byte on, however slowly the others come. */
	if (!h->header_by)
		h->header_by = now + config->header_ms;
	ln_conn_deadline(c, h->header_by > now ? h->header_by - now : 0);
}

static void log_request(struct ln_conn *c, const struct http *h, const char *line, size_t len)
{
	const struct http_response *r = &h->response;
	const char *eol = memchr(line, '\r', len);
	unsigned long long bytes = 0;

	for (unsigned int i = 0; i < r->n_pieces; i++)
		bytes += r->pieces[i].left;
	ln_info("%s: \"%.*s\" %d, %llu bytes", ln_conn_name(c),
		(int)(eol ? eol - line : (ptrdiff_t)len), line, r->status, bytes);
}

static ssize_t send_piece(struct ln_conn *c, struct http_response *r)
{
	struct http_piece *p = &r->pieces[r->current];
	bool more = r->current + 1 < r->n_pieces;
	size_t len = p->left < SEND_BUDGET ? p->left : SEND_BUDGET;
	ssize_t n;

	switch (p->source) {
	case HTTP_FROM_FILE:
		n = ln_conn_sendfile(c, r->file, &p->offset, len);
		/* Shorter than when we promised its length. */
		if (!n)
			return -EIO;
		break;
	default:
		n = ln_conn_write(c, (p->source == HTTP_FROM_BODY ? r->body : r->text) + p->offset,
				  len, more);
		if (n > 0)
			p->offset += n;
	}
	if (n > 0) {
		p->left -= n;
		if (!p->left)
			r->current++;
	}
	return n;
}

/* Returns true when the response is out; the connection may be gone if not. */
static bool send_response(struct ln_conn *c, struct http *h)
{
	struct http_response *r = &h->response;
	size_t sent = 0;
	ssize_t n;

	while (r->current < r->n_pieces) {
		n = sent < SEND_BUDGET ? send_piece(c, r) : -EAGAIN;
		if (n < 0 && n != -EAGAIN) {
			ln_info("%s: %s", ln_conn_name(c), strerror(-n));
			ln_conn_close(c);
			return false;
		}
		if (n < 0) {
			ln_conn_want(c, LN_WRITE);
			if (sent)
				ln_conn_deadline(c, config_of(c)->options->idle_ms);
			return false;
		}
		sent += n;
	}
	http_response_release(r);
	h->sending = false;
	return true;
}

static void start_response(struct ln_conn *c, struct http *h, const char *line, size_t len)
{
	log_request(c, h, line, len);
	h->first = false;
	h->header_by = 0;
	h->sending = true;
	ln_conn_deadline(c, config_of(c)->options->idle_ms);
}

static void respond_error(struct ln_conn *c, struct http *h, int status)
{
	http_serve_error(&h->response, status, false, false);
	start_response(c, h, h->in, h->in_len);
}

/* A complete header is in the buffer: answer it and move up what follows. */
static void respond(struct ln_conn *c, struct http *h)
{
	struct http_request rq;
	char *head = h->in + h->scan.start;
	size_t len = h->scan.pos - h->scan.start;
	int status = http_request_parse(&rq, head, len);

	if (status)
		http_serve_error(&h->response, status, false, false);
	else
		http_serve(config_of(c), &rq, &h->response, rq.keep_alive && !ln_conn_stopping(c));
	start_response(c, h, head, len);
	h->in_len -= h->scan.pos;
	memmove(h->in, h->in + h->scan.pos, h->in_len);
	h->scan = (struct http_scan){ 0 };
}

/*
 * Answer what has arrived and send.  One response at a time; when several
 * requests came together, the next turn comes when there is room to write.
 */
static void go_on(struct ln_conn *c, struct http *h)
{
	int r;

	if (!h->sending) {
		r = http_scan(&h->scan, h->in, h->in_len, &config_of(c)->limits);
		if (r == HTTP_SCAN_MORE) {
			if (ln_conn_stopping(c) && !h->in_len)
				ln_conn_finish(c);
			else
				await(c, h);
			return;
		}
		if (r == HTTP_SCAN_DONE)
			respond(c, h);
		else
			respond_error(c, h, r);
	}
	if (!send_response(c, h))
		return;
	if (!h->response.keep_alive)
		ln_conn_finish(c);
	else if (h->in_len)
		ln_conn_want(c, LN_WRITE);
	else if (ln_conn_stopping(c))
		ln_conn_finish(c);
	else
		await(c, h);
}

static void http_open(struct ln_conn *c)
{
	struct http *h = ln_conn_state(c);

	h->response.file = -1;
	h->first = true;
	h->in = malloc(config_of(c)->limits.head);
	if (!h->in) {
		ln_warning("%s: out of memory", ln_conn_name(c));
		ln_conn_close(c);
		return;
	}
	await(c, h);
}

static void http_ready(struct ln_conn *c, int events)
{
	struct http *h = ln_conn_state(c);
	ssize_t n;

	if (events & LN_READ && !h->sending) {
		/* http_scan() refuses a header that fills the buffer. */
		n = ln_conn_read(c, h->in + h->in_len, config_of(c)->limits.head - h->in_len);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			if (n < 0)
				ln_info("%s: %s", ln_conn_name(c), strerror(-n));
			ln_conn_close(c);
			return;
		}
		h->in_len += n;
	}
	go_on(c, h);
}

static void http_timeout(struct ln_conn *c)
{
	struct http *h = ln_conn_state(c);

	if (h->sending || !h->in_len) {
		ln_info("%s: %s", ln_conn_name(c),
			h->sending ? "takes nothing" : "idle for too long");
		ln_conn_close(c);
		return;
	}
	respond_error(c, h, 408);
	h->in_len = 0;
	go_on(c, h);
}

static void http_stop(struct ln_conn *c)
{
	struct http *h = ln_conn_state(c);

	if (!h->sending && !h->in_len)
		ln_conn_finish(c);
}

static void http_close(struct ln_conn *c)
{
	struct http *h = ln_conn_state(c);

	http_response_release(&h->response);
	free(h->in);
	h->in = NULL;
}

const struct ln_proto http_proto = {
	.state_size = sizeof(struct http),
	.open = http_open,
	.ready = http_ready,
	.timeout = http_timeout,
	.stop = http_stop,
	.close = http_close,
};
