// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Range requests, RFC 9110, 14.1 and 14.2.
 */
#include "range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct cursor {
	const char *s, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->s < c->end && (*c->s == ' ' || *c->s == '\t'))
		c->s++;
}

/* Digits, a number too great for 64 bits being as good as the greatest. */
static bool number(struct cursor *c, uint64_t *value)
{
	const char *start = c->s;
	uint64_t v = 0;

	for (; c->s < c->end && *c->s >= '0' && *c->s <= '9'; c->s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->s - '0', &v))
			v = UINT64_MAX;
	*value = v;
	return c->s > start;
}

/* One range: 1 it is within the size, 0 it is not, -1 not a range at all. */
static int one(struct cursor *c, uint64_t size, struct http_range *r)
{
	uint64_t first, last;
	bool has_first = number(c, &first), has_last;

	if (c->s == c->end || *c->s != '-')
		return -1;
	c->s++;
	has_last = number(c, &last);
	if (!has_first) {
		if (!has_last)
			return -1;
		if (!last || !size)
			return 0;
		r->len = last < size ? last : size;
		r->start = size - r->len;
		return 1;
	}
	if (has_last && last < first)
		return -1;
	if (first >= size)
		return 0;
	if (!has_last || last >= size)
		last = size - 1;
	r->start = first;
	r->len = last - first + 1;
	return 1;
}

/**
 * http_range_parse() - the ranges that a Range field asks for
 * @s: the field's value
 * @n: its length
 * @size: bytes of the whole representation
 * @ranges: where to, in the order asked for
 *
 * A field that is malformed, in another unit, or asks for more ranges than
 * HTTP_MAX_RANGES or for more bytes than there are is ignored, as 14.2 allows.
 *
 * Return: number of ranges, HTTP_RANGE_WHOLE to ignore the field, or
 * HTTP_RANGE_NONE when no range is within the size.
 */
int http_range_parse(const char *s, size_t n, uint64_t size,
		     struct http_range ranges[HTTP_MAX_RANGES])
{
	struct cursor c = { s, s + n };
	struct http_range r = { 0 };
	uint64_t total = 0;
	int count = 0, asked = 0, kind;

	if (n < 6 || strncasecmp(s, "bytes=", 6))
		return HTTP_RANGE_WHOLE;
	c.s += 6;
	for (;;) {
		skip_blanks(&c);
		/* A list may have empty elements (RFC 9110, 5.6.1.2). */
		if (c.s < c.end && *c.s != ',') {
			if (++asked > HTTP_MAX_RANGES)
				return HTTP_RANGE_WHOLE;
			kind = one(&c, size, &r);
			if (kind < 0)
				return HTTP_RANGE_WHOLE;
			if (kind) {
				if (r.len > size - total)
					return HTTP_RANGE_WHOLE;
				total += r.len;
				ranges[count++] = r;
			}
			skip_blanks(&c);
		}
		if (c.s == c.end)
			break;
		if (*c.s++ != ',')
			return HTTP_RANGE_WHOLE;
	}
	if (!asked)
		return HTTP_RANGE_WHOLE;
	return count ? count : HTTP_RANGE_NONE;
}
