// SPDX-License-Identifier: GPL-2.0-or-later
/* Dynamic updates of zones that are ours (RFC 2136): rights, one transaction, the answer. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "internal.h"
#include "keeper-counts.h"
#include "log.h"
#include "sign/sign.h"
#include "update.h"

struct edited {
	struct store_edit *edit;
	uint32_t zone;
};

static bool find_node(struct edited *e, const knot_dname_t *name, struct store_node *node)
{
	return store_get(store_edit_txn(e->edit), e->zone, STORE_NAMES, name, node);
}

static int zone_get(void *data, const knot_dname_t *name, uint16_t type, knot_rrset_t *out)
{
	struct store_rrset rrset;
	struct store_node node;

	if (!find_node(data, name, &node) || !store_rrset(&node, type, &rrset))
		return 0;
	out->ttl = rrset.ttl;
	return knot_rdataset_copy(&out->rrs, &rrset.rdata, NULL) ? -ENOMEM : 1;
}

static int zone_each(void *data, const knot_dname_t *name, update_rrset_fn fn, void *arg)
{
	struct store_node node;

	if (!find_node(data, name, &node))
		return 0;
	for (unsigned int i = 0; i < node.count; i++) {
		struct store_rrset rrset;
		knot_rrset_t knot;
		int result;

		store_rrset_at(&node, i, &rrset);
		knot_rrset_init(&knot, (knot_dname_t *)name, rrset.type, KNOT_CLASS_IN, rrset.ttl);
		knot.rrs = rrset.rdata;
		result = fn(&knot, arg);
		if (result)
			return result;
	}
	return 0;
}

/*
 * Call @fn for each record of @set that @but has not.  Both are in order, so that each is looked
 * at once: a message may add thousands of records to one set, one after another.
 */
static int each_missing(struct edited *e, const knot_rrset_t *set, const knot_rdataset_t *but,
			int (*fn)(struct edited *e, const knot_rrset_t *set,
				  const knot_rdata_t *rdata))
{
	const knot_rdata_t *rdata = set->rrs.rdata, *other = but->rdata;
	unsigned int left = but->count;
	int n = 0;

	for (uint16_t i = 0; i < set->rrs.count && n >= 0; i++) {
		while (left && knot_rdata_cmp(other, rdata) < 0) {
			other = knot_rdataset_next((knot_rdata_t *)other);
			left--;
		}
		if (!left || knot_rdata_cmp(other, rdata))
			n = fn(e, set, rdata);
		rdata = knot_rdataset_next((knot_rdata_t *)rdata);
	}
	return n;
}

static int add_one(struct edited *e, const knot_rrset_t *set, const knot_rdata_t *rdata)
{
	return store_edit_add(e->edit, set->owner, set->type, set->ttl, rdata->data, rdata->len);
}

static int remove_one(struct edited *e, const knot_rrset_t *set, const knot_rdata_t *rdata)
{
	return store_edit_remove(e->edit, set->owner, set->type, rdata->data, rdata->len);
}

static int zone_put(void *data, const knot_rrset_t *rrset)
{
	struct edited *e = data;
	knot_rrset_t have;
	int n;

	knot_rrset_init(&have, rrset->owner, rrset->type, KNOT_CLASS_IN, 0);
	n = zone_get(e, rrset->owner, rrset->type, &have);
	/* A SOA takes the place of the one there is by itself. */
	if (n > 0 && rrset->type != KNOT_RRTYPE_SOA)
		n = each_missing(e, &have, &rrset->rrs, remove_one);
	/* Any record brings its TTL to all. */
	if (n >= 0 && have.ttl != rrset->ttl)
		n = add_one(e, rrset, rrset->rrs.rdata);
	if (n >= 0)
		n = each_missing(e, rrset, &have.rrs, add_one);
	knot_rdataset_clear(&have.rrs, NULL);
	return n < 0 ? n : 0;
}

static int zone_drop(void *data, const knot_dname_t *name, uint16_t type)
{
	struct edited *e = data;
	int n = store_edit_remove_rrset(e->edit, name, type);

	return n < 0 ? n : 0;
}

/* In the edit: prerequisites, changes, serial, signatures. The RCODE. */
static int run(struct edited *e, const struct setup_zone *conf, const knot_pkt_t *message,
	       struct update_outcome *outcome)
{
	struct update_zone zone = {
		.apex = conf->name, .no_dnssec = !!conf->policy, .data = e,
		.get = zone_get, .each = zone_each, .put = zone_put, .drop = zone_drop,
	};
	int rcode = update_run(&zone, message, outcome), err = 0;

	if (rcode || !store_edit_changed(e->edit))
		return rcode;
	if (!outcome->soa_set)
		err = store_edit_bump_serial(e->edit, NULL);
	if (err >= 0 && conf->policy)
		err = sign_edit(e->edit, conf, keeper_now());
	if (err < 0)
		strncpy(outcome->why, strerror(-err), sizeof(outcome->why) - 1);
	return err < 0 ? KNOT_RCODE_SERVFAIL : KNOT_RCODE_NOERROR;
}

