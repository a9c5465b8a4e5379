// SPDX-License-Identifier: GPL-2.0-or-later
/* Signing in an edit of the store, and in edits of our own when time has come. */
#include <errno.h>
#include <inttypes.h>
#include <libdnssec/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "command.h"
#include "edit-zone.h"
#include "log.h"
#include "rollover.h"
#include "sign.h"
#include "state.h"

/* After an error: signatures last longer than that. */
#define RETRY_AFTER	60

void sign_crypto_init(void)
{
	dnssec_crypto_reinit();
}

/**
 * struct session - the signing of a zone in one edit
 * @e: the edit
 * @conf: the zone
 * @policy: its policy
 * @zone: the edit as a zone
 * @now: seconds since 1970
 * @began: the same of a clock that nobody sets
 * @fresh: the zone was not signed by us so far
 * @state: from the store
 * @keys: from the store
 * @roll: steps of key roll-over
 * @made: new keys, the last ones of @keys
 */
struct session {
	struct store_edit *e;
	const struct setup_zone *conf;
	struct sign_policy *policy;
	struct sign_zone zone;
	uint64_t now;
	uint64_t began;
	bool fresh;
	struct sign_state state;
	struct sign_keys keys;
	struct sign_roll roll;
	int made;
};

/* --- what an edit changed --- */

struct change_list {
	struct sign_change *change;
	size_t n, room;
};

static bool is_chain(uint16_t type)
{
	return type == KNOT_RRTYPE_RRSIG || type == KNOT_RRTYPE_NSEC || type == KNOT_RRTYPE_NSEC3;
}

static int note_change(const struct store_change *change, void *data)
{
	struct change_list *l = data;
	const struct sign_change *last = l->n ? &l->change[l->n - 1] : NULL;

	if (is_chain(change->type) ||
	    (last && last->type == change->type && knot_dname_is_equal(last->name, change->owner)))
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct sign_change *more = reallocarray(l->change, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->change = more;
		l->room = room;
	}
	l->change[l->n].name = knot_dname_copy(change->owner, NULL);
	l->change[l->n].type = change->type;
	return l->change[l->n].name ? (l->n++, 0) : -ENOMEM;
}

static void free_changes(struct change_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		knot_dname_free((knot_dname_t *)l->change[i].name, NULL);
	free(l->change);
}

/* What the changed rrsets had is no signature of theirs. */
static int drop_rrsigs(struct store_edit *e, const struct change_list *l)
{
	int rc = 0;

	for (size_t i = 0; i < l->n && rc >= 0; i++)
		rc = store_edit_remove_rrsigs(e, l->change[i].name, l->change[i].type);
	return rc < 0 ? rc : 0;
}

/* --- a session --- */

static int make_key(struct sign_keys *k, const struct sign_policy *p, uint8_t role,
		    struct sign_key **made, void *data)
{
	struct session *s = data;
	int rc = sign_key_generate(k, p->folder, p, role, made);

	if (rc)
		return rc;
	s->made++;
	ln_notice("zone %s: new %s, %s, tag %u", s->conf->text, sign_role_name(role),
		  sign_algorithm_name(p->algorithm), sign_key_tag(*made));
	return 0;
}

static int note_gone(const struct store_change *change, void *data)
{
	uint32_t *ttl = data;

	if (change->removed && change->ttl > *ttl)
		*ttl = change->ttl;
	return 0;
}

/* The longest TTL: what unsigned answers may be cached for, also of records that go now. */
static uint32_t longest_ttl(struct session *s)
{
	struct store_walk w;
	uint32_t ttl = 0;

	if (store_walk_begin(&w, store_edit_txn(s->e), store_edit_zone(s->e), STORE_NAMES, NULL))
		return 0;
	while (store_walk_next(&w)) {
		for (unsigned int i = 0; i < w.node.count; i++) {
			struct store_rrset rrset;

			store_rrset_at(&w.node, i, &rrset);
			if (rrset.ttl > ttl)
				ttl = rrset.ttl;
		}
	}
	store_walk_end(&w);
	store_edit_each(s->e, note_gone, &ttl);
	return ttl;
}

static uint64_t uptime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

