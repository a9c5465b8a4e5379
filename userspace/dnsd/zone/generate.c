// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * $GENERATE, as BIND has it:
 *
 *	$GENERATE 1-20/2 host-${0,3,d} A 192.0.2.$
 *
 * "$" is the number; "${OFFSET[,WIDTH[,BASE]]}" another form of it, BASE one of d, o, x, X, n, N
 * (the last two: nibbles from the lowest, each with a dot between, for ip6.arpa); "\$" and
 * "$$" are a dollar sign.  Data with blanks is in quotes, which are taken off
 * ('MX "$ mail"'), so that quotes of a text are written '"\\"a text\\""'.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

#define MAX_STEPS	1000000
#define MAX_WIDTH	255
/* Octets: all lines at once could be more than there is memory. */
#define PIECE		65536

struct range {
	unsigned long first, last, step;
};

/* Octets used, or 0. */
static size_t read_number(const char *s, size_t len, unsigned long *value)
{
	size_t n = 0;

	*value = 0;
	while (n < len && isdigit((unsigned char)s[n]) && n < 10)
		*value = 10 * *value + (s[n++] - '0');
	return n < len && isdigit((unsigned char)s[n]) ? 0 : n;
}

static const char *read_range(struct range *r, const char **text, size_t *len)
{
	static const char wrong[] = "$GENERATE: allowed are START-STOP and START-STOP/STEP, then a "
				    "name, a type and data";
	const char *s = *text, *end = s + *len;
	size_t n;

	while (s < end && isblank((unsigned char)*s))
		s++;
	n = read_number(s, end - s, &r->first);
	s += n;
	if (!n || s == end || *s++ != '-')
		return wrong;
	n = read_number(s, end - s, &r->last);
	s += n;
	r->step = 1;
	if (n && s < end && *s == '/') {
		s++;
		n = read_number(s, end - s, &r->step);
		s += n;
	}
	if (!n || s == end || !isblank((unsigned char)*s))
		return wrong;
	if (!r->step || r->first > r->last)
		return "$GENERATE: the step has to be 1 at least and the start not after the stop";
	if ((r->last - r->first) / r->step >= MAX_STEPS)
		return "$GENERATE: more than 1000000 steps";
	while (s < end && isblank((unsigned char)*s))
		s++;
	*len = end - s;
	*text = s;
	return *len ? NULL : wrong;
}

static void put_nibbles(FILE *f, unsigned long value, unsigned int width, bool upper)
{
	/* The width counts the dots, too. */
	for (unsigned int n = 0; n < width || value || !n; n += 2) {
		fprintf(f, upper ? "%s%lX" : "%s%lx", n ? "." : "", value & 15);
		value >>= 4;
	}
}

/* After "${": octets used to the "}", or 0. */
static size_t put_form(FILE *f, const char *s, size_t len, unsigned long number)
{
	char copy[64], base = 'd', extra;
	long offset = 0;
	unsigned int width = 0;
	const char *end = memchr(s, '}', len);
	int n;

	if (!end || (size_t)(end - s) >= sizeof(copy))
		return 0;
	memcpy(copy, s, end - s);
	copy[end - s] = '\0';
	n = sscanf(copy, "%ld,%u,%c%c", &offset, &width, &base, &extra);
	if (n < 1 || n > 3 || width > MAX_WIDTH || (offset < 0 && (unsigned long)-offset > number))
		return 0;
	/* What sscanf() stopped at. */
	if ((n < 2 && strchr(copy, ',')) || (n == 2 && strchr(strchr(copy, ',') + 1, ',')))
		return 0;
	number += offset;
	switch (base) {
	case 'd':
		fprintf(f, "%0*lu", (int)width, number);
		break;
	case 'o':
		fprintf(f, "%0*lo", (int)width, number);
		break;
	case 'x':
		fprintf(f, "%0*lx", (int)width, number);
		break;
	case 'X':
		fprintf(f, "%0*lX", (int)width, number);
		break;
	case 'n':
	case 'N':
		put_nibbles(f, number, width, base == 'N');
		break;
	default:
		return 0;
	}
	return end - s + 1;
}

static const char wrong_form[] = "$GENERATE: allowed is ${OFFSET[,WIDTH[,BASE]]} with BASE "
				 "one of d, o, x, X, n, N, and no number below 0";

static const char *put_line(FILE *f, const char *s, size_t len, unsigned long number)
{
	for (size_t i = 0; i < len; i++) {
		size_t used;

		if (s[i] == '\\' && i + 1 < len) {
			if (s[i + 1] != '$')
				fputc('\\', f);
			fputc(s[++i], f);
		} else if (s[i] != '$') {
			fputc(s[i], f);
		} else if (i + 1 < len && s[i + 1] == '$') {
			fputc(s[++i], f);
		} else if (i + 1 < len && s[i + 1] == '{') {
			used = put_form(f, s + i + 2, len - i - 2, number);
			if (!used)
				return wrong_form;
			i += 1 + used;
		} else {
			fprintf(f, "%lu", number);
		}
	}
	fputc('\n', f);
	return NULL;
}

/* Without a comment, and without the quotes of the data. Octets of @out, which has room. */
static size_t take_quotes_off(char *out, const char *text, size_t len)
{
	const char *open = NULL, *close = NULL;
	size_t n = 0, end = 0;

	while (end < len && (text[end] != ';' || (open && !close))) {
		if (text[end] == '\\' && end + 1 < len)
			end++;
		else if (text[end] == '"' && !open)
			open = text + end;
		else if (text[end] == '"' && !close)
			close = text + end;
		else if (text[end] == '"')
			break;		/* several texts: they are as they are */
		end++;
	}
	while (end && isspace((unsigned char)text[end - 1]))
		end--;
	if (!close || close != text + end - 1) {
		memcpy(out, text, len);
		return len;
	}
	for (const char *s = text; s < text + end; s++) {
		if (s == open || s == close)
			continue;
		if (s > open && s[0] == '\\' && s[1] == '"')
			s++;
		out[n++] = *s;
	}
	return n;
}

/* Lines from number *@n on, as many as a piece has. */
static const char *put_piece(FILE *f, const struct range *r, const char *text, size_t len,
			     unsigned long *n)
{
	const char *wrong = NULL;

	for (; *n <= r->last && !wrong && ftell(f) < PIECE; *n += r->step)
		wrong = put_line(f, text, len, *n);
	return wrong;
}

static const char *put_pieces(const struct range *r, const char *text, size_t len,
			      bool (*take)(const char *lines, size_t len, void *data), void *data)
{
	unsigned long n = r->first;
	const char *wrong = NULL;
	bool more = true;

	while (n <= r->last && more && !wrong) {
		char *lines = NULL;
		size_t size;
		FILE *f = open_memstream(&lines, &size);

		if (!f)
			return "out of memory";
		wrong = put_piece(f, r, text, len, &n);
		if (fclose(f) && !wrong)
			wrong = "out of memory";
		if (!wrong)
			more = take(lines, size, data);
		free(lines);
	}
	return wrong;
}

const char *generate_expand(const char *text, size_t len,
			    bool (*take)(const char *lines, size_t len, void *data), void *data)
{
	struct range r;
	const char *wrong = read_range(&r, &text, &len);
	char *copy;

	if (wrong)
		return wrong;
	copy = malloc(len + 1);
	if (!copy)
		return "out of memory";
	len = take_quotes_off(copy, text, len);
	wrong = put_pieces(&r, copy, len, take, data);
	free(copy);
	return wrong;
}
