// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nothing but CRLF "." CRLF ends a message.  A server that takes a bare LF for an end of line
 * here lets others smuggle messages in (RFC 5321, 2.3.8 and 4.1.1.4).
 */
#include "dot.h"

#include <string.h>

static bool is_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Octets before the next CR or LF. */
static size_t text_length(const char *s, size_t len)
{
	const char *cr = memchr(s, '\r', len), *lf;

	if (cr)
		len = cr - s;
	lf = memchr(s, '\n', len);
	return lf ? (size_t)(lf - s) : len;
}

/**
 * dot_take() - read on in a message
 * @d: where we are
 * @in: what arrived
 * @len: its length
 * @end: whether the end was there
 * @emit: called with the message, without the dots that were added to it
 * @data: passed on to @emit
 *
 * Return: octets that were used: all, but for those behind the end.
 */
size_t dot_take(struct dot *d, const char *in, size_t len, bool *end, dot_emit_fn emit,
		void *data)
{
	size_t i = 0, n;

	*end = false;
	while (i < len) {
		char c = in[i];

		switch (d->state) {
		case DOT_LINE_START:
			if (c == '.') {
				d->state = DOT_DOT;
				i++;
				continue;
			}
			d->state = DOT_TEXT;
			continue;
		case DOT_DOT:
			if (c == '\r') {
				d->state = DOT_DOT_CR;
				i++;
				continue;
			}
			/* The dot was put before this. */
			d->state = DOT_TEXT;
			continue;
		case DOT_DOT_CR:
			if (c == '\n') {
				d->state = DOT_LINE_START;
				*end = true;
				return i + 1;
			}
			d->state = DOT_CR;
			continue;
		case DOT_CR:
			if (c == '\n') {
				emit(data, "\r\n", 2);
				d->state = DOT_LINE_START;
				i++;
				continue;
			}
			d->bare = true;
			emit(data, "\r", 1);
			d->state = DOT_TEXT;
			continue;
		case DOT_TEXT:
			break;
		}
		if (!is_end(c)) {
			n = text_length(in + i, len - i);
			/* With its end of line at once, as mostly it is there. */
			if (len - i - n >= 2 && in[i + n] == '\r' && in[i + n + 1] == '\n') {
				n += 2;
				d->state = DOT_LINE_START;
			}
			emit(data, in + i, n);
			i += n;
			continue;
		}
		if (c == '\r') {
			d->state = DOT_CR;
		} else {
			d->bare = true;
			emit(data, "\n", 1);
		}
		i++;
	}
	return i;
}
