/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_RANGE_H
#define HTTPD_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_RANGES	16

struct http_range {
	uint64_t start;
	uint64_t len;
};

enum { HTTP_RANGE_WHOLE = 0, HTTP_RANGE_NONE = -1 };

int http_range_parse(const char *s, size_t n, uint64_t size,
		     struct http_range ranges[HTTP_MAX_RANGES]);

#endif
