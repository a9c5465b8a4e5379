/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CODEC_FIELD_H
#define CODEC_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGI_MAX_FIELDS	100

/**
 * struct cgi_field - a header field; neither part ends in NUL
 * @name: name
 * @name_len: its length
 * @value: value without blanks around it
 * @value_len: its length
 */
struct cgi_field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

bool cgi_is_token(const char *s, size_t len);
bool cgi_field_parse(const char *line, size_t len, struct cgi_field *f);
bool cgi_field_is(const struct cgi_field *f, const char *name);
const struct cgi_field *cgi_field_find(const struct cgi_field *fields, unsigned int n,
				       const char *name);
bool cgi_list_has(const char *list, size_t len, const char *token, size_t token_len);
bool cgi_hop_by_hop(const struct cgi_field *fields, unsigned int n, const struct cgi_field *f);
int64_t cgi_parse_length(const char *s, size_t len);

#endif
