/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zones that we sign: section "dnssec" of a zone.  All but sign_options and sign_read() is
 * for the keeper, which writes the store.
 */
#ifndef SIGN_SIGN_H
#define SIGN_SIGN_H

#include <confuse.h>
#include <stdint.h>

#include "setup.h"
#include "store/store.h"

struct sign_policy;

/* Of NSEC3; resolvers take zones with more for unsigned or broken (RFC 9276 3.2). */
#define SIGN_MAX_ITERATIONS	50

/* For CFG_SEC("dnssec", sign_options, CFGF_NODEFAULT) in a zone's section. */
extern cfg_opt_t sign_options[];

/**
 * sign_read() - take a section "dnssec"
 * @section: the section
 * @state: the state folder; private keys lie in "keys" below it
 *
 * Return: the policy, or NULL after error lines.
 */
struct sign_policy *sign_read(cfg_t *section, const char *state);
/**
 * sign_policy_free() - let go of a policy, and of the private keys that are in memory with it
 * @p: may be NULL
 */
void sign_policy_free(struct sign_policy *p);
/**
 * sign_parent_check() - how often the parent is to be asked for a DS
 * @p: policy
 *
 * Return: seconds.
 */
uint32_t sign_parent_check(const struct sign_policy *p);

/**
 * sign_crypto_init() - in the keeper, before the first use
 *
 * What the library has must not be shared with a parent.
 */
void sign_crypto_init(void);

/**
 * sign_edit() - sign what an edit changed
 * @e: an edit of a zone, with its changes, before store_edit_finish()
 * @zone: with a policy
 * @now: seconds since 1970
 *
 * Also makes the first keys, raises the serial if the edit did not, and does whatever
 * step of a key roll-over is due.
 *
 * Return: 0, or a negative errno after an error line: the transaction has to be aborted.
 */
int sign_edit(struct store_edit *e, const struct setup_zone *zone, uint64_t now);

/**
 * sign_is_signed() - was what the store has of a zone signed by us?
 * @t: transaction
 * @zone: the store's number
 *
 * Return: whether it was.
 */
bool sign_is_signed(const struct store_txn *t, uint32_t zone);
/**
 * sign_forget() - it no longer is: the configuration has no policy for it any more
 * @t: write transaction
 * @zone: the store's number
 *
 * Keys are kept.
 *
 * Return: 0 or a negative errno.
 */
int sign_forget(struct store_txn *t, uint32_t zone);

/* Seconds between two calls of sign_served(). */
#define SIGN_SERVED_S	60

/**
 * sign_served() - zones are being served
 * @store: the keeper's
 * @zone: the configuration's
 * @n: how many
 * @now: seconds since 1970
 *
 * To be called at the start, before sign_maintain(), and each SIGN_SERVED_S.  After an
 * interruption (a stop, a machine that was suspended, a clock that was set) the waits of
 * key roll-overs begin anew where some secondary may not have the last step (RFC 7583 3.2).
 *
 * Return: 0 or a negative errno.
 */
int sign_served(struct store *store, const struct setup_zone *zone, unsigned int n, uint64_t now);

/**
 * sign_maintain() - what time brings: signatures made again, keys replaced
 * @store: the keeper's
 * @zone: with a policy
 * @now: seconds since 1970
 * @next: when there will be something to do, in seconds since 1970; UINT64_MAX: not of
 *	itself; 0: at once, when others have had their turn
 *
 * In a transaction of its own, if there is something to do.  Much work is done in slices, of
 * which this is one.
 *
 * Return: 1 when the zone changed (NOTIFY is due: not between slices), 0, or a negative errno after an
 * error line; @next is set in any case.
 */
int sign_maintain(struct store *store, const struct setup_zone *zone, uint64_t now,
		  uint64_t *next);

#endif
