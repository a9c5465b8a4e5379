// SPDX-License-Identifier: GPL-2.0-or-later
#include "record-set.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM	64

/* FNV-1a */
static uint64_t mix(uint64_t h, uint8_t octet)
{
	return (h ^ octet) * 0x100000001b3;
}

static uint64_t hash_of(const knot_rrset_t *rr)
{
	size_t owner = knot_dname_size(rr->owner);
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < owner; i++)
		h = mix(h, tolower(rr->owner[i]));
	h = mix(mix(h, rr->type >> 8), rr->type & 255);
	for (size_t i = 0; i < rr->rrs.rdata->len; i++)
		h = mix(h, rr->rrs.rdata->data[i]);
	return h ?: 1;
}

static bool put(struct record_set *s, uint64_t hash)
{
	size_t i = hash % s->room;

	while (s->hash[i] && s->hash[i] != hash)
		i = (i + 1) % s->room;
	if (s->hash[i])
		return false;
	s->hash[i] = hash;
	s->n++;
	return true;
}

static int grow(struct record_set *s)
{
	struct record_set more = { .room = s->room ? 2 * s->room : FIRST_ROOM };

	more.hash = calloc(more.room, sizeof(*more.hash));
	if (!more.hash)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->hash[i])
			put(&more, s->hash[i]);
	free(s->hash);
	*s = more;
	return 0;
}

/**
 * record_set_add() - a record is seen
 * @s: the set
 * @rr: one record; its TTL does not count
 *
 * Return: 0, -EEXIST: it was seen before, or -ENOMEM.
 */
int record_set_add(struct record_set *s, const knot_rrset_t *rr)
{
	int err = 2 * s->n >= s->room ? grow(s) : 0;

	if (err)
		return err;
	return put(s, hash_of(rr)) ? 0 : -EEXIST;
}

/**
 * record_set_clear() - nothing was seen so far
 * @s: the set
 */
void record_set_clear(struct record_set *s)
{
	free(s->hash);
	*s = (struct record_set){ 0 };
}
