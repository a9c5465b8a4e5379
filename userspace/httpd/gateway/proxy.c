// SPDX-License-Identifier: GPL-2.0-or-later
/* A reverse proxy: HTTP/1.1 to the origin server, whatever the client speaks. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tls.h"
#include "proxy.h"

#define MAX_INFORMATIONAL	16	/* 1xx before a response */

static cfg_opt_t options[] = {
	GATEWAY_ADDRESS_OPTIONS,
	GATEWAY_KEEP_OPTIONS(8),
	GATEWAY_OPTIONS,
	CFG_STR("path", NULL, CFGF_NONE),
	CFG_STR("host", NULL, CFGF_NONE),
	CFG_BOOL("forwarded", cfg_true, CFGF_NONE),
	CFG_BOOL("tls", cfg_false, CFGF_NONE),
	CFG_STR("tls-ca", NULL, CFGF_NONE),
	CFG_STR("tls-name", NULL, CFGF_NONE),
	CFG_END(),
};

/* How the response's content ends. */
enum framing { HEAD, LENGTH, CHUNKED, CLOSE };

/**
 * struct proxy - one request
 * @g: the common part; @environment is the request's header as it is sent
 * @framing: where the response is
 * @chunks: with CHUNKED
 * @informational: 1xx so far
 */
struct proxy {
	struct gateway g;
	enum framing framing;
	struct chunked chunks;
	unsigned int informational;
};

static struct proxy *self(struct gateway *g)
{
	return (struct proxy *)g;
}

/* --- to the origin --- */

static bool proxy_send(struct gateway *g)
{
	struct proxy *p = self(g);

	p->framing = HEAD;
	g->head_pos = 0;
	return ln_conn_write(g->c, g->environment.data, g->environment.len) >= 0;
}

static void proxy_content(struct gateway *g, const char *data, size_t len)
{
	if (http_request(g->x)->content_length >= 0) {
		ln_conn_write(g->up, data, len);
		return;
	}
	if (!len || ln_conn_printf(g->up, "%zx\r\n", len) < 0 ||
	    ln_conn_write(g->up, data, len) < 0)
		return;
	ln_conn_write(g->up, "\r\n", 2);
}

static void proxy_content_end(struct gateway *g)
{
	const struct http_field *f;
	unsigned int n;

	if (http_request(g->x)->content_length >= 0)
		return;
	f = http_trailers(g->x, &n);
	ln_conn_write(g->up, "0\r\n", 3);
	for (unsigned int i = 0; i < n; i++)
		ln_conn_printf(g->up, "%.*s: %.*s\r\n", (int)f[i].name_len, f[i].name,
			       (int)f[i].value_len, f[i].value);
	ln_conn_write(g->up, "\r\n", 2);
}

/* --- from the origin --- */

static bool is_via(const struct cgi_field *f)
{
	return cgi_field_is(f, "Via");
}

/* RFC 9110, 7.6.3: behind what servers further away said. */
static void add_via(struct gateway *g, const struct gateway_head *h)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (is_via(&h->field[i]))
			http_add_n(g->x, "Via", 3, h->field[i].value, h->field[i].value_len);
	http_add(g->x, "Via", "1.%d %s", h->http_minor, PROXY_PSEUDONYM);
}

/* 1xx (RFC 9110, 15.2): 100 was ours to send, 101 was not asked for. */
static bool informational(struct proxy *p, const struct gateway_head *h)
{
	struct gateway *g = &p->g;
	unsigned int first = http_added(g->x);

	if (h->status == 101) {
		g->why = "101 without Upgrade";
		return false;
	}
	if (p->informational++ == MAX_INFORMATIONAL) {
		g->why = "too many 1xx";
		return false;
	}
	if (h->status == 100 || http_request(g->x)->version == HTTP_1_0)
		return true;
	gateway_add_fields(g, h, NULL);
	http_informational(g->x, h->status, first);
	return true;
}

