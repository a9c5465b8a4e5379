// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls over HTTP, with what Python's SimpleXMLRPCServer answers to requests that are
 * none: a call is a POST of XML to "/" or "/RPC2".
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "front.h"
#include "gzip.h"
#include "log.h"
#include "metrics.h"
#include "repr.h"
#include "write.h"

#define MAX_UNUSED 64
#define KEPT_BUFFER (64 * 1024)
#define GZIP_FROM 1400 /* octets of an answer, as in Python: a packet's */

static struct ln_metric calls = {
	.name = "linnet_rpc_calls_total",
	.help = "Calls that were answered, with a result or a fault.",
	.type = LN_COUNTER,
};
static struct ln_metric faults = {
	.name = "linnet_rpc_faults_total",
	.help = "Calls that were answered with a fault.",
	.type = LN_COUNTER,
};
static struct ln_metric refused = {
	.name = "linnet_rpc_refused_total",
	.help = "Requests that were refused before there was a call.",
	.type = LN_COUNTER,
};
static struct ln_metric active = {
	.name = "linnet_rpc_calls_active",
	.help = "Calls that are being received or done.",
	.type = LN_GAUGE,
};

/**
 * struct served - a call and the exchange it came by
 * @call: the call
 * @arena: where its values are
 * @loaded: octets that came from the store
 * @received: octets of content
 * @front: the worker's
 * @exchange: NULL once it is gone
 * @parser: reads the call
 * @gunzip: decodes its content, or NULL
 * @refusal: status of HTTP that the content has earned, or 0
 * @pending: the method has not ended yet
 * @next: among those that are not used
 */
struct served {
	struct rpc_call call;
	struct arena arena;
	size_t loaded;
	uint64_t received;
	struct front *front;
	struct http_exchange *exchange;
	struct rpc_parser *parser;
	struct rpc_gunzip *gunzip;
	int refusal;
	bool pending;
	struct served *next;
};

static void served_free(struct served *s)
{
	rpc_parser_free(s->parser);
	arena_free(&s->arena);
	free(s);
}

static struct served *served_new(struct front *f)
{
	struct served *s = f->unused;

	if (s) {
		f->unused = s->next;
		f->n_unused--;
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		s->front = f;
		s->parser = rpc_parser_new(f->worker.limits);
		if (!s->parser) {
			free(s);
			return NULL;
		}
	}
	s->loaded = 0;
	s->received = 0;
	s->refusal = 0;
	s->pending = false;
	ln_metric_add(&active, 1);
	return s;
}

static void served_put(struct served *s)
{
	struct front *f = s->front;

	rpc_gunzip_free(s->gunzip);
	s->gunzip = NULL;
	ln_metric_add(&active, -1);
	if (f->n_unused == MAX_UNUSED) {
		served_free(s);
		return;
	}
	arena_reset(&s->arena);
	s->next = f->unused;
	f->unused = s;
	f->n_unused++;
}

/* --- answers --- */

static void write_fault(struct rpc_buffer *b, int code, const char *text)
{
	rpc_buffer_free(b);
	b->failed = false;
	if (rpc_write_fault(b, code, text, strlen(text))) {
		const char *too_long = "<class 'OverflowError'>:the fault's text is too long";

		b->len = 0;
		b->failed = false;
		rpc_write_fault(b, 1, too_long, strlen(too_long));
	}
}

static void write_answer(struct rpc_buffer *b, const struct rpc_call *c)
{
	int err = c->result ? rpc_write_response(b, c->result) : 0;

	if (!c->result) {
		write_fault(b, c->fault_code, c->fault);
	} else if (err == -EINVAL) {
		write_fault(b, 1,
			    "<class 'ValueError'>:the result has something in it that XML "
			    "cannot carry");
	} else if (err) {
		write_fault(b, 1,
			    "<class 'OverflowError'>:the result is longer than an answer "
			    "may be");
	}
	ln_metric_add(&calls, 1);
	if (!c->result || err)
		ln_metric_add(&faults, 1);
}

