// SPDX-License-Identifier: GPL-2.0-or-later
/* The NSEC3 chain (RFC 5155 7.1). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

int sign_hash_name(const struct sign_pass *p, const knot_dname_t *name,
		   uint8_t out[SIGN_NSEC3_HASH])
{
	const struct sign_policy *policy = p->policy;

	return sign_hash(name, policy->salt, policy->salt_len, policy->iterations, out);
}

/* A name with records that has an NSEC3 record. */
bool sign_has_nsec3(const struct sign_pass *p, const struct sign_node *node,
		    enum sign_status status)
{
	if (status == SIGN_DELEGATION && p->policy->opt_out)
		return sign_node_find(node, KNOT_RRTYPE_DS);
	return status >= SIGN_DELEGATION && sign_has_data(node);
}

static int get_record(struct sign_pass *p, const knot_dname_t *owner, struct sign_node *node,
		      const struct sign_rrset **record)
{
	int rc;

	*node = (struct sign_node) { 0 };
	rc = p->zone->get(p->zone->data, SIGN_NSEC3, owner, node);
	*record = rc > 0 ? sign_node_find(node, KNOT_RRTYPE_NSEC3) : NULL;
	return rc < 0 ? rc : 0;
}

static int write_record(struct sign_pass *p, const struct sign_hash *h, const uint8_t *next)
{
	const struct sign_policy *policy = p->policy;
	size_t head = 5 + policy->salt_len, len = head + 1 + SIGN_NSEC3_HASH + h->bitmap_len;
	struct sign_rrset want = { .type = KNOT_RRTYPE_NSEC3, .ttl = p->negative_ttl };
	const struct sign_rrset *have;
	knot_dname_storage_t owner;
	struct sign_node node;
	uint8_t *rdata = malloc(len);
	int rc;

	if (!rdata)
		return -ENOMEM;
	rdata[0] = KNOT_NSEC3_ALGORITHM_SHA1;
	rdata[1] = policy->opt_out ? KNOT_NSEC3_FLAG_OPT_OUT : 0;
	knot_wire_write_u16(rdata + 2, policy->iterations);
	rdata[4] = policy->salt_len;
	memcpy(rdata + 5, policy->salt, policy->salt_len);
	rdata[head] = SIGN_NSEC3_HASH;
	memcpy(rdata + head + 1, next, SIGN_NSEC3_HASH);
	memcpy(rdata + head + 1 + SIGN_NSEC3_HASH, h->bitmap, h->bitmap_len);
	rc = sign_rdata_add(&want.rrs, rdata, len);
	free(rdata);
	sign_hash_owner(h->hash, p->zone->apex, owner);
	if (!rc)
		rc = get_record(p, owner, &node, &have);
	if (rc) {
		knot_rdataset_clear(&want.rrs, NULL);
		return rc;
	}
	if (have && have->ttl == want.ttl && knot_rdataset_eq(&have->rrs, &want.rrs))
		rc = sign_rrset_fix(p, SIGN_NSEC3, owner, have, true);
	else
		rc = sign_put(p, SIGN_NSEC3, owner, &want);
	sign_node_free(&node);
	knot_rdataset_clear(&want.rrs, NULL);
	return rc;
}

static int add_name(struct sign_pass *p, const struct sign_node *node, enum sign_status status,
		    struct sign_hashes *to)
{
	uint8_t hash[SIGN_NSEC3_HASH], *bitmap;
	int len = sign_bitmap(p, node, status, &bitmap), rc;

	if (len < 0)
		return len;
	rc = sign_hash_name(p, node->name, hash);
	if (rc) {
		free(bitmap);
		return rc;
	}
	return sign_hashes_add(to, hash, bitmap, len);
}

/**
 * sign_nsec3_collect() - a name of a walk through the zone, and the empty non-terminals
 *	above it that had none below them before
 * @p: pass
 * @node: the name
 * @status: of the name
 * @last: the last name that was collected; changed
 * @all: what is collected
 */
int sign_nsec3_collect(struct sign_pass *p, const struct sign_node *node,
		       enum sign_status status, knot_dname_storage_t last,
		       struct sign_hashes *all)
{
	const knot_dname_t *above = node->name;
	int rc = 0;

	if (!sign_has_nsec3(p, node, status))
		return 0;
	if (!knot_dname_is_equal(node->name, p->zone->apex))
		above += 1 + above[0];
	while (!rc && !knot_dname_is_equal(above, p->zone->apex) &&
	       knot_dname_in_bailiwick(last, above) < 0) {
		struct sign_node empty = { 0 };

		knot_dname_copy_lower(empty.name, above);
		rc = add_name(p, &empty, SIGN_AUTHORITATIVE, all);
		above += 1 + above[0];
	}
	knot_dname_copy_lower(last, node->name);
	return rc ? rc : add_name(p, node, status, all);
}

