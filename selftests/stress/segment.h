/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets with a segment in them, and a mangler that takes them one by one and
 * gives back what is to be delivered instead: the same, changed ones, old ones,
 * none.  The same seed and the same packets give the same result.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_MAX = 2048, MANGLER_HELD = 64, MANGLER_OUT = 8 };

struct packet {
	size_t	len;
	int	to;			/* which side it is for */
	uint8_t	data[PACKET_MAX];
};

struct mangler {
	uint64_t	state;
	int		proto;
	uint64_t	taken, changed;
	struct packet	past[MANGLER_HELD];
	int		npast;
	struct packet	out[MANGLER_OUT];
	int		nout;
};

uint32_t mangler_random(uint64_t *state);
void mangler_init(struct mangler *m, uint64_t seed, int proto);
void mangler_take(struct mangler *m, const struct packet *p, int from);
bool mangler_next(struct mangler *m, struct packet *out);

#endif /* SEGMENT_H */
