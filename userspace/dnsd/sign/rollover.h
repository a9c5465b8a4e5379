/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys come, are used, are replaced and go: which step is due when.
 *
 * A ZSK is replaced by pre-publication (RFC 6781 4.1.1.1): the new DNSKEY is published,
 * and signs when every resolver knows it; the old one goes when no signature of it can be
 * in a cache.  A KSK or CSK is replaced by double signature (4.1.2): both sign until the
 * parent's DS has changed from the old to the new one and the old DS cannot be in a
 * cache.  A new algorithm comes conservatively (4.1.4): signatures first, then the
 * DNSKEY, then the DS, and the old one goes in the opposite order.
 *
 * Times count from when something was served, not from when it was decided (RFC 7583 3.2): a
 * state whose records did not stay in service for as long as secondaries may need to fetch
 * them begins anew (sign_roll_resume()), and a TTL counts as long as caches can have it.
 */
#ifndef SIGN_ROLLOVER_H
#define SIGN_ROLLOVER_H

#include "keys.h"

/* Seconds without a sign of life that are an interruption of service. */
#define SIGN_GAP	150

/* Where new keys come from; 0 or a negative errno. */
typedef int (*sign_generate_fn)(struct sign_keys *k, const struct sign_policy *p, uint8_t role,
				struct sign_key **made, void *data);

/**
 * struct sign_roll - a look at the keys
 * @now: seconds since 1970
 * @max_ttl: the longest TTL of the zone that caches can have, in seconds
 * @dnskey_ttl: the same of the DNSKEY set
 * @generate: makes keys
 * @data: passed to @generate
 * @changed: set: keys are not what they were
 * @next: set: when there will be something to do, SIGN_NEVER: not of itself
 * @n_gone: set: how many keys are gone
 * @gone: set: their ids; their files may go when the store no longer has the keys
 */
struct sign_roll {
	uint64_t now;
	uint32_t max_ttl, dnskey_ttl;
	sign_generate_fn generate;
	void *data;
	bool changed;
	uint64_t next;
	int n_gone;
	char gone[SIGN_MAX_KEYS][DNSSEC_KEYID_SIZE + 1];
};

/**
 * struct sign_ttl - a TTL in the zone, and a longer one that was there before
 * @ttl: in seconds
 * @former: in seconds; 0: none
 * @until: until when caches can have something with @former, in seconds since 1970
 */
struct sign_ttl {
	uint32_t ttl, former;
	uint64_t until;
};

void sign_ttl_set(struct sign_ttl *t, uint32_t ttl, uint64_t now, uint32_t propagation);
uint32_t sign_ttl_longest(const struct sign_ttl *t, uint64_t now);
bool sign_ttl_resume(struct sign_ttl *t, uint64_t now, uint32_t propagation);

int sign_roll(struct sign_keys *k, const struct sign_policy *p, struct sign_roll *r);
int sign_roll_ask(struct sign_keys *k, uint8_t role);
int sign_roll_confirm(struct sign_keys *k, const struct sign_policy *p, int tag,
		      uint64_t now, uint32_t max_ttl, uint32_t ds_ttl);
bool sign_roll_resume(struct sign_keys *k, const struct sign_policy *p, uint64_t served,
		      uint64_t now);
bool sign_roll_spreads(const struct sign_keys *k, const struct sign_policy *p, uint64_t now);
void sign_roll_late(struct sign_keys *k, uint64_t decided, uint64_t ready);
bool sign_roll_waits(const struct sign_keys *k);
bool sign_key_wants_ds(const struct sign_keys *k, const struct sign_key *key);

#endif