static int drop_record(struct sign_pass *p, const knot_dname_t *owner)
{
	return sign_drop(p, SIGN_NSEC3, owner, KNOT_RRTYPE_NSEC3);
}

/* All hashes of the zone are known; none: there is to be no chain. */
int sign_nsec3_all(struct sign_pass *p, struct sign_hashes *all)
{
	knot_dname_storage_t owner;
	int rc;

	sign_hashes_sort(all);
	/* The apex precedes every hash. */
	knot_dname_copy_lower(owner, p->zone->apex);
	while ((rc = p->zone->step(p->zone->data, SIGN_NSEC3, owner, 1, owner)) > 0) {
		uint8_t hash[SIGN_NSEC3_HASH];

		if (!sign_hash_of_owner(owner, hash) && sign_hashes_find(all, hash))
			continue;
		rc = drop_record(p, owner);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < all->n && rc >= 0; i++)
		rc = write_record(p, &all->hash[i], all->hash[(i + 1) % all->n].hash);
	return rc < 0 ? rc : 0;
}

/**
 * struct changes - what is to become of the chain
 * @there: hashes that should be in it, with their bitmaps
 * @gone: hashes that should not be, and are
 */
struct changes {
	struct sign_hashes there, gone;
};

/* Is there anything below that makes this name an empty non-terminal of the chain? */
static int has_below(struct sign_pass *p, const knot_dname_t *name)
{
	knot_dname_storage_t at;
	int rc;

	knot_dname_copy_lower(at, name);
	while ((rc = p->zone->step(p->zone->data, SIGN_NAMES, at, 1, at)) > 0 &&
	       knot_dname_in_bailiwick(at, name) >= 0) {
		struct sign_node node;
		int status = sign_find(p, at, &node);
		bool found = status >= 0 && sign_has_nsec3(p, &node, status);

		sign_node_free(&node);
		if (status < 0)
			return status;
		if (found)
			return 1;
	}
	return rc < 0 ? rc : 0;
}

/* 1: it has a record in the chain, which is added to @to; 0: it has none. */
static int wanted(struct sign_pass *p, const knot_dname_t *name, struct sign_hashes *to)
{
	struct sign_node node;
	int status = sign_find(p, name, &node), rc = status;

	if (status == SIGN_ABSENT) {
		rc = has_below(p, name);
		status = SIGN_AUTHORITATIVE;
	} else if (status > 0) {
		rc = sign_has_nsec3(p, &node, status);
	}
	if (rc > 0)
		rc = add_name(p, &node, status, to) ?: 1;
	sign_node_free(&node);
	return rc;
}

static int look_at(struct sign_pass *p, const knot_dname_t *name, struct changes *c)
{
	int rc = wanted(p, name, &c->there);
	const struct sign_rrset *record;
	uint8_t hash[SIGN_NSEC3_HASH];
	knot_dname_storage_t owner;
	struct sign_node node;

	if (rc)
		return rc < 0 ? rc : 0;
	rc = sign_hash_name(p, name, hash);
	if (rc)
		return rc;
	sign_hash_owner(hash, p->zone->apex, owner);
	rc = get_record(p, owner, &node, &record);
	if (!rc && record)
		rc = sign_hashes_add(&c->gone, hash, NULL, 0);
	sign_node_free(&node);
	return rc;
}

/* The record beside a hash among those of the store that stay: 1, or 0 at the end. */
static int stored_neighbour(struct sign_pass *p, const struct changes *c, const uint8_t *hash,
			    int direction, uint8_t *out)
{
	knot_dname_storage_t owner;
	int rc;

	sign_hash_owner(hash, p->zone->apex, owner);
	do {
		rc = p->zone->step(p->zone->data, SIGN_NSEC3, owner, direction, owner);
		if (rc > 0)
			rc = sign_hash_of_owner(owner, out) ?: 1;
	} while (rc > 0 && sign_hashes_find(&c->gone, out));
	return rc;
}

