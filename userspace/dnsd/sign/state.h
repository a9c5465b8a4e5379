/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within the room: what the store keeps about the signing of a zone. */
#ifndef SIGN_STATE_H
#define SIGN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"
#include "store/store.h"

/**
 * struct sign_state - beside the keys
 * @policy: fingerprint of the policy that the zone was signed by
 * @expires: when the first signature expires, in seconds since 1970
 * @next: when there will be something to do, in seconds since 1970
 * @max_ttl: the longest TTL in the zone
 */
struct sign_state {
	uint64_t policy;
	uint64_t expires, next;
	uint32_t max_ttl;
};

uint64_t sign_policy_fingerprint(const struct sign_policy *p);
/* 1, 0: the zone was never signed by us, or -EPROTO after an error line. */
int sign_state_get(const struct store_txn *t, uint32_t zone, struct sign_state *state);
int sign_state_put(struct store_txn *t, uint32_t zone, const struct sign_state *state);
/* No keys when there are none; -EPROTO after an error line. */
int sign_keys_get(const struct store_txn *t, uint32_t zone, struct sign_keys *keys);
int sign_keys_put(struct store_txn *t, uint32_t zone, const struct sign_keys *keys);

#endif
