// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the question to records of a zone: the algorithm of RFC 1034 section 4.3.2 with
 * wildcards as RFC 4592 and DNAME as RFC 6672 have them.
 */
#include <string.h>

#include "balance/balance.h"
#include "denial.h"
#include "query.h"

/* CNAMEs and DNAMEs that are followed in one response. */
#define CHAIN_MAX	16

/**
 * struct lookup - the way to an answer
 * @q: the query
 * @name: the name that is looked up now: the question's, or a CNAME's target
 * @hops: CNAMEs so far
 * @seen: the names before
 * @n_wild: names that a wildcard answered, of which it is still to be proved that they are
 *	not there themselves; after the answer section
 * @wild: how many hops there were, and labels before the wildcard's
 */
struct lookup {
	struct query *q;
	uint8_t name[DNS_NAME_MAX];
	unsigned int hops;
	uint8_t seen[CHAIN_MAX][DNS_NAME_MAX];
	unsigned int n_wild;
	struct {
		unsigned int hops, labels;
	} wild[CHAIN_MAX + 1];
};

/* --- parts of responses --- */

static void note_wildcard(struct lookup *l, const uint8_t *encloser)
{
	l->wild[l->n_wild].hops = l->hops;
	l->wild[l->n_wild++].labels = dns_name_labels(l->name) - dns_name_labels(encloser);
}

static void prove_wildcards(struct lookup *l)
{
	for (unsigned int i = 0; i < l->n_wild && l->q->dnssec_ok; i++) {
		unsigned int hops = l->wild[i].hops;
		const uint8_t *name = hops < l->hops ? l->seen[hops] : l->name;

		denial_wildcard_answer(l->q, name, dns_name_skip(name, l->wild[i].labels));
	}
	l->n_wild = 0;
}

/* RFC 2308 section 3: the SOA with the lesser of its TTL and MINIMUM. */
static void put_soa(struct query *q)
{
	struct store_node apex;
	struct store_rrset soa;
	uint32_t minimum;

	if (!store_get(q->txn, q->zone_id, STORE_NAMES, q->zone->name, &apex) ||
	    !store_rrset(&apex, KNOT_RRTYPE_SOA, &soa))
		return;
	minimum = knot_soa_minimum(soa.rdata.rdata);
	if (minimum < soa.ttl)
		soa.ttl = minimum;
	response_put(q, QUERY_IN_AUTHORITY, q->zone->name, &soa);
}

static void nodata(struct query *q, const uint8_t *name)
{
	q->kind = QUERY_NODATA;
	put_soa(q);
	if (q->dnssec_ok)
		denial_nodata(q, name);
}

static void nxdomain(struct query *q, const uint8_t *name, const uint8_t *encloser)
{
	q->rcode = KNOT_RCODE_NXDOMAIN;
	q->kind = QUERY_NXDOMAIN;
	put_soa(q);
	if (q->dnssec_ok)
		denial_nxdomain(q, name, encloser);
}

static void put_addresses(struct query *q, const uint8_t *name, bool needed)
{
	static const uint16_t types[] = { KNOT_RRTYPE_A, KNOT_RRTYPE_AAAA };
	struct store_node node;
	struct store_rrset rrset;

	if (!dns_name_within(name, q->zone->name) ||
	    store_find(q->txn, q->zone_id, name, &node) != STORE_FOUND)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		if (!store_rrset(&node, types[i], &rrset))
			continue;
		if (needed)
			response_put_glue(q, name, &rrset);
		else
			response_put(q, QUERY_IN_ADDITIONAL, name, &rrset);
	}
}

/* Where the host's name is in the rdata of a type; -1: it names none. */
static int target_at(uint16_t type)
{
	switch (type) {
	case KNOT_RRTYPE_NS:
		return 0;
	case KNOT_RRTYPE_MX:
	case KNOT_RRTYPE_KX:
	case KNOT_RRTYPE_AFSDB:
	case KNOT_RRTYPE_SVCB:
	case KNOT_RRTYPE_HTTPS:
		return 2;
	case KNOT_RRTYPE_SRV:
		return 6;
	default:
		return -1;
	}
}

/* What a target of SVCB says itself (RFC 9460 section 4.1). */
static void put_service(struct query *q, const uint8_t *name, uint16_t type)
{
	struct store_node node;
	struct store_rrset rrset;

	if ((type == KNOT_RRTYPE_SVCB || type == KNOT_RRTYPE_HTTPS) &&
	    dns_name_within(name, q->zone->name) &&
	    store_find(q->txn, q->zone_id, name, &node) == STORE_FOUND &&
	    store_rrset(&node, type, &rrset))
		response_put(q, QUERY_IN_ADDITIONAL, name, &rrset);
}

