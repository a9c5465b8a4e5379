// SPDX-License-Identifier: GPL-2.0-or-later
/* The header of a request to an origin server (RFC 9110, 7.6; RFC 7239). */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proxy.h"

#define MAX_PASSES	8	/* times that a request may come through servers like this one */

static void put(struct cgi_buffer *b, const char *text)
{
	cgi_buffer_add(b, text, strlen(text));
}

static void put_field(struct cgi_buffer *b, const char *name, size_t name_len, const char *value,
		      size_t value_len)
{
	cgi_buffer_add(b, name, name_len);
	put(b, ": ");
	cgi_buffer_add(b, value, value_len);
	put(b, "\r\n");
}

static void put_line(struct cgi_buffer *b, const char *name, const char *value)
{
	put_field(b, name, strlen(name), value, strlen(value));
}

/* The octets of a target are what the client's request was checked for, but once more. */
static bool target_valid(const char *target)
{
	for (const char *at = target; *at; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return false;
	return *target;
}

static bool put_encoded(struct cgi_buffer *b, const char *path, size_t len)
{
	size_t room = 3 * len + 4, n;
	char *out = malloc(room);

	if (!out)
		return false;
	n = http_encode(out, room, path, len);
	cgi_buffer_add(b, out, n);
	free(out);
	return true;
}

/* With a path of its own the target is made anew, of which an encoded slash has no part. */
static bool has_encoded_slash(const struct http_request *rq)
{
	size_t path = strcspn(rq->target, "?");

	return memmem(rq->target, path, "%2f", 3) || memmem(rq->target, path, "%2F", 3);
}

static bool put_target(struct cgi_buffer *b, const struct proxy_conf *conf,
		       const struct http_request *rq, const struct httpd_request *r)
{
	size_t rest = strlen(r->rest);

	if (!conf->path || rq->target[0] != '/') {
		put(b, rq->target);
		return true;
	}
	put(b, conf->path);
	if (rest || r->target->directory || !*conf->path)
		put(b, "/");
	if (rest && !put_encoded(b, r->rest, rest))
		return false;
	if (rest && r->target->directory)
		put(b, "/");
	if (r->target->query) {
		put(b, "?");
		cgi_buffer_add(b, r->target->query, r->target->query_len);
	}
	return true;
}

/* Fields that are written anew, or are between the client and this server. */
static bool is_ours(const struct cgi_field *f, const struct proxy_conf *conf, const char *user)
{
	static const char *const always[] = {
		"Host", "Content-Length", "Expect", "Via", "Cookie", "Proxy",
		"Proxy-Authorization", "Max-Forwards",
	};
	static const char *const forwarded[] = {
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (cgi_field_is(f, always[i]))
			return true;
	for (size_t i = 0; conf->forwarded && i < sizeof(forwarded) / sizeof(*forwarded); i++)
		if (cgi_field_is(f, forwarded[i]))
			return true;
	/* The password was for this server. */
	return user && cgi_field_is(f, "Authorization");
}

/* All fields of one name as one, and @last behind them if it is not NULL. */
static void put_joined(struct cgi_buffer *b, const struct cgi_field *fields, unsigned int n,
		       const char *name, const char *separator, const char *last)
{
	bool any = false;

	for (unsigned int i = 0; i <= n; i++) {
		const char *value = i < n ? fields[i].value : last;
		size_t len = i < n ? fields[i].value_len : last ? strlen(last) : 0;

		if (i < n ? !cgi_field_is(&fields[i], name) : !last)
			continue;
		put(b, any ? separator : name);
		if (!any)
			put(b, ": ");
		any = true;
		cgi_buffer_add(b, value, len);
	}
	if (any)
		put(b, "\r\n");
}

/* RFC 7239, 4: an IPv6 address, and any host with a port, is quoted. */
static void put_forwarded(struct cgi_buffer *b, const struct cgi_field *fields, unsigned int n,
			  struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	const char *proto = ln_conn_is_tls(http_conn(x)) ? "https" : "http";
	char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 400];
	const char *who;
	unsigned int port;

	who = gateway_remote_address(x, address, sizeof(address), &port);
	if (!who)
		who = "unknown";
	snprintf(text, sizeof(text), strchr(who, ':') ? "for=\"[%s]\";proto=%s" : "for=%s;proto=%s",
		 who, proto);
	if (*rq->authority && strlen(rq->authority) < 256 && !strpbrk(rq->authority, "\"\\"))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ";host=\"%s\"",
			 rq->authority);
	put_joined(b, fields, n, "Forwarded", ", ", text);
	put_joined(b, fields, n, "X-Forwarded-For", ", ", who);
	put_line(b, "X-Forwarded-Proto", proto);
	if (*rq->authority)
		put_line(b, "X-Forwarded-Host", rq->authority);
}

