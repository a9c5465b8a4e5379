/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of DATA, and the dots within it (RFC 5321, 4.5.2).
 */
#ifndef SMTPD_DOT_H
#define SMTPD_DOT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct dot - where in the message we are; zeroed to begin with
 * @state: what was seen of a line's begin or end
 * @bare: there was a CR or an LF that was not part of a CRLF
 */
struct dot {
	enum { DOT_LINE_START, DOT_TEXT, DOT_CR, DOT_DOT, DOT_DOT_CR } state;
	bool bare;
};

/* Called with the message, in pieces. */
typedef void (*dot_emit_fn)(void *data, const char *text, size_t len);

/* Returns the octets that belong to the message and its end; *@end: all of it was there. */
size_t dot_take(struct dot *d, const char *in, size_t len, bool *end, dot_emit_fn emit,
		void *data);

#endif
