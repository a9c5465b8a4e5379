/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of zones, counted; and what they are like now. */
#ifndef DNSD_KEEPER_COUNTS_H
#define DNSD_KEEPER_COUNTS_H

#include <stdio.h>

#include "setup.h"
#include "store/store.h"

enum keeper_count {
	KEEPER_TRANSFERS_IN,
	KEEPER_TRANSFERS_IN_FAILED,
	KEEPER_TRANSFERS_OUT,
	KEEPER_TRANSFERS_OUT_FAILED,
	KEEPER_UPDATES,
	KEEPER_UPDATES_FAILED,
	KEEPER_NOTIFIES_HEARD,
	KEEPER_NOTIFIES_SENT,
	KEEPER_NOTIFIES_FAILED,
	KEEPER_N_COUNTS
};

/**
 * keeper_counts_define() - in the master, before other processes are there
 */
void keeper_counts_define(void);
/**
 * keeper_count() - one more
 * @what: of which; transfers out are the workers' to count, all others the keeper's
 */
void keeper_count(enum keeper_count what);
/**
 * keeper_gauges() - serial and expiry of zones, as Prometheus text
 * @setup: the configuration
 * @t: transaction
 * @f: where to write
 */
void keeper_gauges(const struct setup *setup, const struct store_txn *t, FILE *f);

#endif
