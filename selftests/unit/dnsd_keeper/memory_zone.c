// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory_zone.h"

#include <errno.h>
#include <stdlib.h>

#include "records.h"

const uint8_t *const apex = (const uint8_t *)"\7example";

int zone_find(struct zone *z, const knot_dname_t *name, uint16_t type)
{
	for (int i = 0; i < z->n; i++)
		if (z->rrset[i]->type == type && knot_dname_is_case_equal(z->rrset[i]->owner, name))
			return i;
	return -1;
}

static int zone_get(void *data, const knot_dname_t *name, uint16_t type, knot_rrset_t *out)
{
	struct zone *z = data;
	int i = zone_find(z, name, type);

	if (i < 0)
		return 0;
	out->ttl = z->rrset[i]->ttl;
	return knot_rdataset_copy(&out->rrs, &z->rrset[i]->rrs, NULL) ? -ENOMEM : 1;
}

static int zone_each(void *data, const knot_dname_t *name, update_rrset_fn fn, void *arg)
{
	struct zone *z = data;

	for (int i = 0; i < z->n; i++) {
		int result = knot_dname_is_case_equal(z->rrset[i]->owner, name) ?
			     fn(z->rrset[i], arg) : 0;

		if (result)
			return result;
	}
	return 0;
}

static int zone_drop(void *data, const knot_dname_t *name, uint16_t type)
{
	struct zone *z = data;
	int i = zone_find(z, name, type);

	if (i < 0)
		abort();	/* "which is there" */
	if (z->fail_after && !--z->fail_after)
		return -EIO;
	knot_rrset_free(z->rrset[i], NULL);
	z->rrset[i] = z->rrset[--z->n];
	return 0;
}

static int zone_put(void *data, const knot_rrset_t *rrset)
{
	struct zone *z = data;
	int i = zone_find(z, rrset->owner, rrset->type);

	if (z->fail_after && !--z->fail_after)
		return -EIO;
	if (i >= 0) {
		knot_rrset_free(z->rrset[i], NULL);
		z->rrset[i] = z->rrset[--z->n];
	}
	if (z->n == MAX_RRSETS)
		return -ENOSPC;
	z->rrset[z->n] = knot_rrset_copy(rrset, NULL);
	z->rrset[z->n]->rclass = KNOT_CLASS_IN;
	knot_dname_to_lower(z->rrset[z->n]->owner);
	z->n++;
	return 0;
}

static void zone_add(struct zone *z, const char *text)
{
	knot_rrset_t *rr = record_parse(text);
	int i = zone_find(z, rr->owner, rr->type);

	if (i >= 0) {
		if (knot_rdataset_merge(&z->rrset[i]->rrs, &rr->rrs, NULL))
			abort();
		knot_rrset_free(rr, NULL);
		return;
	}
	z->rrset[z->n++] = rr;
}

void zone_free(struct zone *z)
{
	while (z->n)
		knot_rrset_free(z->rrset[--z->n], NULL);
}

void zone_fill(struct zone *z)
{
	zone_add(z, "@ SOA ns host 10 3600 600 86400 300");
	zone_add(z, "@ NS ns");
	zone_add(z, "ns A 192.0.2.1");
	zone_add(z, "www A 192.0.2.2");
	zone_add(z, "www A 192.0.2.3");
	zone_add(z, "www TXT hello");
	zone_add(z, "alias CNAME www");
}

struct update_zone zone_interface(struct zone *z, bool no_dnssec)
{
	return (struct update_zone){
		.apex = apex, .no_dnssec = no_dnssec, .data = z,
		.get = zone_get, .each = zone_each, .put = zone_put, .drop = zone_drop,
	};
}