/* The same among those that come or stay and are known. */
static int known_neighbour(const struct changes *c, const uint8_t *hash, int direction,
			   uint8_t *out)
{
	size_t low = 0, high = c->there.n;

	/* The first that is not before @hash. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(c->there.hash[middle].hash, hash, SIGN_NSEC3_HASH) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (direction > 0 && low < c->there.n &&
	    !memcmp(c->there.hash[low].hash, hash, SIGN_NSEC3_HASH))
		low++;
	if (direction < 0 ? !low : low == c->there.n)
		return 0;
	memcpy(out, c->there.hash[direction < 0 ? low - 1 : low].hash, SIGN_NSEC3_HASH);
	return 1;
}

static const uint8_t below_all[SIGN_NSEC3_HASH];
static const uint8_t above_all[SIGN_NSEC3_HASH] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* The neighbour in the chain as it will be, which is a circle. */
static int chain_neighbour(struct sign_pass *p, const struct changes *c, const uint8_t *hash,
			   int direction, uint8_t *out)
{
	for (int round = 0; round < 2; round++) {
		uint8_t stored[SIGN_NSEC3_HASH], known[SIGN_NSEC3_HASH];
		int s = stored_neighbour(p, c, hash, direction, stored);
		int k = known_neighbour(c, hash, direction, known);

		if (s < 0)
			return s;
		if (s && k)
			k = direction * memcmp(known, stored, SIGN_NSEC3_HASH) < 0;
		if (s || k) {
			memcpy(out, k ? known : stored, SIGN_NSEC3_HASH);
			return 0;
		}
		hash = direction > 0 ? below_all : above_all;
	}
	return -ENOENT;		/* the apex always has one */
}

/* A record that stays, whose next one may be another. */
static int keep(struct sign_pass *p, const uint8_t *hash, struct sign_hashes *to)
{
	const struct sign_rrset *record;
	knot_dname_storage_t owner;
	struct sign_node node;
	uint8_t *bitmap;
	uint16_t len;
	int rc;

	sign_hash_owner(hash, p->zone->apex, owner);
	rc = get_record(p, owner, &node, &record);
	if (rc || !record) {
		sign_node_free(&node);
		return rc;
	}
	len = knot_nsec3_bitmap_len(record->rrs.rdata);
	bitmap = malloc(len + 1);
	if (bitmap)
		memcpy(bitmap, knot_nsec3_bitmap(record->rrs.rdata), len);
	sign_node_free(&node);
	return bitmap ? sign_hashes_add(to, hash, bitmap, len) : -ENOMEM;
}

static int keep_before(struct sign_pass *p, const struct changes *c,
		       const struct sign_hashes *changed, struct sign_hashes *more)
{
	uint8_t before[SIGN_NSEC3_HASH];
	int rc = 0;

	for (size_t i = 0; i < changed->n && !rc; i++) {
		rc = chain_neighbour(p, c, changed->hash[i].hash, -1, before);
		if (!rc && !sign_hashes_find(&c->there, before))
			rc = keep(p, before, more);
	}
	return rc;
}

static int write_changes(struct sign_pass *p, const struct changes *c)
{
	uint8_t next[SIGN_NSEC3_HASH];
	struct sign_hashes before = { 0 };
	int rc;

	rc = keep_before(p, c, &c->there, &before);
	if (!rc)
		rc = keep_before(p, c, &c->gone, &before);
	sign_hashes_sort(&before);
	for (size_t i = 0; i < c->gone.n && !rc; i++) {
		knot_dname_storage_t owner;

		sign_hash_owner(c->gone.hash[i].hash, p->zone->apex, owner);
		rc = drop_record(p, owner);
	}
	/* What is written does not change what is beside what. */
	for (size_t i = 0; i < c->there.n && !rc; i++) {
		rc = chain_neighbour(p, c, c->there.hash[i].hash, 1, next);
		if (!rc)
			rc = write_record(p, &c->there.hash[i], next);
	}
	for (size_t i = 0; i < before.n && !rc; i++) {
		rc = chain_neighbour(p, c, before.hash[i].hash, 1, next);
		if (!rc)
			rc = write_record(p, &before.hash[i], next);
	}
	sign_hashes_free(&before);
	return rc;
}

/* After changes at these names, which are then followed by all names above them. */
int sign_nsec3_changes(struct sign_pass *p, struct sign_name_list *names)
{
	struct changes c = { 0 };
	size_t n = names->n;
	int rc = 0;

	/* Those may come or go as empty non-terminals. */
	for (size_t i = 0; i < n && !rc; i++) {
		const knot_dname_t *above = names->name[i];

		while (!rc && !knot_dname_is_equal(above, p->zone->apex)) {
			above += 1 + above[0];
			rc = sign_names_add(names, above);
		}
	}
	sign_names_sort(names);
	for (size_t i = 0; i < names->n && !rc; i++)
		rc = look_at(p, names->name[i], &c);
	sign_hashes_sort(&c.there);
	sign_hashes_sort(&c.gone);
	if (!rc)
		rc = write_changes(p, &c);
	sign_hashes_free(&c.there);
	sign_hashes_free(&c.gone);
	return rc < 0 ? rc : 0;
}
