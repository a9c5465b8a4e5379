// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validators and conditional requests, RFC 9110, 8.8, 13 and 14.
 */
#include "validators.h"

#include <stdio.h>
#include <string.h>

#include "date.h"

/**
 * http_validators_of() - a file's validators
 * @v: what to fill in
 * @st: the file
 * @now: the time now
 */
void http_validators_of(struct http_validators *v, const struct stat *st, time_t now)
{
	snprintf(v->etag, sizeof(v->etag), "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL + st->st_mtim.tv_nsec);
	v->modified = st->st_mtime < now ? st->st_mtime : now;
	v->now = now;
}

/* Whether one of a list of entity tags is ours. */
static bool list_has(const char *s, size_t n, const char *etag, bool weak_too)
{
	const char *end = s + n, *close;
	bool weak;

	if (n == 1 && *s == '*')
		return true;
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
		if ((weak_too || !weak) && (size_t)(close - s) == strlen(etag) &&
		    !memcmp(s, etag, close - s))
			return true;
		s = close;
	}
	return false;
}

static bool any_has(const struct http_request *rq, const struct http_field *f, const char *name,
		    const char *etag, bool weak_too)
{
	for (; f; f = http_request_field(rq, name, f))
		if (list_has(f->value, f->value_len, etag, weak_too))
			return true;
	return false;
}

/**
 * http_preconditions() - the conditions of a GET or HEAD request
 * @rq: the request
 * @v: the file's validators
 *
 * Return: 0 to go on, 304 or 412, in the order of RFC 9110, 13.2.2.
 */
int http_preconditions(const struct http_request *rq, const struct http_validators *v)
{
	const struct http_field *f;
	time_t t;

	f = http_request_field(rq, "if-match", NULL);
	if (f) {
		if (!any_has(rq, f, "if-match", v->etag, false))
			return 412;
	} else {
		f = http_request_field(rq, "if-unmodified-since", NULL);
		if (f && !http_date_parse(f->value, f->value_len, v->now, &t) && v->modified > t)
			return 412;
	}
	f = http_request_field(rq, "if-none-match", NULL);
	if (f)
		return any_has(rq, f, "if-none-match", v->etag, true) ? 304 : 0;
	f = http_request_field(rq, "if-modified-since", NULL);
	if (f && !http_date_parse(f->value, f->value_len, v->now, &t) && v->modified <= t)
		return 304;
	return 0;
}

/**
 * http_range_wanted() - whether If-Range lets the Range field count
 * @rq: the request
 * @v: the file's validators
 */
bool http_range_wanted(const struct http_request *rq, const struct http_validators *v)
{
	const struct http_field *f = http_request_field(rq, "if-range", NULL);
	time_t t;

	if (!f)
		return true;
	if (memchr(f->value, '"', f->value_len))
		return list_has(f->value, f->value_len, v->etag, false);
	/* 8.8.2.2: within a second of now the file may change again without
	 * its date.
	 */
	return !http_date_parse(f->value, f->value_len, v->now, &t) && t == v->modified &&
	       v->now > v->modified + 1;
}
