/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * application/x-www-form-urlencoded, as it arrives.
 */
#ifndef HTTPD_URLENCODED_H
#define HTTPD_URLENCODED_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct urlencoded - a parser
 * @pair: called for each pair; name and value are decoded UTF-8, without NUL within and
 *	with one behind.  Returns 0 or an HTTP status that refuses the form, with @error set.
 * @ctx: @pair's own
 * @max_pairs: number of pairs at most
 * @max_octets: octets of a decoded name with its value at most
 * @error: why the form was refused
 * @buf: name and value decoded so far
 * @len: octets in @buf
 * @room: octets that @buf can hold
 * @name_len: length of the name, once its "=" was seen
 * @equals: the value has begun
 * @percent: digits of an escape still to come
 * @octet: its value so far
 * @pairs: how many were there
 */
struct urlencoded {
	int (*pair)(void *ctx, const char *name, const char *value, size_t value_len);
	void *ctx;
	unsigned int max_pairs;
	size_t max_octets;
	const char *error;
	char *buf;
	size_t len, room;
	size_t name_len;
	bool equals;
	unsigned int percent;
	unsigned int octet;
	unsigned int pairs;
};

int urlencoded_add(struct urlencoded *u, const char *data, size_t len);
int urlencoded_end(struct urlencoded *u);
void urlencoded_free(struct urlencoded *u);

#endif
