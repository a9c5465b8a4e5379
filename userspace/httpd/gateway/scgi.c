// SPDX-License-Identifier: GPL-2.0-or-later
/* SCGI: one request on a connection, header as a netstring, the response to the end. */
#include <stdlib.h>

#include "codec/environment.h"
#include "codec/scgi.h"
#include "gateway.h"

static cfg_opt_t options[] = {
	GATEWAY_ADDRESS_OPTIONS,
	GATEWAY_OPTIONS,
	GATEWAY_SPOOL_OPTIONS,
	GATEWAY_CGI_OPTIONS,
	CFG_END(),
};

static bool scgi_send(struct gateway *g)
{
	struct cgi_buffer b;
	int64_t length = http_request(g->x)->content_length;
	bool ok;

	cgi_buffer_init(&b, GATEWAY_MAX_ENVIRONMENT * 2);
	ok = scgi_put_header(&b, length < 0 ? (int64_t)gateway_spool_len(&g->spool) : length,
			     &g->environment) &&
	     ln_conn_write(g->c, b.data, b.len) >= 0 && gateway_spool_send(&g->spool, g->c) >= 0;
	cgi_buffer_free(&b);
	return ok;
}

static void scgi_content(struct gateway *g, const char *data, size_t len)
{
	ln_conn_write(g->up, data, len);
}

static void scgi_content_end(struct gateway *g)
{
	/* CONTENT_LENGTH has told. */
	(void)g;
}

static const struct gateway_ops ops = {
	.connect = gateway_connect,
	.send = scgi_send,
	.content = scgi_content,
	.content_end = scgi_content_end,
	.input = gateway_cgi_input,
	.eof = gateway_cgi_end,
};

static void *scgi_configure(cfg_t *section, const struct httpd_location *l)
{
	struct gateway_conf *conf = calloc(1, sizeof(*conf));

	if (!conf || !gateway_configure(conf, "scgi", section, l)) {
		gateway_conf_free(conf);
		return NULL;
	}
	return conf;
}

static void scgi_handle(struct http_exchange *x, const struct httpd_request *r)
{
	struct gateway *g = http_alloc(x, sizeof(*g));
	const char *script_name, *path_info;

	gateway_split_location(x, r, &script_name, &path_info);
	if (!g || !path_info) {
		http_error(x, 503);
		return;
	}
	gateway_init(g, x, r->location->conf, &ops);
	if (gateway_environment(g, r, script_name, path_info)) {
		gateway_start(g);
		return;
	}
	g->why = "request too large for an environment";
	gateway_fail(g, 431);
}

const struct httpd_kind httpd_scgi = {
	.name = "scgi",
	.options = options,
	.configure = scgi_configure,
	.start = gateway_conf_start,
	.confine = gateway_conf_confine,
	.handle = scgi_handle,
	.release = gateway_conf_free,
};
