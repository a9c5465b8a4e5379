// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an edit did, by record; what it undid again is not among it.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define FIRST_BUCKETS	64

struct changes {
	struct change *first, **last;
	struct change **bucket;
	size_t n_buckets, n;
};

struct changes *changes_new(void)
{
	struct changes *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->last = &c->first;
	c->n_buckets = FIRST_BUCKETS;
	c->bucket = calloc(c->n_buckets, sizeof(*c->bucket));
	if (!c->bucket) {
		free(c);
		return NULL;
	}
	return c;
}

/* FNV-1a */
static uint64_t hash_octets(uint64_t h, const uint8_t *data, size_t len)
{
	while (len--)
		h = (h ^ *data++) * 0x100000001b3;
	return h;
}

static uint64_t hash(const uint8_t *owner, uint16_t type, uint32_t ttl, const knot_rdata_t *rdata)
{
	uint64_t h = 0xcbf29ce484222325;

	h = hash_octets(h, owner, knot_dname_size(owner));
	h = hash_octets(h, (uint8_t *)&type, sizeof(type));
	h = hash_octets(h, (uint8_t *)&ttl, sizeof(ttl));
	return hash_octets(h, rdata->data, rdata->len);
}

static void grow(struct changes *c)
{
	size_t n = 4 * c->n_buckets;
	struct change **bucket = calloc(n, sizeof(*bucket));

	if (!bucket)
		return;		/* slower */
	for (struct change *i = c->first; i; i = i->next) {
		size_t at = hash(i->owner, i->type, i->ttl, i->rdata) % n;

		i->same_hash = bucket[at];
		bucket[at] = i;
	}
	free(c->bucket);
	c->bucket = bucket;
	c->n_buckets = n;
}

static size_t even(size_t n)
{
	return n + (n & 1);
}

static struct change *add(struct changes *c, const uint8_t *owner, uint16_t type, uint32_t ttl,
			  const knot_rdata_t *rdata)
{
	size_t owner_len = knot_dname_size(owner), at;
	size_t start = even(offsetof(struct change, owner) + owner_len);
	struct change *i = calloc(1, start + knot_rdata_size(rdata->len));

	if (!i)
		return NULL;
	memcpy(i->owner, owner, owner_len);
	i->type = type;
	i->ttl = ttl;
	i->rdata = (knot_rdata_t *)((char *)i + start);
	memcpy((char *)i + start, rdata, sizeof(rdata->len) + rdata->len);
	if (++c->n > 2 * c->n_buckets)
		grow(c);
	at = hash(owner, type, ttl, rdata) % c->n_buckets;
	i->same_hash = c->bucket[at];
	c->bucket[at] = i;
	*c->last = i;
	c->last = &i->next;
	return i;
}

int changes_note(struct changes *c, bool removed, const uint8_t *owner, uint16_t type,
		 uint32_t ttl, const knot_rdata_t *rdata)
{
	struct change *i = c->bucket[hash(owner, type, ttl, rdata) % c->n_buckets];

	while (i && (i->type != type || i->ttl != ttl || i->rdata->len != rdata->len ||
		     memcmp(i->rdata->data, rdata->data, rdata->len) ||
		     !knot_dname_is_equal(i->owner, owner)))
		i = i->same_hash;
	if (!i)
		i = add(c, owner, type, ttl, rdata);
	if (!i)
		return -ENOMEM;
	i->net += removed ? -1 : 1;
	return 0;
}

struct change *changes_first(const struct changes *c)
{
	return c->first;
}

bool changes_any(const struct changes *c)
{
	for (struct change *i = c->first; i; i = i->next)
		if (i->net)
			return true;
	return false;
}

void changes_free(struct changes *c)
{
	if (!c)
		return;
	for (struct change *i = c->first, *next; i; i = next) {
		next = i->next;
		free(i);
	}
	free(c->bucket);
	free(c);
}
