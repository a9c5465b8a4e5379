// SPDX-License-Identifier: GPL-2.0-or-later
#include "rollover.h"

#include <errno.h>
#include <string.h>

static void enter(struct sign_key *key, enum sign_key_state state, uint64_t now, uint64_t wait)
{
	key->state = state;
	key->since = now;
	key->until = wait == SIGN_NEVER ? SIGN_NEVER : now + wait;
}

static uint64_t longer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Until no cache has the DNSKEY set of before. */
static uint64_t dnskey_wait(const struct sign_policy *p, const struct sign_roll *r)
{
	return longer(p->dnskey_ttl, r->dnskey_ttl) + p->propagation;
}

/* Until no cache has an rrset, or a signature, of before. */
static uint64_t zone_wait(const struct sign_policy *p, uint32_t max_ttl)
{
	return (uint64_t)max_ttl + p->propagation;
}

static uint64_t ds_wait(const struct sign_policy *p, uint32_t ds_ttl)
{
	return longer(p->parent_ds_ttl, ds_ttl) + p->parent_propagation;
}

static struct sign_key *find(struct sign_keys *k, uint8_t roles, int algorithm, unsigned int states)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if ((key->role & roles) == roles && (states & 1U << key->state) &&
		    (algorithm < 0 || sign_key_algorithm(key) == algorithm))
			return key;
	}
	return NULL;
}

#define IN(state)	(1U << SIGN_##state)
#define COMING		(IN(INTRODUCED) | IN(PUBLISHED) | IN(READY))
#define GOING		(IN(RETIRED) | IN(WITHDRAWN))
#define ANY		(COMING | IN(ACTIVE) | GOING)

/* An algorithm that will be gone from the zone with @key. */
static bool last_of_its_algorithm(struct sign_keys *k, const struct sign_key *key)
{
	return !find(k, SIGN_KSK, sign_key_algorithm(key), COMING | IN(ACTIVE));
}

static void retire_secure_entries(struct sign_keys *k, const struct sign_policy *p,
				  const struct sign_key *successor, uint64_t now, uint32_t max_ttl,
				  uint32_t ds_ttl)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *old = &k->key[i];
		uint64_t wait = ds_wait(p, ds_ttl);

		if (old == successor || !(old->role & SIGN_KSK) || old->state != SIGN_ACTIVE)
			continue;
		/* A CSK's signatures must not be needed either. */
		if (old->role == SIGN_CSK && successor->role != SIGN_CSK)
			wait = longer(wait, zone_wait(p, max_ttl));
		enter(old, SIGN_RETIRED, now, wait);
	}
	/* With a CSK of the same algorithm no ZSK is needed. */
	for (int i = 0; i < k->n && successor->role == SIGN_CSK; i++)
		if (k->key[i].role == SIGN_ZSK && k->key[i].state == SIGN_ACTIVE &&
		    sign_key_algorithm(&k->key[i]) == sign_key_algorithm(successor))
			enter(&k->key[i], SIGN_RETIRED, now, zone_wait(p, max_ttl));
}

/**
 * sign_roll_confirm() - the parent has the DS of a key that is ready
 * @k: keys
 * @p: policy
 * @tag: the key's tag; -1: of whichever waits, of which there is one at a time
 * @now: seconds since 1970
 * @max_ttl: the longest TTL of the zone that caches can have
 * @ds_ttl: the longest TTL of the DS that the parent was seen to have, in seconds; the
 *	policy's counts if it is longer
 *
 * Return: 0, or -ENOENT: no key with this tag waits for that.
 */
int sign_roll_confirm(struct sign_keys *k, const struct sign_policy *p, int tag,
		      uint64_t now, uint32_t max_ttl, uint32_t ds_ttl)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if (key->state != SIGN_READY || (tag >= 0 && sign_key_tag(key) != tag))
			continue;
		enter(key, SIGN_ACTIVE, now, SIGN_NEVER);
		retire_secure_entries(k, p, key, now, max_ttl, ds_ttl);
		return 0;
	}
	return -ENOENT;
}

