// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * application/x-www-form-urlencoded, as https://url.spec.whatwg.org/#urlencoded-parsing has
 * it, but strict: what no browser sends is refused, not guessed at.
 */
#include "urlencoded.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static int refuse(struct urlencoded *u, int status, const char *error)
{
	u->error = error;
	return status;
}

static int put(struct urlencoded *u, char ch)
{
	if (u->len == u->max_octets)
		return refuse(u, 413, "a field of the form is too long");
	/* Two more: the NUL behind the name and the one behind the value. */
	if (u->len + 2 >= u->room) {
		size_t room = u->room ? u->room * 2 : 256;
		char *buf = realloc(u->buf, room);

		if (!buf)
			return refuse(u, 500, "out of memory");
		u->buf = buf;
		u->room = room;
	}
	u->buf[u->len++] = ch;
	return 0;
}

static int finish_pair(struct urlencoded *u)
{
	size_t name_len = u->equals ? u->name_len : u->len, value_len = u->len - name_len;
	int status;

	if (u->percent)
		return refuse(u, 400, "a \"%\" is not followed by two hexadecimal digits");
	if (!u->len && !u->equals)	/* "a=1&&b=2": nothing between */
		return 0;
	if (u->pairs++ == u->max_pairs)
		return refuse(u, 413, "the form has too many fields");
	if (!u->buf) {	/* "=" alone: empty name, empty value */
		u->buf = calloc(1, 2);
		if (!u->buf)
			return refuse(u, 500, "out of memory");
		u->room = 2;
	}
	memmove(u->buf + name_len + 1, u->buf + name_len, value_len);
	u->buf[name_len] = 0;
	u->buf[u->len + 1] = 0;
	if (!utf8_valid(u->buf, name_len) || !utf8_valid(u->buf + name_len + 1, value_len))
		return refuse(u, 400, "names and values of the form must be UTF-8");
	status = u->pair(u->ctx, u->buf, u->buf + name_len + 1, value_len);
	u->len = 0;
	u->equals = false;
	return status;
}

static int hex_digit(unsigned char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 0x20;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static int escape_digit(struct urlencoded *u, unsigned char ch)
{
	int digit = hex_digit(ch);

	if (digit < 0)
		return refuse(u, 400, "a \"%\" is not followed by two hexadecimal digits");
	u->octet = u->octet << 4 | (unsigned int)digit;
	if (--u->percent)
		return 0;
	if (!u->octet)
		return refuse(u, 400, "%00 is not allowed in a form");
	return put(u, (char)u->octet);
}

static int octet(struct urlencoded *u, unsigned char ch)
{
	if (u->percent)
		return escape_digit(u, ch);
	switch (ch) {
	case '%':
		u->percent = 2;
		u->octet = 0;
		return 0;
	case '+':
		return put(u, ' ');
	case '&':
		return finish_pair(u);
	case '=':
		if (u->equals)
			return put(u, '=');
		u->equals = true;
		u->name_len = u->len;
		return 0;
	}
	if (ch <= ' ' || ch == 0x7f)
		return refuse(u, 400, "spaces and control characters must be escaped in a form");
	return put(u, (char)ch);
}

/**
 * urlencoded_add() - more of the form
 * @u: the parser: zeroed but for its function and limits
 * @data: octets
 * @len: how many
 *
 * Return: 0, or an HTTP status with @u->error set; then nothing more may be added.
 */
int urlencoded_add(struct urlencoded *u, const char *data, size_t len)
{
	int status = 0;

	for (size_t i = 0; i < len && !status; i++)
		status = octet(u, (unsigned char)data[i]);
	return status;
}

/**
 * urlencoded_end() - the form is complete
 * @u: the parser
 *
 * Return: 0, or an HTTP status with @u->error set.
 */
int urlencoded_end(struct urlencoded *u)
{
	return finish_pair(u);
}

/**
 * urlencoded_free() - let the memory go
 * @u: the parser
 */
void urlencoded_free(struct urlencoded *u)
{
	free(u->buf);
	u->buf = NULL;
}
