// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS	256

/* The first record of each sort; line 0: none. */
struct name {
	struct name *next;
	uint64_t cname, dname, soa, other;
	uint8_t owner[];
};

struct zone_names {
	size_t n, n_buckets;
	struct name **bucket;
};

struct zone_names *zone_names_new(void)
{
	struct zone_names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->n_buckets = FIRST_BUCKETS;
	n->bucket = calloc(n->n_buckets, sizeof(*n->bucket));
	if (n->bucket)
		return n;
	free(n);
	return NULL;
}

static uint64_t hash(const uint8_t *name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t len = knot_dname_size(name); len; len--)
		h = (h ^ *name++) * 0x100000001b3;
	return h ^ h >> 32;
}

static void grow(struct zone_names *n)
{
	size_t count = 4 * n->n_buckets;
	struct name **bucket = calloc(count, sizeof(*bucket));

	if (!bucket)
		return;		/* slower */
	for (size_t i = 0; i < n->n_buckets; i++) {
		for (struct name *e = n->bucket[i], *next; e; e = next) {
			struct name **to = &bucket[hash(e->owner) % count];

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(n->bucket);
	n->bucket = bucket;
	n->n_buckets = count;
}

static struct name *get(struct zone_names *n, const uint8_t *owner)
{
	struct name **bucket = &n->bucket[hash(owner) % n->n_buckets], *e;
	size_t len = knot_dname_size(owner);

	for (e = *bucket; e; e = e->next)
		if (knot_dname_is_equal(e->owner, owner))
			return e;
	if (++n->n > 2 * n->n_buckets) {
		grow(n);
		bucket = &n->bucket[hash(owner) % n->n_buckets];
	}
	e = calloc(1, sizeof(*e) + len);
	if (!e)
		return NULL;
	memcpy(e->owner, owner, len);
	e->next = *bucket;
	*bucket = e;
	return e;
}

/* May be beside a CNAME (RFC 2181 section 10.1, RFC 4034 section 3). */
static bool beside_cname(uint16_t type)
{
	return type == KNOT_RRTYPE_RRSIG || type == KNOT_RRTYPE_NSEC || type == KNOT_RRTYPE_KEY;
}

static void once(struct reader *r, const struct reader_record *record, uint64_t *line,
		 const char *type)
{
	char name[DNS_NAME_TEXT];

	if (*line)
		reader_error(r, record->file, record->line, "a second %s record of %s; the first "
			     "is in line %llu", type, dns_name_to_text(name, record->owner),
			     (unsigned long long)*line);
	else
		*line = record->line;
}

bool zone_names_add(struct zone_names *n, struct reader *r, const struct reader_record *record)
{
	uint8_t owner[DNS_NAME_MAX];
	char text[DNS_NAME_TEXT];
	struct name *e;

	memcpy(owner, record->owner, knot_dname_size(record->owner));
	dns_name_lower(owner);
	e = get(n, owner);
	if (!e)
		return false;
	if (record->type == KNOT_RRTYPE_CNAME)
		once(r, record, &e->cname, "CNAME");
	else if (!beside_cname(record->type) && !e->other)
		e->other = record->line;
	if (record->type == KNOT_RRTYPE_DNAME)
		once(r, record, &e->dname, "DNAME");
	if (record->type == KNOT_RRTYPE_SOA)
		once(r, record, &e->soa, "SOA");
	/* Told once a name, at the record that makes it so. */
	if (e->cname && e->other && (e->cname == record->line || e->other == record->line))
		reader_error(r, record->file, record->line, "%s has a CNAME and other data (lines "
			     "%llu and %llu); allowed is a CNAME alone",
			     dns_name_to_text(text, record->owner), (unsigned long long)e->cname,
			     (unsigned long long)e->other);
	return true;
}

void zone_names_free(struct zone_names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_buckets; i++) {
		for (struct name *e = n->bucket[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(n->bucket);
	free(n);
}
