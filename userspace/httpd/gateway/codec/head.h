/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a response from a gateway: a CGI program's (RFC 3875, 6) or an HTTP/1
 * server's (RFC 9112).
 */
#ifndef CODEC_HEAD_H
#define CODEC_HEAD_H

#include "field.h"

/**
 * struct gateway_head - a response's header, pointing into the octets parsed
 * @status: status code
 * @status_given: CGI: there was a Status field or a status line
 * @http_minor: HTTP: 0 or 1
 * @n: number of fields
 * @field: the fields in order; CGI: without Status
 * @location: CGI: the Location field, or NULL
 * @local: CGI: @location asks for another path of this server, with no Status: a
 *	local redirect (RFC 3875, 6.2.2)
 * @content_length: octets of content, -1: not told
 * @chunked: HTTP: chunks follow
 * @close: HTTP: the connection does not persist
 */
struct gateway_head {
	int status;
	bool status_given;
	int http_minor;
	unsigned int n;
	struct cgi_field field[CGI_MAX_FIELDS];
	const struct cgi_field *location;
	bool local;
	int64_t content_length;
	bool chunked;
	bool close;
};

size_t gateway_head_end(size_t *pos, const char *data, size_t len);
const char *cgi_head_parse(struct gateway_head *h, const char *data, size_t len);
const char *origin_head_parse(struct gateway_head *h, const char *data, size_t len, bool to_head);
bool gateway_status_bare(int status);

#endif
