// SPDX-License-Identifier: GPL-2.0-or-later
/* The Simple Common Gateway Interface: https://python.ca/scgi/protocol.txt */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "environment.h"
#include "scgi.h"

/**
 * scgi_put_header() - append a request's header as a netstring
 * @b: where to
 * @content_length: octets of content that follow it
 * @env: the environment, by cgi_environment(); its CONTENT_LENGTH is left out in favour of
 *	@content_length, which has to come first
 *
 * Return: false when @b is too small.
 */
bool scgi_put_header(struct cgi_buffer *b, uint64_t content_length, const struct cgi_buffer *env)
{
	struct cgi_variable v;
	size_t at = 0, total;
	char first[64], length[24];
	int n, digits;

	n = snprintf(first, sizeof(first), "CONTENT_LENGTH%c%" PRIu64 "%cSCGI%c1%c", 0,
		     content_length, 0, 0, 0);
	total = n;
	while (cgi_next_variable(env, &at, &v))
		if (strcmp(v.name, "CONTENT_LENGTH"))
			total += v.name_len + v.value_len + 2;
	digits = snprintf(length, sizeof(length), "%zu:", total);
	cgi_buffer_add(b, length, digits);
	cgi_buffer_add(b, first, n);
	at = 0;
	while (cgi_next_variable(env, &at, &v))
		if (strcmp(v.name, "CONTENT_LENGTH"))
			cgi_buffer_add(b, v.name, v.name_len + v.value_len + 2);
	cgi_buffer_add(b, ",", 1);
	return cgi_buffer_ok(b);
}
