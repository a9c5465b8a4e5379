/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a text protocol, out of what has arrived so far.
 *
 * A strict reader takes CRLF for the end of a line and nothing else: a CR or LF alone makes
 * the line a bad one up to the next CRLF, so that nobody can hide a line in another
 * (RFC 5321, 2.3.8).  Any other reader takes LF with or without a CR before it.
 */
#ifndef LN_LINE_H
#define LN_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum ln_line {
	LN_LINE_NONE,		/* more is needed */
	LN_LINE_READY,
	LN_LINE_TOO_LONG,
	LN_LINE_BAD,		/* a CR or LF alone, or a NUL */
};

/**
 * struct ln_line_reader - how lines are read
 * @max: octets of a line without its end
 * @strict: CRLF only
 * @skip: what follows belongs to a line that was found too long or bad, to its end
 */
struct ln_line_reader {
	size_t max;
	bool strict;
	bool skip;
};

void ln_line_reader_init(struct ln_line_reader *r, size_t max, bool strict);
enum ln_line ln_line_next(struct ln_line_reader *r, const char *data, size_t len,
			  size_t *line_len, size_t *used);

#endif
