/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A resolution drawn as a ladder: who asks whom, and what is said.  Or the same as JSON.
 */
#ifndef DNSD_RESOLVE_LADDER_H
#define DNSD_RESOLVE_LADDER_H

#include <jansson.h>
#include <stdint.h>

enum ladder_column {
	LADDER_CLIENT, LADDER_LOCAL, LADDER_ROOT, LADDER_TOP, LADDER_ZONE, LADDER_COLUMNS,
};

/**
 * struct ladder_server - who was asked
 * @name, @address: whose
 * @transport: how
 * @ms: how long it took
 * @error: why there is no answer, or what is wrong with it; NULL: nothing
 */
struct ladder_server {
	const char *name, *address, *transport;
	double ms;
	const char *error;
};

/**
 * ladder_into() - from now on nothing is drawn
 * @steps: arrows become objects of this array, with what belongs to them; NULL: they are drawn
 */
void ladder_into(json_t *steps);
void ladder_head(void);
/**
 * ladder_arrow() - an arrow from one to another
 * @from: who
 * @to: to whom
 * @words: on it; what does not fit is cut off
 */
void ladder_arrow(enum ladder_column from, enum ladder_column to, const char *words);
/* A line of words under an arrow. */
void ladder_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ladder_say_server(const struct ladder_server *server);
void ladder_say_record(const char *owner, uint32_t ttl, const char *type, const char *data);

#endif
