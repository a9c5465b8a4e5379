// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "pass.h"

/*
 * What a renewal finds that expires soon after it is renewed with it, so that a zone
 * is walked through about this often while the jitter lasts.
 */
#define RENEWALS	12
#define RENEW_MIN	60	/* seconds */

/* Of a slice: some tenths of a second, in which nobody else can write. */
#define SLICE_SIGNATURES	1000
#define SLICE_NAMES		20000

static int begin(struct sign_pass *p, const struct sign_zone *zone, struct sign_keys *keys,
		 const struct sign_policy *policy, uint64_t now, struct sign_result *result)
{
	uint32_t together = policy->jitter / RENEWALS;

	if (together < RENEW_MIN && RENEW_MIN < (policy->lifetime - policy->refresh) / 4)
		together = RENEW_MIN;
	*p = (struct sign_pass) {
		.zone = zone,
		.keys = keys,
		.policy = policy,
		.now = now,
		.renew = now + policy->refresh + together,
		.result = result,
	};
	*result = (struct sign_result) { .expires = SIGN_NEVER };
	/* A hash as a label stands before the apex in each NSEC3 record's owner name. */
	if (policy->nsec3 && knot_dname_size(zone->apex) > KNOT_DNAME_MAXLEN - SIGN_HASH_LABEL)
		return -ENAMETOOLONG;
	return 0;
}

/**
 * struct walk - a way through all names
 * @hashes: with NSEC3: of the names so far
 * @last: with NSEC3: see sign_nsec3_collect()
 * @cut: the last zone cut or DNAME, if @is_cut
 * @is_cut: there was one
 * @before: with NSEC: the last name of the chain
 * @status: of that
 */
struct walk {
	struct sign_hashes hashes;
	knot_dname_storage_t last, cut;
	bool is_cut;
	struct sign_node before;
	enum sign_status status;
};

static int visit(struct sign_pass *p, struct walk *w, struct sign_node *node)
{
	bool occluded = w->is_cut && knot_dname_in_bailiwick(node->name, w->cut) > 0;
	enum sign_status status = sign_status_above(p, node, occluded);
	int rc;

	if (!occluded) {
		w->is_cut = sign_is_cut(p, node);
		knot_dname_copy_lower(w->cut, node->name);
	}
	rc = sign_node_fix(p, node, status);
	if (rc < 0)
		return rc;
	if (p->policy->nsec3)
		return sign_nsec3_collect(p, node, status, w->last, &w->hashes);
	if (!sign_in_chain(node, status))
		return 0;
	if (w->before.n)
		rc = sign_nsec_link(p, &w->before, w->status, node->name);
	sign_node_free(&w->before);
	w->before = *node;
	w->status = status;
	*node = (struct sign_node) { 0 };
	return rc;
}

static int walk_all(struct sign_pass *p, struct walk *w)
{
	knot_dname_storage_t name;
	int rc;

	knot_dname_copy_lower(name, p->zone->apex);
	do {
		struct sign_node node = { 0 };

		rc = p->zone->get(p->zone->data, SIGN_NAMES, name, &node);
		if (rc > 0)
			rc = visit(p, w, &node);
		sign_node_free(&node);
		if (rc >= 0)
			rc = p->zone->step(p->zone->data, SIGN_NAMES, name, 1, name);
	} while (rc > 0);
	return rc;
}

int sign_all(const struct sign_zone *zone, struct sign_keys *keys,
	     const struct sign_policy *policy, uint64_t now, struct sign_result *result)
{
	struct walk w = { 0 };
	struct sign_pass p;
	int rc = begin(&p, zone, keys, policy, now, result);

	knot_dname_copy_lower(w.last, zone->apex);
	if (!rc)
		rc = sign_apex(&p);
	if (!rc)
		rc = walk_all(&p, &w);
	if (!rc && w.before.n)
		rc = sign_nsec_link(&p, &w.before, w.status, zone->apex);
	if (!rc)
		rc = sign_nsec3_all(&p, &w.hashes);
	sign_node_free(&w.before);
	sign_hashes_free(&w.hashes);
	return rc < 0 ? rc : 0;
}

/* Is the chain of the kind and with the TTL that it should have? */
static int chain_fits(struct sign_pass *p)
{
	uint16_t type = p->policy->nsec3 ? KNOT_RRTYPE_NSEC3 : KNOT_RRTYPE_NSEC;
	knot_dname_storage_t owner;
	struct sign_node node = { 0 };
	const struct sign_rrset *rrset;
	uint8_t hash[SIGN_NSEC3_HASH];
	int rc;

	knot_dname_copy_lower(owner, p->zone->apex);
	if (p->policy->nsec3) {
		rc = sign_hash_name(p, p->zone->apex, hash);
		if (rc)
			return rc;
		sign_hash_owner(hash, p->zone->apex, owner);
	}
	rc = p->zone->get(p->zone->data, p->policy->nsec3 ? SIGN_NSEC3 : SIGN_NAMES, owner, &node);
	rrset = rc > 0 ? sign_node_find(&node, type) : NULL;
	rc = rc < 0 ? rc : rrset && rrset->ttl == p->negative_ttl;
	sign_node_free(&node);
	return rc;
}

