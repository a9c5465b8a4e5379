// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics-page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "http.h"
#include "keeper/keeper-counts.h"
#include "metrics.h"
#include "worker.h"

static struct worker *worker;

/* What all count, then what is known of zones and of the members of balanced names. */
static char *all_text(size_t *len)
{
	char *text = NULL, *counters = ln_metrics_text(len);
	FILE *f = counters ? open_memstream(&text, len) : NULL;
	const struct store_txn *t;
	bool failed;

	if (f) {
		fputs(counters, f);
		t = worker_snapshot(worker);
		if (t)
			keeper_gauges(worker->setup, t, f);
		balance_metrics(worker->setup->balance, f);
		failed = ferror(f);
		if (fclose(f) || failed) {
			free(text);
			text = NULL;
		}
	}
	free(counters);
	return text;
}

static void on_request(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	size_t len;
	char *text;

	if (strcmp(rq->target, "/metrics")) {
		http_error(x, 404);
		return;
	}
	if (rq->kind != HTTP_KIND_GET && rq->kind != HTTP_KIND_HEAD) {
		http_add(x, "Allow", "GET, HEAD");
		http_error(x, 405);
		return;
	}
	text = all_text(&len);
	if (!text) {
		http_error(x, 503);
		return;
	}
	http_add(x, "Cache-Control", "no-store");
	http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
	free(text);
}

int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag, struct worker *w)
{
	static struct http_service service = {
		.limits = {
			.head = 8192, .target = 1000, .fields = 64, .header_ms = 10000,
			.idle_ms = 10000, .keep_alive_ms = 60000, .streams = 4,
		},
		.server = "linnet-dnsd",
		.request = on_request,
	};

	worker = w;
	return ln_server_listen(server, sockets, tag, &http_proto, NULL, &service);
}