/* Its time counts, and secondaries may not have got it yet. */
static bool spreads(const struct sign_key *key, const struct sign_policy *p, uint64_t now)
{
	return key->until != SIGN_NEVER && now < key->since + p->propagation;
}

/**
 * sign_roll_resume() - nothing was served for a while
 * @k: keys
 * @p: policy
 * @served: until when it was served, in seconds since 1970
 * @now: from when on it is served again
 *
 * A step that was taken shortly before may have reached nobody, or some secondaries only: its
 * time begins anew.  What all of them had went on to age in the caches.
 *
 * Return: whether keys changed: they have to be stored.
 */
bool sign_roll_resume(struct sign_keys *k, const struct sign_policy *p, uint64_t served,
		      uint64_t now)
{
	bool changed = false;

	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		/* Or it was taken a moment ago, after the interruption. */
		if (!spreads(key, p, served) ||
		    (key->since > served && now < key->since + SIGN_GAP))
			continue;
		enter(key, key->state, now, key->until - key->since);
		changed = true;
	}
	return changed;
}

/**
 * sign_roll_spreads() - would an interruption of service matter?
 * @k: keys
 * @p: policy
 * @now: seconds since 1970
 *
 * Return: true: some secondary may not have the last step yet.
 */
bool sign_roll_spreads(const struct sign_keys *k, const struct sign_policy *p, uint64_t now)
{
	for (int i = 0; i < k->n; i++)
		if (spreads(&k->key[i], p, now))
			return true;
	return false;
}

/**
 * sign_roll_late() - what was decided could be served only later, for signing takes time
 * @k: keys
 * @decided: steps since then are meant, in seconds since 1970
 * @ready: their time counts from now on
 */
void sign_roll_late(struct sign_keys *k, uint64_t decided, uint64_t ready)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if (key->since >= decided && key->until != SIGN_NEVER)
			enter(key, key->state, ready, key->until - key->since);
	}
}

/**
 * sign_ttl_set() - something has another TTL from now on
 * @t: what is known of it
 * @ttl: seconds
 * @now: seconds since 1970
 * @propagation: seconds until all secondaries have it
 */
void sign_ttl_set(struct sign_ttl *t, uint32_t ttl, uint64_t now, uint32_t propagation)
{
	if (t->until <= now)
		t->former = 0;
	if (ttl < t->ttl) {
		t->former = longer(t->former, t->ttl);
		t->until = longer(t->until, now + t->ttl + propagation);
	}
	t->ttl = ttl;
}

/**
 * sign_ttl_longest() - the longest TTL that caches can have
 * @t: what is known
 * @now: seconds since 1970
 *
 * Return: seconds.
 */
uint32_t sign_ttl_longest(const struct sign_ttl *t, uint64_t now)
{
	return t->until > now ? longer(t->ttl, t->former) : t->ttl;
}

/**
 * sign_ttl_resume() - nothing was served for a while: secondaries may have had the former TTL
 * @t: what is known
 * @now: from when on it is served again, in seconds since 1970
 * @propagation: seconds until all secondaries have what is served
 *
 * Return: whether it changed.
 */
bool sign_ttl_resume(struct sign_ttl *t, uint64_t now, uint32_t propagation)
{
	if (!t->former)
		return false;
	t->until = now + t->former + propagation;
	return true;
}

/**
 * sign_roll_waits() - does a key wait for its DS in the parent?
 * @k: keys
 *
 * Return: whether one does.
 */
bool sign_roll_waits(const struct sign_keys *k)
{
	return find((struct sign_keys *)k, SIGN_KSK, -1, IN(READY));
}

/**
 * sign_roll_ask() - have keys replaced ahead of their time
 * @k: keys
 * @role: SIGN_KSK or SIGN_ZSK; a CSK is meant by SIGN_KSK
 *
 * Return: 0, -EBUSY: one is being replaced already, -ENOENT: there is none.
 */
int sign_roll_ask(struct sign_keys *k, uint8_t role)
{
	int asked = 0;

	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if (role == SIGN_ZSK ? key->role != SIGN_ZSK : !(key->role & SIGN_KSK))
			continue;
		if (1U << key->state & COMING)
			return -EBUSY;
		if (key->state == SIGN_ACTIVE) {
			key->asked = true;
			asked++;
		}
	}
	return asked ? 0 : -ENOENT;
}

