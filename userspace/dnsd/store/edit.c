// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changing a zone, record by record.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"
#include "log.h"

struct store_edit {
	struct store_txn *txn;
	uint32_t zone;
	size_t journal_max;
	struct changes *changes;
	struct replacement *replacement;
	uint8_t apex[DNS_NAME_MAX];
	struct store_rrset soa_before;	/* a copy; type 0: there was none */
};

static bool find_soa(struct store_edit *e, struct store_rrset *soa)
{
	struct store_walk w;
	bool found;

	if (store_walk_begin(&w, e->txn, e->zone, STORE_NAMES, NULL))
		return false;
	found = store_walk_next(&w) && store_rrset(&w.node, KNOT_RRTYPE_SOA, soa);
	if (found)
		memcpy(e->apex, w.owner, knot_dname_size(w.owner));
	store_walk_end(&w);
	return found;
}

struct store_edit *store_edit_new(struct store_txn *t, uint32_t zone, size_t journal_max)
{
	struct store_edit *e = calloc(1, sizeof(*e));
	struct store_rrset soa;

	if (!e) {
		ln_error("out of memory");
		return NULL;
	}
	e->txn = t;
	e->zone = zone;
	e->journal_max = journal_max;
	e->changes = changes_new();
	if (e->changes && find_soa(e, &soa)) {
		e->soa_before = soa;
		if (knot_rdataset_copy(&e->soa_before.rdata, &soa.rdata, NULL))
			e->soa_before.rdata.rdata = NULL;
		knot_rdataset_init(&e->soa_before.rrsigs);
	}
	if (e->changes && (!e->soa_before.type || e->soa_before.rdata.rdata))
		return e;
	ln_error("out of memory");
	store_edit_drop(e);
	return NULL;
}

struct store_txn *store_edit_txn(struct store_edit *e)
{
	return e->txn;
}

uint32_t store_edit_zone(const struct store_edit *e)
{
	return e->zone;
}

void store_edit_drop(struct store_edit *e)
{
	changes_free(e->changes);
	replacement_free(e->replacement);
	if (e->soa_before.type)
		knot_rdataset_clear(&e->soa_before.rdata, NULL);
	free(e);
}

/* --- putting a node --- */

/* Records of @set that @but has not; both are in order, so that each is looked at once. */
static int note_each(struct changes *c, bool removed, const uint8_t *owner, uint16_t type,
		     uint32_t ttl, const knot_rdataset_t *set, const knot_rdataset_t *but)
{
	const knot_rdata_t *rdata = set->rdata, *other = but ? but->rdata : NULL;
	unsigned int left = but ? but->count : 0;
	int err = 0;

	for (unsigned int i = 0; i < set->count && !err; i++) {
		while (left && knot_rdata_cmp(other, rdata) < 0) {
			other = knot_rdataset_next((knot_rdata_t *)other);
			left--;
		}
		if (!left || knot_rdata_cmp(other, rdata))
			err = changes_note(c, removed, owner, type, ttl, rdata);
		rdata = knot_rdataset_next((knot_rdata_t *)rdata);
	}
	return err;
}

/* Either may be NULL. */
static int note_rrset(struct changes *c, const uint8_t *owner, const struct store_rrset *old,
		      const struct store_rrset *new)
{
	bool same_ttl = old && new && old->ttl == new->ttl;
	int err = 0;

	if (old)
		err = note_each(c, true, owner, old->type, old->ttl, &old->rdata,
				same_ttl ? &new->rdata : NULL);
	if (old && !err)
		err = note_each(c, true, owner, KNOT_RRTYPE_RRSIG, old->ttl, &old->rrsigs,
				same_ttl ? &new->rrsigs : NULL);
	if (new && !err)
		err = note_each(c, false, owner, new->type, new->ttl, &new->rdata,
				same_ttl ? &old->rdata : NULL);
	if (new && !err)
		err = note_each(c, false, owner, KNOT_RRTYPE_RRSIG, new->ttl, &new->rrsigs,
				same_ttl ? &old->rrsigs : NULL);
	return err;
}

