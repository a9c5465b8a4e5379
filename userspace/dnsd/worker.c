// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer/cache.h"
#include "answer/rrl.h"
#include "balance/balance.h"
#include "http.h"
#include "keeper-link.h"
#include "keeper/keeper.h"
#include "log.h"
#include "metrics-page.h"
#include "resolve/resolve.h"
#include "stream.h"
#include "udp.h"

#define CACHE_OCTETS	(32 << 20)

/* Old pages are not kept for longer than a turn. */
static void on_turn_end(void *data)
{
	struct worker *w = data;

	if (w->fresh)
		store_rest(w->txn);
	w->fresh = false;
	ln_access_log_flush(w->setup->query_log);
}

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
	if (!w->zones || !w->cache) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	w->rrl = rrl_new(&setup->rate, setup->options.workers);
	return 0;
}

int worker_start(struct worker *w, struct ln_server *server, const struct setup *setup,
		 const struct ln_sockets *sockets)
{
	int err = worker_init(w, server, setup);

	if (!err)
		err = keeper_link_start(w);
	if (!err && setup->resolve)
		err = resolve_start(w);
	if (!err && setup->balance)
		err = balance_start(w);
	if (!err)
		err = udp_start(w, sockets);
	if (!err)
		err = stream_start(w, sockets);
	if (!err && setup->metrics)
		err = metrics_page_start(server, sockets, SETUP_METRICS, setup->balance);
	if (err)
		return err;
	w->turn_end = (struct ln_turn_end){ .run = on_turn_end, .data = w };
	ln_server_at_turn_end(server, &w->turn_end);
	return 0;
}

void worker_stop(struct worker *w)
{
	udp_stop(w);
	keeper_link_stop(w);
	if (w->balancer)
		balance_stop(w);
	if (w->resolver)
		resolve_stop(w);
	rrl_free(w->rrl);
	answer_cache_free(w->cache);
	store_txn_abort(w->txn);
	store_close(w->store);
	free(w->zones);
	memset(w, 0, sizeof(*w));
}
