// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proofs of what is not there, from the chain that the zone has, whoever made it.
 *
 * Which records it takes: RFC 4035 3.1.3 for NSEC, RFC 5155 7.2 for NSEC3.
 */
#include "denial.h"

#include <string.h>

#include "sign/hash.h"

/* Records of another chain that are passed over, when a zone is between two (RFC 5155 10.4). */
#define OTHERS_MAX	16

/**
 * struct proof - of what chain
 * @q: query
 * @param: NSEC3PARAM of the chain, or NULL: it is NSEC
 */
struct proof {
	struct query *q;
	const knot_rdata_t *param;
};

/* False: the zone has no chain. */
static bool begin(struct proof *p, struct query *q)
{
	struct store_node apex;
	struct store_rrset param, nsec;

	p->q = q;
	p->param = NULL;
	if (!store_get(q->txn, q->zone_id, STORE_NAMES, q->zone->name, &apex))
		return false;
	if (!store_rrset(&apex, KNOT_RRTYPE_NSEC3PARAM, &param))
		return store_rrset(&apex, KNOT_RRTYPE_NSEC, &nsec);
	for (int i = 0; i < param.rdata.count && !p->param; i++) {
		const knot_rdata_t *rr = knot_rdataset_at(&param.rdata, i);

		/* RFC 5155 4.1.2: with flags it is not a chain that is complete. */
		if (rr->len >= 5 && rr->len == 5 + knot_nsec3param_salt_len(rr) &&
		    knot_nsec3param_alg(rr) == KNOT_NSEC3_ALGORITHM_SHA1 &&
		    !knot_nsec3param_flags(rr))
			p->param = rr;
	}
	return p->param || store_rrset(&apex, KNOT_RRTYPE_NSEC, &nsec);
}

/* Once: what two proofs have in common, and those of several names (CNAME). */
static void put(struct proof *p, const uint8_t *owner, const struct store_node *node,
		uint16_t type)
{
	struct query *q = p->q;
	struct store_rrset rrset;

	for (unsigned int i = 0; i < q->n_proved; i++)
		if (q->proved[i] == node->data)
			return;
	if (q->n_proved == QUERY_PROOFS_MAX || !store_rrset(node, type, &rrset))
		return;
	q->proved[q->n_proved++] = node->data;
	response_put(q, QUERY_IN_AUTHORITY, owner, &rrset);
}

/* --- NSEC --- */

/* The NSEC of this name; false when it has none. */
static bool nsec_of(struct proof *p, const uint8_t *name)
{
	struct store_node node;
	struct store_rrset rrset;

	if (!store_get(p->q->txn, p->q->zone_id, STORE_NAMES, name, &node) ||
	    !store_rrset(&node, KNOT_RRTYPE_NSEC, &rrset))
		return false;
	put(p, name, &node, KNOT_RRTYPE_NSEC);
	return true;
}

/* The NSEC whose span this name is in. */
static void nsec_around(struct proof *p, const uint8_t *name)
{
	uint8_t owner[DNS_NAME_MAX];
	struct store_node node;

	if (store_before(p->q->txn, p->q->zone_id, STORE_NAMES, name, KNOT_RRTYPE_NSEC, owner,
			 &node))
		put(p, owner, &node, KNOT_RRTYPE_NSEC);
}

/* --- NSEC3 --- */

static bool same_chain(const struct proof *p, const struct store_node *node)
{
	struct store_rrset rrset;
	const knot_rdata_t *rr;

	if (!store_rrset(node, KNOT_RRTYPE_NSEC3, &rrset))
		return false;
	rr = rrset.rdata.rdata;
	return rr->len > p->param->len && knot_nsec3_alg(rr) == knot_nsec3param_alg(p->param) &&
	       !memcmp(rr->data + 2, p->param->data + 2, p->param->len - 2);
}

static bool owner_of(const struct proof *p, const uint8_t *name, knot_dname_storage_t owner)
{
	uint8_t hash[SIGN_NSEC3_HASH];

	/* An apex so long that no hash fits before it has no records of the kind. */
	if (p->q->zone->name_len + SIGN_HASH_LABEL > DNS_NAME_MAX ||
	    sign_hash(name, knot_nsec3param_salt(p->param), knot_nsec3param_salt_len(p->param),
		      knot_nsec3param_iters(p->param), hash))
		return false;
	sign_hash_owner(hash, p->q->zone->name, owner);
	return true;
}

