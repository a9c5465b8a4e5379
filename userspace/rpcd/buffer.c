// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

char *rpc_buffer_room(struct rpc_buffer *b, size_t len)
{
	size_t max = b->max ?: SIZE_MAX / 4, size;
	char *data;

	if (b->failed || len > max || b->len > max - len) {
		b->failed = true;
		return NULL;
	}
	if (len > b->size - b->len) {
		size = b->size ? 2 * b->size : 512;
		if (size < b->len + len)
			size = b->len + len;
		data = realloc(b->data, size);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->size = size;
	}
	return b->data + b->len;
}

void rpc_buffer_add(struct rpc_buffer *b, const void *data, size_t len)
{
	char *p = rpc_buffer_room(b, len);

	if (p && len) {
		memcpy(p, data, len);
		b->len += len;
	}
}

void rpc_buffer_printf(struct rpc_buffer *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : rpc_buffer_room(b, n + 1);
	if (!p) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(p, n + 1, fmt, ap);
	va_end(ap);
	b->len += n;
}

void rpc_buffer_free(struct rpc_buffer *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}
