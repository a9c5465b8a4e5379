// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is wrong with a zone, wherever it is from.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sign/sign.h"
#include "zone.h"

/**
 * struct check - a zone that is looked at
 * @t, @zone, @apex: which
 * @say, @data: whom to tell
 * @fatal: findings so far
 * @in_cut, @cut: the last delegation
 * @has_dname, @dname: the owner of the last DNAME
 */
struct check {
	const struct store_txn *t;
	uint32_t zone;
	const uint8_t *apex;
	void (*say)(bool fatal, const char *line, void *data);
	void *data;
	unsigned int fatal;
	bool in_cut, has_dname;
	uint8_t cut[DNS_NAME_MAX], dname[DNS_NAME_MAX];
};

static void tell(struct check *c, bool fatal, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void tell(struct check *c, bool fatal, const char *fmt, ...)
{
	char line[3 * DNS_NAME_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->fatal += fatal;
	c->say(fatal, line, c->data);
}

static bool is_below(const uint8_t *name, const uint8_t *top)
{
	return dns_name_within(name, top) && !knot_dname_is_equal(name, top);
}

/* Each query for a name that is not there costs so many hashings. */
static void check_iterations(struct check *c, const struct store_node *apex)
{
	struct store_rrset rrset;
	const knot_rdata_t *r;
	unsigned int n;

	if (!store_rrset(apex, KNOT_RRTYPE_NSEC3PARAM, &rrset))
		return;
	r = rrset.rdata.rdata;
	for (unsigned int i = 0; i < rrset.rdata.count; i++) {
		n = knot_nsec3param_iters(r);
		if (n > SIGN_MAX_ITERATIONS)
			tell(c, true, "NSEC3PARAM has %u iterations; allowed are 0 to %d, and 0 is "
			     "best (RFC 9276)", n, SIGN_MAX_ITERATIONS);
		else if (n)
			tell(c, false, "NSEC3PARAM has %u iterations: resolvers may take the zone "
			     "for unsigned; 0 is best (RFC 9276 section 3.2)", n);
		r = knot_rdataset_next((knot_rdata_t *)r);
	}
}

static void check_apex(struct check *c)
{
	struct store_node node = { 0 };
	struct store_rrset rrset;

	if (!store_get(c->t, c->zone, STORE_NAMES, c->apex, &node) ||
	    !store_rrset(&node, KNOT_RRTYPE_SOA, &rrset)) {
		tell(c, true, "the zone has no SOA record");
		return;
	}
	if (rrset.rdata.count > 1)
		tell(c, true, "the zone has %u SOA records; allowed is one", rrset.rdata.count);
	if (!store_rrset(&node, KNOT_RRTYPE_NS, &rrset))
		tell(c, true, "the zone has no NS record at its top");
	check_iterations(c, &node);
}

static void check_alone(struct check *c, const struct store_node *node, const char *owner)
{
	unsigned int others = 0;
	struct store_rrset rrset;

	if (store_rrset(node, KNOT_RRTYPE_DNAME, &rrset) && rrset.rdata.count > 1)
		tell(c, true, "%s has %u DNAME records; allowed is one", owner, rrset.rdata.count);
	if (!store_rrset(node, KNOT_RRTYPE_CNAME, &rrset))
		return;
	if (rrset.rdata.count > 1)
		tell(c, true, "%s has %u CNAME records; allowed is one", owner, rrset.rdata.count);
	for (unsigned int i = 0; i < node->count; i++) {
		store_rrset_at(node, i, &rrset);
		others += rrset.rdata.count && rrset.type != KNOT_RRTYPE_CNAME &&
			  rrset.type != KNOT_RRTYPE_NSEC && rrset.type != KNOT_RRTYPE_KEY;
	}
	if (others)
		tell(c, true, "%s has a CNAME and other data; allowed is a CNAME alone", owner);
}

/* Is there an address for a host that @owner names? */
static void check_host(struct check *c, const char *owner, const char *type, const uint8_t *host,
		       bool glue)
{
	uint8_t name[DNS_NAME_MAX];
	char text[DNS_NAME_TEXT];
	struct store_rrset rrset;
	struct store_node node;
	enum store_found found;

	memcpy(name, host, knot_dname_size(host));
	dns_name_lower(name);
	if (!*name || !dns_name_within(name, c->apex))
		return;
	dns_name_to_text(text, name);
	found = store_find(c->t, c->zone, name, &node);
	if (found == STORE_FOUND && store_rrset(&node, KNOT_RRTYPE_CNAME, &rrset))
		tell(c, false, "the %s of %s is %s, which is a CNAME (RFC 2181 section 10.3)", type,
		     owner, text);
	else if (glue && (found != STORE_FOUND ||
			  (!store_rrset(&node, KNOT_RRTYPE_A, &rrset) &&
			   !store_rrset(&node, KNOT_RRTYPE_AAAA, &rrset))))
		tell(c, false, "the name server %s of %s has no address here (glue)", text, owner);
}

/* Would a wildcard answer for it, or is it below another cut? Then it is not ours to say. */
static bool elsewhere(struct check *c, const uint8_t *host, const uint8_t *cut)
{
	uint8_t name[DNS_NAME_MAX], wildcard[DNS_NAME_MAX];
	struct store_rrset rrset;
	struct store_node node;
	const uint8_t *p;

	memcpy(name, host, knot_dname_size(host));
	dns_name_lower(name);
	if (dns_name_within(name, cut) && !knot_dname_is_equal(cut, c->apex))
		return false;
	for (p = name; *p && is_below(p, c->apex); p = dns_name_skip(p, 1)) {
		if (store_find(c->t, c->zone, p, &node) == STORE_FOUND &&
		    store_rrset(&node, KNOT_RRTYPE_NS, &rrset))
			return true;
		if (dns_name_wildcard(wildcard, dns_name_skip(p, 1)) > 0 &&
		    store_find(c->t, c->zone, wildcard, &node) == STORE_FOUND)
			return true;
	}
	return false;
}

static void check_hosts(struct check *c, const struct store_walk *w, const char *owner)
{
	struct store_rrset rrset;
	const knot_rdata_t *r;

	if (store_rrset(&w->node, KNOT_RRTYPE_NS, &rrset)) {
		r = rrset.rdata.rdata;
		for (unsigned int i = 0; i < rrset.rdata.count; i++) {
			check_host(c, owner, "NS", r->data, !elsewhere(c, r->data, w->owner));
			r = knot_rdataset_next((knot_rdata_t *)r);
		}
	}
	if (store_rrset(&w->node, KNOT_RRTYPE_MX, &rrset)) {
		r = rrset.rdata.rdata;
		for (unsigned int i = 0; i < rrset.rdata.count; i++) {
			check_host(c, owner, "MX", r->data + 2, false);
			r = knot_rdataset_next((knot_rdata_t *)r);
		}
	}
}

/* Below a delegation only addresses have a use, as glue. */
static void check_hidden(struct check *c, const struct store_walk *w, const char *owner)
{
	for (unsigned int i = 0; i < w->node.count; i++) {
		struct store_rrset rrset;
		char type[16], cut[DNS_NAME_TEXT];

		store_rrset_at(&w->node, i, &rrset);
		if (!rrset.rdata.count || rrset.type == KNOT_RRTYPE_A ||
		    rrset.type == KNOT_RRTYPE_AAAA || rrset.type == KNOT_RRTYPE_NSEC)
			continue;
		knot_rrtype_to_string(rrset.type, type, sizeof(type));
		tell(c, false, "%s %s is below the delegation %s and is never answered", owner,
		     type, dns_name_to_text(cut, c->cut));
	}
}

static void check_name(struct check *c, const struct store_walk *w)
{
	char owner[DNS_NAME_TEXT], dname[DNS_NAME_TEXT];
	struct store_rrset rrset;

	dns_name_to_text(owner, w->owner);
	check_alone(c, &w->node, owner);
	/* Names come in canonical order: all below one follow it. */
	if (c->has_dname && is_below(w->owner, c->dname)) {
		tell(c, true, "%s is below the DNAME of %s; allowed is nothing (RFC 6672 section "
		     "2.4)", owner, dns_name_to_text(dname, c->dname));
	} else {
		c->has_dname = store_rrset(&w->node, KNOT_RRTYPE_DNAME, &rrset);
		memcpy(c->dname, w->owner, knot_dname_size(w->owner));
	}
	if (c->in_cut && is_below(w->owner, c->cut)) {
		check_hidden(c, w, owner);
		return;
	}
	c->in_cut = !knot_dname_is_equal(w->owner, c->apex) &&
		    store_rrset(&w->node, KNOT_RRTYPE_NS, &rrset);
	if (c->in_cut)
		memcpy(c->cut, w->owner, knot_dname_size(w->owner));
	check_hosts(c, w, owner);
}

unsigned int zone_check(const struct store_txn *t, uint32_t zone, const uint8_t *apex,
			void (*say)(bool fatal, const char *line, void *data), void *data)
{
	struct check c = { .t = t, .zone = zone, .apex = apex, .say = say, .data = data };
	struct store_walk w;

	check_apex(&c);
	if (store_walk_begin(&w, t, zone, STORE_NAMES, NULL))
		return c.fatal + 1;
	while (store_walk_next(&w))
		check_name(&c, &w);
	store_walk_end(&w);
	return c.fatal;
}

/* --- a zone that was good, and what an edit made of it --- */

/* Above a name that came is no DNAME, and below one that came is nothing. */
static void check_dname(struct check *c, const uint8_t *owner, const char *text, uint16_t type)
{
	struct store_rrset rrset;
	struct store_node node;
	struct store_walk w;
	char top[DNS_NAME_TEXT];
	const uint8_t *p = owner;

	while (is_below(p, c->apex)) {
		p = dns_name_skip(p, 1);
		if (store_get(c->t, c->zone, STORE_NAMES, p, &node) &&
		    store_rrset(&node, KNOT_RRTYPE_DNAME, &rrset))
			tell(c, true, "%s is below the DNAME of %s; allowed is nothing (RFC 6672 "
			     "section 2.4)", text, dns_name_to_text(top, p));
	}
	if (type != KNOT_RRTYPE_DNAME ||
	    store_walk_begin(&w, c->t, c->zone, STORE_NAMES, owner))
		return;
	if (store_walk_next(&w) && store_walk_next(&w))
		tell(c, true, "%s is below the DNAME of %s; allowed is nothing (RFC 6672 section "
		     "2.4)", dns_name_to_text(top, w.owner), text);
	store_walk_end(&w);
}

static int check_change(const struct store_change *change, void *data)
{
	struct check *c = data;
	struct store_node node;
	char text[DNS_NAME_TEXT];

	/* Owner names of NSEC3 are no names of the zone. */
	if (change->removed || change->type == KNOT_RRTYPE_NSEC3 ||
	    change->type == KNOT_RRTYPE_RRSIG ||
	    !store_get(c->t, c->zone, STORE_NAMES, change->owner, &node))
		return 0;
	dns_name_to_text(text, change->owner);
	check_alone(c, &node, text);
	check_dname(c, change->owner, text, change->type);
	return c->fatal;
}

unsigned int zone_check_edit(struct store_edit *e, const uint8_t *apex,
			     void (*say)(bool fatal, const char *line, void *data), void *data)
{
	struct check c = {
		.t = store_edit_txn(e), .zone = store_edit_zone(e), .apex = apex, .say = say,
		.data = data,
	};

	check_apex(&c);
	store_edit_each(e, check_change, &c);
	return c.fatal;
}
