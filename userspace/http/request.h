/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "http.h"

/**
 * struct http_framing - what a header says of its message, HTTP/1 alone
 * @chunked: content comes in chunks
 * @keep_alive: the client wants the connection to persist
 * @te_trailers: fields after the content are welcome
 */
struct http_framing {
	bool chunked;
	bool keep_alive;
	bool te_trailers;
};

int http_request_parse(struct http_request *rq, struct http_framing *framing, struct arena *a,
		       char *head, size_t len, unsigned int fields);
int http_request_authority(struct http_request *rq, struct arena *a, const char *s, size_t len);
bool http_method_known(const char *name, enum http_kind *kind);
int http_length_parse(const char *s, size_t len, int64_t *length);

#endif
