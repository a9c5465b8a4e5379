/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A zone is brought into the state of being signed: keys and parameters at the apex,
 * signatures beside all that is authoritative, a chain of NSEC or NSEC3 records.
 *
 * What is right already is left alone, so that only differences get into the journal.
 */
#ifndef SIGN_APPLY_H
#define SIGN_APPLY_H

#include "keys.h"
#include "zone.h"

/**
 * struct sign_change - an rrset that changed
 * @name: in lower case
 * @type: never RRSIG
 *
 * It has no signatures any more.
 */
struct sign_change {
	const knot_dname_t *name;
	uint16_t type;
};

/**
 * struct sign_result - what came of it; to be zeroed
 * @signatures: how many were made
 * @changes: rrsets that were replaced, added or removed, or got other signatures
 * @expires: when the first of the signatures that were looked at expires, in seconds since
 *	1970, or SIGN_NEVER
 * @max_ttl: the longest TTL that was seen
 * @unreadable: signatures that were needed, and the key's file cannot be read
 */
struct sign_result {
	uint64_t signatures, changes;
	uint64_t expires;
	uint32_t max_ttl;
	uint64_t unreadable;
};

/**
 * sign_all() - bring a whole zone into the state
 * @zone: the zone
 * @keys: its keys
 * @policy: its policy
 * @now: seconds since 1970
 * @result: what came of it
 *
 * Return: 0, or a negative errno: -ENOKEY when something would have no signature at all,
 * -ENOENT when there is no SOA.
 */
int sign_all(const struct sign_zone *zone, struct sign_keys *keys,
	     const struct sign_policy *policy, uint64_t now, struct sign_result *result);
/**
 * sign_changes() - the same, after changes to a zone that was in that state
 * @zone: the zone
 * @keys: its keys, as they were
 * @policy: its policy, as it was
 * @now: seconds since 1970
 * @change: what changed
 * @n: how many
 * @result: what came of it
 *
 * Return: 0, 1 when the whole zone has to be signed anew, or a negative errno.
 */
int sign_changes(const struct sign_zone *zone, struct sign_keys *keys,
		 const struct sign_policy *policy, uint64_t now,
		 const struct sign_change *change, size_t n, struct sign_result *result);
/**
 * struct sign_cursor - a pass over a signed zone in slices, each in a transaction of its own
 * @under_way: it has begun and not ended
 * @nsec3: names are done, and NSEC3 records are being looked at
 * @name: the last one that was looked at
 * @began: seconds since 1970
 * @expires: when the first signature expires, of those so far
 * @max_ttl: the longest TTL so far
 *
 * Between slices the zone is signed in part by keys as they are, in part by keys as they were
 * before; both are in the DNSKEY set then (RFC 6781 4.1.1), and no key may go before the end.
 */
struct sign_cursor {
	bool under_way, nsec3;
	knot_dname_storage_t name;
	uint64_t began, expires;
	uint32_t max_ttl;
};

/**
 * sign_slice() - bring signatures and the apex into the state, some at a time
 * @zone: a zone that was in that state, with the same policy
 * @keys: its keys, which may not be as they were when the pass begins
 * @policy: its policy
 * @now: seconds since 1970
 * @at: where the pass is; not under way: it begins
 * @result: what came of this slice
 *
 * Return: 0 (@at says whether there is more), 1 when the whole zone has to be signed anew, or a
 * negative errno.
 */
int sign_slice(const struct sign_zone *zone, struct sign_keys *keys,
	       const struct sign_policy *policy, uint64_t now, struct sign_cursor *at,
	       struct sign_result *result);
/**
 * sign_soa() - sign the SOA only, whose serial was raised
 * @zone: the zone
 * @keys: its keys
 * @policy: its policy
 * @now: seconds since 1970
 * @result: what came of it
 *
 * Return: 0 or a negative errno.
 */
int sign_soa(const struct sign_zone *zone, struct sign_keys *keys,
	     const struct sign_policy *policy, uint64_t now, struct sign_result *result);

#endif