/* All names below one where a zone cut or a DNAME came or went. */
static int add_below(struct sign_pass *p, const knot_dname_t *top, struct sign_name_list *names)
{
	knot_dname_storage_t at;
	int rc;

	knot_dname_copy_lower(at, top);
	while ((rc = p->zone->step(p->zone->data, SIGN_NAMES, at, 1, at)) > 0 &&
	       knot_dname_in_bailiwick(at, top) > 0) {
		rc = sign_names_add(names, at);
		if (rc)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

static int list_names(struct sign_pass *p, const struct sign_change *change, size_t n,
		      struct sign_name_list *names)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		const struct sign_change *c = &change[i];
		bool apex = knot_dname_is_equal(c->name, p->zone->apex);

		rc = sign_names_add(names, c->name);
		if (!rc && (c->type == KNOT_RRTYPE_DNAME || (c->type == KNOT_RRTYPE_NS && !apex)))
			rc = add_below(p, c->name, names);
	}
	sign_names_sort(names);
	return rc;
}

static int fix_names(struct sign_pass *p, const struct sign_name_list *names)
{
	int rc = 0;

	for (size_t i = 0; i < names->n && rc >= 0; i++) {
		struct sign_node node;
		int status = sign_find(p, names->name[i], &node);

		rc = status < 0 ? status : sign_node_fix(p, &node, status);
		sign_node_free(&node);
	}
	return rc < 0 ? rc : 0;
}

int sign_changes(const struct sign_zone *zone, struct sign_keys *keys,
		 const struct sign_policy *policy, uint64_t now,
		 const struct sign_change *change, size_t n, struct sign_result *result)
{
	struct sign_name_list names = { 0 };
	struct sign_pass p;
	int rc = begin(&p, zone, keys, policy, now, result);

	if (!rc)
		rc = sign_apex(&p);
	if (rc)
		return rc;
	rc = chain_fits(&p);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = list_names(&p, change, n, &names);
	if (!rc)
		rc = fix_names(&p, &names);
	if (!rc && policy->nsec3)
		rc = sign_nsec3_changes(&p, &names);
	else if (!rc)
		rc = sign_nsec_changes(&p, &names);
	sign_names_free(&names);
	return rc;
}

static int slice_name(struct sign_pass *p, const knot_dname_t *name)
{
	const struct sign_rrset *nsec;
	struct sign_node node;
	int status = sign_find(p, name, &node), rc;

	rc = status < 0 ? status : sign_node_fix(p, &node, status);
	nsec = rc < 0 ? NULL : sign_node_find(&node, KNOT_RRTYPE_NSEC);
	if (nsec && !p->policy->nsec3 && sign_in_chain(&node, status))
		rc = sign_rrset_fix(p, SIGN_NAMES, name, nsec, true);
	sign_node_free(&node);
	return rc;
}

static int slice_nsec3(struct sign_pass *p, const knot_dname_t *name)
{
	struct sign_node node = { 0 };
	int rc = p->zone->get(p->zone->data, SIGN_NSEC3, name, &node);

	for (int i = 0; i < node.n && rc >= 0; i++)
		rc = sign_rrset_fix(p, SIGN_NSEC3, name, &node.rrset[i], true);
	sign_node_free(&node);
	return rc;
}

static int slice(struct sign_pass *p, struct sign_cursor *at)
{
	int rc = 0;

	for (unsigned int n = 0; at->under_way && rc >= 0 && n < SLICE_NAMES &&
	     p->result->signatures < SLICE_SIGNATURES; n++) {
		rc = p->zone->step(p->zone->data, at->nsec3 ? SIGN_NSEC3 : SIGN_NAMES, at->name, 1,
				   at->name);
		if (rc > 0) {
			rc = at->nsec3 ? slice_nsec3(p, at->name) : slice_name(p, at->name);
		} else if (!rc) {
			at->under_way = p->policy->nsec3 && !at->nsec3;
			at->nsec3 = true;
			knot_dname_copy_lower(at->name, p->zone->apex);
		}
	}
	return rc < 0 ? rc : 0;
}

static void include_result(struct sign_cursor *at, const struct sign_result *result)
{
	if (result->expires < at->expires)
		at->expires = result->expires;
	if (result->max_ttl > at->max_ttl)
		at->max_ttl = result->max_ttl;
}

int sign_slice(const struct sign_zone *zone, struct sign_keys *keys,
	       const struct sign_policy *policy, uint64_t now, struct sign_cursor *at,
	       struct sign_result *result)
{
	struct sign_result apex = { 0 };
	struct sign_pass p;
	int rc = 0;

	if (!at->under_way) {
		const struct sign_change change = { .name = zone->apex, .type = KNOT_RRTYPE_DNSKEY };

		*at = (struct sign_cursor) { .under_way = true, .began = now, .expires = SIGN_NEVER };
		knot_dname_copy_lower(at->name, zone->apex);
		rc = sign_changes(zone, keys, policy, now, &change, 1, &apex);
		if (rc)
			return rc;
		include_result(at, &apex);
	}
	rc = begin(&p, zone, keys, policy, now, result);
	if (!rc)
		rc = slice(&p, at);
	include_result(at, result);
	result->signatures += apex.signatures;
	result->changes += apex.changes;
	result->unreadable += apex.unreadable;
	return rc;
}

int sign_soa(const struct sign_zone *zone, struct sign_keys *keys,
	     const struct sign_policy *policy, uint64_t now, struct sign_result *result)
{
	struct sign_node node = { 0 };
	const struct sign_rrset *soa;
	struct sign_pass p;
	int rc = begin(&p, zone, keys, policy, now, result);

	if (rc)
		return rc;
	rc = zone->get(zone->data, SIGN_NAMES, zone->apex, &node);
	soa = rc > 0 ? sign_node_find(&node, KNOT_RRTYPE_SOA) : NULL;
	if (rc >= 0)
		rc = soa ? sign_rrset_fix(&p, SIGN_NAMES, zone->apex, soa, true) : -ENOENT;
	sign_node_free(&node);
	return rc;
}
