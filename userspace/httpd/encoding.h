/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_ENCODING_H
#define HTTPD_ENCODING_H

#include <stdbool.h>

#include "field.h"

/* Content codings, what the server likes least first. */
enum http_coding {
	HTTP_CODING_IDENTITY,
	HTTP_CODING_GZIP,
	HTTP_CODING_ZSTD,
	HTTP_CODING_BR,
	HTTP_N_CODINGS,
};

/**
 * struct http_codings - the codings that a client accepts, best first
 * @n: how many; 0: none at all
 * @coding: the codings
 */
struct http_codings {
	int n;
	enum http_coding coding[HTTP_N_CODINGS];
};

void http_codings_parse(struct http_codings *c, const struct http_fields *fields);
bool http_content_coded(const struct http_fields *fields);
const char *http_coding_name(enum http_coding coding);
const char *http_coding_suffix(enum http_coding coding);

#endif
