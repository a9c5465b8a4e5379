/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of a zone.
 *
 * Private keys lie in a folder, as PKCS #8 PEM files that libdnssec's keystore writes.
 * What else is known of them (role, state, times, the public key) is a value in the
 * store, so that it changes together with the zone.
 */
#ifndef SIGN_KEYS_H
#define SIGN_KEYS_H

#include <libdnssec/key.h>
#include <libdnssec/keyid.h>
#include <libdnssec/sign.h>
#include <libknot/libknot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

#define SIGN_MAX_KEYS		16
#define SIGN_NEVER		UINT64_MAX
/* Of a DNSKEY's RDATA: an RSA key of 4096 bits has 512 octets, and its exponent. */
#define SIGN_MAX_DNSKEY		1024
#define SIGN_MAX_RECORDS	(SIGN_MAX_KEYS * (64 + SIGN_MAX_DNSKEY) + 16)

enum { SIGN_KSK = 1, SIGN_ZSK = 2, SIGN_CSK = SIGN_KSK | SIGN_ZSK };

/**
 * enum sign_key_state - where a key is in its life (RFC 7583 3.1)
 * @SIGN_INTRODUCED: signs, but its DNSKEY is not yet in the zone: the first step of a
 *	change of algorithm (RFC 6781 4.1.4)
 * @SIGN_PUBLISHED: its DNSKEY is in the zone, not yet known to every resolver
 * @SIGN_READY: a KSK or CSK that waits for its DS in the parent zone
 * @SIGN_ACTIVE: in use
 * @SIGN_RETIRED: replaced, but resolvers may still need its DNSKEY
 * @SIGN_WITHDRAWN: signs, but its DNSKEY is no longer in the zone: the last step of a
 *	change of algorithm
 * @SIGN_REMOVED: gone; not stored
 */
enum sign_key_state {
	SIGN_INTRODUCED = 1,
	SIGN_PUBLISHED,
	SIGN_READY,
	SIGN_ACTIVE,
	SIGN_RETIRED,
	SIGN_WITHDRAWN,
	SIGN_REMOVED,
};

/**
 * struct sign_key - a key
 * @id: names its file
 * @role: SIGN_KSK, SIGN_ZSK or SIGN_CSK
 * @state: where it is in its life
 * @created: seconds since 1970
 * @since: when it came into @state, in seconds since 1970
 * @until: when it may leave @state at the earliest, or SIGN_NEVER
 * @asked: somebody asked for it to be replaced
 * @dnskey: public key as RDATA
 * @dnskey_len: octets of @dnskey
 * @key: for signing; NULL until sign_keys_load()
 * @context: for signing
 */
struct sign_key {
	char id[DNSSEC_KEYID_SIZE + 1];
	uint8_t role;
	enum sign_key_state state;
	uint64_t created, since, until;
	bool asked;
	uint8_t dnskey[SIGN_MAX_DNSKEY];
	uint16_t dnskey_len;
	dnssec_key_t *key;
	dnssec_sign_ctx_t *context;
};

/**
 * struct sign_keys - those of a zone
 * @zone: its name
 * @n: how many
 * @key: in the order in which they were made
 */
struct sign_keys {
	knot_dname_storage_t zone;
	int n;
	struct sign_key key[SIGN_MAX_KEYS];
};

/**
 * sign_keys_init() - no keys
 * @k: to be filled; sign_keys_free() afterwards
 * @zone: its name
 */
void sign_keys_init(struct sign_keys *k, const knot_dname_t *zone);
/**
 * sign_keys_free() - forget keys in memory; files stay
 * @k: keys
 */
void sign_keys_free(struct sign_keys *k);
int sign_keys_folder(const char *folder);
/**
 * sign_keys_adopt() - take private parts that were read before
 * @k: keys, which get them
 * @known: keys, which lose them
 */
void sign_keys_adopt(struct sign_keys *k, struct sign_keys *known);
int sign_keys_load(struct sign_keys *k, const char *folder);
int sign_key_generate(struct sign_keys *k, const char *folder, const struct sign_policy *p,
		      uint8_t role, struct sign_key **made);
/**
 * sign_key_drop() - forget one key; its file stays
 * @k: keys
 * @index: which
 */
void sign_key_drop(struct sign_keys *k, int index);
/**
 * sign_key_erase() - remove the file of a key
 * @folder: where private keys lie
 * @id: of the key
 *
 * Return: 0 or a negative errno.
 */
int sign_key_erase(const char *folder, const char *id);

/**
 * sign_keys_write() - as a value of the store
 * @k: keys
 * @out: for the value
 * @size: its octets, SIGN_MAX_RECORDS at least
 *
 * Return: octets written; 0: there is no room.
 */
size_t sign_keys_write(const struct sign_keys *k, uint8_t *out, size_t size);
int sign_keys_read(struct sign_keys *k, const uint8_t *data, size_t len);

/**
 * sign_key_algorithm() - a key's algorithm
 * @k: key
 *
 * Return: its number (RFC 8624).
 */
uint8_t sign_key_algorithm(const struct sign_key *k);
/**
 * sign_key_tag() - a key's tag (RFC 4034 appendix B)
 * @k: key
 *
 * Return: the tag, which others may have as well.
 */
uint16_t sign_key_tag(const struct sign_key *k);
/**
 * sign_key_in_zone() - does its DNSKEY belong into the zone?
 * @k: key
 *
 * Return: whether it does.
 */
bool sign_key_in_zone(const struct sign_key *k);
/**
 * sign_key_signs() - does it sign rrsets of a type?
 * @k: key
 * @type: type; DNSKEY, CDS and CDNSKEY are those at the apex
 *
 * Return: whether it does.
 */
bool sign_key_signs(const struct sign_key *k, uint16_t type);
/**
 * sign_role_name() - a role in words
 * @role: SIGN_KSK, SIGN_ZSK or SIGN_CSK
 *
 * Return: "KSK", "ZSK" or "CSK".
 */
const char *sign_role_name(uint8_t role);
/**
 * sign_state_name() - a state in words
 * @state: state
 *
 * Return: a word.
 */
const char *sign_state_name(enum sign_key_state state);
/**
 * sign_key_ds() - the DS record for the parent
 * @zone: owner name
 * @k: the key
 * @digest: 2 for SHA-256, 4 for SHA-384
 * @out: RDATA, at most 52 octets
 *
 * Return: octets, or a negative errno.
 */
int sign_key_ds(const knot_dname_t *zone, const struct sign_key *k, uint8_t digest,
		uint8_t out[52]);

#endif
