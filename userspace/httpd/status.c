// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locations that show the server's counters, as Prometheus text.
 */
#include <stdlib.h>

#include "httpd.h"
#include "metrics.h"

static void *configure(cfg_t *section, const struct httpd_location *l)
{
	(void)l;
	return section;		/* nothing to remember, but not NULL */
}

static void handle(struct http_exchange *x, const struct httpd_request *r)
{
	const struct http_request *rq = http_request(x);
	size_t len;
	char *text;

	if (*r->rest) {
		http_error(x, 404);
		return;
	}
	if (rq->kind == HTTP_KIND_OPTIONS) {
		http_add(x, "Allow", "GET, HEAD, OPTIONS");
		http_respond(x, 204, NULL, NULL, 0);
		return;
	}
	if (rq->kind != HTTP_KIND_GET && rq->kind != HTTP_KIND_HEAD) {
		http_add(x, "Allow", "GET, HEAD, OPTIONS");
		http_error(x, 405);
		return;
	}
	text = ln_metrics_text(&len);
	if (!text) {
		http_error(x, 503);
		return;
	}
	http_add(x, "Cache-Control", "no-store");
	http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
	free(text);
}

static cfg_opt_t options[] = { CFG_END() };

const struct httpd_kind httpd_status = {
	.name = "status",
	.options = options,
	.configure = configure,
	.handle = handle,
};
