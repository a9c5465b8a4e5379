/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_ARENA_H
#define HTTP_ARENA_H

#include <stddef.h>

struct arena_block;

/**
 * struct arena - memory that is freed all at once; zeroed to begin with
 * @blocks: what was allocated
 * @left: octets free in the first block
 */
struct arena {
	struct arena_block *blocks;
	size_t left;
};

void *arena_alloc(struct arena *a, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t len);
/* Keeps one block, zero or not, so that the next use allocates nothing. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
