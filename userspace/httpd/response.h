/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "range.h"

/* Header, and the header of each part of a multipart response. */
#define HTTP_RESPONSE_TEXT	16384
#define HTTP_MAX_PIECES		(2 * HTTP_MAX_RANGES + 2)

enum http_source { HTTP_FROM_TEXT, HTTP_FROM_BODY, HTTP_FROM_FILE };

struct http_piece {
	enum http_source source;
	off_t offset;
	size_t left;
};

/**
 * struct http_response - a response being made, then sent
 * @status: status code
 * @keep_alive: the connection persists after it
 * @failed: text did not fit
 * @file: open file to send from, or -1
 * @body: allocated content to send from, or NULL
 * @n_pieces: number of pieces
 * @current: the piece being sent
 * @pieces: what is sent, in order
 * @text_len: bytes used of @text
 * @text: header and other short texts
 */
struct http_response {
	int status;
	bool keep_alive;
	bool failed;
	int file;
	char *body;
	unsigned int n_pieces, current;
	struct http_piece pieces[HTTP_MAX_PIECES];
	size_t text_len;
	char text[HTTP_RESPONSE_TEXT];
};

void http_response_begin(struct http_response *r, int status, bool keep_alive);
void http_response_add(struct http_response *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void http_response_piece(struct http_response *r, enum http_source source, off_t offset,
			 size_t len);
void http_response_release(struct http_response *r);
const char *http_reason(int status);

#endif
