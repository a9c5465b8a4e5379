// SPDX-License-Identifier: GPL-2.0-or-later
/* RFC 2136, section 3, over an abstract zone. */
#include "update.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transfer-reader.h"

/* More RRsets than this are not deleted of one name at once. */
#define MAX_TYPES	256

struct update {
	const struct update_zone *zone;
	struct update_outcome *outcome;
};

__attribute__((format(printf, 4, 5)))
static int say(struct update *u, int rcode, const knot_rrset_t *rr, const char *fmt, ...)
{
	char *why = u->outcome->why;
	size_t size = sizeof(u->outcome->why);
	knot_dname_txt_storage_t name = "";
	char type[16] = "";
	va_list ap;
	int n;

	knot_dname_to_str(name, rr->owner, sizeof(name));
	knot_rrtype_to_string(rr->type, type, sizeof(type));
	n = snprintf(why, size, "%.90s %s: ", name, type);
	va_start(ap, fmt);
	vsnprintf(why + n, size - n, fmt, ap);
	va_end(ap);
	return rcode;
}

static int zone_failed(struct update *u, const knot_rrset_t *rr, int err)
{
	return say(u, KNOT_RCODE_SERVFAIL, rr, "%s", strerror(-err));
}

/* A message's record has one rdata; it is empty where there may be none. */
static bool without_data(const knot_rrset_t *rr)
{
	return !rr->rrs.count || !rr->rrs.rdata->len;
}

static int found_one(const knot_rrset_t *rrset, void *arg)
{
	(void)rrset;
	(void)arg;
	return 1;
}

/* 1, 0, or a negative errno. */
static int name_in_use(struct update *u, const knot_dname_t *name)
{
	return u->zone->each(u->zone->data, name, found_one, NULL);
}

static int rrset_exists(struct update *u, const knot_dname_t *name, uint16_t type)
{
	knot_rrset_t rrset;
	int n;

	knot_rrset_init_empty(&rrset);
	n = u->zone->get(u->zone->data, name, type, &rrset);
	knot_rdataset_clear(&rrset.rrs, NULL);
	return n;
}

/* --- prerequisites (3.2) --- */

/* Classes ANY and NONE: something exists, or does not. */
static int existence(struct update *u, const knot_rrset_t *rr)
{
	bool wanted = rr->rclass == KNOT_CLASS_ANY;
	int there;

	if (!without_data(rr))
		return say(u, KNOT_RCODE_FORMERR, rr,
			   "a prerequisite of class ANY or NONE has no data");
	if (rr->type == KNOT_RRTYPE_ANY)
		there = name_in_use(u, rr->owner);
	else
		there = rrset_exists(u, rr->owner, rr->type);
	if (there < 0)
		return zone_failed(u, rr, there);
	if (wanted == !!there)
		return KNOT_RCODE_NOERROR;
	if (rr->type == KNOT_RRTYPE_ANY)
		return wanted ? say(u, KNOT_RCODE_NXDOMAIN, rr, "no such name, as required") :
				say(u, KNOT_RCODE_YXDOMAIN, rr, "the name is in use");
	return wanted ? say(u, KNOT_RCODE_NXRRSET, rr, "no such RRset, as required") :
			say(u, KNOT_RCODE_YXRRSET, rr, "the RRset exists");
}

static bool same_rrset(const knot_rrset_t *a, const knot_rrset_t *b)
{
	return a->type == b->type && a->rclass == b->rclass &&
	       knot_dname_is_case_equal(a->owner, b->owner);
}

/* 3.2.3: all records of the section with this name and type are the RRset, no less. */
static int same_data(struct update *u, const knot_pktsection_t *section, uint16_t at)
{
	const knot_rrset_t *rr = knot_pkt_rr(section, at);
	knot_rrset_t wanted, have;
	int n, rcode = KNOT_RCODE_SERVFAIL;

	for (uint16_t i = 0; i < at; i++)
		if (same_rrset(knot_pkt_rr(section, i), rr))
			return KNOT_RCODE_NOERROR;	/* with the first of them */
	knot_rrset_init(&wanted, rr->owner, rr->type, rr->rclass, 0);
	knot_rrset_init_empty(&have);
	for (uint16_t i = at; i < section->count; i++)
		if (same_rrset(knot_pkt_rr(section, i), rr) &&
		    knot_rdataset_merge(&wanted.rrs, &knot_pkt_rr(section, i)->rrs, NULL)) {
			rcode = zone_failed(u, rr, -ENOMEM);
			goto out;
		}
	n = u->zone->get(u->zone->data, rr->owner, rr->type, &have);
	if (n < 0)
		rcode = zone_failed(u, rr, n);
	else if (n && knot_rdataset_eq(&wanted.rrs, &have.rrs))
		rcode = KNOT_RCODE_NOERROR;
	else
		rcode = say(u, KNOT_RCODE_NXRRSET, rr, "the RRset is not as required");
out:
	knot_rdataset_clear(&wanted.rrs, NULL);
	knot_rdataset_clear(&have.rrs, NULL);
	return rcode;
}

