/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Request meta-variables (RFC 3875, 4.1), as "NAME\0VALUE\0NAME\0VALUE\0".
 */
#ifndef CODEC_ENVIRONMENT_H
#define CODEC_ENVIRONMENT_H

#include <stdint.h>

#include "buffer.h"
#include "field.h"

/**
 * struct cgi_request - what the variables are made from; texts end in NUL
 * @method: REQUEST_METHOD
 * @uri: REQUEST_URI: path and query as sent
 * @query: QUERY_STRING, or NULL
 * @query_len: its length
 * @protocol: SERVER_PROTOCOL: "HTTP/1.1"
 * @software: SERVER_SOFTWARE
 * @host: SERVER_NAME
 * @authority: HTTP_HOST, or empty: none was sent
 * @server_port: SERVER_PORT
 * @remote_addr: REMOTE_ADDR, or NULL
 * @remote_port: REMOTE_PORT
 * @https: over TLS
 * @transport: LINNET_TRANSPORT, or NULL
 * @user: REMOTE_USER, authenticated by the server, or NULL
 * @document_root: DOCUMENT_ROOT, or NULL
 * @script_name: SCRIPT_NAME, decoded: empty or starts with a slash; NULL: whoever starts the
 *	program adds it and what depends on it, by cgi_add_script()
 * @path_info: PATH_INFO, decoded: empty or starts with a slash
 * @content_length: CONTENT_LENGTH, -1: not known, or there is no content
 * @authorization: let the Authorization field through; never when @user is there
 * @fields: the request's header fields
 * @n_fields: how many
 */
struct cgi_request {
	const char *method;
	const char *uri;
	const char *query;
	size_t query_len;
	const char *protocol;
	const char *software;
	const char *host;
	const char *authority;
	unsigned int server_port;
	const char *remote_addr;
	unsigned int remote_port;
	bool https;
	const char *transport;
	const char *user;
	const char *document_root;
	const char *script_name;
	const char *path_info;
	int64_t content_length;
	bool authorization;
	const struct cgi_field *fields;
	unsigned int n_fields;
};

/* One of the variables; both texts end in NUL. */
struct cgi_variable {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

bool cgi_environment(struct cgi_buffer *b, const struct cgi_request *rq);
void cgi_add_script(struct cgi_buffer *b, const char *document_root, const char *script_name,
		    const char *script_filename, const char *path_info);
void cgi_add_variable(struct cgi_buffer *b, const char *name, const char *value, size_t len);
bool cgi_next_variable(const struct cgi_buffer *b, size_t *at, struct cgi_variable *v);

#endif
