// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Content codings and Accept-Encoding, RFC 9110, 8.4.1 and 12.5.3.
 */
#include "encoding.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name, *suffix;
} codings[HTTP_N_CODINGS] = {
	[HTTP_CODING_IDENTITY] = { "identity", "" },
	[HTTP_CODING_GZIP] = { "gzip", ".gz" },
	[HTTP_CODING_ZSTD] = { "zstd", ".zst" },
	[HTTP_CODING_BR] = { "br", ".br" },
};

/* Weights in thousandths; -1: not mentioned. */
struct weights {
	int coding[HTTP_N_CODINGS];
	int any;
};

struct span {
	const char *s, *end;
};

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static struct span trim(struct span t)
{
	while (t.s < t.end && is_blank(*t.s))
		t.s++;
	while (t.s < t.end && is_blank(t.end[-1]))
		t.end--;
	return t;
}

static struct span until(struct span *rest, char separator)
{
	struct span t = *rest;
	const char *p = t.s < t.end ? memchr(t.s, separator, t.end - t.s) : NULL;

	if (p)
		t.end = p;
	rest->s = p ? p + 1 : rest->end;
	return trim(t);
}

static bool is(struct span t, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t.end - t.s) == n && !strncasecmp(t.s, word, n);
}

/* qvalue, RFC 9110, 12.4.2: in thousandths, or -1 when it is none. */
static int weight(struct span t)
{
	int value, digit = 100;

	if (t.s == t.end || (*t.s != '0' && *t.s != '1'))
		return -1;
	value = (*t.s++ - '0') * 1000;
	if (t.s == t.end)
		return value;
	if (*t.s++ != '.' || t.end - t.s > 3)
		return -1;
	for (; t.s < t.end; t.s++, digit /= 10) {
		if (*t.s < '0' || *t.s > '9')
			return -1;
		value += (*t.s - '0') * digit;
	}
	return value > 1000 ? -1 : value;
}

/* One element; what is malformed counts for nothing. */
static void add_element(struct weights *w, struct span element)
{
	struct span name = until(&element, ';');
	int q = 1000;

	if (element.s < element.end) {
		struct span parameter = trim(element);

		if (parameter.end - parameter.s < 2 || (*parameter.s | 0x20) != 'q' ||
		    parameter.s[1] != '=')
			return;
		parameter.s += 2;
		q = weight(parameter);
		if (q < 0)
			return;
	}
	if (is(name, "*"))
		w->any = q;
	else if (is(name, "x-gzip"))
		w->coding[HTTP_CODING_GZIP] = q;
	for (int i = 0; i < HTTP_N_CODINGS; i++)
		if (is(name, codings[i].name))
			w->coding[i] = q;
}

/* What was not mentioned: "*", else identity alone, and that as the last resort. */
static void complete(struct weights *w)
{
	for (int i = 0; i < HTTP_N_CODINGS; i++) {
		if (w->coding[i] >= 0)
			continue;
		if (i == HTTP_CODING_IDENTITY)
			w->coding[i] = w->any ? 1 : 0;
		else
			w->coding[i] = w->any > 0 ? w->any : 0;
	}
}

/**
 * http_codings_parse() - which content codings a request accepts
 * @c: what to fill in
 * @fields: the request's fields
 *
 * Without the field any coding would do; those who do not know of codings do not
 * send it, so identity it is.  Of equal weights the coding wins that makes less of
 * the content.
 */
void http_codings_parse(struct http_codings *c, const struct http_fields *fields)
{
	const struct http_field *f = http_field(fields, "accept-encoding", NULL);
	struct weights w = { .coding = { -1, -1, -1, -1 }, .any = -1 };
	int n = 0;

	c->n = 1;
	c->coding[0] = HTTP_CODING_IDENTITY;
	if (!f)
		return;
	for (; f; f = http_field(fields, "accept-encoding", f)) {
		struct span rest = { f->value, f->value + f->value_len };

		while (rest.s < rest.end) {
			struct span element = until(&rest, ',');

			add_element(&w, element);
		}
	}
	complete(&w);
	for (int i = HTTP_N_CODINGS - 1; i >= 0; i--) {
		int at = n;

		if (!w.coding[i])
			continue;
		while (at && w.coding[c->coding[at - 1]] < w.coding[i]) {
			c->coding[at] = c->coding[at - 1];
			at--;
		}
		c->coding[at] = i;
		n++;
	}
	c->n = n;
}

/**
 * http_content_coded() - whether a request's content is in a coding
 * @fields: the request's fields
 */
bool http_content_coded(const struct http_fields *fields)
{
	const struct http_field *f = NULL;

	while ((f = http_field(fields, "content-encoding", f)))
		if (!http_field_is(f, codings[HTTP_CODING_IDENTITY].name))
			return true;
	return false;
}

/**
 * http_coding_name() - a coding's name in Content-Encoding
 * @coding: the coding
 */
const char *http_coding_name(enum http_coding coding)
{
	return codings[coding].name;
}

/**
 * http_coding_suffix() - what a file's name has at its end in this coding
 * @coding: the coding
 *
 * Return: with its dot; empty for identity.
 */
const char *http_coding_suffix(enum http_coding coding)
{
	return codings[coding].suffix;
}