static int begin(struct session *s, struct store_edit *e, const struct setup_zone *conf,
		 uint64_t now)
{
	int rc;

	memset(s, 0, sizeof(*s));
	s->e = e;
	s->conf = conf;
	s->policy = conf->policy;
	s->now = now;
	s->began = uptime();
	sign_edit_zone(&s->zone, e, conf->name);
	sign_keys_init(&s->keys, conf->name);
	rc = sign_state_get(store_edit_txn(e), store_edit_zone(e), &s->state);
	if (rc < 0)
		return rc;
	s->fresh = !rc;
	if (s->fresh)
		s->state.max_ttl.ttl = longest_ttl(s);
	rc = sign_keys_get(store_edit_txn(e), store_edit_zone(e), &s->keys);
	if (rc)
		return rc;
	/* Its DNSKEYs were not in the zone meanwhile. */
	if (s->fresh)
		sign_roll_resume(&s->keys, s->policy, 0, now);
	if (s->policy->known)
		sign_keys_adopt(&s->keys, s->policy->known);
	rc = sign_keys_load(&s->keys, s->policy->folder);
	return rc < 0 ? rc : 0;
}

/*
 * Private keys are read once.  Those of a session that failed are not in the store: their
 * files go.
 */
static void end(struct session *s, bool lost)
{
	struct sign_policy *p = s->policy;

	for (int i = 0; lost && s->made && i < s->keys.n; i++)
		if (i >= s->keys.n - s->made)
			sign_key_erase(p->folder, s->keys.key[i].id);

	if (!p->known) {
		p->known = malloc(sizeof(*p->known));
		if (p->known)
			sign_keys_init(p->known, s->conf->name);
	}
	if (p->known) {
		sign_keys_free(p->known);
		memcpy(p->known, &s->keys, sizeof(s->keys));
	} else {
		sign_keys_free(&s->keys);
	}
}

static int roll(struct session *s)
{
	int rc;

	s->roll.now = s->now;
	s->roll.max_ttl = sign_ttl_longest(&s->state.max_ttl, s->now);
	s->roll.dnskey_ttl = sign_ttl_longest(&s->state.dnskey_ttl, s->now);
	s->roll.generate = make_key;
	s->roll.data = s;
	rc = sign_roll(&s->keys, s->policy, &s->roll);
	for (int i = 0; i < s->keys.n && s->roll.changed; i++)
		if (s->keys.key[i].since == s->now)
			ln_notice("zone %s: %s with tag %u is %s", s->conf->text,
				  sign_role_name(s->keys.key[i].role),
				  sign_key_tag(&s->keys.key[i]),
				  sign_state_name(s->keys.key[i].state));
	return rc;
}

static uint64_t next_renewal(const struct session *s)
{
	uint64_t expires = s->state.expires;

	if (expires == SIGN_NEVER)
		return SIGN_NEVER;
	return expires > s->policy->refresh ? expires - s->policy->refresh : 0;
}

static void include_result(struct session *s, const struct sign_result *result)
{
	struct sign_cursor *at = &s->state.cursor;

	if (result->expires < s->state.expires)
		s->state.expires = result->expires;
	if (result->max_ttl > s->state.max_ttl.ttl)
		sign_ttl_set(&s->state.max_ttl, result->max_ttl, s->now, s->policy->propagation);
	/* The pass may not come to what an update has made. */
	if (at->under_way && result->expires < at->expires)
		at->expires = result->expires;
	if (at->under_way && result->max_ttl > at->max_ttl)
		at->max_ttl = result->max_ttl;
}

/* All of the zone was looked at. */
static void pass_ends(struct session *s, uint64_t expires, uint32_t max_ttl)
{
	s->state.expires = expires;
	sign_ttl_set(&s->state.max_ttl, max_ttl, s->now, s->policy->propagation);
}

/* The SOA's serial was raised, by us or by who made the edit. */
static int finish_serial(struct session *s, uint32_t before)
{
	struct sign_result soa;
	uint32_t after = 0;
	int rc = store_edit_bump_serial(s->e, &after);

	if (rc > 0 || (!rc && after != before)) {
		rc = store_edit_remove_rrsigs(s->e, s->conf->name, KNOT_RRTYPE_SOA);
		if (rc >= 0)
			rc = sign_soa(&s->zone, &s->keys, s->policy, s->now, &soa);
	}
	return rc < 0 ? rc : 0;
}

static void say_result(const struct session *s, const struct sign_result *result, const char *of)
{
	if (result->unreadable)
		ln_error("zone %s: %" PRIu64 " signatures could not be made: private keys cannot "
			 "be read", s->conf->text, result->unreadable);
	if (result->signatures)
		ln_info("zone %s: %" PRIu64 " signatures made%s", s->conf->text,
			result->signatures, of);
}