/* Addresses of hosts that the rrset names (RFC 1035 section 3.3, RFC 2782, RFC 9460). */
static void put_additional(struct query *q, const uint8_t *owner, const struct store_rrset *rrset)
{
	int at = target_at(rrset->type);
	const knot_rdata_t *r = rrset->rdata.rdata;
	uint8_t name[DNS_NAME_MAX];

	for (unsigned int i = 0; at >= 0 && i < rrset->rdata.count && !q->tc; i++) {
		const uint8_t *target = r->data + at;

		/* "." in SVCB is the owner itself, in the others it is no host. */
		if (!*target && (rrset->type == KNOT_RRTYPE_SVCB ||
				 rrset->type == KNOT_RRTYPE_HTTPS))
			target = owner;
		memcpy(name, target, knot_dname_size(target));
		dns_name_lower(name);
		if (*name)
			put_addresses(q, name, false);
		if (target != owner && at == 2)
			put_service(q, name, rrset->type);
		r = knot_rdataset_next((knot_rdata_t *)r);
	}
}

/*
 * Glue: first of name servers below the cut, without which nobody gets there (RFC 9471), then of
 * others in our zone.
 */
static void put_glue(struct query *q, const uint8_t *cut, const struct store_rrset *ns)
{
	uint8_t name[DNS_NAME_MAX];

	for (unsigned int pass = 0; pass < 2; pass++) {
		const knot_rdata_t *r = ns->rdata.rdata;

		for (unsigned int i = 0; i < ns->rdata.count && !q->tc; i++) {
			bool below = dns_name_within(r->data, cut);

			memcpy(name, r->data, knot_dname_size(r->data));
			dns_name_lower(name);
			if (below != (pass > 0))
				put_addresses(q, name, below);
			r = knot_rdataset_next((knot_rdata_t *)r);
		}
	}
}

static void referral(struct lookup *l, const uint8_t *cut, const struct store_node *node,
		     const struct store_rrset *ns)
{
	struct query *q = l->q;
	struct store_rrset ds;

	q->kind = QUERY_REFERRAL;
	response_put(q, QUERY_IN_AUTHORITY, cut, ns);
	if (q->dnssec_ok) {
		if (store_rrset(node, KNOT_RRTYPE_DS, &ds))
			response_put(q, QUERY_IN_AUTHORITY, cut, &ds);
		else
			denial_no_ds(q, cut);
	}
	prove_wildcards(l);
	put_glue(q, cut, ns);
}

/* --- a node with the name, its own or a wildcard's --- */

/* One signed set's signatures: what else would QTYPE RRSIG get (RFC 8482 section 4.1)? */
static bool put_rrsigs(struct query *q, const uint8_t *owner, const struct store_node *node)
{
	for (unsigned int i = 0; i < node->count; i++) {
		struct store_rrset rrset, sigs = { .type = KNOT_RRTYPE_RRSIG };

		store_rrset_at(node, i, &rrset);
		if (!rrset.rrsigs.count)
			continue;
		sigs.ttl = rrset.ttl;
		sigs.rdata = rrset.rrsigs;
		response_put(q, QUERY_IN_ANSWER, owner, &sigs);
		return true;
	}
	return false;
}

/* Minimal responses to ANY: one set that is there (RFC 8482 section 4.1). */
static bool put_any(struct query *q, const uint8_t *owner, const struct store_node *node)
{
	for (unsigned int i = 0; i < node->count; i++) {
		struct store_rrset rrset;

		store_rrset_at(node, i, &rrset);
		if (!rrset.rdata.count || rrset.type == KNOT_RRTYPE_NSEC)
			continue;
		response_put(q, QUERY_IN_ANSWER, owner, &rrset);
		return true;
	}
	return false;
}

static bool put_type(struct lookup *l, const struct store_node *node)
{
	struct query *q = l->q;
	const uint8_t *owner = l->name;
	struct store_rrset rrset;

	if (q->qtype == KNOT_RRTYPE_ANY)
		return put_any(q, owner, node);
	if (q->qtype == KNOT_RRTYPE_RRSIG)
		return put_rrsigs(q, owner, node);
	if (!store_rrset(node, q->qtype, &rrset))
		return false;
	response_put(q, QUERY_IN_ANSWER, owner, &rrset);
	prove_wildcards(l);
	put_additional(q, owner, &rrset);
	return true;
}

/* To a CNAME's target; false: the answer ends with the CNAME. */
static bool follow(struct lookup *l, const uint8_t *target)
{
	struct query *q = l->q;

	memcpy(l->seen[l->hops], l->name, knot_dname_size(l->name));
	l->hops++;
	memcpy(l->name, target, knot_dname_size(target));
	dns_name_lower(l->name);
	if (l->hops == CHAIN_MAX || q->tc || !dns_name_within(l->name, q->zone->name))
		return false;
	for (unsigned int i = 0; i < l->hops; i++)
		if (knot_dname_is_equal(l->seen[i], l->name))
			return false;
	return true;
}

