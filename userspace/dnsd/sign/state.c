// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "sign.h"

#define VERSION		2
#define TTL_SIZE	(4 + 4 + 8)
#define FIXED_SIZE	(1 + 3 * 8 + 2 * TTL_SIZE)
/* Two flags, two times, a TTL; then the name. */
#define CURSOR_SIZE	(2 + 2 * 8 + 4)
#define MAX_SIZE	(FIXED_SIZE + CURSOR_SIZE + KNOT_DNAME_MAXLEN)
/* Of version 1: no TTL but the longest one. */
#define FIRST_SIZE	(1 + 3 * 8 + 4)
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

static void read_ttl(struct sign_ttl *t, const uint8_t *p)
{
	t->ttl = knot_wire_read_u32(p);
	t->former = knot_wire_read_u32(p + 4);
	t->until = knot_wire_read_u64(p + 8);
}

static void write_ttl(uint8_t *p, const struct sign_ttl *t)
{
	knot_wire_write_u32(p, t->ttl);
	knot_wire_write_u32(p + 4, t->former);
	knot_wire_write_u64(p + 8, t->until);
}

/* False: it is damaged. */
static bool read_cursor(struct sign_cursor *c, const uint8_t *p, size_t len)
{
	if (!len)
		return true;
	if (len <= CURSOR_SIZE ||
	    knot_dname_wire_check(p + CURSOR_SIZE, p + len, NULL) != (int)(len - CURSOR_SIZE))
		return false;
	c->under_way = p[0];
	c->nsec3 = p[1];
	c->began = knot_wire_read_u64(p + 2);
	c->expires = knot_wire_read_u64(p + 10);
	c->max_ttl = knot_wire_read_u32(p + 18);
	memcpy(c->name, p + CURSOR_SIZE, len - CURSOR_SIZE);
	return true;
}

/* Octets; none when no pass is under way. */
static size_t write_cursor(uint8_t *p, const struct sign_cursor *c)
{
	size_t len = knot_dname_size(c->name);

	if (!c->under_way)
		return 0;
	p[0] = c->under_way;
	p[1] = c->nsec3;
	knot_wire_write_u64(p + 2, c->began);
	knot_wire_write_u64(p + 10, c->expires);
	knot_wire_write_u32(p + 18, c->max_ttl);
	memcpy(p + CURSOR_SIZE, c->name, len);
	return CURSOR_SIZE + len;
}

/**
 * sign_state_get() - what the store has
 * @t: transaction
 * @zone: the store's number
 * @state: filled
 *
 * Return: 1, 0: the zone was never signed by us, or -EPROTO after an error line.
 */
int sign_state_get(const struct store_txn *t, uint32_t zone, struct sign_state *state)
{
	const void *value;
	const uint8_t *p;
	bool first;
	size_t len;

	if (!store_meta_get(t, zone, STATE_TAG, &value, &len))
		return 0;
	p = value;
	first = len == FIRST_SIZE && *p == 1;
	if (!first && (len < FIXED_SIZE || *p != VERSION))
		return damaged(STATE_TAG);
	*state = (struct sign_state) { 0 };
	state->policy = knot_wire_read_u64(++p);
	state->expires = knot_wire_read_u64(p + 8);
	state->next = knot_wire_read_u64(p + 16);
	if (first) {
		state->max_ttl.ttl = knot_wire_read_u32(p + 24);
		return 1;
	}
	read_ttl(&state->max_ttl, p + 24);
	read_ttl(&state->dnskey_ttl, p + 24 + TTL_SIZE);
	if (!read_cursor(&state->cursor, (const uint8_t *)value + FIXED_SIZE, len - FIXED_SIZE))
		return damaged(STATE_TAG);
	return 1;
}

/**
 * sign_state_put() - into the store
 * @t: write transaction
 * @zone: the store's number
 * @state: what to keep
 *
 * Return: 0 or a negative errno.
 */
int sign_state_put(struct store_txn *t, uint32_t zone, const struct sign_state *state)
{
	uint8_t value[MAX_SIZE];
	size_t len = FIXED_SIZE;

	value[0] = VERSION;
	knot_wire_write_u64(value + 1, state->policy);
	knot_wire_write_u64(value + 9, state->expires);
	knot_wire_write_u64(value + 17, state->next);
	write_ttl(value + 25, &state->max_ttl);
	write_ttl(value + 25 + TTL_SIZE, &state->dnskey_ttl);
	len += write_cursor(value + len, &state->cursor);
	return store_meta_put(t, zone, STATE_TAG, value, len);
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
