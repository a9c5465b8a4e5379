// SPDX-License-Identifier: GPL-2.0-or-later
/* Octets that grow up to a limit. */
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define FIRST_SIZE	512

/**
 * cgi_buffer_init() - an empty buffer
 * @b: the buffer
 * @max: octets at most
 */
void cgi_buffer_init(struct cgi_buffer *b, size_t max)
{
	*b = (struct cgi_buffer){ .max = max };
}

/**
 * cgi_buffer_extend() - room at the end, which counts as added
 * @b: the buffer
 * @len: octets
 *
 * Return: the room, or NULL: the limit or memory was reached, and cgi_buffer_ok() is false
 * from now on.
 */
char *cgi_buffer_extend(struct cgi_buffer *b, size_t len)
{
	if (b->failed || len > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	/* One octet of room at least, so that the answer is not NULL for nothing. */
	if (!b->data || len > b->size - b->len) {
		size_t size = b->size ? b->size : FIRST_SIZE;
		char *data;

		while (size - b->len < len)
			size = size > b->max / 2 ? b->len + len : size * 2;
		data = realloc(b->data, size);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->size = size;
	}
	b->len += len;
	return b->data + b->len - len;
}

/**
 * cgi_buffer_add() - append octets
 * @b: the buffer
 * @data: the octets; not @b's own
 * @len: how many
 */
void cgi_buffer_add(struct cgi_buffer *b, const void *data, size_t len)
{
	char *at = cgi_buffer_extend(b, len);

	if (at && len)
		memcpy(at, data, len);
}

/**
 * cgi_buffer_consume() - forget octets at the front
 * @b: the buffer
 * @len: how many, at most @b->len
 */
void cgi_buffer_consume(struct cgi_buffer *b, size_t len)
{
	b->len -= len;
	if (b->len)
		memmove(b->data, b->data + len, b->len);
}

/**
 * cgi_buffer_ok() - whether everything was added
 * @b: the buffer
 *
 * Return: false after a limit or memory was reached.
 */
bool cgi_buffer_ok(const struct cgi_buffer *b)
{
	return !b->failed;
}

/**
 * cgi_buffer_free() - let the memory go
 * @b: the buffer; empty and usable afterwards, with the same limit
 */
void cgi_buffer_free(struct cgi_buffer *b)
{
	free(b->data);
	cgi_buffer_init(b, b->max);
}
