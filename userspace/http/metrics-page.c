// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics-page.h"

#include <stdlib.h>
#include <string.h>

#include "http.h"

static char *(*page_text)(size_t *len);

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
	text = page_text(&len);
	if (!text) {
		http_error(x, 503);
		return;
	}
	http_add(x, "Cache-Control", "no-store");
	http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
	free(text);
}

int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag, const char *name, char *(*text)(size_t *len))
{
	static struct http_service service = {
		.limits = {
			.head = 8192, .target = 1000, .fields = 64, .header_ms = 10000,
			.idle_ms = 10000, .keep_alive_ms = 60000, .streams = 4,
		},
		.request = on_request,
	};

	service.server = name;
	page_text = text;
	return ln_server_listen(server, sockets, tag, &http_proto, NULL, &service);
}
