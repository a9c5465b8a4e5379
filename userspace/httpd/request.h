/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX_FIELDS	100

struct http_field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

enum http_method_kind { HTTP_KIND_OTHER, HTTP_KIND_GET, HTTP_KIND_HEAD, HTTP_KIND_OPTIONS };

/**
 * struct http_request - a request's header, pointing into the bytes parsed
 * @method: the method, as far as it matters here
 * @target: request target
 * @target_len: its length
 * @keep_alive: the client wants the connection to persist
 * @has_content: content follows the header
 * @n_fields: number of fields
 * @fields: the fields in order
 */
struct http_request {
	enum http_method_kind method;
	const char *target;
	size_t target_len;
	bool keep_alive;
	bool has_content;
	unsigned int n_fields;
	struct http_field fields[HTTP_MAX_FIELDS];
};

int http_request_parse(struct http_request *rq, char *head, size_t len);
const struct http_field *http_request_field(const struct http_request *rq, const char *name,
					     const struct http_field *after);
bool http_host_valid(const char *s, size_t n);

#endif
