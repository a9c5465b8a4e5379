// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "sign.h"

#define VERSION		1
#define SIZE		(1 + 3 * 8 + 4)
#define STATE_TAG	"sign"
#define KEYS_TAG	"sign-keys"

static uint64_t mix(uint64_t h, uint64_t value)
{
	for (int i = 0; i < 8; i++)		/* FNV-1a */
		h = (h ^ (value >> 8 * i & 255)) * 0x100000001b3;
	return h;
}

uint64_t sign_policy_fingerprint(const struct sign_policy *p)
{
	const uint64_t values[] = {
		p->algorithm, p->bits, p->single_key, p->nsec3, p->opt_out, p->iterations,
		p->salt_len, p->lifetime, p->refresh, p->jitter, p->dnskey_ttl, p->ksk_lifetime,
		p->zsk_lifetime, p->propagation, p->parent_propagation, p->parent_ds_ttl,
		p->withdraw,
	};
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		h = mix(h, values[i]);
	for (int i = 0; i < p->salt_len; i++)
		h = mix(h, p->salt[i]);
	return h;
}

static int damaged(const char *what)
{
	ln_error("store: the value \"%s\" is damaged, or of another version of this program", what);
	return -EPROTO;
}

int sign_state_get(const struct store_txn *t, uint32_t zone, struct sign_state *state)
{
	const void *value;
	const uint8_t *p;
	size_t len;

	if (!store_meta_get(t, zone, STATE_TAG, &value, &len))
		return 0;
	p = value;
	if (len != SIZE || *p++ != VERSION)
		return damaged(STATE_TAG);
	state->policy = knot_wire_read_u64(p);
	state->expires = knot_wire_read_u64(p + 8);
	state->next = knot_wire_read_u64(p + 16);
	state->max_ttl = knot_wire_read_u32(p + 24);
	return 1;
}

int sign_state_put(struct store_txn *t, uint32_t zone, const struct sign_state *state)
{
	uint8_t value[SIZE];

	value[0] = VERSION;
	knot_wire_write_u64(value + 1, state->policy);
	knot_wire_write_u64(value + 9, state->expires);
	knot_wire_write_u64(value + 17, state->next);
	knot_wire_write_u32(value + 25, state->max_ttl);
	return store_meta_put(t, zone, STATE_TAG, value, sizeof(value));
}

int sign_keys_get(const struct store_txn *t, uint32_t zone, struct sign_keys *keys)
{
	const void *value;
	size_t len;

	if (!store_meta_get(t, zone, KEYS_TAG, &value, &len))
		return 0;
	return sign_keys_read(keys, value, len) ? damaged(KEYS_TAG) : 0;
}

int sign_keys_put(struct store_txn *t, uint32_t zone, const struct sign_keys *keys)
{
	uint8_t *value = malloc(SIGN_MAX_RECORDS);
	int rc;

	if (!value)
		return -ENOMEM;
	rc = store_meta_put(t, zone, KEYS_TAG, value,
			    sign_keys_write(keys, value, SIGN_MAX_RECORDS));
	free(value);
	return rc;
}

bool sign_is_signed(const struct store_txn *t, uint32_t zone)
{
	const void *value;
	size_t len;

	return store_meta_get(t, zone, STATE_TAG, &value, &len);
}

int sign_forget(struct store_txn *t, uint32_t zone)
{
	return store_meta_remove(t, zone, STATE_TAG);
}
