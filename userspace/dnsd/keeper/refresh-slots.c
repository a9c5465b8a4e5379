// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many zones ask their primaries at a time, and which are next: in the order in which they
 * came, but of one primary only so many at a time, so that one that is dead or slow, with
 * however many zones, leaves room for the others.
 */
#include <string.h>

#include "internal.h"
#include "refresh-slots.h"

/* Each has a socket, and with a transfer a file. */
#define MAX_RUNNING	128
#define MAX_PER_PRIMARY	8

static struct keeper_zone *running, *waiting;
static unsigned int n_running;
static uv_timer_t pump;

static bool same_server(const struct dns_endpoint *a, const struct dns_endpoint *b)
{
	return a == b || !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

static unsigned int count_of(const struct dns_endpoint *primary)
{
	unsigned int n = 0;

	for (const struct keeper_zone *z = running; z; z = z->next_in_slots)
		n += same_server(z->slot, primary);
	return n;
}

static void unlink_from(struct keeper_zone **list, struct keeper_zone *z)
{
	while (*list && *list != z)
		list = &(*list)->next_in_slots;
	if (*list)
		*list = z->next_in_slots;
}

static void run(struct keeper_zone *z, const struct dns_endpoint *primary)
{
	z->slot = primary;
	z->next_in_slots = running;
	running = z;
	n_running++;
}

/* How many ask each primary, counted once for all that wait. */
struct tally {
	unsigned int n;
	struct {
		const struct dns_endpoint *primary;
		unsigned int n;
	} of[2 * MAX_RUNNING];
};

static unsigned int *tally_of(struct tally *t, const struct dns_endpoint *primary)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (same_server(t->of[i].primary, primary))
			return &t->of[i].n;
	t->of[t->n].primary = primary;
	t->of[t->n].n = 0;
	return &t->of[t->n++].n;
}

static void on_pump(uv_timer_t *timer)
{
	struct keeper_zone **at = &waiting;
	static struct tally tally;

	(void)timer;
	tally.n = 0;
	for (struct keeper_zone *z = running; z; z = z->next_in_slots)
		++*tally_of(&tally, z->slot);
	while (*at && n_running < MAX_RUNNING && tally.n < 2 * MAX_RUNNING) {
		struct keeper_zone *z = *at;
		unsigned int *n = tally_of(&tally, z->wanted);

		if (*n >= MAX_PER_PRIMARY) {
			at = &z->next_in_slots;
			continue;
		}
		++*n;
		*at = z->next_in_slots;
		run(z, z->wanted);
		z->wanted = NULL;
		/* If it fails at once it joins the end, or leaves. */
		refresh_go(z);
	}
}

static void wake(struct keeper_zone *z)
{
	if (!pump.data) {
		uv_timer_init(ln_server_loop(z->keeper->server), &pump);
		pump.data = z->keeper;
	}
	uv_timer_start(&pump, on_pump, 0, 0);
}

static void enqueue(struct keeper_zone *z, bool first)
{
	struct keeper_zone **end = &waiting;

	while (!first && *end)
		end = &(*end)->next_in_slots;
	z->next_in_slots = *end;
	*end = z;
}

/**
 * slots_take() - a zone wants to ask a primary
 * @z: the zone
 * @primary: which; stays
 * @urgent: before those that wait already: the primary has something new
 *
 * Return: true: it may; false: it waits, and refresh_go() will be called.
 */
bool slots_take(struct keeper_zone *z, const struct dns_endpoint *primary, bool urgent)
{
	if (z->slot && same_server(z->slot, primary))
		return true;
	slots_leave(z);
	if (n_running < MAX_RUNNING && count_of(primary) < MAX_PER_PRIMARY) {
		run(z, primary);
		return true;
	}
	z->wanted = primary;
	enqueue(z, urgent);
	return false;
}

/**
 * slots_leave() - a zone asks nobody any more, nor waits
 * @z: the zone
 */
void slots_leave(struct keeper_zone *z)
{
	if (z->wanted)
		unlink_from(&waiting, z);
	z->wanted = NULL;
	if (!z->slot)
		return;
	unlink_from(&running, z);
	n_running--;
	z->slot = NULL;
	if (waiting)
		wake(z);
}
