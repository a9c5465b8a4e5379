/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX_FIELDS	100

struct http_field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/**
 * struct http_fields - fields in the order in which they were sent
 * @n: how many
 * @field: the fields; their texts do not end in NUL
 */
struct http_fields {
	unsigned int n;
	struct http_field *field;
};

enum { HTTP_TOKEN_CHAR = 1, HTTP_VALUE_CHAR = 2 };
extern const unsigned char http_char_kind[256];

/* Whether an octet may be in a token, RFC 9110, 5.6.2. */
static inline bool http_is_token_char(unsigned char ch)
{
	return http_char_kind[ch] & HTTP_TOKEN_CHAR;
}

/* Whether an octet may be in a field's value, RFC 9110, 5.5. */
static inline bool http_is_value_char(unsigned char ch)
{
	return http_char_kind[ch] & HTTP_VALUE_CHAR;
}

const struct http_field *http_field(const struct http_fields *fields, const char *name,
				    const struct http_field *after);
bool http_field_is(const struct http_field *f, const char *value);
bool http_list_has(const struct http_fields *fields, const char *name, const char *token);
bool http_field_valid(const char *name, size_t name_len, const char *value, size_t value_len);
bool http_trailer_allowed(const char *name, size_t len);
bool http_host_valid(const char *s, size_t n);

#endif
