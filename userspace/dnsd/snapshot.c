// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a worker sees of the store: one snapshot in a turn of its loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "answer/cache.h"
#include "answer/rrl.h"
#include "keeper/keeper.h"
#include "log.h"
#include "worker.h"

#define CACHE_OCTETS	(32 << 20)

struct store_txn *worker_snapshot(struct worker *w)
{
	if (!w->fresh)
		w->fresh = !store_renew(w->txn);
	return w->fresh ? w->txn : NULL;
}

static uint32_t find_zone(struct worker *w, const struct setup_zone *zone)
{
	uint32_t id = store_zone_find(w->txn, zone->name), serial;

	if (!id || !store_zone_serial(w->txn, id, &serial))
		return 0;
	return zone->primaries.count && keeper_zone_expired(w->txn, id) ? 0 : id;
}

uint32_t worker_zone_id(struct worker *w, const struct setup_zone *zone)
{
	struct worker_zone *z = &w->zones[zone->index];
	uint64_t txn = store_txn_id(w->txn);

	if (z->txn != txn) {
		z->txn = txn;
		z->id = find_zone(w, zone);
	}
	return z->id;
}

int worker_init(struct worker *w, struct ln_server *server, const struct setup *setup)
{
	w->server = server;
	w->setup = setup;
	w->store = store_open(setup->state, setup->store_size, false);
	if (!w->store)
		return -EIO;
	w->txn = store_read(w->store);
	if (!w->txn)
		return -EIO;
	store_rest(w->txn);
	w->zones = calloc(setup->n_zones + 1, sizeof(*w->zones));
	w->cache = answer_cache_new(CACHE_OCTETS);
	if (rrl_wanted(&setup->rate))
		w->rrl = rrl_new(&setup->rate, setup->options.workers);
	if (!w->zones || !w->cache || (rrl_wanted(&setup->rate) && !w->rrl)) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	return 0;
}