static bool in_zone(struct update *u, const knot_rrset_t *rr)
{
	return knot_dname_in_bailiwick(rr->owner, u->zone->apex) >= 0;
}

static int prerequisite(struct update *u, const knot_rrset_t *rr)
{
	if (rr->ttl)
		return say(u, KNOT_RCODE_FORMERR, rr, "a prerequisite's TTL is 0");
	if (!in_zone(u, rr))
		return say(u, KNOT_RCODE_NOTZONE, rr, "the name is not in the zone");
	switch (rr->rclass) {
	case KNOT_CLASS_ANY:
	case KNOT_CLASS_NONE:
		return existence(u, rr);
	case KNOT_CLASS_IN:
		return KNOT_RCODE_NOERROR;	/* so far: compare_data() */
	default:
		return say(u, KNOT_RCODE_FORMERR, rr, "class %u has no meaning in a prerequisite",
			   rr->rclass);
	}
}

/* 3.2.5: data is compared when all else was as required. */
static int compare_data(struct update *u, const knot_pktsection_t *section)
{
	int rcode = KNOT_RCODE_NOERROR;

	for (uint16_t i = 0; i < section->count && !rcode; i++)
		if (knot_pkt_rr(section, i)->rclass == KNOT_CLASS_IN)
			rcode = same_data(u, section, i);
	return rcode;
}

/* --- the update section is looked through first (3.4.1) --- */

static bool is_meta(uint16_t type)
{
	return !type || knot_rrtype_is_metatype(type);
}

static bool is_denial_or_signature(uint16_t type)
{
	return type == KNOT_RRTYPE_RRSIG || type == KNOT_RRTYPE_NSEC ||
	       type == KNOT_RRTYPE_NSEC3;
}

static int prescan(struct update *u, const knot_rrset_t *rr)
{
	if (!in_zone(u, rr))
		return say(u, KNOT_RCODE_NOTZONE, rr, "the name is not in the zone");
	switch (rr->rclass) {
	case KNOT_CLASS_IN:
		if (is_meta(rr->type))
			return say(u, KNOT_RCODE_FORMERR, rr, "no type that can be added");
		if (without_data(rr) && rr->type != KNOT_RRTYPE_NULL &&
		    rr->type != KNOT_RRTYPE_APL)
			return say(u, KNOT_RCODE_FORMERR, rr, "a record to add has data");
		break;
	case KNOT_CLASS_ANY:
		if (rr->ttl || !without_data(rr))
			return say(u, KNOT_RCODE_FORMERR, rr,
				   "what removes an RRset has TTL 0 and no data");
		if (is_meta(rr->type) && rr->type != KNOT_RRTYPE_ANY)
			return say(u, KNOT_RCODE_FORMERR, rr, "no type that can be removed");
		break;
	case KNOT_CLASS_NONE:
		if (rr->ttl)
			return say(u, KNOT_RCODE_FORMERR, rr, "what removes a record has TTL 0");
		if (is_meta(rr->type))
			return say(u, KNOT_RCODE_FORMERR, rr, "no type that can be removed");
		break;
	default:
		return say(u, KNOT_RCODE_FORMERR, rr, "class %u has no meaning in an update",
			   rr->rclass);
	}
	if (u->zone->no_dnssec && is_denial_or_signature(rr->type))
		return say(u, KNOT_RCODE_REFUSED, rr,
			   "the zone is signed here, and its signatures are not for clients");
	return KNOT_RCODE_NOERROR;
}

/* --- changes (3.4.2) --- */

static bool at_apex(struct update *u, const knot_rrset_t *rr)
{
	return knot_dname_is_case_equal(rr->owner, u->zone->apex);
}

