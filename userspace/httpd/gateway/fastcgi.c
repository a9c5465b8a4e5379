// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FastCGI, the web server's side: one request at a time on a connection, which is kept for
 * the next one if the section wants so.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/environment.h"
#include "codec/fastcgi.h"
#include "complaint.h"
#include "fastcgi.h"
#include "log.h"

#define REQUEST_ID	1
#define END_LEN		8	/* content of FCGI_END_REQUEST */

static cfg_opt_t options[] = {
	GATEWAY_ADDRESS_OPTIONS,
	/* Most applications serve one connection at a time: a kept one would block them. */
	GATEWAY_KEEP_OPTIONS(0),
	GATEWAY_OPTIONS,
	GATEWAY_SPOOL_OPTIONS,
	GATEWAY_CGI_OPTIONS,
	CFG_STR("split", NULL, CFGF_NONE),
	CFG_STR("index", "index.php", CFGF_NONE),
	CFG_END(),
};

/**
 * struct fastcgi - one request
 * @g: the common part
 * @reader: records
 * @stdout_closed: the stream FCGI_STDOUT ended
 * @end: content of FCGI_END_REQUEST
 * @end_len: octets of it
 * @complaint: FCGI_STDERR
 */
struct fastcgi {
	struct gateway g;
	struct fcgi_reader reader;
	bool stdout_closed;
	char end[END_LEN];
	unsigned int end_len;
	struct complaint complaint;
};

static struct fastcgi *self(struct gateway *g)
{
	return (struct fastcgi *)g;
}

/* --- to the application --- */

static bool put_params(struct gateway *g, struct cgi_buffer *b)
{
	struct cgi_buffer pairs;
	struct cgi_variable v;
	size_t at = 0;

	cgi_buffer_init(&pairs, GATEWAY_MAX_ENVIRONMENT * 2);
	while (cgi_next_variable(&g->environment, &at, &v))
		fcgi_put_pair(&pairs, v.name, v.name_len, v.value, v.value_len);
	if (cgi_buffer_ok(&pairs))
		fcgi_put_stream(b, FCGI_PARAMS, REQUEST_ID, pairs.data, pairs.len);
	else
		b->failed = true;
	cgi_buffer_free(&pairs);
	fcgi_put_stream_end(b, FCGI_PARAMS, REQUEST_ID);
	return cgi_buffer_ok(b);
}

static bool fastcgi_send(struct gateway *g)
{
	struct fastcgi *f = self(g);
	struct cgi_buffer b;
	bool ok;

	/* Of another connection, if this is not the first. */
	f->reader = (struct fcgi_reader){ 0 };
	f->stdout_closed = false;
	f->end_len = 0;
	cgi_buffer_init(&b, GATEWAY_MAX_ENVIRONMENT * 3);
	fcgi_put_begin(&b, REQUEST_ID, FCGI_RESPONDER, g->conf->remotes.max_idle);
	ok = put_params(g, &b) && ln_conn_write(g->c, b.data, b.len) >= 0;
	cgi_buffer_free(&b);
	return ok;
}

static void fastcgi_content(struct gateway *g, const char *data, size_t len)
{
	char header[FCGI_HEADER_LEN];

	while (len) {
		size_t n = len < FCGI_MAX_CONTENT ? len : FCGI_MAX_CONTENT;

		fcgi_header(header, FCGI_STDIN, REQUEST_ID, n, 0);
		if (ln_conn_write(g->up, header, sizeof(header)) < 0 ||
		    ln_conn_write(g->up, data, n) < 0)
			return;
		data += n;
		len -= n;
	}
}

static void send_file(struct gateway *g, struct ln_file *file, uint64_t len)
{
	char header[FCGI_HEADER_LEN];

	for (uint64_t at = 0; at < len;) {
		unsigned int n = len - at < FCGI_MAX_CONTENT ? len - at : FCGI_MAX_CONTENT;

		fcgi_header(header, FCGI_STDIN, REQUEST_ID, n, 0);
		if (ln_conn_write(g->up, header, sizeof(header)) < 0 ||
		    ln_conn_write_file(g->up, file, at, n) < 0)
			return;
		at += n;
	}
}

static void fastcgi_content_end(struct gateway *g)
{
	char header[FCGI_HEADER_LEN];

	fastcgi_content(g, g->spool.memory.data, g->spool.memory.len);
	if (g->spool.file)
		send_file(g, g->spool.file, g->spool.file_len);
	fcgi_header(header, FCGI_STDIN, REQUEST_ID, 0, 0);
	ln_conn_write(g->up, header, sizeof(header));
}

/* --- from the application --- */