static void begin(struct proxy *p, const struct gateway_head *h)
{
	struct gateway *g = &p->g;
	bool bare = http_request(g->x)->kind == HTTP_KIND_HEAD || gateway_status_bare(h->status);

	http_status(g->x, h->status);
	gateway_add_fields(g, h, is_via);
	add_via(g, h);
	if (h->content_length >= 0)
		http_length(g->x, h->content_length);
	g->keep = !h->close;
	g->began = true;
	http_begin(g->x);
	g->left = bare ? 0 : h->content_length;
	if (h->chunked) {
		p->framing = CHUNKED;
		chunked_init(&p->chunks);
	} else {
		p->framing = g->left < 0 ? CLOSE : LENGTH;
		g->complete = !g->left;
	}
}

/* The header stays where it is until it is complete. */
static ssize_t take_head(struct proxy *p, const char *data, size_t len)
{
	struct gateway *g = &p->g;
	size_t end = gateway_head_end(&g->head_pos, data, len);
	struct gateway_head *h;
	bool ok = true;

	if ((end ? end : len) > g->head.max || (!end && len == g->head.max)) {
		g->why = "response header too large";
		return -1;
	}
	if (!end)
		return 0;
	h = malloc(sizeof(*h));
	g->why = !h ? "out of memory" :
		      origin_head_parse(h, data, end,
					http_request(g->x)->kind == HTTP_KIND_HEAD);
	if (g->why)
		ok = false;
	else if (h->status < 200)
		ok = informational(p, h);
	else
		begin(p, h);
	free(h);
	g->head_pos = 0;
	return ok ? (ssize_t)end : -1;
}

static bool add_trailers(struct proxy *p)
{
	struct cgi_field fields[CGI_MAX_FIELDS];
	int n = chunked_trailer(&p->chunks, fields, CGI_MAX_FIELDS);

	for (int i = 0; i < n; i++) {
		const struct cgi_field *f = &fields[i];
		char *text = http_alloc(p->g.x, f->name_len + f->value_len + 2);

		if (!text)
			return false;
		memcpy(text, f->name, f->name_len);
		memcpy(text + f->name_len + 1, f->value, f->value_len);
		if (http_trailer_allowed(f->name, f->name_len) && !cgi_hop_by_hop(NULL, 0, f))
			http_trailer(p->g.x, text, text + f->name_len + 1);
	}
	return true;
}

static ssize_t take_chunks(struct proxy *p, const char *data, size_t len)
{
	struct gateway *g = &p->g;
	size_t taken = 0;

	while (taken < len && p->chunks.state != CHUNKED_DONE) {
		struct chunked_piece piece;
		ssize_t n = chunked_read(&p->chunks, data + taken, len - taken, &piece);

		if (n < 0) {
			g->why = "malformed chunk";
			return -1;
		}
		taken += n;
		if (piece.len)
			http_write(g->x, piece.data, piece.len);
	}
	if (p->chunks.state == CHUNKED_DONE)
		g->complete = add_trailers(p);
	return taken;
}

static ssize_t proxy_input(struct gateway *g, const char *data, size_t len)
{
	struct proxy *p = self(g);

	switch (p->framing) {
	case HEAD:
		return take_head(p, data, len);
	case CHUNKED:
		return take_chunks(p, data, len);
	case LENGTH:
		if (len > (uint64_t)g->left)
			len = g->left;
		g->left -= len;
		g->complete = !g->left;
		break;
	case CLOSE:
		break;
	}
	http_write(g->x, data, len);
	return len;
}

static bool proxy_eof(struct gateway *g)
{
	if (self(g)->framing == CLOSE)
		return true;
	if (g->began)
		g->why = "connection closed within the content";
	else if (g->answered)
		g->why = "connection closed within the header";
	else
		g->why = "connection closed without a response";
	return false;
}

static void proxy_leave(struct gateway *g, bool early)
{
	(void)early;
	chunked_free(&self(g)->chunks);
}

static const struct gateway_ops ops = {
	.connect = gateway_connect,
	.send = proxy_send,
	.content = proxy_content,
	.content_end = proxy_content_end,
	.input = proxy_input,
	.eof = proxy_eof,
	.leave = proxy_leave,
};