static int put(struct update *u, const knot_rrset_t *rrset)
{
	int err = u->zone->put(u->zone->data, rrset);

	if (err)
		return zone_failed(u, rrset, err);
	u->outcome->changed = true;
	return KNOT_RCODE_NOERROR;
}

static int drop(struct update *u, const knot_rrset_t *rr, uint16_t type)
{
	int err = u->zone->drop(u->zone->data, rr->owner, type);

	if (err)
		return zone_failed(u, rr, err);
	u->outcome->changed = true;
	return KNOT_RCODE_NOERROR;
}

/* RFC 4035 2.5, 3007: beside a CNAME only what DNSSEC needs. */
static bool beside_cname(uint16_t type)
{
	return type == KNOT_RRTYPE_CNAME || type == KNOT_RRTYPE_RRSIG ||
	       type == KNOT_RRTYPE_NSEC || type == KNOT_RRTYPE_KEY;
}

static int excludes_cname(const knot_rrset_t *rrset, void *arg)
{
	(void)arg;
	return !beside_cname(rrset->type);
}

/* A CNAME stands alone: what would break that is left out, without an error (3.4.2.2). */
static int conflicts(struct update *u, const knot_rrset_t *rr)
{
	if (rr->type == KNOT_RRTYPE_CNAME)
		return u->zone->each(u->zone->data, rr->owner, excludes_cname, NULL);
	if (beside_cname(rr->type))
		return 0;
	return rrset_exists(u, rr->owner, KNOT_RRTYPE_CNAME);
}

/* There is one of these at a name, so that a new one takes the old one's place. */
static bool is_single(uint16_t type)
{
	return type == KNOT_RRTYPE_CNAME || type == KNOT_RRTYPE_DNAME ||
	       type == KNOT_RRTYPE_SOA;
}

/* Is what stands there the same, down to the TTL?  Names in data are in lower case on both sides:
 * libknot's parser and scanner see to that.
 */
static bool no_news(const knot_rrset_t *have, const knot_rrset_t *rr)
{
	return have->ttl == rr->ttl && knot_rdataset_member(&have->rrs, rr->rrs.rdata);
}

static int add_soa(struct update *u, const knot_rrset_t *have, const knot_rrset_t *rr)
{
	int rcode;

	/* 3.4.2.2: a serial that is not later is left out, silently. */
	if (!at_apex(u, rr) || !have->rrs.count ||
	    !serial_later(knot_soa_serial(rr->rrs.rdata), knot_soa_serial(have->rrs.rdata)))
		return KNOT_RCODE_NOERROR;
	rcode = put(u, rr);
	if (rcode == KNOT_RCODE_NOERROR)
		u->outcome->soa_set = true;
	return rcode;
}

static int add_to(struct update *u, knot_rrset_t *have, const knot_rrset_t *rr)
{
	if (no_news(have, rr))
		return KNOT_RCODE_NOERROR;
	if (is_single(rr->type))
		return put(u, rr);
	have->owner = rr->owner;
	have->type = rr->type;
	have->rclass = KNOT_CLASS_IN;
	have->ttl = rr->ttl;	/* RFC 2181 5.2: one TTL for all; the newest is meant */
	if (knot_rdataset_merge(&have->rrs, &rr->rrs, NULL))
		return zone_failed(u, rr, -ENOMEM);
	return put(u, have);
}

static int add(struct update *u, const knot_rrset_t *rr)
{
	knot_rrset_t have;
	int n = conflicts(u, rr), rcode;

	if (n)
		return n < 0 ? zone_failed(u, rr, n) : KNOT_RCODE_NOERROR;
	knot_rrset_init_empty(&have);
	n = u->zone->get(u->zone->data, rr->owner, rr->type, &have);
	if (n < 0)
		rcode = zone_failed(u, rr, n);
	else if (rr->type == KNOT_RRTYPE_SOA)
		rcode = add_soa(u, &have, rr);
	else
		rcode = add_to(u, &have, rr);
	knot_rdataset_clear(&have.rrs, NULL);
	return rcode;
}

struct types {
	struct update *update;
	bool apex;
	uint16_t n, type[MAX_TYPES];
};

