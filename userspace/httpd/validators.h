/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_VALIDATORS_H
#define HTTPD_VALIDATORS_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "http.h"

/* W/, quotes, three numbers of 16 digits, a coding's name */
#define HTTP_ETAG_LEN	72

/**
 * struct http_validators - what tells one version of a representation from another
 * @etag: entity tag with its quotes
 * @modified: time of the last change, never in the future
 * @now: the time now
 */
struct http_validators {
	char etag[HTTP_ETAG_LEN];
	time_t modified;
	time_t now;
};

void http_validators_of(struct http_validators *v, const struct stat *st, const char *coding,
			bool weak, time_t now);
int http_preconditions(const struct http_request *rq, const struct http_validators *v);
bool http_range_wanted(const struct http_request *rq, const struct http_validators *v);

#endif