/* Both are in order of types. */
static int note_node(struct changes *c, const uint8_t *owner, const struct store_node *old,
		     const struct store_rrset *new, unsigned int count)
{
	unsigned int i = 0, k = 0;
	struct store_rrset was;
	int err = 0;

	while (!err && (i < old->count || k < count)) {
		if (i < old->count)
			store_rrset_at(old, i, &was);
		if (i == old->count || (k < count && new[k].type < was.type)) {
			err = note_rrset(c, owner, NULL, &new[k++]);
		} else if (k == count || was.type < new[k].type) {
			err = note_rrset(c, owner, &was, NULL);
			i++;
		} else {
			err = note_rrset(c, owner, &was, &new[k++]);
			i++;
		}
	}
	return err;
}

/* Octets in a message: name (a pointer), type, class, TTL and length for each record. */
static size_t set_size(const knot_rdataset_t *set)
{
	return set->size + (size_t)set->count * (12 - sizeof(uint16_t));
}

/* A set that no message can carry is answered to nobody. */
static int check_sizes(const uint8_t *owner, const struct store_rrset *rrset, unsigned int count)
{
	char name[DNS_NAME_TEXT], type[16];

	for (unsigned int i = 0; i < count; i++) {
		size_t size = set_size(&rrset[i].rdata) + set_size(&rrset[i].rrsigs);

		if (size <= STORE_SET_MAX)
			continue;
		knot_rrtype_to_string(rrset[i].type, type, sizeof(type));
		ln_error("store: the records %s %s and their signatures have %zu octets, and %d are "
			 "allowed: no message could carry them", dns_name_to_text(name, owner),
			 type, size, STORE_SET_MAX);
		return -EMSGSIZE;
	}
	return 0;
}

/* @count 0: remove it.  1: it changed, 0: it was so, or a negative errno. */
int edit_put_node(struct store_txn *t, struct changes *changes, const struct key *k,
		  const uint8_t *owner, const struct store_rrset *rrset, unsigned int count)
{
	MDB_val key = { k->len, (void *)k->data }, value;
	struct store_node old = { 0 };
	uint8_t *data;
	int err;

	if (!mdb_get(t->txn, t->store->dbi, &key, &value))
		node_view(&old, &value);
	if (!count && !old.data)
		return 0;
	if (!count) {
		err = note_node(changes, owner, &old, NULL, 0);
		if (!err)
			err = store_errno(mdb_del(t->txn, t->store->dbi, &key, NULL), "removing");
		return err ? err : 1;
	}
	err = check_sizes(owner, rrset, count);
	if (err)
		return err;
	value.mv_size = node_size(rrset, count);
	data = malloc(value.mv_size);
	if (!data)
		return -ENOMEM;
	value.mv_data = data;
	node_write(data, rrset, count);
	if (old.data && old.len == value.mv_size && !memcmp(old.data, data, old.len)) {
		free(data);
		return 0;
	}
	err = note_node(changes, owner, &old, rrset, count);
	if (!err)
		err = store_errno(mdb_put(t->txn, t->store->dbi, &key, &value, 0), "writing");
	free(data);
	return err ? err : 1;
}

/* --- one rrset of a node --- */

/* A node on its way to a new form. */
struct draft {
	struct key key;
	uint8_t owner[DNS_NAME_MAX];
	struct store_node old;
	struct store_rrset *rrset;	/* the old ones, room for one more */
	unsigned int count;
	struct store_rrset *target;	/* the one that changes */
	knot_rdataset_t made[2];	/* records and signatures that are no longer the store's */
};

static int draft_begin(struct store_edit *e, struct draft *d, enum store_kind kind,
		       const uint8_t *owner)
{
	int err;

	memset(d, 0, sizeof(*d));
	memcpy(d->owner, owner, knot_dname_size(owner));
	dns_name_lower(d->owner);
	err = key_of_name(&d->key, e->zone, kind, d->owner);
	if (err)
		return err;
	store_get(e->txn, e->zone, kind, d->owner, &d->old);
	d->rrset = calloc(d->old.count + 1, sizeof(*d->rrset));
	if (!d->rrset)
		return -ENOMEM;
	for (d->count = 0; d->count < d->old.count; d->count++)
		store_rrset_at(&d->old, d->count, &d->rrset[d->count]);
	return 0;
}