/* Whether gzip is in Accept-Encoding with a weight that is not 0 (RFC 9110, 12.5.3). */
static bool accepts_gzip(const struct http_fields *fields)
{
	const struct http_field *f = http_field(fields, "accept-encoding", NULL);

	for (; f; f = http_field(fields, "accept-encoding", f)) {
		const char *s = f->value, *end = s + f->value_len;

		while (s < end) {
			const char *comma = memchr(s, ',', end - s) ?: end, *q;

			while (s < comma && (*s == ' ' || *s == '\t'))
				s++;
			if (comma - s >= 4 && !strncasecmp(s, "gzip", 4)) {
				q = memmem(s, comma - s, "q=", 2);
				/* "0", "0.0", "0.000" */
				if (!q)
					return true;
				for (q += 2; q < comma && (*q == '0' || *q == '.'); q++)
					;
				return q < comma && *q >= '1' && *q <= '9';
			}
			s = comma < end ? comma + 1 : end;
		}
	}
	return false;
}

static void send_answer(struct http_exchange *x, struct rpc_buffer *b)
{
	struct rpc_buffer coded = { 0 }, *out = b;

	http_status(x, 200);
	http_add(x, "Content-Type", "text/xml");
	if (b->len > GZIP_FROM && accepts_gzip(&http_request(x)->fields) &&
	    rpc_gzip(&coded, b->data, b->len)) {
		http_add(x, "Content-Encoding", "gzip");
		out = &coded;
	}
	http_length(x, out->len);
	http_begin(x);
	if (out->size > KEPT_BUFFER) {
		http_write_owned(x, out->data, out->len);
		out->data = NULL;
		out->size = out->len = 0;
	} else {
		http_write(x, out->data, out->len);
	}
	rpc_buffer_free(&coded);
	http_end(x);
}

static void call_done(struct rpc_call *c)
{
	struct served *s = c->owner;
	struct http_exchange *x = s->exchange;
	struct front *f = s->front;

	s->pending = false;
	if (!x) {
		/* Nobody waits for it any more. */
		served_put(s);
		return;
	}
	http_deadline(x, 0);
	ln_debug("%s: %s: %s", ln_conn_name(http_conn(x)),
		 c->method ? c->method->name : "no method", c->result ? "result" : c->fault);
	f->answer.len = 0;
	f->answer.failed = false;
	f->answer.max = f->worker.limits->answer;
	write_answer(&f->answer, c);
	send_answer(x, &f->answer);
}

/* --- requests --- */

static void refuse(struct http_exchange *x, int status)
{
	ln_metric_add(&refused, 1);
	http_error(x, status);
}

static void feed_parser(void *user, const char *data, size_t len)
{
	struct served *s = user;

	rpc_parser_feed(s->parser, data, len, false);
}

static void on_content(struct http_exchange *x, const char *data, size_t len)
{
	struct served *s = http_state(x);
	int err;

	if (s->refusal)
		return;
	if (!s->gunzip) {
		s->received += len;
		rpc_parser_feed(s->parser, data, len,
				(int64_t)s->received == http_request(x)->content_length);
		return;
	}
	err = rpc_gunzip_feed(s->gunzip, data, len, feed_parser, s);
	if (err)
		s->refusal = err == -E2BIG ? 413 : err == -EINVAL ? 400 : 503;
}

static void on_content_end(struct http_exchange *x)
{
	struct served *s = http_state(x);
	struct rpc_value *method, *params;
	const char *error;

	if (s->gunzip && !s->refusal && !rpc_gunzip_complete(s->gunzip))
		s->refusal = 400;
	if (s->refusal) {
		refuse(x, s->refusal);
		return;
	}
	s->call = (struct rpc_call){
		.worker = &s->front->worker,
		.arena = &s->arena,
		.loaded = &s->loaded,
		.done = call_done,
		.owner = s,
	};
	s->pending = true;
	error = rpc_parser_end(s->parser, &method, &params);
	if (error) {
		rpc_fault(&s->call, 1, "%s", error);
		return;
	}
	rpc_dispatch(&s->call, method, params);
}

static void on_close(struct http_exchange *x, bool complete)
{
	struct served *s = http_state(x);

	(void)complete;
	s->exchange = NULL;
	if (!s->pending)
		served_put(s);
}

static const struct http_handler handler = {
	.content = on_content,
	.content_end = on_content_end,
	.close = on_close,
};

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !strncasecmp(s + len - n, end, n);
}

/*
 * Whether it can be XML.  What a page of another site can make a browser send without
 * asking (a form's types, text/plain) is none.
 */
