// SPDX-License-Identifier: GPL-2.0-or-later
/* Content in chunks (RFC 9112, 7.1): lines end in CRLF and nothing else, all is bounded. */
#include <errno.h>
#include <string.h>

#include "chunked.h"
#include "head.h"

#define MAX_DIGITS	15	/* of a size, so that it stays below 2^60 */

/**
 * chunked_init() - begin
 * @c: reading state
 */
void chunked_init(struct chunked *c)
{
	*c = (struct chunked){ .state = CHUNKED_SIZE };
	cgi_buffer_init(&c->trailer, CHUNKED_MAX_TRAILER);
}

/**
 * chunked_free() - let the trailer section go
 * @c: reading state
 */
void chunked_free(struct chunked *c)
{
	cgi_buffer_free(&c->trailer);
}

static int hex(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

static int take_size(struct chunked *c, char ch)
{
	int digit = hex(ch);

	if (digit >= 0) {
		if (c->count++ == MAX_DIGITS)
			return -EBADMSG;
		c->left = c->left << 4 | digit;
		return 0;
	}
	if (!c->count)
		return -EBADMSG;
	if (ch == '\r') {
		c->state = CHUNKED_SIZE_LF;
	} else if (ch == ';' || ch == ' ' || ch == '\t') {
		c->state = CHUNKED_EXTENSION;
		c->count = 1;
	} else {
		return -EBADMSG;
	}
	return 0;
}

static int take_extension(struct chunked *c, unsigned char ch)
{
	if (ch == '\r') {
		c->state = CHUNKED_SIZE_LF;
		return 0;
	}
	if ((ch < ' ' && ch != '\t') || ch == 0x7f || c->count++ == CHUNKED_MAX_EXTENSION)
		return -EBADMSG;
	return 0;
}

/* One octet between the data of chunks. */
static int take(struct chunked *c, char ch)
{
	switch (c->state) {
	case CHUNKED_SIZE:
		return take_size(c, ch);
	case CHUNKED_EXTENSION:
		return take_extension(c, ch);
	case CHUNKED_SIZE_LF:
		c->state = c->left ? CHUNKED_DATA : CHUNKED_TRAILER;
		return ch == '\n' ? 0 : -EBADMSG;
	case CHUNKED_DATA_CR:
		c->state = CHUNKED_DATA_LF;
		return ch == '\r' ? 0 : -EBADMSG;
	default:
		c->state = CHUNKED_SIZE;
		c->count = 0;
		return ch == '\n' ? 0 : -EBADMSG;
	}
}

static bool trailer_valid(const struct chunked *c)
{
	struct cgi_field fields[CGI_MAX_FIELDS];

	return chunked_trailer(c, fields, CGI_MAX_FIELDS) >= 0;
}

/* Takes what belongs to the trailer section; a rest of @data may be the next message's. */
static ssize_t take_trailer(struct chunked *c, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cgi_buffer_add(&c->trailer, data + i, 1);
		if (!cgi_buffer_ok(&c->trailer))
			return -EBADMSG;
		if (data[i] == '\n' &&
		    gateway_head_end(&c->pos, c->trailer.data, c->trailer.len)) {
			if (!trailer_valid(c))
				return -EBADMSG;
			c->state = CHUNKED_DONE;
			return i + 1;
		}
	}
	return len;
}

/**
 * chunked_read() - take the next piece of what arrived
 * @c: where reading stands, not CHUNKED_DONE
 * @data: octets that arrived
 * @len: how many, at least 1
 * @piece: some content, if there is any
 *
 * Return: octets taken, at least 1; with CHUNKED_DONE a rest belongs to what follows.
 * -EBADMSG: malformed, or more than the limits allow.
 */
ssize_t chunked_read(struct chunked *c, const char *data, size_t len, struct chunked_piece *piece)
{
	*piece = (struct chunked_piece){ 0 };
	for (size_t i = 0; i < len; i++) {
		int r;

		if (c->state == CHUNKED_TRAILER) {
			ssize_t n = take_trailer(c, data + i, len - i);

			return n < 0 ? n : (ssize_t)i + n;
		}
		if (c->state == CHUNKED_DATA) {
			piece->data = data + i;
			piece->len = len - i < c->left ? len - i : c->left;
			c->left -= piece->len;
			if (!c->left)
				c->state = CHUNKED_DATA_CR;
			return i + piece->len;
		}
		r = take(c, data[i]);
		if (r < 0)
			return r;
	}
	return len;
}

/**
 * chunked_trailer() - the fields of the trailer section
 * @c: in state CHUNKED_DONE
 * @fields: result, pointing into @c
 * @max: room there
 *
 * Return: how many fields, -1: malformed or too many.
 */
int chunked_trailer(const struct chunked *c, struct cgi_field *fields, unsigned int max)
{
	const char *at = c->trailer.data;
	size_t left = c->trailer.len;
	unsigned int n = 0;

	for (;;) {
		const char *lf = memchr(at, '\n', left);
		size_t len;

		if (!lf || lf == at || lf[-1] != '\r')
			return -1;
		len = lf - 1 - at;
		if (!len)
			return n;
		if (n == max || !cgi_field_parse(at, len, &fields[n++]))
			return -1;
		left -= lf + 1 - at;
		at = lf + 1;
	}
}
