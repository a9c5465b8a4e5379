// SPDX-License-Identifier: GPL-2.0-or-later
/* A request becomes an environment, for CGI, FastCGI, SCGI and WSGI alike. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/linnet.h>

#include "codec/environment.h"
#include "gateway.h"

/**
 * gateway_fields() - the request's fields as codecs want them
 * @x: the exchange
 * @fields: result
 *
 * Return: how many.
 */
unsigned int gateway_fields(struct http_exchange *x, struct cgi_field fields[CGI_MAX_FIELDS])
{
	const struct http_fields *from = &http_request(x)->fields;
	unsigned int n;

	for (n = 0; n < from->n && n < CGI_MAX_FIELDS; n++)
		fields[n] = (struct cgi_field){
			.name = from->field[n].name,
			.name_len = from->field[n].name_len,
			.value = from->field[n].value,
			.value_len = from->field[n].value_len,
		};
	return n;
}

static unsigned int port_of(const union ln_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port : addr->in.sin_port);
}

static const char *address_text(const union ln_addr *addr, char *out, size_t room)
{
	switch (addr->sa.sa_family) {
	case AF_INET:
		return inet_ntop(AF_INET, &addr->in.sin_addr, out, room);
	case AF_INET6:
		return inet_ntop(AF_INET6, &addr->in6.sin6_addr, out, room);
	default:
		return NULL;
	}
}

/**
 * gateway_remote_address() - the client's address, without brackets or port
 * @x: the exchange
 * @out: where to
 * @room: octets there
 * @port: the port
 *
 * Return: @out, or NULL: it has none.
 */
const char *gateway_remote_address(struct http_exchange *x, char *out, size_t room,
				   unsigned int *port)
{
	const union ln_addr *peer = ln_conn_peer(http_conn(x));

	*port = port_of(peer);
	return address_text(peer, out, room);
}

/**
 * gateway_local_port() - the port that the request came to
 * @x: the exchange
 *
 * Return: the port.
 */
unsigned int gateway_local_port(struct http_exchange *x)
{
	union ln_addr addr;

	ln_conn_local(http_conn(x), &addr);
	return port_of(&addr);
}

static const char *protocol(enum http_version version)
{
	switch (version) {
	case HTTP_1_0:
		return "HTTP/1.0";
	case HTTP_1_1:
		return "HTTP/1.1";
	default:
		return "HTTP/2.0";
	}
}

/**
 * gateway_split_location() - SCRIPT_NAME and PATH_INFO of a program that is the location
 * @x: the exchange, in whose memory the results are
 * @r: the request's place
 * @script_name: result: the location's prefix
 * @path_info: result: the rest; NULL: out of memory
 */
void gateway_split_location(struct http_exchange *x, const struct httpd_request *r,
			    const char **script_name, const char **path_info)
{
	size_t prefix = strlen(r->location->prefix), rest = strlen(r->rest);
	bool slash = r->target->directory && (rest || !prefix || r->target->len == prefix);
	char *name = http_alloc(x, prefix + 2), *info = http_alloc(x, rest + 3);

	*script_name = name;
	*path_info = name ? info : NULL;
	if (!*path_info)
		return;
	if (prefix) {
		*name = '/';
		memcpy(name + 1, r->location->prefix, prefix);
	}
	if (rest) {
		*info = '/';
		memcpy(info + 1, r->rest, rest);
		if (slash)
			info[rest + 1] = '/';
	} else if (slash || !prefix) {
		*info = '/';
	}
}

static void add_variables(struct cgi_buffer *b, const struct cgi_buffer *variables)
{
	cgi_buffer_add(b, variables->data, variables->len);
}

/**
 * gateway_environment() - make @g->environment
 * @g: the request
 * @r: its place
 * @script_name: SCRIPT_NAME, or NULL: whoever starts the program says
 * @path_info: PATH_INFO
 *
 * Without CONTENT_LENGTH if that is not known yet.
 *
 * Return: false: it is too large, or cannot be said.
 */
bool gateway_environment(struct gateway *g, const struct httpd_request *r,
			 const char *script_name, const char *path_info)
{
	struct http_exchange *x = g->x;
	const struct http_request *rq = http_request(x);
	struct ln_conn *c = http_conn(x);
	struct cgi_field fields[CGI_MAX_FIELDS];
	union ln_addr addr;
	char remote[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
	struct cgi_request q = {
		.method = rq->method,
		.uri = rq->target,
		.query = r->target->query,
		.query_len = r->target->query_len,
		.protocol = protocol(rq->version),
		.software = http_service(x)->server ? http_service(x)->server : "linnet-httpd",
		.host = rq->host,
		.authority = rq->authority,
		.https = ln_conn_is_tls(c),
		.transport = ln_conn_protocol(c) == IPPROTO_LINNET ? "linnet" : "tcp",
		.user = r->user,
		.document_root = g->conf->root,
		.script_name = script_name,
		.path_info = path_info,
		/* No content and content of no octets are one, without the field. */
		.content_length = rq->content_length ? rq->content_length : -1,
		.authorization = g->conf->authorization,
		.fields = fields,
	};

	q.n_fields = gateway_fields(x, fields);
	q.remote_addr = gateway_remote_address(x, remote, sizeof(remote), &q.remote_port);
	if (g->withheld)
		q.content_length = 0;
	if (!rq->content_length && cgi_field_find(fields, q.n_fields, "Content-Length"))
		q.content_length = 0;
	ln_conn_local(c, &addr);
	q.server_port = port_of(&addr);
	/* HTTP/1.0 without Host: the address that was called. */
	if (!*q.host)
		q.host = address_text(&addr, local, sizeof(local));
	if (!q.host)
		q.host = "localhost";
	if (!cgi_environment(&g->environment, &q))
		return false;
	add_variables(&g->environment, &g->conf->variables);
	return cgi_buffer_ok(&g->environment);
}

/**
 * gateway_add_length() - content was spooled: its length is known now
 * @g: the request
 */
void gateway_add_length(struct gateway *g)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, gateway_spool_len(&g->spool));

	cgi_add_variable(&g->environment, "CONTENT_LENGTH", text, n);
}
