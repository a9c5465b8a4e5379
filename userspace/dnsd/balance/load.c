// SPDX-License-Identifier: GPL-2.0-or-later
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX	63

static bool name_octet(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (!first && c >= '0' && c <= '9');
}

bool load_is_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > LOAD_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name_octet(name[i], !i))
			return false;
	return true;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* After the closing brace, or NULL.  Quotation marks may have braces between them. */
static const char *skip_labels(const char *p, const char *end)
{
	bool quoted = false;

	for (p++; p < end; p++) {
		if (quoted && *p == '\\') {
			p++;
			continue;
		}
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '}' && !quoted)
			return p + 1;
	}
	return NULL;
}

/* Only decimal numbers: what else strtod() knows is no load, and the locale is C. */
static int read_number(const char *p, const char *end, double *value, const char **why)
{
	char copy[NUMBER_MAX + 1], *last;
	size_t len = 0;

	while (p + len < end && p[len] != ' ' && p[len] != '\t' && p[len] != '\r')
		len++;
	*why = "the value is no decimal number";
	if (!len || len > NUMBER_MAX)
		return -EINVAL;
	memcpy(copy, p, len);
	copy[len] = 0;
	if (strspn(copy, "0123456789+-.eE") != len)
		return -EINVAL;
	*value = strtod(copy, &last);
	if (*last)
		return -EINVAL;
	*why = "the value is negative, or more than 10^12";
	return *value >= 0 && *value <= LOAD_MAX ? 0 : -EINVAL;
}

/* 1: added, 0: another metric's line, -EINVAL. */
static int read_line(const char *p, const char *end, const char *metric, double *sum,
		     const char **why)
{
	size_t len = strlen(metric);
	double value;

	p = skip_blanks(p, end);
	if ((size_t)(end - p) <= len || memcmp(p, metric, len) || name_octet(p[len], false))
		return 0;
	p = skip_blanks(p + len, end);
	if (p < end && *p == '{') {
		p = skip_labels(p, end);
		if (!p) {
			*why = "labels that do not end";
			return -EINVAL;
		}
		p = skip_blanks(p, end);
	}
	/* A time may follow: it says when, not how much. */
	if (read_number(p, end, &value, why))
		return -EINVAL;
	*sum += value;
	if (*sum <= LOAD_MAX)
		return 1;
	*why = "the values add up to more than 10^12";
	return -EINVAL;
}

int load_read(const char *text, size_t len, const char *metric, uint64_t *milli,
	      const char **why)
{
	const char *end = text + len, *line = text;
	bool found = false;
	double sum = 0;

	while (line < end) {
		const char *stop = memchr(line, '\n', end - line);
		int got;

		if (!stop)
			stop = end;
		got = read_line(line, stop, metric, &sum, why);
		if (got < 0)
			return got;
		found |= got;
		line = stop + 1;
	}
	*why = "no such metric";
	if (!found)
		return -ENOENT;
	*milli = sum * 1000 + 0.5;
	return 0;
}
