/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CODEC_BUFFER_H
#define CODEC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct cgi_buffer - octets that grow up to a limit
 * @data: the octets, free()d by cgi_buffer_free()
 * @len: how many
 * @size: room at @data
 * @max: limit of @len
 * @failed: something did not fit, or memory was short; what follows is dropped
 */
struct cgi_buffer {
	char *data;
	size_t len;
	size_t size;
	size_t max;
	bool failed;
};

/* Starts empty; @max: octets at most. */
void cgi_buffer_init(struct cgi_buffer *b, size_t max);
void cgi_buffer_add(struct cgi_buffer *b, const void *data, size_t len);
/* Room for @len octets, which count as added; NULL: failed. */
char *cgi_buffer_extend(struct cgi_buffer *b, size_t len);
/* Forgets the first @len octets. */
void cgi_buffer_consume(struct cgi_buffer *b, size_t len);
bool cgi_buffer_ok(const struct cgi_buffer *b);
void cgi_buffer_free(struct cgi_buffer *b);

#endif
