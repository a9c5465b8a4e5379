/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker has. */
#ifndef DNSD_WORKER_H
#define DNSD_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "server.h"
#include "setup.h"
#include "store/store.h"

struct answer_cache;		/* answer/cache.h */
struct keeper_link;		/* keeper-link.h */
struct rrl;			/* answer/rrl.h */
struct resolver;		/* resolve/resolve.h */
struct balancer;		/* balance/balance.h */
struct dnstap;			/* dnstap/sender.c */

/* What the store has of a zone of the configuration, as of transaction @txn. */
struct worker_zone {
	uint64_t txn;
	uint32_t id;		/* 0: nothing, or expired */
};

/**
 * struct worker - one of the processes that answer; there is one in a process
 * @server: the event loop
 * @setup: the configuration
 * @store: open for reading
 * @txn: the snapshot of this turn of the loop (worker_snapshot())
 * @fresh: @txn is as new as this turn
 * @zones: by index of the configuration's
 * @deferred: queries that wait for somebody
 * @turn_end: lets go of @txn
 * @cache, @rrl, @keeper, @resolver, @balancer, @dnstap: the rooms' own; NULL: not in use
 */
struct worker {
	struct ln_server *server;
	const struct setup *setup;
	struct store *store;
	struct store_txn *txn;
	bool fresh;
	struct worker_zone *zones;
	unsigned int deferred;
	struct ln_turn_end turn_end;
	struct answer_cache *cache;
	struct rrl *rrl;
	struct keeper_link *keeper;
	struct resolver *resolver;
	struct balancer *balancer;
	struct dnstap *dnstap;
};

/**
 * worker_needs_keeper() - is there a zone that messages change (UPDATE, NOTIFY)?
 * @setup: the configuration
 *
 * Return: false: workers refuse such messages by themselves and have no connection to the keeper.
 */
bool worker_needs_keeper(const struct setup *setup);
/**
 * worker_init() - what query_handle() needs, without sockets
 * @w: zeroed; to be let go by worker_stop()
 * @server: the loop
 * @setup: the configuration
 *
 * Return: 0, or a negative errno after an error line.
 */
int worker_init(struct worker *w, struct ln_server *server, const struct setup *setup);
/**
 * worker_start() - all of it, before the sandbox
 * @w: zeroed; to be let go by worker_stop()
 * @server: the loop
 * @setup: the configuration
 * @sockets: the master's
 *
 * Return: 0, or a negative errno after an error line.
 */
int worker_start(struct worker *w, struct ln_server *server, const struct setup *setup,
		 const struct ln_sockets *sockets);
void worker_stop(struct worker *w);

/**
 * worker_snapshot() - the store, as of this turn of the loop
 * @w: the worker
 *
 * Return: the snapshot, good until the turn's end; NULL when the store cannot be read (logged).
 */
struct store_txn *worker_snapshot(struct worker *w);
/**
 * worker_zone_id() - a zone in this turn's snapshot
 * @w: the worker
 * @zone: of the configuration
 *
 * Return: the store's number; 0: the zone has no content, or has expired.
 */
uint32_t worker_zone_id(struct worker *w, const struct setup_zone *zone);

#endif