/* 3.4.2.3: not the apex's SOA and NS; nor what is ours when we sign. */
static int collect_type(const knot_rrset_t *rrset, void *arg)
{
	struct types *t = arg;

	if (t->apex && (rrset->type == KNOT_RRTYPE_SOA || rrset->type == KNOT_RRTYPE_NS))
		return 0;
	if (t->update->zone->no_dnssec &&
	    (is_denial_or_signature(rrset->type) || rrset->type == KNOT_RRTYPE_DNSKEY ||
	     rrset->type == KNOT_RRTYPE_NSEC3PARAM))
		return 0;
	if (t->n == MAX_TYPES)
		return -E2BIG;
	t->type[t->n++] = rrset->type;
	return 0;
}

static int remove_name(struct update *u, const knot_rrset_t *rr)
{
	struct types types = { .update = u, .apex = at_apex(u, rr) };
	int err = u->zone->each(u->zone->data, rr->owner, collect_type, &types);

	if (err)
		return zone_failed(u, rr, err);
	for (uint16_t i = 0; i < types.n; i++) {
		int rcode = drop(u, rr, types.type[i]);

		if (rcode != KNOT_RCODE_NOERROR)
			return rcode;
	}
	return KNOT_RCODE_NOERROR;
}

static int remove_rrset(struct update *u, const knot_rrset_t *rr)
{
	int there;

	if (at_apex(u, rr) && (rr->type == KNOT_RRTYPE_SOA || rr->type == KNOT_RRTYPE_NS))
		return KNOT_RCODE_NOERROR;
	there = rrset_exists(u, rr->owner, rr->type);
	if (there < 0)
		return zone_failed(u, rr, there);
	return there ? drop(u, rr, rr->type) : KNOT_RCODE_NOERROR;
}

static int remove_from(struct update *u, knot_rrset_t *have, const knot_rrset_t *rr)
{
	if (!knot_rdataset_member(&have->rrs, rr->rrs.rdata))
		return KNOT_RCODE_NOERROR;
	/* 3.4.2.4: a zone keeps its SOA and its last name server. */
	if (rr->type == KNOT_RRTYPE_SOA ||
	    (rr->type == KNOT_RRTYPE_NS && at_apex(u, rr) && have->rrs.count == 1))
		return KNOT_RCODE_NOERROR;
	if (have->rrs.count == 1)
		return drop(u, rr, rr->type);
	have->owner = rr->owner;
	have->type = rr->type;
	have->rclass = KNOT_CLASS_IN;
	if (knot_rdataset_remove(&have->rrs, rr->rrs.rdata, NULL))
		return zone_failed(u, rr, -ENOMEM);
	return put(u, have);
}

static int remove_record(struct update *u, const knot_rrset_t *rr)
{
	knot_rrset_t have;
	int n, rcode;

	knot_rrset_init_empty(&have);
	n = u->zone->get(u->zone->data, rr->owner, rr->type, &have);
	if (n < 0)
		rcode = zone_failed(u, rr, n);
	else
		rcode = n ? remove_from(u, &have, rr) : KNOT_RCODE_NOERROR;
	knot_rdataset_clear(&have.rrs, NULL);
	return rcode;
}

static int change(struct update *u, const knot_rrset_t *rr)
{
	if (rr->rclass == KNOT_CLASS_IN)
		return add(u, rr);
	if (rr->rclass == KNOT_CLASS_NONE)
		return remove_record(u, rr);
	return rr->type == KNOT_RRTYPE_ANY ? remove_name(u, rr) : remove_rrset(u, rr);
}

/**
 * update_run() - check prerequisites, then change the zone
 * @zone: what is changed; after anything but NOERROR the changes so far are to be undone
 * @message: parsed; its zone section was checked
 * @outcome: zeroed
 *
 * Return: the response's RCODE.
 */
int update_run(const struct update_zone *zone, const knot_pkt_t *message,
	       struct update_outcome *outcome)
{
	const knot_pktsection_t *required = knot_pkt_section(message, KNOT_ANSWER);
	const knot_pktsection_t *changes = knot_pkt_section(message, KNOT_AUTHORITY);
	struct update u = { .zone = zone, .outcome = outcome };
	int rcode = KNOT_RCODE_NOERROR;

	for (uint16_t i = 0; i < required->count && !rcode; i++)
		rcode = prerequisite(&u, knot_pkt_rr(required, i));
	if (!rcode)
		rcode = compare_data(&u, required);
	for (uint16_t i = 0; i < changes->count && !rcode; i++)
		rcode = prescan(&u, knot_pkt_rr(changes, i));
	for (uint16_t i = 0; i < changes->count && !rcode; i++)
		rcode = change(&u, knot_pkt_rr(changes, i));
	return rcode;
}
