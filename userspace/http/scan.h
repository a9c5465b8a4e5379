/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include <stddef.h>

#include "http.h"

/**
 * struct http_scan - how far a header has been looked at; zeroed to begin with
 * @pos: octets looked at; the length of the header once it is complete
 * @start: where the request line starts
 * @state: private
 * @count: private
 * @fields: fields so far
 */
struct http_scan {
	size_t pos;
	size_t start;
	int state;
	size_t count;
	unsigned int fields;
};

enum { HTTP_SCAN_MORE = 0, HTTP_SCAN_DONE = 1 };

int http_scan(struct http_scan *s, const char *buf, size_t len, const struct http_limits *limits);
void http_scan_trailer(struct http_scan *s);

#endif