static const char *version(const struct http_request *rq)
{
	switch (rq->version) {
	case HTTP_1_0:
		return "1.0 " PROXY_PSEUDONYM;
	case HTTP_1_1:
		return "1.1 " PROXY_PSEUDONYM;
	default:
		return "2 " PROXY_PSEUDONYM;
	}
}

/* How often our name is in Via: a proxy whose origin is itself would never end. */
static unsigned int passes(const struct cgi_field *fields, unsigned int n)
{
	static const char name[] = PROXY_PSEUDONYM;
	const size_t len = sizeof(name) - 1;
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++) {
		const char *at = fields[i].value, *end = at + fields[i].value_len;

		if (!cgi_field_is(&fields[i], "Via"))
			continue;
		while ((at = memmem(at, end - at, name, len))) {
			at += len;
			count++;
		}
	}
	return count;
}

static void put_length(struct cgi_buffer *b, const struct http_request *rq,
		       const struct cgi_field *fields, unsigned int n)
{
	char text[24];

	if (rq->content_length < 0) {
		put_line(b, "Transfer-Encoding", "chunked");
		return;
	}
	/* Nothing and no content are the same but to a server that wants to be told. */
	if (!rq->content_length && rq->kind != HTTP_KIND_POST && rq->kind != HTTP_KIND_PUT &&
	    !cgi_field_find(fields, n, "Content-Length"))
		return;
	snprintf(text, sizeof(text), "%" PRId64, rq->content_length);
	put_line(b, "Content-Length", text);
}

/* RFC 9110, 7.6.2, for OPTIONS alone here. */
static bool put_max_forwards(struct cgi_buffer *b, const struct http_request *rq,
			     const struct cgi_field *fields, unsigned int n)
{
	const struct cgi_field *f = cgi_field_find(fields, n, "Max-Forwards");
	int64_t left = f ? cgi_parse_length(f->value, f->value_len) : -1;
	char text[24];

	if (rq->kind != HTTP_KIND_OPTIONS || left < 0)
		return true;
	snprintf(text, sizeof(text), "%" PRId64, left - 1);
	put_line(b, "Max-Forwards", text);
	return left > 0;
}

/**
 * proxy_build() - the header of the request to the origin
 * @b: where to
 * @conf: the section
 * @x: the exchange
 * @r: its place
 *
 * Return: 0, or the status of the answer instead: it cannot be passed on.
 */
int proxy_build(struct cgi_buffer *b, const struct proxy_conf *conf, struct http_exchange *x,
		const struct httpd_request *r)
{
	const struct http_request *rq = http_request(x);
	struct cgi_field fields[CGI_MAX_FIELDS];
	unsigned int n = gateway_fields(x, fields);
	const char *host = conf->host ? conf->host : rq->authority;

	if (passes(fields, n) >= MAX_PASSES)
		return 508;
	if (!target_valid(rq->target))
		return 400;
	if (conf->path && has_encoded_slash(rq))
		return 404;
	put(b, rq->method);
	put(b, " ");
	if (!put_target(b, conf, rq, r))
		return 503;
	put(b, " HTTP/1.1\r\n");
	put_line(b, "Host", *host ? host : "localhost");
	for (unsigned int i = 0; i < n; i++)
		if (!is_ours(&fields[i], conf, r->user) && !cgi_hop_by_hop(fields, n, &fields[i]))
			put_field(b, fields[i].name, fields[i].name_len, fields[i].value,
				  fields[i].value_len);
	/* HTTP/2 may send cookies in several fields (RFC 9113, 8.2.3). */
	put_joined(b, fields, n, "Cookie", "; ", NULL);
	if (conf->forwarded)
		put_forwarded(b, fields, n, x);
	put_joined(b, fields, n, "Via", ", ", version(rq));
	if (!put_max_forwards(b, rq, fields, n))
		return 501;
	put_length(b, rq, fields, n);
	put(b, "\r\n");
	return cgi_buffer_ok(b) ? 0 : 431;
}
