// SPDX-License-Identifier: GPL-2.0-or-later
#include "stuff.h"

#include <string.h>

static char *end_line(struct stuff *s, char *p)
{
	*p++ = '\r';
	*p++ = '\n';
	s->in_line = false;
	s->after_cr = false;
	return p;
}

/**
 * stuff() - a piece of a message
 * @s: where we are
 * @out: STUFF_ROOM(@len) octets
 * @data: the piece
 * @len: its octets
 *
 * Return: octets of @out.
 */
size_t stuff(struct stuff *s, char *out, const char *data, size_t len)
{
	char *p = out;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (c == '\n') {
			p = end_line(s, p);
			continue;
		}
		if (s->after_cr)
			p = end_line(s, p);
		if (c == '\r') {
			s->after_cr = true;
			continue;
		}
		if (c == '.' && !s->in_line)
			*p++ = '.';
		*p++ = c;
		s->in_line = true;
	}
	return p - out;
}

/**
 * stuff_end() - the end of a message
 * @s: where we are
 * @out: 5 octets
 *
 * Return: octets of @out.
 */
size_t stuff_end(struct stuff *s, char *out)
{
	char *p = out;

	if (s->in_line || s->after_cr)
		p = end_line(s, p);
	memcpy(p, ".\r\n", 3);
	return p + 3 - out;
}
