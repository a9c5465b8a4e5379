/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "scan.h"

/**
 * struct http_body - reading a message's content
 * @state: private
 * @left: octets left of the content, or of the chunk under way
 * @digits: of the chunk's size so far
 * @extension: octets of chunk extensions so far, of all chunks
 * @trailer: the trailer section
 */
struct http_body {
	int state;
	uint64_t left;
	unsigned int digits;
	size_t extension;
	struct http_scan trailer;
};

/**
 * struct http_piece - what a step through the input gave
 * @used: octets of input that are done with
 * @data: content among them
 * @len: its length, 0: none
 * @trailer: the trailer section among them, with its empty line
 * @trailer_len: its length, 0: none
 */
struct http_piece {
	size_t used;
	const char *data;
	size_t len;
	const char *trailer;
	size_t trailer_len;
};

void http_body_start(struct http_body *b, bool chunked, int64_t length);
int http_body_step(struct http_body *b, const char *in, size_t len,
		   const struct http_limits *limits, struct http_piece *piece);
int http_trailer_parse(struct http_fields *trailer, struct arena *a, const char *s, size_t len,
		       unsigned int fields);
bool http_body_done(const struct http_body *b);

#endif