/**
 * sign_key_wants_ds() - should the parent have a DS for it, as CDS and CDNSKEY say (RFC 7344)?
 * @k: all keys of the zone
 * @key: one of them
 *
 * Return: whether it should.
 */
bool sign_key_wants_ds(const struct sign_keys *k, const struct sign_key *key)
{
	struct sign_keys *all = (struct sign_keys *)k;

	if (!(key->role & SIGN_KSK))
		return false;
	if (find(all, SIGN_KSK, -1, IN(READY)))
		return key->state == SIGN_READY;
	return key->state == SIGN_ACTIVE;
}

static int make(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r,
		uint8_t role, enum sign_key_state state, uint64_t wait)
{
	struct sign_key *key;
	int rc = r->generate(k, p, role, &key, r->data);

	if (rc)
		return rc;
	key->created = r->now;
	enter(key, state, r->now, wait);
	r->changed = true;
	return 0;
}

/* A set of keys for the policy: one of both roles or one of each. */
static int make_set(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r,
		    enum sign_key_state ksk, enum sign_key_state zsk, uint64_t wait)
{
	int rc = make(k, p, r, p->single_key ? SIGN_CSK : SIGN_KSK, ksk, wait);

	if (rc || p->single_key)
		return rc;
	return make(k, p, r, SIGN_ZSK, zsk, zsk == SIGN_ACTIVE ? SIGN_NEVER : wait);
}

static void zsk_takes_over(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r,
			   struct sign_key *key)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *old = &k->key[i];

		if (old->role == SIGN_ZSK && old->state == SIGN_ACTIVE &&
		    sign_key_algorithm(old) == sign_key_algorithm(key))
			enter(old, SIGN_RETIRED, r->now, zone_wait(p, r->max_ttl));
	}
	enter(key, SIGN_ACTIVE, r->now, SIGN_NEVER);
}

/* Its DS is in no cache any more. */
static void secure_entry_goes(struct sign_keys *k, const struct sign_policy *p,
			      struct sign_roll *r, struct sign_key *key)
{
	uint8_t algorithm = sign_key_algorithm(key);

	if (!last_of_its_algorithm(k, key) || !find(k, SIGN_KSK, -1, IN(ACTIVE))) {
		enter(key, SIGN_REMOVED, r->now, SIGN_NEVER);
		return;
	}
	/*
	 * While a resolver has a DNSKEY set with this algorithm it may insist on signatures
	 * by it (RFC 6840 5.11), so the DNSKEYs go before the signatures.
	 */
	for (int i = 0; i < k->n; i++)
		if (sign_key_algorithm(&k->key[i]) == algorithm && sign_key_in_zone(&k->key[i]))
			enter(&k->key[i], SIGN_WITHDRAWN, r->now, dnskey_wait(p, r));
}

static void step(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r,
		 struct sign_key *key)
{
	switch (key->state) {
	case SIGN_INTRODUCED:
		if (key->role & SIGN_KSK)
			enter(key, SIGN_PUBLISHED, r->now, dnskey_wait(p, r));
		else
			enter(key, SIGN_ACTIVE, r->now, SIGN_NEVER);
		break;
	case SIGN_PUBLISHED:
		if (key->role & SIGN_KSK)
			enter(key, SIGN_READY, r->now, SIGN_NEVER);
		else
			zsk_takes_over(k, p, r, key);
		break;
	case SIGN_RETIRED:
		if (key->role & SIGN_KSK)
			secure_entry_goes(k, p, r, key);
		else
			enter(key, SIGN_REMOVED, r->now, SIGN_NEVER);
		break;
	case SIGN_WITHDRAWN:
		enter(key, SIGN_REMOVED, r->now, SIGN_NEVER);
		break;
	case SIGN_READY:
	case SIGN_ACTIVE:
	case SIGN_REMOVED:
		break;
	}
}

