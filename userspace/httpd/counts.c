// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What linnet-httpd counts of requests and responses, for all workers together.
 */
#include "counts.h"

#include "metrics.h"

#define REQUESTS(v, m) {						\
	.name = "linnet_http_requests_total",				\
	.labels = "version=\"" v "\",method=\"" m "\"",			\
	.help = "Requests whose header was complete and good.",		\
	.type = LN_COUNTER,						\
}
#define METHODS(v) {							\
	[HTTP_KIND_OTHER] = REQUESTS(v, "other"),			\
	[HTTP_KIND_GET] = REQUESTS(v, "GET"),				\
	[HTTP_KIND_HEAD] = REQUESTS(v, "HEAD"),				\
	[HTTP_KIND_POST] = REQUESTS(v, "POST"),				\
	[HTTP_KIND_PUT] = REQUESTS(v, "PUT"),				\
	[HTTP_KIND_DELETE] = REQUESTS(v, "DELETE"),			\
	[HTTP_KIND_OPTIONS] = REQUESTS(v, "OPTIONS"),			\
}
#define RESPONSES(c) {							\
	.name = "linnet_http_responses_total",				\
	.labels = "code=\"" c "\"",					\
	.help = "Responses by the class of their status.",		\
	.type = LN_COUNTER,						\
}

#define KINDS	(HTTP_KIND_OPTIONS + 1)

static struct ln_metric requests[][KINDS] = { METHODS("1.0"), METHODS("1.1"), METHODS("2") };
static struct ln_metric responses[] = {
	RESPONSES("1xx"), RESPONSES("2xx"), RESPONSES("3xx"), RESPONSES("4xx"), RESPONSES("5xx"),
};
static struct ln_metric aborted = {
	.name = "linnet_http_aborted_total",
	.help = "Requests that got no response.",
	.type = LN_COUNTER,
};
static struct ln_metric octets = {
	.name = "linnet_http_content_sent_bytes_total",
	.help = "Octets of content sent.",
	.type = LN_COUNTER,
};
static struct ln_metric duration = {
	.name = "linnet_http_request_duration_microseconds_total",
	.help = "Time from the arrival of requests to the end of their responses.",
	.type = LN_COUNTER,
};
static struct ln_metric active = {
	.name = "linnet_http_requests_active",
	.help = "Requests that are being answered.",
	.type = LN_GAUGE,
};

/**
 * counts_define() - say what will be counted; in the master, before workers are there
 */
void counts_define(void)
{
	for (size_t v = 0; v < sizeof(requests) / sizeof(*requests); v++)
		for (int kind = 0; kind < KINDS; kind++)
			ln_metric_define(&requests[v][kind]);
	for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++)
		ln_metric_define(&responses[i]);
	ln_metric_define(&aborted);
	ln_metric_define(&octets);
	ln_metric_define(&duration);
	ln_metric_define(&active);
}

/**
 * counts_request() - count a request
 * @rq: the request; counts_done() is due for it
 */
void counts_request(const struct http_request *rq)
{
	int version = rq->version == HTTP_2 ? 2 : rq->version == HTTP_1_0 ? 0 : 1;

	ln_metric_add(&requests[version][rq->kind], 1);
	ln_metric_add(&active, 1);
}

/**
 * counts_response() - count a response, that of a refused request too
 * @status: its status, 0 when there was none
 * @sent: octets of content
 * @took: time for it, µs
 */
void counts_response(int status, uint64_t sent, uint64_t took)
{
	int class = status / 100;

	ln_metric_add(class >= 1 && class <= 5 ? &responses[class - 1] : &aborted, 1);
	ln_metric_add(&octets, sent);
	ln_metric_add(&duration, took);
}

/**
 * counts_done() - a request of counts_request() is over
 */
void counts_done(void)
{
	ln_metric_add(&active, -1);
}