/* Durable when it returns NOERROR. */
static int apply(struct keeper *k, const struct setup_zone *conf, const knot_pkt_t *message,
		 struct update_outcome *outcome, bool *changed, uint32_t *serial)
{
	struct store_txn *t = store_write(k->store);
	struct edited e = { 0 };
	int rcode, err;

	*changed = false;
	if (!t)
		return KNOT_RCODE_SERVFAIL;
	e.zone = store_zone_find(t, conf->name);
	if (!e.zone || !store_zone_serial(t, e.zone, serial)) {
		store_txn_abort(t);
		strcpy(outcome->why, "the zone has no content");
		return KNOT_RCODE_SERVFAIL;
	}
	e.edit = store_edit_new(t, e.zone, conf->journal_max);
	if (!e.edit) {
		store_txn_abort(t);
		return KNOT_RCODE_SERVFAIL;
	}
	rcode = run(&e, conf, message, outcome);
	if (rcode || !store_edit_changed(e.edit)) {
		store_edit_drop(e.edit);
		store_txn_abort(t);
		return rcode;
	}
	err = store_edit_finish(e.edit);
	if (err) {
		store_txn_abort(t);
	} else {
		store_zone_serial(t, e.zone, serial);
		err = store_commit(t);
	}
	if (err) {
		strncpy(outcome->why, strerror(-err), sizeof(outcome->why) - 1);
		return KNOT_RCODE_SERVFAIL;
	}
	*changed = true;
	return KNOT_RCODE_NOERROR;
}

static void update_own(struct keeper_request *r, struct keeper_zone *z, const char *peer)
{
	struct update_outcome outcome = { 0 };
	const knot_lookup_t *name;
	uint32_t serial = 0;
	bool changed;
	int rcode = apply(r->keeper, z->conf, r->message, &outcome, &changed, &serial);

	keeper_count(rcode ? KEEPER_UPDATES_FAILED : KEEPER_UPDATES);
	if (rcode) {
		name = knot_lookup_by_id(knot_rcode_names, rcode);
		ln_notice("%s update by %s: %s (%s)", z->conf->text, peer,
			  name ? name->name : "error", outcome.why);
	} else if (changed) {
		ln_info("%s updated by %s, serial %" PRIu32, z->conf->text, peer, serial);
	}
	request_answer(r, rcode);
	if (changed)
		keeper_changed(z);
}

static bool is_frozen(struct keeper_zone *z)
{
	struct store_txn *t = store_read(z->keeper->store);
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0;
	bool frozen = !t || (id && keeper_is_frozen(t, id));

	if (t)
		store_txn_abort(t);
	return frozen;
}

/**
 * dynamic_update() - an UPDATE message
 * @r: the request, its signature checked, or by a key that is not ours; answered before
 *	this returns, or later
 */
void dynamic_update(struct keeper_request *r)
{
	knot_dname_storage_t apex;
	const struct setup_zone *conf;
	struct keeper_zone *z;
	char peer[LN_ADDR_STRLEN];

	/* RFC 2136 3.1.1 */
	if (knot_wire_get_qdcount(r->message->wire) != 1 ||
	    knot_pkt_qtype(r->message) != KNOT_RRTYPE_SOA) {
		request_answer(r, KNOT_RCODE_FORMERR);
		return;
	}
	knot_dname_copy_lower(apex, knot_pkt_wire_qname(r->message));
	conf = knot_pkt_qclass(r->message) == KNOT_CLASS_IN ?
	       setup_zone_find(r->keeper->setup, apex) : NULL;
	if (!conf) {
		request_answer(r, KNOT_RCODE_NOTAUTH);
		return;
	}
	z = keeper_zone_of(r->keeper, conf);
	ln_addr_format(&r->peer, peer);
	if (r->tsig.error) {
		/* RFC 8945 5.5: it is the primary's to check, if that address may ask. */
		if (!conf->primaries.count || !acl_allows(&conf->allow_update, &r->peer, NULL)) {
			request_answer(r, KNOT_RCODE_NOTAUTH);
			return;
		}
		dns_tsig_end(&r->tsig);
	}
	if (!acl_allows(&conf->allow_update, &r->peer, r->tsig.key)) {
		ln_notice("%s update by %s is not allowed", conf->text, peer);
		request_answer(r, KNOT_RCODE_REFUSED);
	} else if (is_frozen(z)) {
		ln_notice("%s is frozen: the update by %s is refused", conf->text, peer);
		request_answer(r, KNOT_RCODE_REFUSED);
	} else if (conf->primaries.count) {
		forward_update(r, z);
	} else {
		update_own(r, z, peer);
	}
}