static void due_steps(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r)
{
	for (int i = 0; i < k->n; i++) {
		if (k->key[i].until > r->now)
			continue;
		step(k, p, r, &k->key[i]);
		r->changed = true;
	}
	for (int i = k->n - 1; i >= 0; i--) {
		if (k->key[i].state != SIGN_REMOVED)
			continue;
		memcpy(r->gone[r->n_gone++], k->key[i].id, sizeof(k->key[i].id));
		sign_key_drop(k, i);
	}
}

/* When a key's successor is to be made: so that it takes over at the end of @lifetime. */
static uint64_t end_of_life(const struct sign_key *key, uint32_t lifetime, uint64_t ahead)
{
	if (key->asked)
		return 0;
	if (!lifetime)
		return SIGN_NEVER;
	return key->since + (lifetime > ahead ? lifetime - ahead : 0);
}

static void note(struct sign_roll *r, uint64_t when)
{
	if (when < r->next)
		r->next = when;
}

static int replace_old(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r)
{
	struct sign_key *ksk = find(k, SIGN_KSK, p->algorithm, IN(ACTIVE));
	struct sign_key *zsk = find(k, SIGN_ZSK, p->algorithm, IN(ACTIVE));
	uint64_t wait = dnskey_wait(p, r), when;
	int rc;

	/* A CSK's signatures are to be in the caches, too, before the DS may change. */
	if (ksk && ksk->role == SIGN_CSK)
		wait = longer(wait, zone_wait(p, r->max_ttl));
	if (ksk && !find(k, SIGN_KSK, -1, COMING)) {
		when = end_of_life(ksk, p->ksk_lifetime, wait);
		if (when > r->now) {
			note(r, when);
		} else {
			rc = make(k, p, r, ksk->role, SIGN_PUBLISHED, wait);
			if (rc)
				return rc;
			ksk->asked = false;
		}
	}
	if (!zsk || zsk->role != SIGN_ZSK || find(k, SIGN_ZSK, -1, COMING))
		return 0;
	when = end_of_life(zsk, p->zsk_lifetime, dnskey_wait(p, r));
	if (when > r->now) {
		note(r, when);
		return 0;
	}
	rc = make(k, p, r, SIGN_ZSK, SIGN_PUBLISHED, dnskey_wait(p, r));
	if (rc)
		return rc;
	zsk->asked = false;
	return 0;
}

/* What there is, compared with what the policy wants. */
static int follow_policy(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r)
{
	struct sign_key *entry;
	bool fits;

	/* The first keys: no DS may come while unsigned answers are in caches. */
	if (!k->n)
		return make_set(k, p, r, SIGN_PUBLISHED, SIGN_ACTIVE,
				longer(dnskey_wait(p, r), zone_wait(p, r->max_ttl)));
	if (find(k, 0, -1, COMING | GOING))
		return replace_old(k, p, r);
	entry = find(k, SIGN_KSK, p->algorithm, IN(ACTIVE));
	fits = entry && (entry->role == SIGN_CSK) == p->single_key;
	if (fits)
		return replace_old(k, p, r);
	if (!find(k, 0, p->algorithm, ANY))
		return make_set(k, p, r, SIGN_INTRODUCED, SIGN_INTRODUCED,
				zone_wait(p, r->max_ttl));
	return make_set(k, p, r, SIGN_PUBLISHED, SIGN_PUBLISHED,
			longer(dnskey_wait(p, r), zone_wait(p, r->max_ttl)));
}

/**
 * sign_roll() - do every step that is due
 * @k: keys; when there are none, the first ones are made
 * @p: policy
 * @r: time and what came of it
 *
 * To be followed by signing in the transaction that stores the keys, when @r says that
 * something changed.
 *
 * Return: 0, or a negative errno when a key cannot be made; what could be done is done.
 */
int sign_roll(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r)
{
	int rc;

	r->changed = false;
	r->next = SIGN_NEVER;
	r->n_gone = 0;
	due_steps(k, p, r);
	rc = follow_policy(k, p, r);
	for (int i = 0; i < k->n; i++)
		note(r, k->key[i].until);
	return rc;
}
