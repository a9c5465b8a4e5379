/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a zone is signed: the section "dnssec" of a zone. */
#ifndef SIGN_POLICY_H
#define SIGN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct sign_policy - all times in seconds
 * @folder: where private keys lie
 * @known: keys that were read before, or NULL
 * @algorithm: DNSKEY algorithm number: 8, 10, 13, 14, 15 or 16
 * @bits: size of a new RSA key; the other algorithms have one size each
 * @single_key: one key of both roles (CSK) instead of a KSK and a ZSK
 * @nsec3: NSEC3 chain instead of NSEC
 * @opt_out: no NSEC3 records for delegations without DS (RFC 5155 6)
 * @iterations: additional hashings; RFC 9276 3.1 wants 0
 * @salt_len: octets of salt; RFC 9276 3.1 wants 0
 * @salt: those octets; a salt of random octets would have every reload make another chain
 * @lifetime: from now to the expiration of a new signature
 * @refresh: a signature that expires sooner than this is made again
 * @jitter: expirations are spread over so much time before the end of @lifetime
 * @dnskey_ttl: TTL of DNSKEY, CDS and CDNSKEY
 * @ksk_lifetime: a KSK or CSK is replaced after so much time; 0: never of itself
 * @zsk_lifetime: the same for a ZSK
 * @propagation: until every secondary has a change
 * @parent_propagation: until every server of the parent has a change
 * @parent_ds_ttl: TTL of the DS records in the parent zone
 * @parent_check: how often the parent is asked whether it has the DS
 * @withdraw: the parent is asked by CDS and CDNSKEY to remove all DS (RFC 8078 4)
 */
struct sign_policy {
	char *folder;
	struct sign_keys *known;
	uint8_t algorithm;
	unsigned int bits;
	bool single_key;
	bool nsec3, opt_out;
	uint16_t iterations;
	uint8_t salt_len;
	uint8_t salt[8];
	uint32_t lifetime, refresh, jitter;
	uint32_t dnskey_ttl;
	uint32_t ksk_lifetime, zsk_lifetime;
	uint32_t propagation, parent_propagation, parent_ds_ttl, parent_check;
	bool withdraw;
};

/**
 * sign_policy_default() - what an empty section "dnssec" says
 * @p: filled
 */
void sign_policy_default(struct sign_policy *p);
/**
 * sign_algorithm_name() - an algorithm in words
 * @algorithm: its number
 *
 * Return: "ecdsap256sha256", or "algorithm 99" in a buffer that the next call uses again.
 */
const char *sign_algorithm_name(uint8_t algorithm);

#endif
