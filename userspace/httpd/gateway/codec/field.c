// SPDX-License-Identifier: GPL-2.0-or-later
/* Header fields as gateways send them, judged as strictly as a client's (RFC 9112, 5). */
#include <string.h>
#include <strings.h>

#include "field.h"

/**
 * cgi_is_token() - whether this is a token (RFC 9110, 5.6.2)
 * @s: the text
 * @len: its length
 *
 * Return: true for one or more of its characters and nothing else.
 */
bool cgi_is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = s[i];

		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		      (ch >= '0' && ch <= '9') || (ch && strchr("!#$%&'*+-.^_`|~", ch))))
			return false;
	}
	return len > 0;
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static void trim(const char **s, size_t *len)
{
	while (*len && is_blank(**s)) {
		*s += 1;
		*len -= 1;
	}
	while (*len && is_blank((*s)[*len - 1]))
		*len -= 1;
}

/**
 * cgi_field_parse() - take a line apart
 * @line: the line, without its end
 * @len: its length
 * @f: result, pointing into @line
 *
 * Return: false for what is no field: no colon, a blank before it, a folded line, control
 * characters.
 */
bool cgi_field_parse(const char *line, size_t len, struct cgi_field *f)
{
	const char *colon = memchr(line, ':', len);

	if (!colon || !cgi_is_token(line, colon - line))
		return false;
	f->name = line;
	f->name_len = colon - line;
	f->value = colon + 1;
	f->value_len = len - f->name_len - 1;
	for (size_t i = 0; i < f->value_len; i++) {
		unsigned char ch = f->value[i];

		if ((ch < ' ' && ch != '\t') || ch == 0x7f)
			return false;
	}
	trim(&f->value, &f->value_len);
	return true;
}

/**
 * cgi_field_is() - whether a field has this name
 * @f: the field
 * @name: name, in any case
 *
 * Return: true if it has.
 */
bool cgi_field_is(const struct cgi_field *f, const char *name)
{
	return f->name_len == strlen(name) && !strncasecmp(f->name, name, f->name_len);
}

/**
 * cgi_field_find() - the first field of this name
 * @fields: the fields
 * @n: how many
 * @name: name, in any case
 *
 * Return: the field, or NULL.
 */
const struct cgi_field *cgi_field_find(const struct cgi_field *fields, unsigned int n,
				       const char *name)
{
	for (unsigned int i = 0; i < n; i++)
		if (cgi_field_is(&fields[i], name))
			return &fields[i];
	return NULL;
}

/**
 * cgi_list_has() - whether a comma-separated list has a token
 * @list: a field's value
 * @len: its length
 * @token: the token, in any case
 * @token_len: its length
 *
 * Return: true if it has.
 */
bool cgi_list_has(const char *list, size_t len, const char *token, size_t token_len)
{
	while (len) {
		const char *comma = memchr(list, ',', len);
		size_t n = comma ? (size_t)(comma - list) : len, item_len = n;
		const char *item = list;

		trim(&item, &item_len);
		if (item_len == token_len && !strncasecmp(item, token, token_len))
			return true;
		n += comma ? 1 : 0;
		list += n;
		len -= n;
	}
	return false;
}

/**
 * cgi_hop_by_hop() - whether a field is for the connection alone (RFC 9110, 7.6.1)
 * @fields: all fields of the message
 * @n: how many
 * @f: the field
 *
 * Return: true for what must not be passed on: the usual ones, and what Connection names.
 */
bool cgi_hop_by_hop(const struct cgi_field *fields, unsigned int n, const struct cgi_field *f)
{
	static const char *const always[] = {
		"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade", "HTTP2-Settings",
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (cgi_field_is(f, always[i]))
			return true;
	for (unsigned int i = 0; i < n; i++)
		if (cgi_field_is(&fields[i], "Connection") &&
		    cgi_list_has(fields[i].value, fields[i].value_len, f->name, f->name_len))
			return true;
	return false;
}

/**
 * cgi_parse_length() - value of a Content-Length field
 * @s: the value
 * @len: its length
 *
 * Return: octets, or -1: not a number, or none that fits.
 */
int64_t cgi_parse_length(const char *s, size_t len)
{
	int64_t n = 0;

	if (!len || len > 18)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + s[i] - '0';
	}
	return n;
}
