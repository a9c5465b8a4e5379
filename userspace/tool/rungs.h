/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ladder on paper. */
#ifndef RUNGS_H
#define RUNGS_H

#include "conversation.h"

#define RUNGS_WIDTH_MIN	80
#define RUNGS_WIDTH_MAX	200
#define RUNGS_WIDTH	96

/**
 * struct rungs - a ladder being printed
 * @all: leave nothing out
 * @width: columns
 * @names: of the two sides, NULL for their addresses alone
 * @held: a SYN that waits for its answer, which tells what became of it
 * @held_event: and what it was
 * @holding: there is one
 */
struct rungs {
	bool all;
	int width;
	const char *names[2];
	struct segment held;
	struct event held_event;
	bool holding;
	/* the rest is rungs.c's */
	bool utf8;
	unsigned int after_handshake;
	bool seen_again;
	bool seen_sack;
	bool seen_zero;
	uint64_t left_out[2];
	int64_t left_out_bytes[2];
	uint64_t left_out_again;
	int64_t left_out_since;
	int64_t left_out_until;
	int64_t shown_bytes[2];
};

void rungs_begin(struct rungs *r, const struct conversation *c);
void rungs_take(struct rungs *r, const struct conversation *c, const struct segment *s,
		const struct event *e);
void rungs_end(struct rungs *r, const struct conversation *c);

#endif
