/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message as POP3 carries it: CRLF, dots at the begin of lines doubled (RFC 1939, 3). */
#ifndef POP3D_STUFF_H
#define POP3D_STUFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that becomes of @n octets. */
#define STUFF_ROOM(n)	(2 * (n))
/* What stuff_end() may add. */
#define STUFF_END	5

#define STUFF_ALL	UINT64_MAX

/**
 * struct stuff - how far it is
 * @lines: lines of the body that are still to come; STUFF_ALL: all
 * @body: the empty line after the header was there
 * @inside: a line was begun
 * @cr: the last octet was CR
 * @empty: the line that was begun has nothing in it but perhaps a CR
 * @done: no line is left
 */
struct stuff {
	uint64_t lines;
	bool body, inside, cr, done;
	bool empty;
};

void stuff_init(struct stuff *s, uint64_t lines);
size_t stuff_some(struct stuff *s, const char *in, size_t len, char *out);
size_t stuff_end(struct stuff *s, char out[STUFF_END]);

#endif
