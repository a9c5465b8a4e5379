/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "scan.h"
#include "server.h"

/**
 * struct http_config - what the HTTP service is told
 * @options: the server's options
 * @root: descriptor of the served folder
 * @listing: list folders that have no index.html
 * @limits: bounds of a request's header
 * @header_ms: time for a header to arrive, from its first byte
 * @boundary: separates the parts of multipart responses
 */
struct http_config {
	const struct ln_options *options;
	int root;
	bool listing;
	struct http_limits limits;
	uint64_t header_ms;
	char boundary[33];
};

extern const struct ln_proto http_proto;

#endif
