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
 * @now: seconds since 1970
 *
 * Return: as above; -ENOENT: no key with this tag waits for its DS.
 */
int sign_command_seen(struct store *store, const struct setup_zone *zone, int tag,
		      uint64_t now);
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
 */
struct sign_expected_ds {
	uint16_t tag;
	int n;
	uint8_t ds[2][52];
	int len[2];
};

/* Of the key of a zone that waits for it: 1, 0: none waits, or a negative errno. */
int sign_expected_ds(struct store *store, const struct setup_zone *zone,
		     struct sign_expected_ds *expected);
bool sign_is_expected_ds(const struct sign_expected_ds *expected, const knot_rdata_t *rdata);

/* linnet-dnsd --keys ZONE: the exit status. */
int sign_command_keys(const struct setup *setup, char **words, int n);

#endif
