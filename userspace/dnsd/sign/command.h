/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person may ask of the keys of a zone. */
#ifndef SIGN_COMMAND_H
#define SIGN_COMMAND_H

#include <stdint.h>
#include <stdio.h>

#include "setup.h"
#include "store/store.h"

/**
 * sign_command_roll() - replace a key ahead of its time
 * @store: the keeper's
 * @zone: with a policy
 * @role: 1: the KSK or CSK, 2: the ZSK
 * @now: seconds since 1970
 *
 * To be followed by sign_maintain(), which says when the next step is due.
 *
 * Return: 1 when the zone changed (NOTIFY is due), 0, -EBUSY: one is being replaced
 * already, -ENOENT: there is no such key in use, -EAGAIN: the zone has no content, or another
 * negative errno.
 */
int sign_command_roll(struct store *store, const struct setup_zone *zone, uint8_t role,
		      uint64_t now);
/**
 * sign_command_seen() - the parent has a key's DS
 * @store: the keeper's
 * @zone: with a policy
 * @tag: of the key; -1: whichever waits for its DS
 * @ds_ttl: the longest TTL in seconds that the DS records at the parent were seen with; the
 *	policy's "parent-ds-ttl" counts when it is longer
 * @now: seconds since 1970
 *
 * Return: as above; -ENOENT: no key with this tag waits for its DS.
 */
int sign_command_seen(struct store *store, const struct setup_zone *zone, int tag,
		      uint32_t ds_ttl, uint64_t now);
/**
 * sign_command_show() - the keys of a zone, for people
 * @store: open for reading at least
 * @zone: with a policy
 * @out: where to write
 *
 * Return: 0, -ENOENT: it has none yet, or a negative errno after an error line.
 */
int sign_command_show(struct store *store, const struct setup_zone *zone, FILE *out);

/**
 * struct sign_expected_ds - what the parent should have
 * @tag: of the key that waits
 * @n: digests
 * @ds: RDATA with each digest that a parent may have chosen
 * @len: octets of each
 * @n_old: keys that go when this one comes
 * @old: their tags and algorithms
 */
struct sign_expected_ds {
	uint16_t tag;
	int n;
	uint8_t ds[2][52];
	int len[2];
	int n_old;
	struct {
		uint16_t tag;
		uint8_t algorithm;
	} old[16];
};

/**
 * sign_expected_ds() - what the parent should have when the key that waits is to be in use
 * @store: open for reading at least
 * @zone: with a policy
 * @expected: filled
 *
 * Return: 1, 0: no key waits, or a negative errno.
 */
int sign_expected_ds(struct store *store, const struct setup_zone *zone,
		     struct sign_expected_ds *expected);
/**
 * sign_is_expected_ds() - is it one of those that are expected?
 * @expected: of sign_expected_ds()
 * @rdata: of a DS record
 *
 * Return: whether it is.
 */
bool sign_is_expected_ds(const struct sign_expected_ds *expected, const knot_rdata_t *rdata);
/**
 * sign_is_old_ds() - is it of a key that is to go?
 * @expected: of sign_expected_ds()
 * @rdata: of a DS record
 *
 * As long as the parent has it, resolvers may go by it (RFC 7583 3.3).
 *
 * Return: whether it is.
 */
bool sign_is_old_ds(const struct sign_expected_ds *expected, const knot_rdata_t *rdata);

/**
 * sign_command_keys() - linnet-dnsd --keys ZONE
 * @setup: the configuration
 * @words: the zone
 * @n: how many words
 *
 * Return: the exit status.
 */
int sign_command_keys(const struct setup *setup, char **words, int n);

#endif
