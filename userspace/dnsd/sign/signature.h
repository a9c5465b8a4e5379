/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One signature over one rrset (RFC 4034 3). */
#ifndef SIGN_SIGNATURE_H
#define SIGN_SIGNATURE_H

#include <libknot/libknot.h>
#include <stdint.h>

#include "keys.h"

/* RDATA: fixed part, signer's name, and the signature of an RSA key of 4096 bits. */
#define SIGN_MAX_RRSIG	(18 + KNOT_DNAME_MAXLEN + 512)

/**
 * struct sign_validity - when signatures hold, in seconds since 1970
 * @inception: from
 * @expiration: to
 */
struct sign_validity {
	uint32_t inception, expiration;
};

struct sign_validity sign_validity(const struct sign_policy *p, uint64_t now);
int sign_make(const knot_rrset_t *rrset, const knot_dname_t *zone, struct sign_key *key,
	      struct sign_validity validity, uint8_t out[SIGN_MAX_RRSIG]);
int sign_check(const knot_rrset_t *rrset, const knot_dname_t *zone, struct sign_key *key,
	       const uint8_t *rrsig, size_t len);

#endif
