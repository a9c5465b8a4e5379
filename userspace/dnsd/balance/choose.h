/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which members are answered: arithmetic only, no memory shared and no clock.
 */
#ifndef DNSD_BALANCE_CHOOSE_H
#define DNSD_BALANCE_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

#define CHOOSE_MEMBERS_MAX	64	/* bits of a mask */
#define CHOOSE_WEIGHT_MAX	100
#define CHOOSE_REGIONS_MAX	32

/**
 * struct choose_sequence - the order in which members get their turns
 * @mask: the members that it was made for
 * @period: turns after which it begins anew; 0: none was made
 * @turn: a member each
 */
struct choose_sequence {
	uint64_t mask;
	unsigned int period;
	uint8_t *turn;
};

/**
 * choose_sequence_make() - smooth weighted round robin, as nginx has it
 * @s: filled, what it had is let go
 * @mask: members that take part, not 0
 * @weight: of each member, 1 to CHOOSE_WEIGHT_MAX
 *
 * In a period each member has as many turns as its weight, divided by what all
 * weights have in common, and they are spread: 5, 1, 1 is a a b a c a a.
 *
 * Return: 0 or -ENOMEM; then @s is empty.
 */
int choose_sequence_make(struct choose_sequence *s, uint64_t mask, const uint8_t *weight);
void choose_sequence_free(struct choose_sequence *s);

/**
 * choose_turn() - members whose turn it is
 * @s: the order
 * @n: turns that were had
 * @want: how many different ones
 * @out: filled
 *
 * Return: how many there are.
 */
unsigned int choose_turn(const struct choose_sequence *s, uint64_t n, unsigned int want,
			 uint8_t *out);

/**
 * struct choose_load - how busy a member is
 * @known: it was read, and not long ago
 * @milli: thousandths
 * @given: answers that named it since it was read: each is a request to come
 */
struct choose_load {
	bool known;
	uint64_t milli;
	uint32_t given;
};

/**
 * choose_least() - the members with the least load for their weight
 * @mask: members that take part
 * @weight: of each member
 * @load: of each member; who is not known comes after those who are
 * @first: where to begin among equals
 * @want: how many
 * @out: filled, the best first
 *
 * Return: how many there are.
 */
unsigned int choose_least(uint64_t mask, const uint8_t *weight, const struct choose_load *load,
			  unsigned int first, unsigned int want, uint8_t *out);

/**
 * struct choose_pool - members, and which of them can be used
 * @all: those of the family that was asked for
 * @backup: of them, those that are used only when no other is up
 * @up: those that are up
 * @any_when_down: with nobody up, answer as if all were (a check can be wrong, too)
 */
struct choose_pool {
	uint64_t all, backup, up;
	bool any_when_down;
};

/* Who can be answered; 0: nobody. */
uint64_t choose_usable(const struct choose_pool *pool);

/**
 * struct choose_region - where members are
 * @members: those there
 * @fallback: regions that stand in for it, the best first
 * @n_fallback: how many
 */
struct choose_region {
	uint64_t members;
	uint8_t fallback[CHOOSE_REGIONS_MAX];
	unsigned int n_fallback;
};

/**
 * choose_near() - the members of the nearest region that has some
 * @usable: choose_usable()
 * @regions: all regions
 * @region: the client's, or -1
 * @serving: the region that it came to, or -1: all of @usable
 *
 * Return: members; 0 only when @usable is.
 */
uint64_t choose_near(uint64_t usable, const struct choose_region *regions, int region,
		     int *serving);

#endif
