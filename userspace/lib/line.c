// SPDX-License-Identifier: GPL-2.0-or-later
#include "line.h"

#include <string.h>

/**
 * ln_line_reader_init() - begin to read lines
 * @r: the reader
 * @max: octets of the longest line, without its end
 * @strict: lines end with CRLF only
 */
void ln_line_reader_init(struct ln_line_reader *r, size_t max, bool strict)
{
	*r = (struct ln_line_reader){ .max = max, .strict = strict };
}

/* The offset behind the end of the line, or 0: it is not there. */
static size_t find_end(const struct ln_line_reader *r, const char *data, size_t len)
{
	const char *p = data, *lf;

	while ((lf = memchr(p, '\n', len - (p - data)))) {
		if (!r->strict || (lf > data && lf[-1] == '\r'))
			return lf + 1 - data;
		p = lf + 1;
	}
	return 0;
}

/* Of a line without its end; a CR that is the last octet may be the end's when @whole is not. */
static bool is_bad(const struct ln_line_reader *r, const char *line, size_t len, bool whole)
{
	const char *cr;

	if (memchr(line, 0, len))
		return true;
	if (!r->strict)
		return false;
	if (memchr(line, '\n', len))
		return true;
	cr = memchr(line, '\r', len);
	return cr && (whole || cr + 1 != line + len);
}

/* Throws away to the line's end. */
static void skip(struct ln_line_reader *r, const char *data, size_t len, size_t *used)
{
	size_t end = find_end(r, data, len);

	*used = end ? end : len;
	/* Its LF may be next. */
	if (!end && data[len - 1] == '\r')
		--*used;
	r->skip = !end;
}

/**
 * ln_line_next() - the next line of what has arrived
 * @r: the reader
 * @data: what has arrived and was not used
 * @len: its length
 * @line_len: with LN_LINE_READY: octets of the line at @data, without its end
 * @used: octets that the caller may let go; more than 0 with LN_LINE_NONE: the rest of a line
 *	that was reported before
 *
 * A line that is too long or bad is reported once, as soon as it is known to be so, and the
 * calls that follow throw away the rest of it.
 *
 * Return: what was found.
 */
enum ln_line ln_line_next(struct ln_line_reader *r, const char *data, size_t len,
			  size_t *line_len, size_t *used)
{
	enum ln_line found;
	size_t end, n;

	*line_len = *used = 0;
	if (!len)
		return LN_LINE_NONE;
	if (r->skip) {
		skip(r, data, len, used);
		return LN_LINE_NONE;
	}
	end = find_end(r, data, len);
	n = end ? end - 1 : len;
	if (end && n && data[n - 1] == '\r')
		n--;
	/* Without an end, a last CR may be the end's first half. */
	if (n > r->max + (!end && data[n - 1] == '\r'))
		found = LN_LINE_TOO_LONG;
	else if (is_bad(r, data, n, end))
		found = LN_LINE_BAD;
	else
		found = end ? LN_LINE_READY : LN_LINE_NONE;
	if (found == LN_LINE_READY) {
		*line_len = n;
		*used = end;
	} else if (found != LN_LINE_NONE) {
		skip(r, data, len, used);
	}
	return found;
}
