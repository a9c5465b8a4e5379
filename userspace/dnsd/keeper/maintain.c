// SPDX-License-Identifier: GPL-2.0-or-later
/* What time brings to signed zones. */
#include "internal.h"
#include "log.h"
#include "sign/sign.h"

#define HOUR_MS		3600000
/* Between slices of work on a large zone: others have their turn. */
#define SLICE_PAUSE_MS	10

static void on_timer(uv_timer_t *timer)
{
	keeper_maintain(timer->data);
}

/**
 * keeper_maintain() - sign what is due, and come again when there is more
 * @k: the keeper
 */
void keeper_maintain(struct keeper *k)
{
	uint64_t now = keeper_now(), soonest = UINT64_MAX, wait;

	for (unsigned int i = 0; i < k->setup->n_zones; i++) {
		uint64_t next;

		if (!k->setup->zone[i].policy)
			continue;
		if (sign_maintain(k->store, &k->setup->zone[i], now, &next) > 0)
			keeper_changed(&k->zones[i]);
		if (k->setup->zone[i].parents.count)
			parent_watch(&k->zones[i]);
		if (next < soonest)
			soonest = next;
	}
	if (soonest == UINT64_MAX)
		return;
	/* A clock that is set does not wake a timer: look at least once an hour. */
	wait = !soonest ? SLICE_PAUSE_MS : soonest <= now ? 1000 : (soonest - now) * 1000;
	if (!k->maintain.data) {
		uv_timer_init(ln_server_loop(k->server), &k->maintain);
		k->maintain.data = k;
	}
	uv_timer_start(&k->maintain, on_timer, wait < HOUR_MS ? wait : HOUR_MS, 0);
}

static void on_served(uv_timer_t *timer)
{
	struct keeper *k = timer->data;

	if (sign_served(k->store, k->setup->zone, k->setup->n_zones, keeper_now()) < 0)
		ln_warning("that signed zones are served cannot be kept in the store: key "
			   "roll-overs may take longer");
}

/**
 * keeper_served() - zones are served from now on
 * @k: the keeper
 *
 * Before the first keeper_maintain().
 */
void keeper_served(struct keeper *k)
{
	uv_timer_init(ln_server_loop(k->server), &k->served);
	k->served.data = k;
	on_served(&k->served);
	uv_timer_start(&k->served, on_served, SIGN_SERVED_S * 1000, SIGN_SERVED_S * 1000);
}
