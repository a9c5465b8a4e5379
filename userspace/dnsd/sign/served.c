// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Was the daemon there all the time?  The store has when it last was, as long as some
 * secondary may not have a step of a key roll-over yet.
 */
#include <errno.h>
#include <inttypes.h>

#include "log.h"
#include "sign.h"
#include "state.h"

#define TAG		"sign-served"
#define VERSION		1
#define SIZE		(1 + 8)
_Static_assert(SIGN_GAP > 2 * SIGN_SERVED_S, "one call may be late");

static uint64_t last_served(const struct store_txn *t)
{
	const void *value;
	size_t len;

	if (!store_meta_get(t, 0, TAG, &value, &len) || len != SIZE || *(uint8_t *)value != VERSION)
		return 0;
	return knot_wire_read_u64((const uint8_t *)value + 1);
}

static int put_served(struct store_txn *t, uint64_t now)
{
	uint8_t value[SIZE] = { VERSION };

	knot_wire_write_u64(value + 1, now);
	return store_meta_put(t, 0, TAG, value, sizeof(value));
}

/**
 * struct look - at one zone
 * @id: the store's number
 * @state: of it
 * @keys: of it
 */
struct look {
	uint32_t id;
	struct sign_state state;
	struct sign_keys keys;
};

static bool look_at(struct look *l, const struct store_txn *t, const struct setup_zone *zone)
{
	l->id = zone->policy ? store_zone_find(t, zone->name) : 0;
	sign_keys_init(&l->keys, zone->name);
	return l->id && sign_state_get(t, l->id, &l->state) > 0 &&
	       !sign_keys_get(t, l->id, &l->keys);
}

/* Is there anything for which an interruption since @served would matter? */
static bool matters(const struct store_txn *t, const struct setup_zone *zone, unsigned int n,
		    uint64_t served)
{
	struct look l;

	for (unsigned int i = 0; i < n; i++)
		if (look_at(&l, t, &zone[i]) &&
		    (sign_roll_spreads(&l.keys, zone[i].policy, served) ||
		     l.state.max_ttl.until > served || l.state.dnskey_ttl.until > served))
			return true;
	return false;
}

static int resume(struct store_txn *t, const struct setup_zone *zone, uint64_t served,
		  uint64_t now)
{
	uint32_t propagation;
	bool changed = false;
	struct look l;
	int rc;

	if (!look_at(&l, t, zone))
		return 0;
	propagation = zone->policy->propagation;
	if (l.state.max_ttl.until > served)
		changed |= sign_ttl_resume(&l.state.max_ttl, now, propagation);
	if (l.state.dnskey_ttl.until > served)
		changed |= sign_ttl_resume(&l.state.dnskey_ttl, now, propagation);
	if (sign_roll_resume(&l.keys, zone->policy, served, now)) {
		changed = true;
		ln_notice("zone %s: it was not served for a while: secondaries may not have the "
			  "last step of its key roll-over, whose time begins anew", zone->text);
	}
	if (!changed)
		return 0;
	l.state.next = now;
	rc = sign_keys_put(t, l.id, &l.keys);
	return rc ? rc : sign_state_put(t, l.id, &l.state);
}

static int write_served(struct store *store, const struct setup_zone *zone, unsigned int n,
			uint64_t served, bool gap, uint64_t now)
{
	struct store_txn *t = store_write(store);
	int rc = t ? 0 : -EIO;

	for (unsigned int i = 0; i < n && gap && !rc; i++)
		rc = resume(t, &zone[i], served, now);
	if (!rc)
		rc = put_served(t, now);
	if (!rc)
		return store_commit(t);
	store_txn_abort(t);
	return rc;
}

int sign_served(struct store *store, const struct setup_zone *zone, unsigned int n, uint64_t now)
{
	struct store_txn *t = store_read(store);
	uint64_t served;
	bool due, gap;

	if (!t)
		return -EIO;
	served = last_served(t);
	due = matters(t, zone, n, served < now ? served : now);
	store_txn_abort(t);
	if (!due)
		return 0;
	/* A clock that was set back tells nothing. */
	gap = now < served || now - served > SIGN_GAP;
	return write_served(store, zone, n, now < served ? 0 : served, gap, now);
}
