// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fields of a request: finding them, and what their values are made of
 * (RFC 9110, 5).
 */
#include "field.h"

#include <string.h>
#include <strings.h>

/**
 * http_field() - find a field by name
 * @fields: the fields
 * @name: name in any case
 * @after: NULL, or the field found before, to find the next of that name
 *
 * Return: the field or NULL.
 */
const struct http_field *http_field(const struct http_fields *fields, const char *name,
				    const struct http_field *after)
{
	const struct http_field *f = after ? after + 1 : fields->field;
	const struct http_field *end = fields->field + fields->n;
	size_t len = strlen(name);

	for (; f < end; f++)
		if (f->name_len == len && !strncasecmp(f->name, name, len))
			return f;
	return NULL;
}

/**
 * http_field_is() - whether a field's value is a certain word
 * @f: the field
 * @value: the word, in any case
 */
bool http_field_is(const struct http_field *f, const char *value)
{
	return f->value_len == strlen(value) && !strncasecmp(f->value, value, f->value_len);
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

/* One field's list, RFC 9110, 5.6.1; commas within quotes separate nothing. */
static bool value_has(const char *s, const char *end, const char *token, size_t len)
{
	while (s < end) {
		const char *start, *stop;
		bool quoted = false;

		while (s < end && (is_blank(*s) || *s == ','))
			s++;
		start = s;
		while (s < end && *s != ',' && *s != ';' && !is_blank(*s) && *s != '"')
			s++;
		stop = s;
		if ((size_t)(stop - start) == len && !strncasecmp(start, token, len) &&
		    (s == end || *s != '"'))
			return true;
		for (; s < end && (quoted || *s != ','); s++) {
			if (*s == '"')
				quoted = !quoted;
			else if (quoted && *s == '\\' && s + 1 < end)
				s++;
		}
	}
	return false;
}

/**
 * http_list_has() - whether a token is in a list
 * @fields: the fields
 * @name: name of the field, which may be there several times
 * @token: the token, in any case; parameters after it do not matter
 */
bool http_list_has(const struct http_fields *fields, const char *name, const char *token)
{
	size_t len = strlen(token);

	for (const struct http_field *f = http_field(fields, name, NULL); f;
	     f = http_field(fields, name, f))
		if (value_has(f->value, f->value + f->value_len, token, len))
			return true;
	return false;
}

#define TOKEN	(HTTP_TOKEN_CHAR | HTTP_VALUE_CHAR)

/* RFC 9110, 5.6.2 and 5.5 */
const unsigned char http_char_kind[256] = {
	[' '] = HTTP_VALUE_CHAR, ['\t'] = HTTP_VALUE_CHAR,
	['!'] = TOKEN, ['"'] = HTTP_VALUE_CHAR, ['#' ... '\''] = TOKEN,
	['('] = HTTP_VALUE_CHAR, [')'] = HTTP_VALUE_CHAR, ['*'] = TOKEN, ['+'] = TOKEN,
	[','] = HTTP_VALUE_CHAR, ['-'] = TOKEN, ['.'] = TOKEN, ['/'] = HTTP_VALUE_CHAR,
	['0' ... '9'] = TOKEN, [':' ... '@'] = HTTP_VALUE_CHAR, ['A' ... 'Z'] = TOKEN,
	['[' ... ']'] = HTTP_VALUE_CHAR, ['^' ... '`'] = TOKEN, ['a' ... 'z'] = TOKEN,
	['{'] = HTTP_VALUE_CHAR, ['|'] = TOKEN, ['}'] = HTTP_VALUE_CHAR, ['~'] = TOKEN,
	[0x80 ... 0xff] = HTTP_VALUE_CHAR,
};

/**
 * http_field_valid() - whether a field can be sent
 * @name: its name
 * @name_len: its length
 * @value: its value
 * @value_len: its length
 */
bool http_field_valid(const char *name, size_t name_len, const char *value, size_t value_len)
{
	for (size_t i = 0; i < name_len; i++)
		if (!http_is_token_char(name[i]))
			return false;
	for (size_t i = 0; i < value_len; i++)
		if (!http_is_value_char(value[i]))
			return false;
	return name_len;
}

/**
 * http_trailer_allowed() - whether a field makes sense after the content
 * @name: its name in any case
 * @len: its length
 *
 * What frames, routes, authenticates, modifies or describes the message must be known
 * before its content (RFC 9110, 6.5.1).
 */
bool http_trailer_allowed(const char *name, size_t len)
{
	static const char *const refused[] = {
		"age", "authorization", "cache-control", "connection", "cookie", "date", "expect",
		"expires", "forwarded", "host", "keep-alive", "location", "max-forwards", "origin",
		"pragma", "range", "referer", "retry-after", "set-cookie", "te", "trailer",
		"transfer-encoding", "upgrade", "vary", "warning", "www-authenticate",
	};
	static const char *const families[] = { "content-", "if-", "proxy-", "x-forwarded-" };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (strlen(refused[i]) == len && !strncasecmp(name, refused[i], len))
			return false;
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (len >= strlen(families[i]) &&
		    !strncasecmp(name, families[i], strlen(families[i])))
			return false;
	return len && name[0] != ':';
}

/**
 * http_host_valid() - whether text is a host with an optional port
 * @s: uri-host [ ":" port ] of RFC 9110, 7.2
 * @n: its length
 */
bool http_host_valid(const char *s, size_t n)
{
	static const char name_chars[] = "-._~%!$&'()*+,;=";
	size_t i = 0;

	if (n && s[0] == '[') {
		for (i = 1; i < n && s[i] != ']'; i++)
			if (!memchr("0123456789abcdefABCDEF:.", s[i], 24))
				return false;
		if (i < 3 || i == n)
			return false;
		i++;
	} else {
		for (; i < n && s[i] != ':'; i++) {
			unsigned char ch = s[i];

			if (!(ch >= '0' && ch <= '9') &&
			    !((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') &&
			    !memchr(name_chars, ch, sizeof(name_chars) - 1))
				return false;
		}
		if (!i)
			return false;
	}
	if (i == n)
		return true;
	if (s[i++] != ':')
		return false;
	for (; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}
