// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validators and conditional requests, RFC 9110, 8.8, 13 and 14.
 */
#include "validators.h"

#include <stdio.h>
#include <string.h>

#include "date.h"

/* With what stands before it.  By hand: each response has three. */
static char *hex(char *out, char before, unsigned long long n)
{
	char text[17], *end = text + sizeof(text), *p = end;

	do
		*--p = "0123456789abcdef"[n & 15];
	while (n >>= 4);
	*--p = before;
	return mempcpy(out, p, end - p);
}

/**
 * http_validators_of() - the validators of one representation of a file
 * @v: what to fill in
 * @st: the file whose bytes are sent
 * @coding: name of its content coding, or NULL
 * @weak: the bytes are not always the same
 * @now: the time now
 *
 * Each representation has a tag of its own (8.8.3.3).
 */
void http_validators_of(struct http_validators *v, const struct stat *st, const char *coding,
			bool weak, time_t now)
{
	char *out = stpcpy(v->etag, weak ? "W/" : "");

	out = hex(out, '"', st->st_ino);
	out = hex(out, '-', st->st_size);
	out = hex(out, '-', st->st_mtim.tv_sec * 1000000000ULL + st->st_mtim.tv_nsec);
	if (coding) {
		*out++ = '-';
		out = stpcpy(out, coding);
	}
	stpcpy(out, "\"");
	v->modified = st->st_mtime < now ? st->st_mtime : now;
	v->now = now;
}

/* Whether one of a list of entity tags is ours (8.8.3.2). */
static bool list_has(const char *s, size_t n, const char *etag, bool weak_too)
{
	const char *end = s + n, *close;
	bool ours_weak = !strncmp(etag, "W/", 2), weak;
	size_t len;

	if (ours_weak)
		etag += 2;
	len = strlen(etag);
	while (s < end) {
		if (*s == ' ' || *s == '\t' || *s == ',') {
			s++;
			continue;
		}
		weak = end - s > 2 && s[0] == 'W' && s[1] == '/';
		if (weak)
			s += 2;
		if (*s != '"')
			return false;
		close = memchr(s + 1, '"', end - s - 1);
		if (!close)
			return false;
		close++;
		if ((weak_too || !(weak || ours_weak)) && (size_t)(close - s) == len &&
		    !memcmp(s, etag, len))
			return true;
		s = close;
	}
	return false;
}

/* "*" stands for any current representation; @v is NULL when there is none. */
static bool any_has(const struct http_request *rq, const char *name,
		    const struct http_validators *v, bool weak_too)
{
	const struct http_field *f = NULL;

	while (v && (f = http_field(&rq->fields, name, f)))
		if (http_field_is(f, "*") || list_has(f->value, f->value_len, v->etag, weak_too))
			return true;
	return false;
}

/* A date in a field that is there once and good; another is ignored (13.1.3, 13.1.4). */
static bool date_of(const struct http_request *rq, const char *name,
		    const struct http_validators *v, time_t *t)
{
	const struct http_field *f = http_field(&rq->fields, name, NULL);

	return v && f && !http_field(&rq->fields, name, f) &&
	       !http_date_parse(f->value, f->value_len, v->now, t);
}

/**
 * http_preconditions() - the conditions of a request
 * @rq: the request: kind and fields
 * @v: validators of the selected representation; NULL: there is none
 *
 * Return: 0 to go on, 304 or 412, in the order of RFC 9110, 13.2.2.
 */
int http_preconditions(const struct http_request *rq, const struct http_validators *v)
{
	bool reads = rq->kind == HTTP_KIND_GET || rq->kind == HTTP_KIND_HEAD;
	time_t t;

	if (http_field(&rq->fields, "if-match", NULL)) {
		if (!any_has(rq, "if-match", v, false))
			return 412;
	} else if (date_of(rq, "if-unmodified-since", v, &t) && v->modified > t) {
		return 412;
	}
	if (http_field(&rq->fields, "if-none-match", NULL)) {
		if (any_has(rq, "if-none-match", v, true))
			return reads ? 304 : 412;
	} else if (reads && date_of(rq, "if-modified-since", v, &t) && v->modified <= t) {
		return 304;
	}
	return 0;
}

/**
 * http_range_wanted() - whether If-Range lets the Range field count
 * @rq: the request
 * @v: the representation's validators
 */
bool http_range_wanted(const struct http_request *rq, const struct http_validators *v)
{
	const struct http_field *f = http_field(&rq->fields, "if-range", NULL);
	time_t t;

	if (!f)
		return true;
	if (memchr(f->value, '"', f->value_len))
		return list_has(f->value, f->value_len, v->etag, false);
	/* 8.8.2.2: within a second of now the file may change again without
	 * its date.
	 */
	return date_of(rq, "if-range", v, &t) && t == v->modified && v->now > v->modified + 1;
}