/* The rrset of a type; with @make an empty one in its place in the order. */
static bool draft_target(struct draft *d, uint16_t type, bool make, uint32_t ttl)
{
	unsigned int i = 0;

	while (i < d->count && d->rrset[i].type < type)
		i++;
	if (i == d->count || d->rrset[i].type != type) {
		if (!make)
			return false;
		memmove(&d->rrset[i + 1], &d->rrset[i], (d->count - i) * sizeof(*d->rrset));
		d->rrset[i] = (struct store_rrset){ .type = type, .ttl = ttl };
		d->count++;
	}
	d->target = &d->rrset[i];
	return true;
}

/* Own copies of what changes. */
static int draft_own(struct draft *d)
{
	if (knot_rdataset_copy(&d->made[0], &d->target->rdata, NULL) ||
	    knot_rdataset_copy(&d->made[1], &d->target->rrsigs, NULL))
		return -ENOMEM;
	return 0;
}

static void draft_drop_target(struct draft *d)
{
	unsigned int i = d->target - d->rrset;

	memmove(&d->rrset[i], &d->rrset[i + 1], (--d->count - i) * sizeof(*d->rrset));
	d->target = NULL;
}

/* Into the store; what the draft has is let go.  @err: what happened so far. */
static int draft_end(struct store_edit *e, struct draft *d, int err)
{
	if (!err && d->target) {
		d->target->rdata = d->made[0];
		d->target->rrsigs = d->made[1];
		if (!d->made[0].count && !d->made[1].count)
			draft_drop_target(d);
	}
	if (!err)
		err = edit_put_node(e->txn, e->changes, &d->key, d->owner, d->rrset, d->count);
	knot_rdataset_clear(&d->made[0], NULL);
	knot_rdataset_clear(&d->made[1], NULL);
	free(d->rrset);
	return err;
}

static uint16_t covered(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	if (type != KNOT_RRTYPE_RRSIG)
		return type;
	return len < 2 ? 0 : rdata[0] << 8 | rdata[1];
}

static enum store_kind kind_of(uint16_t type)
{
	return type == KNOT_RRTYPE_NSEC3 ? STORE_NSEC3 : STORE_NAMES;
}

static int knot_errno(int err)
{
	return !err ? 0 : err == KNOT_ENOMEM ? -ENOMEM : -EINVAL;
}

/* A record in the form that rdata sets have. */
static knot_rdata_t *make_rdata(const uint8_t *rdata, uint16_t len)
{
	knot_rdata_t *r = calloc(1, knot_rdata_size(len));

	if (r)
		knot_rdata_init(r, len, rdata);
	return r;
}

static int add_to(struct draft *d, bool rrsig, uint16_t type, uint32_t ttl, const knot_rdata_t *r)
{
	int err = draft_own(d);

	if (err)
		return err;
	if (type == KNOT_RRTYPE_SOA && !rrsig)
		knot_rdataset_clear(&d->made[0], NULL);
	/* A signature has the TTL of what it signs. */
	if (!rrsig || !d->made[0].count)
		d->target->ttl = ttl;
	return knot_errno(knot_rdataset_add(&d->made[rrsig], r, NULL));
}

int store_edit_add(struct store_edit *e, const uint8_t *owner, uint16_t type, uint32_t ttl,
		   const uint8_t *rdata, uint16_t len)
{
	uint16_t target = covered(type, rdata, len);
	bool rrsig = type == KNOT_RRTYPE_RRSIG;
	knot_rdata_t *r;
	struct draft d;
	int err;

	if (!target || !rdata_valid(type, rdata, len))
		return -EINVAL;
	if (e->replacement) {
		err = key_of_name(&d.key, e->zone, kind_of(target), owner);
		return err ? err : replacement_add(e->replacement, &d.key, target, rrsig, ttl,
						   rdata, len);
	}
	r = make_rdata(rdata, len);
	if (!r)
		return -ENOMEM;
	err = draft_begin(e, &d, kind_of(target), owner);
	if (!err) {
		draft_target(&d, target, true, ttl);
		err = add_to(&d, rrsig, target, ttl, r);
		err = draft_end(e, &d, err);
	}
	free(r);
	return err;
}

int store_edit_remove(struct store_edit *e, const uint8_t *owner, uint16_t type,
		      const uint8_t *rdata, uint16_t len)
{
	uint16_t target = covered(type, rdata, len);
	knot_rdata_t *r;
	struct draft d;
	int err;

	if (!target)
		return -EINVAL;
	r = make_rdata(rdata, len);
	if (!r)
		return -ENOMEM;
	err = draft_begin(e, &d, kind_of(target), owner);
	if (!err && draft_target(&d, target, false, 0)) {
		err = draft_own(&d);
		if (!err)
			err = knot_errno(knot_rdataset_remove(
				&d.made[type == KNOT_RRTYPE_RRSIG], r, NULL));
	}
	err = draft_end(e, &d, err);
	free(r);
	return err;
}

