/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message's text as DATA sends it (RFC 5321, 4.5.2): lines with CRLF, dots doubled. */
#ifndef RELAY_STUFF_H
#define RELAY_STUFF_H

#include <stdbool.h>
#include <stddef.h>

/* Room that stuff() needs for @len octets. */
#define STUFF_ROOM(len)		(2 * (len) + 2)

/* Zeroed to begin with. */
struct stuff {
	bool in_line;		/* something stands before the next octet in its line */
	bool after_cr;
};

/* Returns octets of @out. A CR or LF alone becomes CRLF: no peer shall see a line's end there that
 * we did not see, nor miss one. */
size_t stuff(struct stuff *s, char *out, const char *data, size_t len);
/* The last line's end, if it is missing, and ".". At most 5 octets. */
size_t stuff_end(struct stuff *s, char *out);

#endif