static int sign_some(struct session *s, bool whole, const struct change_list *l)
{
	struct store_txn *t = store_edit_txn(s->e);
	struct sign_result result;
	uint32_t before = 0;
	int rc = 1;

	store_zone_serial(t, store_edit_zone(s->e), &before);
	if (!whole)
		rc = sign_changes(&s->zone, &s->keys, s->policy, s->now, l->change, l->n, &result);
	whole = rc == 1;
	if (whole)
		rc = sign_all(&s->zone, &s->keys, s->policy, s->now, &result);
	if (!rc)
		rc = finish_serial(s, before);
	if (rc < 0)
		return rc;
	say_result(s, &result, whole ? ", of the whole zone" : "");
	if (whole && s->state.cursor.under_way)
		sign_roll_late(&s->keys, s->state.cursor.began, s->now);
	if (whole) {
		s->state.cursor.under_way = false;
		pass_ends(s, result.expires, result.max_ttl);
	} else {
		include_result(s, &result);
	}
	sign_ttl_set(&s->state.dnskey_ttl, s->policy->dnskey_ttl, s->now, s->policy->propagation);
	return 0;
}

/*
 * The zone is signed, if not by all keys as they are now, or not for long any more: the next
 * slice of a pass, or the first one.
 */
static int sign_further(struct session *s, bool restart)
{
	struct sign_cursor *at = &s->state.cursor;
	uint64_t began = at->under_way ? at->began : s->now;
	const struct change_list none = { 0 };
	struct sign_result result;
	uint32_t before = 0;
	int rc;

	store_zone_serial(store_edit_txn(s->e), store_edit_zone(s->e), &before);
	at->under_way &= !restart;
	rc = sign_slice(&s->zone, &s->keys, s->policy, s->now, at, &result);
	at->began = began;
	if (rc == 1)
		return sign_some(s, true, &none);
	if (!rc)
		rc = finish_serial(s, before);
	if (rc)
		return rc;
	say_result(s, &result, at->under_way ? ", there are more to be made" : "");
	include_result(s, &result);
	if (at->under_way)
		return 0;
	/* Waits count from when the last signature was there. */
	sign_roll_late(&s->keys, at->began, s->now);
	pass_ends(s, at->expires, at->max_ttl);
	return 0;
}

static int store_state(struct session *s)
{
	struct store_txn *t = store_edit_txn(s->e);
	uint32_t zone = store_edit_zone(s->e);
	uint64_t renewal = next_renewal(s), late = uptime() - s->began;
	int rc;

	sign_roll_late(&s->keys, s->now, s->now + late);
	s->state.policy = sign_policy_fingerprint(s->policy);
	if (s->roll.now)
		s->state.next = s->roll.next;
	if (s->state.cursor.under_way)
		s->state.next = 0;
	if (renewal < s->state.next)
		s->state.next = renewal;
	rc = sign_state_put(t, zone, &s->state);
	return rc ? rc : sign_keys_put(t, zone, &s->keys);
}

static int failed(const struct setup_zone *conf, int rc)
{
	ln_error("zone %s: signing failed: %s", conf->text,
		 rc == -ENOKEY ? "there is no private key to sign with" :
		 rc == -ENAMETOOLONG ? "its name is too long for NSEC3, for which 222 octets are "
		 "allowed" : strerror(-rc));
	return rc;
}

int sign_edit(struct store_edit *e, const struct setup_zone *conf, uint64_t now)
{
	struct change_list l = { 0 };
	struct session s;
	bool whole;
	int rc;

	rc = begin(&s, e, conf, now);
	/* Later steps have files of keys to remove, which can be done after a commit only. */
	if (!rc && !s.keys.n)
		rc = roll(&s);
	if (!rc)
		rc = store_edit_each(e, note_change, &l);
	if (!rc)
		rc = drop_rrsigs(e, &l);
	whole = s.fresh || s.state.policy != sign_policy_fingerprint(s.policy);
	/* The keys, too, may have to follow the policy. */
	if (whole)
		s.state.next = now;
	if (!rc && (whole || l.n))
		rc = sign_some(&s, whole, &l);
	if (!rc)
		rc = store_state(&s);
	free_changes(&l);
	end(&s, rc);
	return rc ? failed(conf, rc) : 0;
}

/* --- in transactions of our own --- */

/**
 * struct wish - what a person asked for
 * @roll: SIGN_KSK or SIGN_ZSK: replace it
 * @seen: the parent has the DS of the key with @tag
 * @tag: key tag; -1: of whichever waits
 * @ds_ttl: with @seen: the longest TTL of the DS at the parent, as far as it is known
 */
struct wish {
	uint8_t roll;
	bool seen;
	int tag;
	uint32_t ds_ttl;
};

static int fulfil(struct session *s, const struct wish *w)
{
	if (w->roll)
		return sign_roll_ask(&s->keys, w->roll);
	if (w->seen)
		return sign_roll_confirm(&s->keys, s->policy, w->tag, s->now,
					 sign_ttl_longest(&s->state.max_ttl, s->now), w->ds_ttl);
	return 0;
}