/* True: go on with the CNAME's target. */
static bool answer_node(struct lookup *l, const struct store_node *node, const uint8_t *encloser)
{
	struct query *q = l->q;
	struct store_rrset cname;
	bool found;

	if (q->qtype != KNOT_RRTYPE_CNAME && q->qtype != KNOT_RRTYPE_ANY &&
	    q->qtype != KNOT_RRTYPE_NSEC && q->qtype != KNOT_RRTYPE_RRSIG &&
	    store_rrset(node, KNOT_RRTYPE_CNAME, &cname)) {
		q->kind = QUERY_ANSWER;
		response_put(q, QUERY_IN_ANSWER, l->name, &cname);
		if (encloser)
			note_wildcard(l, encloser);
		return follow(l, cname.rdata.rdata->data);
	}
	if (encloser)
		note_wildcard(l, encloser);
	found = put_type(l, node);
	if (!found && encloser)
		l->n_wild--;
	if (found) {
		q->kind = QUERY_ANSWER;
	} else if (encloser) {
		q->kind = QUERY_NODATA;
		put_soa(q);
		if (q->dnssec_ok)
			denial_wildcard_nodata(q, l->name, encloser);
	} else {
		nodata(q, l->name);
	}
	return false;
}

/* --- DNAME --- */

static bool synthesize(struct lookup *l, const uint8_t *owner, const struct store_rrset *dname)
{
	struct query *q = l->q;
	const uint8_t *target = dname->rdata.rdata->data;
	size_t prefix = knot_dname_size(l->name) - knot_dname_size(owner);
	size_t tail = knot_dname_size(target);
	uint8_t name[DNS_NAME_MAX];

	q->kind = QUERY_ANSWER;
	response_put(q, QUERY_IN_ANSWER, owner, dname);
	/* RFC 6672 section 2.2 */
	if (prefix + tail > DNS_NAME_MAX) {
		q->rcode = KNOT_RCODE_YXDOMAIN;
		return false;
	}
	memcpy(name, l->name, prefix);
	memcpy(name + prefix, target, tail);
	response_put_record(q, QUERY_IN_ANSWER, l->name, KNOT_RRTYPE_CNAME, dname->ttl, name,
			    prefix + tail);
	if (q->qtype == KNOT_RRTYPE_CNAME || q->qtype == KNOT_RRTYPE_ANY)
		return false;
	return follow(l, name);
}

/* --- the way down --- */

/* True: go on with another name. */
static bool wildcard(struct lookup *l, const uint8_t *encloser)
{
	struct query *q = l->q;
	struct store_node node;
	uint8_t source[DNS_NAME_MAX];

	switch (dns_name_wildcard(source, encloser) < 0 ?
			STORE_ABSENT : store_find(q->txn, q->zone_id, source, &node)) {
	case STORE_FOUND:
		q->wildcard = encloser - l->name + q->qname;
		if (l->hops)
			q->wildcard = NULL;
		return answer_node(l, &node, encloser);
	case STORE_EMPTY:
		q->kind = QUERY_NODATA;
		put_soa(q);
		if (q->dnssec_ok)
			denial_wildcard_nodata(q, l->name, encloser);
		return false;
	default:
		nxdomain(q, l->name, encloser);
		return false;
	}
}

static bool lookup_name(struct lookup *l)
{
	struct query *q = l->q;
	unsigned int labels = dns_name_labels(l->name), apex = dns_name_labels(q->zone->name);
	const uint8_t *encloser = dns_name_skip(l->name, labels - apex);
	struct store_node node = { 0 };
	struct store_rrset rrset;
	enum store_found found = STORE_ABSENT;

	if (l->hops && balance_append(q, l->name))
		return false;
	for (unsigned int depth = apex; depth <= labels; depth++) {
		const uint8_t *name = dns_name_skip(l->name, labels - depth);
		bool whole = depth == labels;

		found = store_find(q->txn, q->zone_id, name, &node);
		if (found == STORE_ABSENT)
			return wildcard(l, encloser);
		encloser = name;
		if (found == STORE_EMPTY)
			continue;
		if (depth > apex && !(whole && q->qtype == KNOT_RRTYPE_DS) &&
		    store_rrset(&node, KNOT_RRTYPE_NS, &rrset)) {
			q->aa = l->hops > 0;
			referral(l, name, &node, &rrset);
			return false;
		}
		if (!whole && store_rrset(&node, KNOT_RRTYPE_DNAME, &rrset))
			return synthesize(l, name, &rrset);
	}
	if (found == STORE_FOUND)
		return answer_node(l, &node, NULL);
	nodata(q, l->name);
	return false;
}

void lookup_answer(struct query *q)
{
	struct lookup l;

	l.q = q;
	l.hops = 0;
	l.n_wild = 0;
	memcpy(l.name, q->qname, q->qname_len);
	response_begin(q);
	q->aa = true;
	while (lookup_name(&l))
		;
	prove_wildcards(&l);
}
