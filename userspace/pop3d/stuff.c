// SPDX-License-Identifier: GPL-2.0-or-later
#include "stuff.h"

#include <string.h>

/**
 * stuff_init() - begin with a message
 * @s: state
 * @lines: how many lines of its body; STUFF_ALL: all of them
 */
void stuff_init(struct stuff *s, uint64_t lines)
{
	*s = (struct stuff){ .lines = lines, .empty = true };
}

/* A line has ended. */
static void end_line(struct stuff *s)
{
	if (s->body && s->lines != STUFF_ALL)
		s->lines--;
	if (s->empty)
		s->body = true;
	s->done = s->body && !s->lines;
	s->inside = s->cr = false;
	s->empty = true;
}

/**
 * stuff_some() - go on with a message
 * @s: state
 * @in: some of it, with LF or CRLF
 * @len: its length
 * @out: room for STUFF_ROOM(len) octets
 *
 * Return: how many it became; when s->done is true no more is wanted.
 */
size_t stuff_some(struct stuff *s, const char *in, size_t len, char *out)
{
	const char *end = in + len;
	char *to = out;

	while (in < end && !s->done) {
		const char *lf;
		size_t n;

		if (!s->inside && *in == '.')
			*to++ = '.';
		s->inside = true;
		lf = memchr(in, '\n', end - in);
		n = (lf ? lf : end) - in;
		memcpy(to, in, n);
		to += n;
		if (n) {
			s->empty = s->empty && n == 1 && *in == '\r' && !s->cr;
			s->cr = in[n - 1] == '\r';
		}
		in += n;
		if (!lf)
			break;
		if (!s->cr)
			*to++ = '\r';
		*to++ = '\n';
		in++;
		end_line(s);
	}
	return to - out;
}

/**
 * stuff_end() - end a message
 * @s: state
 * @out: where the end goes
 *
 * Return: its length.
 */
size_t stuff_end(struct stuff *s, char out[STUFF_END])
{
	static const char end[] = "\r\n.\r\n";
	size_t skip = s->inside && !s->done ? 0 : 2;

	memcpy(out, end + skip, STUFF_END - skip);
	return STUFF_END - skip;
}
