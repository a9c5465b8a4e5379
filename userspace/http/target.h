/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX_PATH	4096

/**
 * struct http_target - a request target, decoded
 * @path: path below the root, without dot segments, without a slash at either
 *	end; empty for the root itself
 * @len: its length
 * @directory: the target ended in a slash
 * @query: what follows the question mark, pointing into the target, or NULL
 * @query_len: its length
 */
struct http_target {
	char path[HTTP_MAX_PATH];
	size_t len;
	bool directory;
	const char *query;
	size_t query_len;
};

int http_target_parse(struct http_target *t, const char *s, size_t n);
int http_target_parse_slashes(struct http_target *t, const char *s, size_t n);
size_t http_encode(char *out, size_t room, const char *s, size_t n);

#endif
