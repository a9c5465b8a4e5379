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
static uint64_t dnskey_wait(const struct sign_policy *p)
{
	return (uint64_t)p->dnskey_ttl + p->propagation;
}

/* Until no cache has an rrset, or a signature, of before. */
static uint64_t zone_wait(const struct sign_policy *p, uint32_t max_ttl)
{
	return (uint64_t)max_ttl + p->propagation;
}

static uint64_t ds_wait(const struct sign_policy *p)
{
	return (uint64_t)p->parent_ds_ttl + p->parent_propagation;
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
				  const struct sign_key *successor, uint64_t now, uint32_t max_ttl)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *old = &k->key[i];
		uint64_t wait = ds_wait(p);

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
 * @max_ttl: the longest TTL in the zone
 *
 * Return: 0, or -ENOENT: no key with this tag waits for that.
 */
int sign_roll_confirm(struct sign_keys *k, const struct sign_policy *p, int tag,
		      uint64_t now, uint32_t max_ttl)
{
	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if (key->state != SIGN_READY || (tag >= 0 && sign_key_tag(key) != tag))
			continue;
		enter(key, SIGN_ACTIVE, now, SIGN_NEVER);
		retire_secure_entries(k, p, key, now, max_ttl);
		return 0;
	}
	return -ENOENT;
}

/* A key waits for its DS in the parent. */
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
			enter(&k->key[i], SIGN_WITHDRAWN, r->now, dnskey_wait(p));
}

static void step(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r,
		 struct sign_key *key)
{
	switch (key->state) {
	case SIGN_INTRODUCED:
		if (key->role & SIGN_KSK)
			enter(key, SIGN_PUBLISHED, r->now, dnskey_wait(p));
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
	uint64_t wait = dnskey_wait(p), when;
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
	when = end_of_life(zsk, p->zsk_lifetime, dnskey_wait(p));
	if (when > r->now) {
		note(r, when);
		return 0;
	}
	rc = make(k, p, r, SIGN_ZSK, SIGN_PUBLISHED, dnskey_wait(p));
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
				longer(dnskey_wait(p), zone_wait(p, r->max_ttl)));
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
			longer(dnskey_wait(p), zone_wait(p, r->max_ttl)));
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
