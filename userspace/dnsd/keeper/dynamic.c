// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dynamic updates of zones that are ours (RFC 2136): rights, a transaction, the answer.
 *
 * A commit waits for the disk.  Those that arrive meanwhile have the next one together, each in
 * a transaction of its own within it; all are answered when that is durable.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "keeper-counts.h"
#include "log.h"
#include "sign/sign.h"
#include "update.h"

/* Those that have had so long do not wait for the others that are there. */
#define BATCH_NS	UINT64_C(50000000)

static struct keeper_request *queue, **queue_end = &queue;
static uv_idle_t committer;

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

static int apply(struct keeper_request *r, struct store_txn *t, struct update_outcome *outcome)
{
	const struct setup_zone *conf = r->zone->conf;
	struct edited e = { .zone = store_zone_find(t, conf->name) };
	int rcode, err;

	if (!e.zone || !store_zone_serial(t, e.zone, &r->serial)) {
		strcpy(outcome->why, "the zone has no content");
		return KNOT_RCODE_SERVFAIL;
	}
	if (keeper_is_frozen(t, e.zone)) {
		strcpy(outcome->why, "the zone is frozen");
		return KNOT_RCODE_REFUSED;
	}
	e.edit = store_edit_new(t, e.zone, conf->journal_max);
	if (!e.edit)
		return KNOT_RCODE_SERVFAIL;
	rcode = run(&e, conf, r->message, outcome);
	r->changed = !rcode && store_edit_changed(e.edit);
	if (!r->changed) {
		store_edit_drop(e.edit);
		return rcode;
	}
	err = store_edit_finish(e.edit);
	if (!err) {
		store_zone_serial(t, e.zone, &r->serial);
		return KNOT_RCODE_NOERROR;
	}
	strncpy(outcome->why, strerror(-err), sizeof(outcome->why) - 1);
	return KNOT_RCODE_SERVFAIL;
}

static void say_refused(const struct keeper_request *r, int rcode, const char *why)
{
	const knot_lookup_t *name = knot_lookup_by_id(knot_rcode_names, rcode);
	char peer[LN_ADDR_STRLEN];

	ln_notice("%s update by %s: %s (%s)", r->zone->conf->text, ln_addr_format(&r->peer, peer),
		  name ? name->name : "error", why);
}

/* In @outer, which it leaves as it was if it fails. */
static void one_update(struct keeper_request *r, struct store_txn *outer)
{
	struct store_txn *t = store_nested(outer);
	struct update_outcome outcome = { 0 };
	int err = t ? 0 : -EIO;

	r->rcode = t ? apply(r, t, &outcome) : KNOT_RCODE_SERVFAIL;
	if (t && !r->rcode && r->changed)
		err = store_commit(t);
	else
		store_txn_abort(t);
	if (err) {
		r->rcode = KNOT_RCODE_SERVFAIL;
		strncpy(outcome.why, strerror(-err), sizeof(outcome.why) - 1);
	}
	r->changed &= !r->rcode;
	if (r->rcode)
		say_refused(r, r->rcode, outcome.why);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static void answer_update(struct keeper_request *r, int err)
{
	struct keeper_zone *z = r->zone;
	bool changed = r->changed && !err;
	char peer[LN_ADDR_STRLEN];

	if (r->changed && err) {
		r->rcode = KNOT_RCODE_SERVFAIL;
		say_refused(r, r->rcode, strerror(-err));
	}
	keeper_count(r->rcode ? KEEPER_UPDATES_FAILED : KEEPER_UPDATES);
	if (changed)
		ln_info("%s updated by %s, serial %" PRIu32, z->conf->text,
			ln_addr_format(&r->peer, peer), r->serial);
	request_answer(r, r->rcode);
	if (changed)
		keeper_changed(z);
}

static struct keeper_request *take_first(struct keeper_request **from)
{
	struct keeper_request *r = *from;

	*from = r->next_update;
	r->next_update = NULL;
	return r;
}

static void on_commit(uv_idle_t *idle)
{
	struct keeper *k = idle->data;
	struct store_txn *t = store_write(k->store);
	struct keeper_request *done = NULL, **end = &done;
	uint64_t began = now_ns();
	unsigned int n = 0, changed = 0;
	int err = t ? 0 : -EIO;

	do {
		struct keeper_request *r = take_first(&queue);

		if (t)
			one_update(r, t);
		else
			r->rcode = KNOT_RCODE_SERVFAIL;
		n++;
		changed += r->changed;
		*end = r;
		end = &r->next_update;
	} while (queue && now_ns() - began < BATCH_NS);
	if (t && changed)
		err = store_commit(t);
	else
		store_txn_abort(t);
	ln_debug("%u updates, %u of them changes, in one commit", n, changed);
	while (done)
		answer_update(take_first(&done), err);
	if (queue)
		return;
	queue_end = &queue;
	uv_idle_stop(idle);
	ln_server_release(k->server);
}

/* Behind those that are there; with them when the loop has heard all workers. */
static void update_own(struct keeper_request *r, struct keeper_zone *z)
{
	r->zone = z;
	if (!committer.data) {
		uv_idle_init(ln_server_loop(r->keeper->server), &committer);
		committer.data = r->keeper;
	}
	if (!queue) {
		ln_server_hold(r->keeper->server);
		uv_idle_start(&committer, on_commit);
	}
	*queue_end = r;
	queue_end = &r->next_update;
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
	} else if (!conf->primaries.count) {
		update_own(r, z);
	} else if (is_frozen(z)) {
		ln_notice("%s is frozen: the update by %s is refused", conf->text, peer);
		request_answer(r, KNOT_RCODE_REFUSED);
	} else {
		forward_update(r, z);
	}
}
