/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within the room: what the store keeps about the signing of a zone. */
#ifndef SIGN_STATE_H
#define SIGN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "apply.h"
#include "keys.h"
#include "rollover.h"
#include "store/store.h"

/**
 * struct sign_state - beside the keys
 * @policy: fingerprint of the policy that the zone was signed by
 * @expires: when the first signature expires, in seconds since 1970
 * @next: when there will be something to do, in seconds since 1970
 * @max_ttl: the longest TTL in the zone
 * @dnskey_ttl: of the DNSKEY set
 * @cursor: a pass over the zone, if one is under way
 */
struct sign_state {
	uint64_t policy;
	uint64_t expires, next;
	struct sign_ttl max_ttl, dnskey_ttl;
	struct sign_cursor cursor;
};

/**
 * sign_policy_fingerprint() - is a policy another than it was?
 * @p: policy
 *
 * Return: a number that differs when anything differs that signatures or waits depend on.
 */
uint64_t sign_policy_fingerprint(const struct sign_policy *p);
int sign_state_get(const struct store_txn *t, uint32_t zone, struct sign_state *state);
int sign_state_put(struct store_txn *t, uint32_t zone, const struct sign_state *state);
/**
 * sign_keys_get() - a zone's keys, without their private parts
 * @t: transaction
 * @zone: the store's number
 * @keys: gets them; none when there are none
 *
 * Return: 0, or -EPROTO after an error line.
 */
int sign_keys_get(const struct store_txn *t, uint32_t zone, struct sign_keys *keys);
/**
 * sign_keys_put() - keep a zone's keys, without their private parts
 * @t: write transaction
 * @zone: the store's number
 * @keys: those
 *
 * Return: 0 or a negative errno.
 */
int sign_keys_put(struct store_txn *t, uint32_t zone, const struct sign_keys *keys);

#endif
