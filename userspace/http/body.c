// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The content of a message: so many octets, or chunks (RFC 9112, 6 and 7).
 *
 * As with headers, what a recipient might repair is refused: a bare LF, blanks after
 * the size, a size that does not fit.  Chunk extensions are skipped, within a bound.
 */
#include "body.h"

#include <errno.h>
#include <string.h>

/* A size of 15 hexadecimal digits is beyond what anybody sends, and fits an off_t. */
#define MAX_DIGITS	15
#define MAX_EXTENSION	4096

enum {
	DONE,
	LENGTH,
	SIZE,
	EXTENSION_BLANK,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
};

/**
 * http_body_start() - a message's content begins
 * @b: what to initialize
 * @chunked: in chunks
 * @length: else its octets; 0 or less: there is none
 */
void http_body_start(struct http_body *b, bool chunked, int64_t length)
{
	b->state = chunked ? SIZE : length > 0 ? LENGTH : DONE;
	b->left = chunked || length < 0 ? 0 : length;
	b->digits = 0;
	b->extension = 0;
}

/**
 * http_body_done() - whether the content and its trailers were complete
 * @b: the content
 */
bool http_body_done(const struct http_body *b)
{
	return b->state == DONE;
}

static int hex_value(unsigned char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 0x20;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static int step_size(struct http_body *b, unsigned char ch)
{
	int digit = hex_value(ch);

	if (digit >= 0) {
		b->left = b->left << 4 | digit;
		return ++b->digits > MAX_DIGITS ? 400 : 0;
	}
	if (!b->digits)
		return 400;
	if (ch == '\r')
		b->state = SIZE_LF;
	else if (ch == ';')
		b->state = EXTENSION;
	else if (ch == ' ' || ch == '\t')
		b->state = EXTENSION_BLANK;
	else
		return 400;
	return 0;
}

/* One octet of what is between pieces of content.  Returns 0 or a status. */
static int step_frame(struct http_body *b, unsigned char ch)
{
	switch (b->state) {
	case SIZE:
		return step_size(b, ch);
	case EXTENSION_BLANK:
		/* RFC 9112, 7.1.1: blanks only before the semicolon. */
		if (ch == ';')
			b->state = EXTENSION;
		else if (ch != ' ' && ch != '\t')
			return 400;
		return ++b->extension > MAX_EXTENSION ? 400 : 0;
	case EXTENSION:
		if (ch == '\r')
			b->state = SIZE_LF;
		else if (!http_is_value_char(ch))
			return 400;
		return ++b->extension > MAX_EXTENSION ? 400 : 0;
	case SIZE_LF:
		if (ch != '\n')
			return 400;
		b->state = b->left ? DATA : TRAILER;
		if (!b->left)
			http_scan_trailer(&b->trailer);
		return 0;
	case DATA_CR:
		b->state = DATA_LF;
		return ch == '\r' ? 0 : 400;
	default: /* DATA_LF */
		b->state = SIZE;
		b->digits = 0;
		return ch == '\n' ? 0 : 400;
	}
}

static int step_trailer(struct http_body *b, const char *in, size_t len,
			const struct http_limits *limits, struct http_piece *piece)
{
	int r = http_scan(&b->trailer, in, len, limits);

	if (r != HTTP_SCAN_DONE)
		return r;
	b->state = DONE;
	piece->trailer = in;
	piece->trailer_len = b->trailer.pos;
	piece->used += b->trailer.pos;
	return 0;
}

/**
 * http_body_step() - go on to the next piece of content
 * @b: the content
 * @in: what has arrived and is not used yet
 * @len: its length
 * @limits: those for a header hold for the trailer section
 * @piece: what was found; nothing used and nothing found: more input is needed.  A
 *	trailer section is used in one piece, so that the same input comes again with
 *	more behind it.
 *
 * Return: 0, or the status to refuse the message with.
 */
int http_body_step(struct http_body *b, const char *in, size_t len,
		   const struct http_limits *limits, struct http_piece *piece)
{
	int status = 0;

	*piece = (struct http_piece){ 0 };
	while (piece->used < len && b->state != DONE) {
		if (b->state == LENGTH || b->state == DATA) {
			piece->data = in + piece->used;
			piece->len = len - piece->used < b->left ? len - piece->used : b->left;
			piece->used += piece->len;
			b->left -= piece->len;
			if (!b->left)
				b->state = b->state == DATA ? DATA_CR : DONE;
			return 0;
		}
		if (b->state == TRAILER)
			return step_trailer(b, in + piece->used, len - piece->used, limits, piece);
		status = step_frame(b, in[piece->used++]);
		if (status)
			return status;
	}
	return 0;
}

/**
 * http_trailer_parse() - parse a trailer section
 * @trailer: what to fill in, with the fields that make sense there (RFC 9110, 6.5.1)
 * @a: memory for fields and texts
 * @s: the section, which http_scan() found good
 * @len: its length with the empty line
 * @fields: how many fields it has
 *
 * Return: 0 or -ENOMEM.
 */
int http_trailer_parse(struct http_fields *trailer, struct arena *a, const char *s, size_t len,
		       unsigned int fields)
{
	const char *p = arena_strndup(a, s, len), *end;

	trailer->n = 0;
	trailer->field = arena_alloc(a, (fields + !fields) * sizeof(*trailer->field));
	if (!p || !trailer->field)
		return -ENOMEM;
	end = p + len - strlen("\r\n");
	while (p < end && trailer->n < fields) {
		const char *colon = memchr(p, ':', end - p);
		const char *eol = memchr(p, '\r', end - p);
		const char *value = colon + 1, *stop = eol;

		while (value < stop && (*value == ' ' || *value == '\t'))
			value++;
		while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
			stop--;
		if (http_trailer_allowed(p, colon - p))
			trailer->field[trailer->n++] = (struct http_field){
				.name = p, .name_len = colon - p,
				.value = value, .value_len = stop - value,
			};
		p = eol + strlen("\r\n");
	}
	return 0;
}
