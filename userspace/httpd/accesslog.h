/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_ACCESSLOG_H
#define HTTPD_ACCESSLOG_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "field.h"
#include "net.h"

/* Octets that the longest line may have. */
#define ACCESSLOG_LINE	8192

/**
 * struct access_record - what is told about a request
 * @peer: who made it
 * @user: who was authenticated, or NULL
 * @when: when it came, local time
 * @request: its first line, or NULL
 * @request_len: its length
 * @status: the response's status
 * @sent: octets of content sent
 * @referer: the field, or NULL
 * @agent: the field User-Agent, or NULL
 * @transport: "tcp" or "linnet"
 * @tls: version of TLS, or NULL
 * @version: "h1" or "h2"
 * @took: time from the request's arrival to the end of the response, µs
 */
struct access_record {
	const union ln_addr *peer;
	const char *user;
	struct tm when;
	const char *request;
	size_t request_len;
	int status;
	uint64_t sent;
	const struct http_field *referer;
	const struct http_field *agent;
	const char *transport;
	const char *tls;
	const char *version;
	uint64_t took;
};

size_t accesslog_format(char line[ACCESSLOG_LINE], const struct access_record *r);

#endif
