// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP on a connection: which version is spoken, then that version has the word.
 */
#include <string.h>

#include "http.h"
#include "http2.h"
#include "log.h"

/* More than the largest header and the largest HTTP/2 frame. */
#define INPUT_MAX	(64 * 1024)
#define OUTPUT_MAX	(256 * 1024)
/* A server that ends waits so long, in ms, for a connection's first request. */
#define STOP_MS		1000

const char *const http_alpn[] = { "h2", "http/1.1", NULL };

static void choose(struct ln_conn *c, const struct http_version_ops *ops)
{
	struct http_connection *hc = http_connection(c);
	int err = ops->open(c);
	size_t len;

	if (err) {
		ln_warning("%s: %s", ln_conn_name(c), strerror(-err));
		ln_conn_close(c);
		return;
	}
	hc->ops = ops;
	ln_conn_input(c, &len);
	if (len || ln_conn_eof(c))
		ops->input(c);
}

static bool speaks_http2(struct ln_conn *c)
{
	const struct http_service *service = ln_conn_data(c);

	return service->limits.streams > 0;
}

/* With ALPN the client has said; without, its first octets tell (RFC 9113, 3.3). */
static void proto_open(struct ln_conn *c)
{
	const struct http_service *service = ln_conn_data(c);
	size_t len = 0;
	const char *alpn = ln_conn_alpn(c, &len);

	if (alpn && len == 2 && !memcmp(alpn, "h2", len) && speaks_http2(c))
		choose(c, &http2_version);
	else if ((alpn && len) || !speaks_http2(c))
		choose(c, &http1_version);
	else
		ln_conn_deadline(c, service->limits.header_ms);
}

static void proto_input(struct ln_conn *c)
{
	struct http_connection *hc = http_connection(c);
	const char *in;
	size_t len;

	if (hc->ops) {
		hc->ops->input(c);
		return;
	}
	in = ln_conn_input(c, &len);
	if (!ln_conn_eof(c) &&
	    (!len || (len < HTTP2_PREFACE_LEN && !memcmp(in, HTTP2_PREFACE, len))))
		return;
	if (len >= HTTP2_PREFACE_LEN && !memcmp(in, HTTP2_PREFACE, HTTP2_PREFACE_LEN))
		choose(c, &http2_version);
	else
		choose(c, &http1_version);
}

static void proto_output(struct ln_conn *c)
{
	struct http_connection *hc = http_connection(c);

	if (hc->ops)
		hc->ops->output(c);
}

static void proto_timeout(struct ln_conn *c)
{
	struct http_connection *hc = http_connection(c);
	size_t len;

	ln_conn_input(c, &len);
	/* What could still have become a preface is an HTTP/1 request that is late. */
	if (!hc->ops && len)
		choose(c, &http1_version);
	if (hc->ops)
		hc->ops->timeout(c);
	else if (!len)
		ln_conn_finish(c);
}

static void proto_stop(struct ln_conn *c)
{
	struct http_connection *hc = http_connection(c);

	/* Who has just connected did so to a server that was there, and may not
	 * know that a first request is safe to repeat.
	 */
	if (hc->ops)
		hc->ops->stop(c);
	else
		ln_conn_deadline(c, STOP_MS);
}

static void proto_close(struct ln_conn *c)
{
	struct http_connection *hc = http_connection(c);

	if (hc->ops)
		hc->ops->close(c);
}

const struct ln_proto http_proto = {
	.state_size = sizeof(struct http_connection),
	.input_max = INPUT_MAX,
	.output_max = OUTPUT_MAX,
	.open = proto_open,
	.input = proto_input,
	.output = proto_output,
	.timeout = proto_timeout,
	.stop = proto_stop,
	.close = proto_close,
};
