/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPCD_BUFFER_H
#define RPCD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/**
 * struct rpc_buffer - octets that grow up to a bound; zeroed but for @max to begin with
 * @data: malloc()ed, or NULL
 * @len: octets in it
 * @size: octets it has room for
 * @max: octets it may have; 0: as many as there is memory
 * @failed: something was left out for want of room or memory
 */
struct rpc_buffer {
	char *data;
	size_t len, size, max;
	bool failed;
};

/* Room for @len more octets, or NULL, and @failed is set. */
char *rpc_buffer_room(struct rpc_buffer *b, size_t len);
void rpc_buffer_add(struct rpc_buffer *b, const void *data, size_t len);
void rpc_buffer_printf(struct rpc_buffer *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void rpc_buffer_free(struct rpc_buffer *b);

/* Here, so that the length of what is written in the source costs nothing. */
static inline void rpc_buffer_text(struct rpc_buffer *b, const char *s)
{
	rpc_buffer_add(b, s, strlen(s));
}

#endif
