// SPDX-License-Identifier: GPL-2.0-or-later
/* The signatures beside an rrset. */
#include <errno.h>

#include "pass.h"

static knot_rrset_t as_rrset(const knot_dname_t *name, const struct sign_rrset *rrset)
{
	return (knot_rrset_t) {
		.owner = (knot_dname_t *)name,
		.ttl = rrset->ttl,
		.type = rrset->type,
		.rclass = KNOT_CLASS_IN,
		.rrs = rrset->rrs,
	};
}

static bool made_by(const struct sign_pass *p, const knot_rdata_t *rr, const struct sign_key *key)
{
	return rr->len > 18 && knot_rrsig_alg(rr) == sign_key_algorithm(key) &&
	       knot_rrsig_key_tag(rr) == sign_key_tag(key) &&
	       knot_dname_is_case_equal(knot_rrsig_signer_name(rr), p->zone->apex);
}

/* Times are compared as serial numbers (RFC 4034 3.1.5). */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* A signature that can stay. */
static bool is_good(const struct sign_pass *p, const knot_dname_t *name,
		    const struct sign_rrset *rrset, const knot_rdata_t *rr)
{
	uint8_t labels = knot_dname_labels(name, NULL) - knot_dname_is_wildcard(name);

	return knot_rrsig_type_covered(rr) == rrset->type && knot_rrsig_labels(rr) == labels &&
	       knot_rrsig_original_ttl(rr) == rrset->ttl &&
	       !before(knot_rrsig_sig_expiration(rr), p->renew) &&
	       !before(p->now, knot_rrsig_sig_inception(rr));
}

static const knot_rdata_t *find_by(const struct sign_pass *p, const struct sign_rrset *rrset,
				   const struct sign_key *key)
{
	const knot_rdata_t *rr = rrset->rrsigs.rdata;

	for (int i = 0; i < rrset->rrsigs.count; i++, rr = knot_rdataset_next((knot_rdata_t *)rr))
		if (made_by(p, rr, key))
			return rr;
	return NULL;
}

static void note(struct sign_pass *p, const knot_rdata_t *rr)
{
	int32_t left = knot_rrsig_sig_expiration(rr) - (uint32_t)p->now;
	uint64_t expires = p->now + left;

	if (expires < p->result->expires)
		p->result->expires = expires;
}

static int sign_by(struct sign_pass *p, const knot_dname_t *name, const struct sign_rrset *rrset,
		   struct sign_key *key, knot_rdataset_t *rrsigs)
{
	uint8_t rdata[SIGN_MAX_RRSIG];
	knot_rrset_t whole = as_rrset(name, rrset);
	int len;

	len = sign_make(&whole, p->zone->apex, key, sign_validity(p->policy, p->now), rdata);
	if (len < 0)
		return len;
	p->result->signatures++;
	return sign_rdata_add(rrsigs, rdata, len);
}

/* By each key that has to: what is there if it is good, else a new one. */
static int wanted_rrsigs(struct sign_pass *p, const knot_dname_t *name,
			 const struct sign_rrset *rrset, knot_rdataset_t *rrsigs)
{
	int rc = 0;

	for (int i = 0; i < p->keys->n && !rc; i++) {
		struct sign_key *key = &p->keys->key[i];
		const knot_rdata_t *old;

		if (!sign_key_signs(key, rrset->type))
			continue;
		old = find_by(p, rrset, key);
		/* What cannot be made anew is better old than not at all. */
		if (old && (is_good(p, name, rrset, old) || !key->context))
			rc = sign_rdata_add(rrsigs, old->data, old->len);
		else if (key->context)
			rc = sign_by(p, name, rrset, key, rrsigs);
		if (!key->context)
			p->result->unreadable++;
	}
	if (!rc && !rrsigs->count)
		rc = -ENOKEY;
	return rc;
}

/**
 * sign_rrset_fix() - have the signatures that there should be
 * @p: pass
 * @tree: which
 * @name: owner
 * @rrset: with the signatures that there are
 * @wanted: it should have any
 */
int sign_rrset_fix(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name,
		   const struct sign_rrset *rrset, bool wanted)
{
	knot_rdataset_t rrsigs;
	knot_rdata_t *rr;
	int rc = 0;

	if (rrset->ttl > p->result->max_ttl)
		p->result->max_ttl = rrset->ttl;
	knot_rdataset_init(&rrsigs);
	if (wanted)
		rc = wanted_rrsigs(p, name, rrset, &rrsigs);
	rr = rrsigs.rdata;
	for (int i = 0; i < rrsigs.count; i++, rr = knot_rdataset_next(rr))
		note(p, rr);
	if (!rc && !knot_rdataset_eq(&rrsigs, &rrset->rrsigs)) {
		p->result->changes++;
		rc = p->zone->rrsigs(p->zone->data, tree, name, rrset->type, rrset->ttl, &rrsigs);
	}
	knot_rdataset_clear(&rrsigs, NULL);
	return rc;
}

/* Into the zone, with signatures. */
int sign_put(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name,
	     struct sign_rrset *rrset)
{
	knot_rrset_t whole = as_rrset(name, rrset);
	int rc = p->zone->put(p->zone->data, tree, &whole);

	p->result->changes++;
	if (rc < 0)
		return rc;
	knot_rdataset_clear(&rrset->rrsigs, NULL);
	return sign_rrset_fix(p, tree, name, rrset, true);
}

int sign_drop(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name, uint16_t type)
{
	p->result->changes++;
	return p->zone->drop(p->zone->data, tree, name, type);
}

/* All of a name but its NSEC, which goes if there should be none. */
int sign_node_fix(struct sign_pass *p, const struct sign_node *node, enum sign_status status)
{
	int rc = 0;

	for (int i = 0; i < node->n && !rc; i++) {
		const struct sign_rrset *rrset = &node->rrset[i];
		bool wanted = status == SIGN_AUTHORITATIVE ||
			      (status == SIGN_DELEGATION && rrset->type == KNOT_RRTYPE_DS);

		if (rrset->type != KNOT_RRTYPE_NSEC)
			rc = sign_rrset_fix(p, SIGN_NAMES, node->name, rrset, wanted);
		else if (p->policy->nsec3 || status == SIGN_OCCLUDED || status == SIGN_ABSENT)
			rc = sign_drop(p, SIGN_NAMES, node->name, rrset->type);
	}
	return rc;
}