static bool is_xml(const struct http_fields *fields)
{
	const struct http_field *f = http_field(fields, "content-type", NULL);
	const char *semicolon;
	size_t len;

	if (!f)
		return true;
	semicolon = memchr(f->value, ';', f->value_len);
	len = semicolon ? (size_t)(semicolon - f->value) : f->value_len;
	while (len && (f->value[len - 1] == ' ' || f->value[len - 1] == '\t'))
		len--;
	return ends_with(f->value, len, "/xml") || ends_with(f->value, len, "+xml");
}

static void serve_call(struct http_exchange *x, struct front *f)
{
	const struct http_fields *fields = &http_request(x)->fields;
	const struct http_field *coding = http_field(fields, "content-encoding", NULL);
	bool gzip = coding && (http_field_is(coding, "gzip") || http_field_is(coding, "x-gzip"));
	struct served *s;

	if (!is_xml(fields)) {
		refuse(x, 415);
		return;
	}
	if (coding && !gzip && !http_field_is(coding, "identity")) {
		/* RFC 9110, 15.5.16 */
		http_add(x, "Accept-Encoding", "gzip, identity");
		refuse(x, 415);
		return;
	}
	s = served_new(f);
	if (s && gzip) {
		s->gunzip = rpc_gunzip_new(f->worker.limits->content);
		if (!s->gunzip) {
			served_put(s);
			s = NULL;
		}
	}
	if (!s) {
		refuse(x, 503);
		return;
	}
	s->exchange = x;
	rpc_parser_begin(s->parser, &s->arena);
	http_handle(x, &handler, s);
	http_accept(x, f->worker.limits->content);
}

static bool is_this_machine(const struct http_exchange *x)
{
	const union ln_addr *peer = ln_conn_peer(http_conn((struct http_exchange *)x));

	if (!peer)
		return false;
	if (peer->sa.sa_family == AF_INET)
		return ntohl(peer->in.sin_addr.s_addr) >> 24 == 127;
	return peer->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&peer->in6.sin6_addr);
}

static void show_metrics(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	size_t len;
	char *text;

	if (rq->kind != HTTP_KIND_GET && rq->kind != HTTP_KIND_HEAD) {
		http_add(x, "Allow", "GET, HEAD");
		refuse(x, 405);
		return;
	}
	if (!is_this_machine(x)) {
		refuse(x, 403);
		return;
	}
	text = ln_metrics_text(&len);
	if (!text) {
		refuse(x, 503);
		return;
	}
	http_respond(x, 200, "text/plain; version=0.0.4", text, len);
	free(text);
}

static void on_request(struct http_exchange *x)
{
	static const char missing[] = "No such page";
	struct front *f = http_service(x)->data;
	const struct http_request *rq = http_request(x);

	if (f->metrics && !strcmp(rq->target, f->metrics)) {
		show_metrics(x);
		return;
	}
	if (strcmp(rq->target, "/") && strcmp(rq->target, "/RPC2") &&
	    !(rq->kind == HTTP_KIND_OPTIONS && !strcmp(rq->target, "*"))) {
		ln_metric_add(&refused, 1);
		http_respond(x, 404, "text/plain", missing, strlen(missing));
		return;
	}
	switch (rq->kind) {
	case HTTP_KIND_POST:
		serve_call(x, f);
		break;
	case HTTP_KIND_OPTIONS:
		http_add(x, "Allow", "POST, OPTIONS");
		http_respond(x, 204, NULL, NULL, 0);
		break;
	case HTTP_KIND_OTHER:
		refuse(x, 501);
		break;
	default:
		http_add(x, "Allow", "POST, OPTIONS");
		refuse(x, 405);
		break;
	}
}

void front_define_metrics(void)
{
	ln_metric_define(&calls);
	ln_metric_define(&faults);
	ln_metric_define(&refused);
	ln_metric_define(&active);
}

void front_init(struct front *f)
{
	f->service.server = "linnet-rpcd";
	f->service.request = on_request;
	f->service.data = f;
}

void front_free(struct front *f)
{
	struct served *s;

	while ((s = f->unused)) {
		f->unused = s->next;
		served_free(s);
	}
	rpc_buffer_free(&f->answer);
}
