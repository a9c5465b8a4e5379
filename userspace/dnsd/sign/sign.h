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
void sign_policy_free(struct sign_policy *p);
/* How often the parent is to be asked for a DS, in seconds. */
uint32_t sign_parent_check(const struct sign_policy *p);

/* In the keeper, before the first use: what the library has must not be shared with a parent. */
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

/* What the store has of a zone was signed by us. */
bool sign_is_signed(const struct store_txn *t, uint32_t zone);
/* It no longer is: the configuration has no policy for it any more.  Keys are kept. */
int sign_forget(struct store_txn *t, uint32_t zone);

/**
 * sign_maintain() - what time brings: signatures made again, keys replaced
 * @store: the keeper's
 * @zone: with a policy
 * @now: seconds since 1970
 * @next: when there will be something to do, in seconds since 1970; UINT64_MAX: not of
 *	itself
 *
 * In a transaction of its own, if there is something to do.
 *
 * Return: 1 when the zone changed (NOTIFY is due), 0, or a negative errno after an
 * error line; @next is set in any case.
 */
int sign_maintain(struct store *store, const struct setup_zone *zone, uint64_t now,
		  uint64_t *next);

#endif