static const char *check_start(struct fastcgi *f, const struct fcgi_piece *piece)
{
	/* Management records are nothing that was asked for, but no harm either. */
	if (!piece->id)
		return piece->type == FCGI_GET_VALUES_RESULT || piece->type == FCGI_UNKNOWN_TYPE ?
			       NULL :
			       "record without a request";
	if (piece->id != REQUEST_ID)
		return "record of another request";
	switch (piece->type) {
	case FCGI_STDERR:
		return NULL;
	case FCGI_STDOUT:
		if (f->stdout_closed && piece->length)
			return "content after the end of FCGI_STDOUT";
		return NULL;
	case FCGI_END_REQUEST:
		return piece->length == END_LEN ? NULL : "malformed FCGI_END_REQUEST";
	default:
		return "record that an application does not send";
	}
}

/* Returns false when there is nothing more to do with what came. */
static bool take_stdout(struct gateway *g, const char *data, size_t len)
{
	while (len) {
		ssize_t n = gateway_cgi_input(g, data, len);

		if (n < 0 || g->over)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool take_content(struct fastcgi *f, const struct fcgi_piece *piece)
{
	if (!piece->id || !piece->len)
		return true;
	switch (piece->type) {
	case FCGI_STDOUT:
		return take_stdout(&f->g, piece->data, piece->len);
	case FCGI_STDERR:
		complaint_add(&f->complaint, f->g.conf->kind, f->g.remote->name, piece->data,
			      piece->len);
		return true;
	default:
		memcpy(f->end + f->end_len, piece->data, piece->len);
		f->end_len += piece->len;
		return true;
	}
}

static bool take_end(struct fastcgi *f)
{
	struct gateway *g = &f->g;
	struct fcgi_end end;

	complaint_end(&f->complaint, g->conf->kind, g->remote->name);
	if (!fcgi_parse_end(f->end, f->end_len, &end)) {
		g->why = "malformed FCGI_END_REQUEST";
		return false;
	}
	if (end.protocol_status != FCGI_REQUEST_COMPLETE) {
		g->why = "the application refused the request";
		if (end.protocol_status != FCGI_UNKNOWN_ROLE)
			gateway_fail(g, 503);
		return false;
	}
	if (end.app_status)
		ln_info("%s %s: %s: exit status %u", g->conf->kind, g->remote->name,
			http_request(g->x)->target, end.app_status);
	if (!gateway_cgi_end(g))
		return false;
	g->complete = true;
	g->keep = g->conf->remotes.max_idle;
	return true;
}

static bool take_last(struct fastcgi *f, const struct fcgi_piece *piece)
{
	if (!piece->id)
		return true;
	if (piece->type == FCGI_END_REQUEST)
		return take_end(f);
	if (piece->type == FCGI_STDOUT && !piece->length)
		f->stdout_closed = true;
	return true;
}

static ssize_t fastcgi_input(struct gateway *g, const char *data, size_t len)
{
	struct fastcgi *f = self(g);
	size_t taken = 0;

	while (taken < len && !g->complete) {
		struct fcgi_piece piece;
		ssize_t n = fcgi_read(&f->reader, data + taken, len - taken, &piece);

		if (n < 0) {
			g->why = "not FastCGI";
			return -1;
		}
		taken += n;
		if (piece.first) {
			g->why = check_start(f, &piece);
			if (g->why)
				return -1;
		}
		if (!take_content(f, &piece) || (piece.last && !take_last(f, &piece)))
			return g->over ? (ssize_t)taken : -1;
	}
	return taken;
}

static bool fastcgi_eof(struct gateway *g)
{
	g->why = "connection closed before FCGI_END_REQUEST";
	return false;
}

/* The client has gone: the application need not go on (5.4). */
static void fastcgi_leave(struct gateway *g, bool early)
{
	struct fastcgi *f = self(g);
	char header[FCGI_HEADER_LEN];

	if (g->remote)
		complaint_end(&f->complaint, g->conf->kind, g->remote->name);
	/* Not behind much that it may never read. */
	if (!early || !g->c || !g->opened || ln_conn_full(g->c))
		return;
	fcgi_header(header, FCGI_ABORT_REQUEST, REQUEST_ID, 0, 0);
	if (ln_conn_write(g->c, header, sizeof(header)) < 0)
		return;
	((struct gateway_link *)ln_conn_state(g->c))->g = NULL;
	ln_conn_finish(g->c);
	g->c = NULL;
}

static const struct gateway_ops ops = {
	.connect = gateway_connect,
	.send = fastcgi_send,
	.content = fastcgi_content,
	.content_end = fastcgi_content_end,
	.input = fastcgi_input,
	.eof = fastcgi_eof,
	.leave = fastcgi_leave,
};

/* --- which script --- */

/* Where ".php" ends a segment of @path: the length of the script's name, or 0. */
static size_t split_at(const char *path, const char *split)
{
	size_t n = strlen(split);

	for (const char *at = path; (at = strstr(at, split)); at++)
		if (!at[n] || at[n] == '/')
			return at + n - path;
	return 0;
}

static bool split_script(struct http_exchange *x, const struct fastcgi_conf *conf,
			 const struct httpd_request *r, const char **script_name,
			 const char **path_info)
{
	const char *path = r->target->path, *slash = r->target->directory ? "/" : "";
	size_t room = r->target->len + strlen(conf->index) + 4, n = split_at(path, conf->split);
	char *script = http_alloc(x, room), *info = http_alloc(x, room);

	if (!script || !info)
		return false;
	*script_name = script;
	*path_info = info;
	if (n) {
		snprintf(script, room, "/%.*s", (int)n, path);
		if (path[n] || *slash)
			snprintf(info, room, "%s%s", path + n, slash);
	} else if (*r->location->prefix) {
		snprintf(script, room, "/%s/%s", r->location->prefix, conf->index);
	} else {
		snprintf(script, room, "/%s", conf->index);
	}
	/* A path that names no script is the index's to look at. */
	if (!n && *r->rest)
		snprintf(info, room, "/%s%s", r->rest, slash);
	return true;
}

/**
 * fastcgi_handle_as() - answer a request
 * @conf: the application
 * @x: the exchange
 * @r: the request's place
 */
void fastcgi_handle_as(struct fastcgi_conf *conf, struct http_exchange *x,
		       const struct httpd_request *r)
{
	struct fastcgi *f = http_alloc(x, sizeof(*f));
	const char *script_name, *path_info = NULL;

	if (conf->split)
		split_script(x, conf, r, &script_name, &path_info);
	else
		gateway_split_location(x, r, &script_name, &path_info);
	if (!f || !path_info) {
		http_error(x, 503);
		return;
	}
	gateway_init(&f->g, x, &conf->common, &ops);
	if (gateway_environment(&f->g, r, script_name, path_info)) {
		gateway_start(&f->g);
		return;
	}
	f->g.why = "request too large for an environment";
	gateway_fail(&f->g, 431);
}

/* --- the section --- */

/**
 * fastcgi_new() - an application, without addresses
 * @kind: name for the log
 *
 * Return: the application, or NULL: out of memory.
 */
struct fastcgi_conf *fastcgi_new(const char *kind)
{
	struct fastcgi_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->common.kind = kind;
	conf->common.connect_ms = 5000;
	conf->common.response_ms = conf->common.idle_ms = 60000;
	conf->common.header_max = 32768;
	conf->common.spool_fd = -1;
	cgi_buffer_init(&conf->common.variables, GATEWAY_MAX_ENVIRONMENT / 2);
	return conf;
}

/**
 * fastcgi_add_address() - where the application is
 * @conf: the application
 * @address: "unix:/PATH", "HOST:PORT", "linnet:HOST:PORT"
 *
 * Return: 0, or -1 after an error line.
 */
int fastcgi_add_address(struct fastcgi_conf *conf, const char *address)
{
	struct gateway_remotes *remotes = &conf->common.remotes;
	const char *wrong;

	if (gateway_remotes_add(remotes, address, &wrong)) {
		ln_error("%s: address \"%s\": %s", conf->common.kind, address, wrong);
		return -1;
	}
	for (unsigned int i = 0; i < remotes->n; i++)
		remotes->remote[i].remote.connect_ms = conf->common.connect_ms;
	return 0;
}

/**
 * fastcgi_start() - in a worker, before confinement
 * @conf: the application
 * @s: the worker's server
 *
 * Return: 0, or a negative errno after an error line.
 */
int fastcgi_start(void *conf, struct ln_server *s)
{
	return gateway_conf_start(&((struct fastcgi_conf *)conf)->common, s);
}

/**
 * fastcgi_confine() - in a worker: what it still needs
 * @conf: the application
 * @sandbox: where to say so
 *
 * Return: 0 or a negative errno.
 */
int fastcgi_confine(void *conf, struct ln_sandbox *sandbox)
{
	return gateway_conf_confine(&((struct fastcgi_conf *)conf)->common, sandbox);
}

/**
 * fastcgi_free() - let an application go
 * @conf: the application, or NULL
 */
void fastcgi_free(void *conf)
{
	struct fastcgi_conf *f = conf;

	if (!f)
		return;
	gateway_conf_release(&f->common);
	free(f->split);
	free(f->index);
	free(f);
}

static void *fastcgi_configure(cfg_t *section, const struct httpd_location *l)
{
	struct fastcgi_conf *conf = fastcgi_new("fastcgi");
	const char *split = cfg_getstr(section, "split");

	if (!conf || !gateway_configure(&conf->common, "fastcgi", section, l)) {
		fastcgi_free(conf);
		return NULL;
	}
	conf->split = split && *split ? strdup(split) : NULL;
	conf->index = strdup(cfg_getstr(section, "index"));
	return conf;
}

static void fastcgi_handle(struct http_exchange *x, const struct httpd_request *r)
{
	fastcgi_handle_as(r->location->conf, x, r);
}

const struct httpd_kind httpd_fastcgi = {
	.name = "fastcgi",
	.options = options,
	.configure = fastcgi_configure,
	.start = fastcgi_start,
	.confine = fastcgi_confine,
	.handle = fastcgi_handle,
	.release = fastcgi_free,
};