/* --- the section --- */

static void proxy_free(void *conf)
{
	struct proxy_conf *p = conf;

	if (!p)
		return;
	gateway_conf_release(&p->common);
	free(p->path);
	free(p->host);
	free(p->tls_name);
	free(p);
}

/* An absolute path without query, in its encoded form. */
static bool path_valid(const char *path)
{
	for (const char *at = path; *at; at++)
		if (*at <= ' ' || *at >= 0x7f || *at == '?' || *at == '#')
			return false;
	return *path == '/';
}

static bool read_strings(struct proxy_conf *p, cfg_t *section)
{
	const char *path = cfg_getstr(section, "path"), *host = cfg_getstr(section, "host");

	if (path && !path_valid(path)) {
		ln_config_error(section,
				"path \"%s\": allowed is what starts with a slash, "
				"percent-encoded, without query", path);
		return false;
	}
	if (host && !http_host_valid(host, strlen(host))) {
		ln_config_error(section, "host \"%s\": a host name, or one with \":PORT\"", host);
		return false;
	}
	p->path = path ? strdup(path) : NULL;
	p->host = host ? strdup(host) : NULL;
	/* A slash is put between it and the rest. */
	if (p->path && p->path[strlen(p->path) - 1] == '/')
		p->path[strlen(p->path) - 1] = 0;
	return (!path || p->path) && (!host || p->host);
}

/* The origin's certificate is always checked. */
static bool read_tls(struct proxy_conf *p, cfg_t *section)
{
	static const char *const alpn[] = { "http/1.1", NULL };
	const char *ca = cfg_getstr(section, "tls-ca"), *name = cfg_getstr(section, "tls-name");
	struct ln_tls *tls;
	bool named;

	if (!cfg_getbool(section, "tls")) {
		if (!ca && !name)
			return true;
		ln_config_error(section, "%s without \"tls = true\"", ca ? "tls-ca" : "tls-name");
		return false;
	}
	if (name && (!http_host_valid(name, strlen(name)) || strchr(name, ':'))) {
		ln_config_error(section, "tls-name \"%s\": a host name, without port", name);
		return false;
	}
	p->tls_name = name ? strdup(name) : NULL;
	if (name && !p->tls_name)
		return false;
	tls = ln_tls_client(ca, alpn, true);
	if (!tls) {
		ln_config_error(section, "tls-ca \"%s\" cannot be used: a PEM file with certificates "
				"is allowed", ca ? ca : "of the system");
		return false;
	}
	named = !gateway_remotes_encrypt(&p->common.remotes, tls, p->tls_name);
	ln_tls_put(tls);
	if (!named)
		ln_config_error(section, "tls: the address of a UNIX socket has no name: tls-name is "
				"missing");
	return named;
}

static void *proxy_configure(cfg_t *section, const struct httpd_location *l)
{
	struct proxy_conf *p = calloc(1, sizeof(*p));

	if (!p || !gateway_configure(&p->common, "proxy", section, l) ||
	    !read_strings(p, section) || !read_tls(p, section)) {
		proxy_free(p);
		return NULL;
	}
	p->forwarded = cfg_getbool(section, "forwarded");
	return p;
}

static void proxy_handle(struct http_exchange *x, const struct httpd_request *r)
{
	struct proxy_conf *conf = r->location->conf;
	struct proxy *p = http_alloc(x, sizeof(*p));
	int status;

	if (!p) {
		http_error(x, 503);
		return;
	}
	gateway_init(&p->g, x, &conf->common, &ops);
	status = proxy_build(&p->g.environment, conf, x, r);
	if (!status) {
		gateway_start(&p->g);
		return;
	}
	p->g.why = "not passed on";
	gateway_fail(&p->g, status);
}

const struct httpd_kind httpd_proxy = {
	.name = "proxy",
	.encoded_slashes = true,
	.options = options,
	.configure = proxy_configure,
	.start = gateway_conf_start,
	.confine = gateway_conf_confine,
	.handle = proxy_handle,
	.release = proxy_free,
};
