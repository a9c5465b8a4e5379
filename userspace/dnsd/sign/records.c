// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keys as a value of the store: a version, and for each key its id (20 octets), role,
 * state, flags, times of 8 octets each, and the DNSKEY with its length.  All big endian.
 */
#include <errno.h>
#include <libknot/libknot.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"

#define VERSION		1
#define FIXED		(DNSSEC_KEYID_BINARY_SIZE + 3 + 3 * 8 + 2)
#define FLAG_ASKED	1

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10;
}

size_t sign_keys_write(const struct sign_keys *k, uint8_t *out, size_t size)
{
	uint8_t *p = out;

	if (size < SIGN_MAX_RECORDS)
		return 0;
	*p++ = VERSION;
	for (int i = 0; i < k->n; i++) {
		const struct sign_key *key = &k->key[i];
		const uint64_t times[] = { key->created, key->since, key->until };

		for (int j = 0; j < DNSSEC_KEYID_BINARY_SIZE; j++)
			*p++ = nibble(key->id[2 * j]) << 4 | nibble(key->id[2 * j + 1]);
		*p++ = key->role;
		*p++ = key->state;
		*p++ = key->asked ? FLAG_ASKED : 0;
		for (int j = 0; j < 3; j++, p += 8)
			knot_wire_write_u64(p, times[j]);
		knot_wire_write_u16(p, key->dnskey_len);
		memcpy(p + 2, key->dnskey, key->dnskey_len);
		p += 2 + key->dnskey_len;
	}
	return p - out;
}

static const uint8_t *read_key(struct sign_key *key, const uint8_t *p, const uint8_t *end)
{
	if (end - p < FIXED)
		return NULL;
	for (int j = 0; j < DNSSEC_KEYID_BINARY_SIZE; j++)
		snprintf(key->id + 2 * j, 3, "%02x", p[j]);
	p += DNSSEC_KEYID_BINARY_SIZE;
	key->role = p[0];
	key->state = p[1];
	key->asked = p[2] & FLAG_ASKED;
	key->created = knot_wire_read_u64(p + 3);
	key->since = knot_wire_read_u64(p + 11);
	key->until = knot_wire_read_u64(p + 19);
	key->dnskey_len = knot_wire_read_u16(p + 27);
	p += 29;
	if (key->role < SIGN_KSK || key->role > SIGN_CSK || key->state < SIGN_INTRODUCED ||
	    key->state > SIGN_WITHDRAWN || key->dnskey_len < 5 ||
	    key->dnskey_len > SIGN_MAX_DNSKEY || end - p < key->dnskey_len)
		return NULL;
	memcpy(key->dnskey, p, key->dnskey_len);
	return p + key->dnskey_len;
}

/**
 * sign_keys_read() - what sign_keys_write() wrote
 * @k: gets the keys, without their private parts
 * @data: the value
 * @len: its octets
 *
 * Return: 0, or -EPROTO: damaged, or by a program of another version.
 */
int sign_keys_read(struct sign_keys *k, const uint8_t *data, size_t len)
{
	const uint8_t *p = data, *end = data + len;

	sign_keys_free(k);
	if (!len || *p++ != VERSION)
		return -EPROTO;
	while (p < end) {
		if (k->n == SIGN_MAX_KEYS)
			return -EPROTO;
		memset(&k->key[k->n], 0, sizeof(k->key[0]));
		p = read_key(&k->key[k->n], p, end);
		if (!p)
			return -EPROTO;
		k->n++;
	}
	return 0;
}
