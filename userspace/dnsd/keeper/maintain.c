// SPDX-License-Identifier: GPL-2.0-or-later
/* What time brings to signed zones. */
#include "internal.h"
#include "sign/sign.h"

#define HOUR_MS		3600000

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
	wait = soonest <= now ? 1000 : (soonest - now) * 1000;
	if (!k->maintain.data) {
		uv_timer_init(ln_server_loop(k->server), &k->maintain);
		k->maintain.data = k;
	}
	uv_timer_start(&k->maintain, on_timer, wait < HOUR_MS ? wait : HOUR_MS, 0);
}
