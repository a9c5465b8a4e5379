// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A value with parameters, taken apart in place.
 */
#include "parameter.h"

#include <string.h>

#include "field.h"

static char *skip_blanks(char *s)
{
	return s + strspn(s, " \t");
}

/**
 * parameter_main() - the value before its parameters
 * @text: the whole, ends in NUL; it is changed
 * @rest: set for parameter_next()
 *
 * Return: the value, without blanks around it.
 */
char *parameter_main(char *text, char **rest)
{
	size_t n;

	text = skip_blanks(text);
	n = strcspn(text, ";");
	*rest = text + n + (text[n] == ';');
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	text[n] = 0;
	return text;
}

/*
 * Of escapes only those of the quote and of the backslash itself are undone: browsers send
 * other backslashes as they are.  Returns what follows the closing quote, or NULL.
 */
static char *quoted(char *s, char **value)
{
	char *out;

	for (*value = out = ++s; *s != '"'; s++) {
		if (!*s)
			return NULL;
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		*out++ = *s;
	}
	*out = 0;
	return s + 1;
}

static size_t token_len(const char *s)
{
	size_t n = 0;

	while (http_is_token_char((unsigned char)s[n]))
		n++;
	return n;
}

/**
 * parameter_is_media_type() - whether a value is type/subtype (RFC 9110, 8.3.1)
 * @s: the value
 *
 * Return: whether it is.
 */
bool parameter_is_media_type(const char *s)
{
	size_t n = token_len(s), m;

	if (!n || s[n] != '/')
		return false;
	s += n + 1;
	m = token_len(s);
	return m && !s[m];
}

/**
 * parameter_next() - the next parameter
 * @rest: where it begins; moved on
 * @p: the parameter
 *
 * Return: 1, 0 when there is none, or -1 when it is malformed.
 */
int parameter_next(char **rest, struct parameter *p)
{
	char *s = skip_blanks(*rest), *end;

	while (*s == ';')	/* empty ones are allowed */
		s = skip_blanks(s + 1);
	if (!*s)
		return 0;
	p->name = s;
	end = s + token_len(s);
	if (end == s || *end != '=')
		return -1;
	*end = 0;
	s = end + 1;
	if (*s == '"') {
		s = quoted(s, &p->value);
		if (!s)
			return -1;
		end = s;
	} else {
		p->value = s;
		s = end = s + token_len(s);
		if (end == p->value)
			return -1;
	}
	s = skip_blanks(s);
	if (*s && *s != ';')
		return -1;
	*rest = *s ? s + 1 : s;
	*end = 0;
	return 1;
}
