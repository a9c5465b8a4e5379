// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "answer/cache.h"
#include "answer/rrl.h"
#include "balance/balance.h"
#include "dnstap/dnstap.h"
#include "http.h"
#include "keeper-link.h"
#include "log.h"
#include "metrics-page.h"
#include "metrics-text.h"
#include "resolve/resolve.h"
#include "stream.h"
#include "udp.h"

/* Old pages are not kept for longer than a turn. */
static void on_turn_end(void *data)
{
	struct worker *w = data;

	if (w->fresh)
		store_rest(w->txn);
	w->fresh = false;
	ln_access_log_flush(w->setup->query_log);
	if (w->dnstap)
		dnstap_flush(w);
}

bool worker_needs_keeper(const struct setup *setup)
{
	for (unsigned int i = 0; i < setup->n_zones; i++)
		if (setup->zone[i].primaries.count || setup->zone[i].allow_update.count)
			return true;
	return false;
}

int worker_start(struct worker *w, struct ln_server *server, const struct setup *setup,
		 const struct ln_sockets *sockets)
{
	int err = worker_init(w, server, setup);

	if (!err && worker_needs_keeper(setup))
		err = keeper_link_start(w);
	if (!err && setup->dnstap)
		err = dnstap_start(w);
	if (!err && setup->resolve)
		err = resolve_start(w);
	if (!err && setup->balance)
		err = balance_start(w);
	if (!err)
		err = udp_start(w, sockets);
	if (!err)
		err = stream_start(w, sockets);
	if (!err && setup->metrics) {
		metrics_text_init(w);
		err = metrics_page_start(server, sockets, SETUP_METRICS, "linnet-dnsd",
					 metrics_text);
	}
	if (err)
		return err;
	w->turn_end = (struct ln_turn_end){ .run = on_turn_end, .data = w };
	ln_server_at_turn_end(server, &w->turn_end);
	return 0;
}

void worker_stop(struct worker *w)
{
	keeper_link_stop(w);
	if (w->balancer)
		balance_stop(w);
	if (w->resolver)
		resolve_stop(w);
	/* Those before answered what waited for them. */
	udp_stop(w);
	if (w->dnstap)
		dnstap_stop(w);
	rrl_free(w->rrl);
	answer_cache_free(w->cache);
	store_txn_abort(w->txn);
	store_close(w->store);
	free(w->zones);
	memset(w, 0, sizeof(*w));
}
