// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of an exchange, allocated piece by piece and freed all at once.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Header, fields, decoded target and a response's fields of an ordinary request fit. */
#define BLOCK_SIZE	8160

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) char data[];
};

/**
 * arena_alloc() - memory that lives until the arena is reset
 * @a: the arena
 * @size: octets
 *
 * Return: memory fit for any object, not zeroed, or NULL without memory.
 */
void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t room;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size <= a->left) {
		a->left -= size;
		return b->data + b->size - a->left - size;
	}
	room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE;
	b = malloc(sizeof(*b) + room);
	if (!b)
		return NULL;
	b->size = room;
	/* What is large gets a block of its own behind the first, whose rest stays of use. */
	if (room == size && a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
		return b->data;
	}
	b->next = a->blocks;
	a->blocks = b;
	a->left = room - size;
	return b->data;
}

/**
 * arena_strndup() - copy text into an arena
 * @a: the arena
 * @s: text
 * @len: its length
 *
 * Return: the copy, which ends in NUL, or NULL without memory.
 */
char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = 0;
	}
	return copy;
}

/**
 * arena_reset() - forget all that was allocated
 * @a: the arena; keeps one ordinary block for its next use
 */
void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL, *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		if (!keep && b->size == BLOCK_SIZE)
			keep = b;
		else
			free(b);
	}
	if (keep)
		keep->next = NULL;
	a->blocks = keep;
	a->left = keep ? keep->size : 0;
}

/**
 * arena_free() - free all memory
 * @a: the arena, which may be used again
 */
void arena_free(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->left = 0;
}