static bool nsec3_of(struct proof *p, const uint8_t *name)
{
	knot_dname_storage_t owner;
	struct store_node node;

	if (!owner_of(p, name, owner) ||
	    !store_get(p->q->txn, p->q->zone_id, STORE_NSEC3, owner, &node) ||
	    !same_chain(p, &node))
		return false;
	put(p, owner, &node, KNOT_RRTYPE_NSEC3);
	return true;
}

static void nsec3_around(struct proof *p, const uint8_t *name)
{
	knot_dname_storage_t at;
	uint8_t owner[DNS_NAME_MAX];
	struct store_node node;

	if (!owner_of(p, name, at))
		return;
	for (int i = 0; i < OTHERS_MAX; i++) {
		uint8_t hash[SIGN_NSEC3_HASH];

		if (!store_before(p->q->txn, p->q->zone_id, STORE_NSEC3, at, KNOT_RRTYPE_NSEC3,
				  owner, &node))
			return;
		if (same_chain(p, &node)) {
			put(p, owner, &node, KNOT_RRTYPE_NSEC3);
			return;
		}
		/* Look before this one. */
		if (sign_hash_of_owner(owner, hash))
			return;
		for (int j = SIGN_NSEC3_HASH - 1; j >= 0 && !hash[j]--; j--)
			;
		sign_hash_owner(hash, p->q->zone->name, at);
	}
}

/*
 * RFC 5155 7.2.1: an ancestor that has a record, and the span of the name one label longer.
 * With opt-out the closest encloser may have none: then the closest that has
 * (RFC 5155 6).  Returns the one that is proved.
 */
static const uint8_t *closest_encloser(struct proof *p, const uint8_t *name,
				       const uint8_t *encloser)
{
	unsigned int labels = dns_name_labels(name);
	unsigned int extra = labels - dns_name_labels(encloser);
	unsigned int apex = labels - dns_name_labels(p->q->zone->name);

	while (extra <= apex && !nsec3_of(p, dns_name_skip(name, extra)))
		extra++;
	if (extra > apex)
		return encloser;
	if (extra)
		nsec3_around(p, dns_name_skip(name, extra - 1));
	return dns_name_skip(name, extra);
}

/* The same for a name that should have a record, and has none: it is opted out. */
static void opted_out(struct proof *p, const uint8_t *name)
{
	if (!knot_dname_is_equal(name, p->q->zone->name))
		closest_encloser(p, name, dns_name_skip(name, 1));
}

/* --- both --- */

void denial_nxdomain(struct query *q, const uint8_t *name, const uint8_t *encloser)
{
	uint8_t wildcard[DNS_NAME_MAX];
	struct proof p;

	if (!begin(&p, q))
		return;
	/* No wildcard of the encloser that is proved, for that is the one a validator looks for. */
	if (p.param)
		encloser = closest_encloser(&p, name, encloser);
	else
		nsec_around(&p, name);
	if (dns_name_wildcard(wildcard, encloser) < 0)
		return;
	if (p.param)
		nsec3_around(&p, wildcard);
	else
		nsec_around(&p, wildcard);
}

void denial_nodata(struct query *q, const uint8_t *name)
{
	struct proof p;

	if (!begin(&p, q))
		return;
	if (p.param) {
		if (!nsec3_of(&p, name))
			opted_out(&p, name);
		return;
	}
	/* An empty non-terminal is in the span of the name before it. */
	if (!nsec_of(&p, name))
		nsec_around(&p, name);
}

void denial_wildcard_nodata(struct query *q, const uint8_t *name, const uint8_t *encloser)
{
	uint8_t wildcard[DNS_NAME_MAX];
	struct proof p;

	if (dns_name_wildcard(wildcard, encloser) < 0 || !begin(&p, q))
		return;
	if (p.param) {
		closest_encloser(&p, name, encloser);
		nsec3_of(&p, wildcard);
	} else {
		/* The wildcard, too, may be an empty non-terminal. */
		if (!nsec_of(&p, wildcard))
			nsec_around(&p, wildcard);
		nsec_around(&p, name);
	}
}

void denial_wildcard_answer(struct query *q, const uint8_t *name, const uint8_t *encloser)
{
	unsigned int extra = dns_name_labels(name) - dns_name_labels(encloser);
	struct proof p;

	if (!extra || !begin(&p, q))
		return;
	/* The signature's label count says what the closest encloser is (RFC 5155 7.2.6). */
	if (p.param)
		nsec3_around(&p, dns_name_skip(name, extra - 1));
	else
		nsec_around(&p, name);
}

void denial_no_ds(struct query *q, const uint8_t *cut)
{
	struct proof p;

	if (!begin(&p, q))
		return;
	if (!p.param)
		nsec_of(&p, cut);
	else if (!nsec3_of(&p, cut))
		opted_out(&p, cut);
}