static bool is_due(const struct store_txn *t, uint32_t zone, const struct sign_policy *p,
		   uint64_t now, uint64_t *next)
{
	struct sign_state state;

	if (sign_state_get(t, zone, &state) <= 0 || state.policy != sign_policy_fingerprint(p))
		return true;
	*next = state.next;
	return state.next <= now;
}

static int in_edit(struct session *s, struct store_edit *e, const struct setup_zone *conf,
		   const struct wish *w, uint64_t now)
{
	const struct change_list none = { 0 };
	int rc = begin(s, e, conf, now), keys_rc = 0;
	bool whole;

	if (!rc)
		rc = fulfil(s, w);
	if (rc)
		return rc;
	whole = s->fresh || s->state.policy != sign_policy_fingerprint(s->policy);
	/* No step before the last one is done. */
	if (!s->state.cursor.under_way || whole)
		keys_rc = roll(s);
	/* A key that cannot be made does not hinder the others' signatures. */
	if (keys_rc && !s->keys.n)
		return keys_rc;
	if (whole)
		rc = sign_some(s, true, &none);
	else if (s->roll.changed || w->seen)
		rc = sign_further(s, true);
	else if (s->state.cursor.under_way || next_renewal(s) <= now)
		rc = sign_further(s, false);
	if (keys_rc && s->roll.next > now + RETRY_AFTER)
		s->roll.next = now + RETRY_AFTER;
	return rc ? rc : store_state(s);
}

static int commit(struct store_txn *t, struct session *s, struct store_edit *e)
{
	bool changed = store_edit_changed(e);
	int rc = store_edit_finish(e);

	if (rc) {
		store_txn_abort(t);
		return rc;
	}
	rc = store_commit(t);
	if (rc)
		return rc;
	/* Nothing refers to them any more. */
	for (int i = 0; i < s->roll.n_gone; i++) {
		ln_notice("zone %s: key %s is removed", s->conf->text, s->roll.gone[i]);
		sign_key_erase(s->policy->folder, s->roll.gone[i]);
	}
	return changed;
}

/* -EAGAIN: nothing is due, or the zone has no content. */
static int maintain(struct store *store, const struct setup_zone *conf, const struct wish *w,
		    uint64_t now, uint64_t *next)
{
	struct store_txn *t = store_write(store);
	struct store_edit *e = NULL;
	struct session *s;
	uint32_t zone, serial;
	int rc = -EAGAIN;

	if (!t)
		return -EIO;
	*next = SIGN_NEVER;
	s = calloc(1, sizeof(*s));
	zone = store_zone_find(t, conf->name);
	if (s && zone && store_zone_serial(t, zone, &serial) &&
	    (w->roll || w->seen || is_due(t, zone, conf->policy, now, next)))
		e = store_edit_new(t, zone, conf->journal_max);
	if (!e) {
		store_txn_abort(t);
		free(s);
		return rc;
	}
	rc = in_edit(s, e, conf, w, now);
	if (rc) {
		store_edit_drop(e);
		store_txn_abort(t);
	} else {
		*next = s->state.next;
		rc = commit(t, s, e);
		/* Secondaries are told when it is done. */
		if (rc > 0 && s->state.cursor.under_way)
			rc = 0;
	}
	end(s, rc < 0);
	free(s);
	return rc;
}

int sign_maintain(struct store *store, const struct setup_zone *conf, uint64_t now, uint64_t *next)
{
	const struct wish none = { 0 };
	struct store_txn *t = store_read(store);
	uint32_t zone = t ? store_zone_find(t, conf->name) : 0, serial;
	bool due = false;
	int rc;

	*next = SIGN_NEVER;
	if (t) {
		due = zone && store_zone_serial(t, zone, &serial) &&
		      is_due(t, zone, conf->policy, now, next);
		store_txn_abort(t);
	}
	if (!due)
		return 0;
	rc = maintain(store, conf, &none, now, next);
	if (rc == -EAGAIN)
		return 0;
	if (rc < 0) {
		*next = now + RETRY_AFTER;
		return failed(conf, rc);
	}
	return rc;
}

int sign_command_roll(struct store *store, const struct setup_zone *conf, uint8_t role,
		      uint64_t now)
{
	const struct wish w = { .roll = role };
	uint64_t next;

	return maintain(store, conf, &w, now, &next);
}

int sign_command_seen(struct store *store, const struct setup_zone *conf, int tag,
		      uint32_t ds_ttl, uint64_t now)
{
	const struct wish w = { .seen = true, .tag = tag, .ds_ttl = ds_ttl };
	uint64_t next;

	return maintain(store, conf, &w, now, &next);
}
