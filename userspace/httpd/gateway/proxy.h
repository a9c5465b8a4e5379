/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_PROXY_H
#define GATEWAY_PROXY_H

#include "codec/chunked.h"
#include "gateway.h"

/* Our name in Via and Forwarded (RFC 9110, 7.6.3). */
#define PROXY_PSEUDONYM	"linnet-httpd"

/**
 * struct proxy_conf - a section of kind proxy
 * @common: what all gateways have
 * @path: what the location's prefix becomes, without a slash at its end; NULL: the target
 *	is passed on as it came
 * @host: Host to send; NULL: the client's
 * @tls_name: name that the origin's certificate must have; NULL: the address's
 * @forwarded: send Forwarded and X-Forwarded-*
 */
struct proxy_conf {
	struct gateway_conf common;
	char *path;
	char *host;
	char *tls_name;
	bool forwarded;
};

int proxy_build(struct cgi_buffer *b, const struct proxy_conf *conf, struct http_exchange *x,
		const struct httpd_request *r);

#endif
