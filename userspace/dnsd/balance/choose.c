// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns by weight, the least load, the nearest region. */
#include "choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned int common_divisor(unsigned int a, unsigned int b)
{
	while (b) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void choose_sequence_free(struct choose_sequence *s)
{
	free(s->turn);
	*s = (struct choose_sequence){ 0 };
}

/* Each gains its weight, the one with the most has the turn and pays the weights of all. */
static uint8_t next_turn(uint64_t mask, const uint8_t *weight, int total, int *current)
{
	int best = -1;

	for (int i = 0; i < CHOOSE_MEMBERS_MAX; i++) {
		if (!(mask >> i & 1))
			continue;
		current[i] += weight[i];
		if (best < 0 || current[i] > current[best])
			best = i;
	}
	current[best] -= total;
	return best;
}

int choose_sequence_make(struct choose_sequence *s, uint64_t mask, const uint8_t *weight)
{
	int current[CHOOSE_MEMBERS_MAX] = { 0 };
	unsigned int total = 0, divisor = 0;

	choose_sequence_free(s);
	for (unsigned int i = 0; i < CHOOSE_MEMBERS_MAX; i++) {
		if (!(mask >> i & 1))
			continue;
		total += weight[i];
		divisor = common_divisor(weight[i], divisor);
	}
	s->turn = malloc(total / divisor);
	if (!s->turn)
		return -ENOMEM;
	s->mask = mask;
	s->period = total / divisor;
	for (unsigned int n = 0; n < s->period; n++)
		s->turn[n] = next_turn(mask, weight, total, current);
	return 0;
}

unsigned int choose_turn(const struct choose_sequence *s, uint64_t n, unsigned int want,
			 uint8_t *out)
{
	uint64_t taken = 0;
	unsigned int found = 0;

	for (unsigned int i = 0; i < s->period && found < want; i++) {
		uint8_t member = s->turn[(n + i) % s->period];

		if (taken >> member & 1)
			continue;
		taken |= UINT64_C(1) << member;
		out[found++] = member;
	}
	return found;
}

/* Is @a less busy than @b, for what they are worth? */
static bool less_busy(const struct choose_load *load, const uint8_t *weight, unsigned int a,
		      unsigned int b)
{
	unsigned __int128 x = load[a].known ? load[a].milli : 0;
	unsigned __int128 y = load[b].known ? load[b].milli : 0;

	if (load[a].known != load[b].known)
		return load[a].known;
	x += UINT64_C(1000) * load[a].given;
	y += UINT64_C(1000) * load[b].given;
	return x * weight[b] < y * weight[a];
}

unsigned int choose_least(uint64_t mask, const uint8_t *weight, const struct choose_load *load,
			  unsigned int first, unsigned int want, uint8_t *out)
{
	unsigned int found;

	for (found = 0; mask && found < want; found++) {
		int best = -1;

		for (unsigned int n = 0; n < CHOOSE_MEMBERS_MAX; n++) {
			unsigned int i = (first + n) % CHOOSE_MEMBERS_MAX;

			if (mask >> i & 1 && (best < 0 || less_busy(load, weight, i, best)))
				best = i;
		}
		mask &= ~(UINT64_C(1) << best);
		out[found] = best;
	}
	return found;
}

uint64_t choose_usable(const struct choose_pool *pool)
{
	uint64_t first = pool->all & ~pool->backup, backup = pool->all & pool->backup;

	if (first & pool->up)
		return first & pool->up;
	if (backup & pool->up)
		return backup & pool->up;
	if (!pool->any_when_down)
		return 0;
	return first ? first : backup;
}

uint64_t choose_near(uint64_t usable, const struct choose_region *regions, int region,
		     int *serving)
{
	if (region >= 0) {
		const struct choose_region *r = &regions[region];

		*serving = region;
		if (usable & r->members)
			return usable & r->members;
		for (unsigned int i = 0; i < r->n_fallback; i++) {
			*serving = r->fallback[i];
			if (usable & regions[*serving].members)
				return usable & regions[*serving].members;
		}
	}
	*serving = -1;
	return usable;
}