static int remove_rrset(struct store_edit *e, const uint8_t *owner, enum store_kind kind,
			uint16_t type)
{
	struct draft d;
	int err = draft_begin(e, &d, kind, owner);

	if (!err && type == KNOT_RRTYPE_ANY)
		d.count = 0;
	else if (!err && draft_target(&d, type, false, 0))
		draft_drop_target(&d);
	return draft_end(e, &d, err);
}

int store_edit_remove_rrset(struct store_edit *e, const uint8_t *owner, uint16_t type)
{
	int first, second;

	if (type != KNOT_RRTYPE_ANY)
		return remove_rrset(e, owner, kind_of(type), type);
	first = remove_rrset(e, owner, STORE_NAMES, type);
	second = first < 0 ? 0 : remove_rrset(e, owner, STORE_NSEC3, type);
	return second < 0 ? second : first < 0 ? first : first | second;
}

int store_edit_remove_rrsigs(struct store_edit *e, const uint8_t *owner, uint16_t type)
{
	struct draft d;
	int err = draft_begin(e, &d, kind_of(type), owner);

	if (!err && draft_target(&d, type, false, 0)) {
		err = draft_own(&d);
		if (!err)
			knot_rdataset_clear(&d.made[1], NULL);
	}
	return draft_end(e, &d, err);
}

/* --- the whole --- */

int store_edit_replace(struct store_edit *e, bool ours)
{
	e->replacement = replacement_new(ours);
	return e->replacement ? 0 : -ENOMEM;
}

int store_edit_replaced(struct store_edit *e)
{
	int err = replacement_apply(e->replacement, e->txn, e->zone, e->changes);

	replacement_free(e->replacement);
	e->replacement = NULL;
	return err;
}

int store_edit_each(struct store_edit *e, int (*fn)(const struct store_change *change, void *data),
		    void *data)
{
	struct change *last = NULL;
	int err = 0;

	for (struct change *c = changes_first(e->changes); c; c = c->next)
		last = c;
	for (struct change *c = changes_first(e->changes); c && !err; c = c->next) {
		struct store_change change = {
			.removed = c->net < 0,
			.owner = c->owner,
			.type = c->type,
			.ttl = c->ttl,
			.rdata = c->rdata,
		};

		if (c->net)
			err = fn(&change, data);
		if (c == last)
			break;
	}
	return err;
}

bool store_edit_changed(const struct store_edit *e)
{
	return changes_any(e->changes);
}

int store_edit_bump_serial(struct store_edit *e, uint32_t *serial)
{
	struct store_rrset soa;
	uint32_t value, before;
	uint8_t *copy;
	size_t len;
	int err;

	if (!find_soa(e, &soa))
		return -EINVAL;
	value = knot_soa_serial(soa.rdata.rdata);
	before = e->soa_before.type ? knot_soa_serial(e->soa_before.rdata.rdata) : value - 1;
	if (serial)
		*serial = value;
	if (value != before || !store_edit_changed(e))
		return 0;
	value = value + 1 ?: 1;
	len = soa.rdata.rdata->len;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, soa.rdata.rdata->data, len);
	/* It ends with serial, refresh, retry, expire, minimum. */
	knot_wire_write_u32(copy + len - 20, value);
	err = store_edit_add(e, e->apex, KNOT_RRTYPE_SOA, soa.ttl, copy, len);
	free(copy);
	if (serial)
		*serial = value;
	return err;
}

int store_edit_finish(struct store_edit *e)
{
	struct store_rrset after = { 0 };
	int err = 0;

	if (!store_edit_changed(e)) {
		store_edit_drop(e);
		return 0;
	}
	if (find_soa(e, &after) && e->soa_before.type &&
	    knot_soa_serial(after.rdata.rdata) != knot_soa_serial(e->soa_before.rdata.rdata))
		err = journal_append(e->txn, e->zone, e->changes, e->apex, &e->soa_before, &after,
				     e->journal_max);
	else
		err = journal_clear(e->txn, e->zone);
	store_edit_drop(e);
	return err;
}
