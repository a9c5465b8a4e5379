// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a request target to a path below the served folder (RFC 9112, 3.2;
 * RFC 3986, 5.2.4 and 6.2.2).
 */
#include "target.h"

#include <string.h>
#include <strings.h>

#include "field.h"

static int hex_value(unsigned char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 0x20;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Skips scheme and authority of the absolute form.  Returns 0 or a status. */
static int skip_authority(const char **s, size_t *n)
{
	size_t skip = *n >= 7 && !strncasecmp(*s, "http://", 7) ? 7 :
		      *n >= 8 && !strncasecmp(*s, "https://", 8) ? 8 : 0;
	size_t end = skip;

	if (!skip)
		return 400;
	while (end < *n && (*s)[end] != '/' && (*s)[end] != '?')
		end++;
	if (!http_host_valid(*s + skip, end - skip))
		return 400;
	*s += end;
	*n -= end;
	return 0;
}

/*
 * Appends one decoded segment.  A slash that was encoded is part of a name,
 * which no file can have; a NUL would end the path early.
 */
static int add_segment(struct http_target *t, const char *s, size_t n)
{
	size_t start = t->len, out;

	if (start + 1 >= sizeof(t->path))
		return 414;
	if (start)
		t->path[start++] = '/';
	out = start;
	for (size_t i = 0; i < n; i++) {
		int ch = (unsigned char)s[i], high, low;

		if (ch == '%') {
			high = i + 1 < n ? hex_value(s[i + 1]) : -1;
			low = i + 2 < n ? hex_value(s[i + 2]) : -1;
			if (high < 0 || low < 0)
				return 400;
			ch = high << 4 | low;
			i += 2;
			if (!ch)
				return 400;
			if (ch == '/')
				return 404;
		}
		if (out + 1 >= sizeof(t->path))
			return 414;
		t->path[out++] = ch;
	}
	t->path[out] = 0;
	t->directory = false;
	if (out == start || !strcmp(t->path + start, ".")) {
		t->directory = true;
	} else if (!strcmp(t->path + start, "..")) {
		char *slash;

		if (!t->len)
			return 400;	/* above the root */
		t->path[t->len] = 0;
		slash = strrchr(t->path, '/');
		t->len = slash ? slash - t->path : 0;
		t->directory = true;
	} else {
		t->len = out;
	}
	t->path[t->len] = 0;
	return 0;
}

/* The length of a slash at @s, 0: there is none. */
static size_t slash_len(const char *s, const char *end, bool encoded)
{
	if (*s == '/')
		return 1;
	return encoded && end - s >= 3 && !strncasecmp(s, "%2f", 3) ? 3 : 0;
}

/* @encoded: what is encoded is a slash like any other. */
static int parse(struct http_target *t, const char *s, size_t n, bool encoded)
{
	const char *end, *query;
	int status;

	t->len = 0;
	t->path[0] = 0;
	t->directory = true;
	t->query = NULL;
	t->query_len = 0;
	if (memchr(s, '#', n))
		return 400;
	if (n && s[0] != '/') {
		status = skip_authority(&s, &n);
		if (status)
			return status;
	}
	query = n ? memchr(s, '?', n) : NULL;
	end = query ? query : s + n;
	if (query) {
		t->query = query + 1;
		t->query_len = n - (t->query - s);
	}
	while (s < end) {
		const char *segment = s + slash_len(s, end, encoded);

		for (s = segment; s < end && !slash_len(s, end, encoded);)
			s++;
		status = add_segment(t, segment, s - segment);
		if (status)
			return status;
	}
	return 0;
}

/**
 * http_target_parse() - decode a request target
 * @t: what to fill in
 * @s: origin form or absolute form
 * @n: its length
 *
 * Return: 0, or the status to refuse it with; 404 for an encoded slash, which no name of a
 * file can have in it.
 */
int http_target_parse(struct http_target *t, const char *s, size_t n)
{
	return parse(t, s, n, false);
}

/**
 * http_target_parse_slashes() - the same, but that encoded slashes are slashes, too
 * @t: what to fill in
 * @s: origin form or absolute form
 * @n: its length
 *
 * For targets that are passed on as they came: whoever gets them may take such a slash for
 * one, so that rules about paths must do so, too.
 *
 * Return: 0, or the status to refuse it with.
 */
int http_target_parse_slashes(struct http_target *t, const char *s, size_t n)
{
	return parse(t, s, n, true);
}

/**
 * http_encode() - percent-encode a path
 * @out: where to; ends in NUL
 * @room: bytes there
 * @s: path with slashes, which stay
 * @n: its length
 *
 * Return: length of the result, or 0 when it does not fit.
 */
size_t http_encode(char *out, size_t room, const char *s, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char safe[] = "-._~!$&'()*+,;=@/";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char ch = s[i];

		if (len + 4 > room)
			return 0;
		if ((ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') ||
		    (ch && strchr(safe, ch))) {
			out[len++] = ch;
		} else {
			out[len++] = '%';
			out[len++] = hex[ch >> 4];
			out[len++] = hex[ch & 15];
		}
	}
	if (room)
		out[len] = 0;
	return len;
}
