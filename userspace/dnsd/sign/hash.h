/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashed owner names (RFC 5155 5). */
#ifndef SIGN_HASH_H
#define SIGN_HASH_H

#include <libknot/libknot.h>
#include <stddef.h>
#include <stdint.h>

#define SIGN_NSEC3_HASH	20	/* octets of SHA-1, the only algorithm (RFC 5155 11) */
#define SIGN_HASH_LABEL	33	/* octets of it as a label in wire form */

/**
 * sign_hash() - hash a name
 * @name: in lower case
 * @salt: octets
 * @salt_len: how many
 * @iterations: additional hashings
 * @out: the hash
 *
 * Return: 0, or -EIO when the library cannot.
 */
int sign_hash(const knot_dname_t *name, const uint8_t *salt, size_t salt_len,
	      uint16_t iterations, uint8_t out[SIGN_NSEC3_HASH]);
/**
 * sign_hash_owner() - the owner name of a hash's record
 * @hash: the hash
 * @apex: of at most KNOT_DNAME_MAXLEN - SIGN_HASH_LABEL octets
 * @out: base 32 with extended hex alphabet, in lower case, below @apex
 */
void sign_hash_owner(const uint8_t hash[SIGN_NSEC3_HASH], const knot_dname_t *apex,
		     knot_dname_storage_t out);
/**
 * sign_hash_of_owner() - the other way
 * @owner: name
 * @out: the hash
 *
 * Return: 0, or -EINVAL: it is no such name.
 */
int sign_hash_of_owner(const knot_dname_t *owner, uint8_t out[SIGN_NSEC3_HASH]);

#endif
