// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: content in chunks, whole and in pieces, and what must hold for any: the same
 * content, end and verdict wherever it was cut, and trailers without what must not be
 * there.  What was taken, written anew in one chunk per piece, is taken again alike.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = { .head = 1024, .fields = 20 };

struct result {
	int status;	/* -1: not complete */
	size_t used, len;
	char *content;
	unsigned int trailers;
};

static void take_trailer(struct result *r, const struct http_body *b, const struct http_piece *p)
{
	struct arena arena = { 0 };
	struct http_fields t;

	MUST(!http_trailer_parse(&t, &arena, p->trailer, p->trailer_len, b->trailer.fields));
	MUST(t.n <= b->trailer.fields);
	r->trailers = t.n;
	for (unsigned int i = 0; i < t.n; i++)
		MUST(http_trailer_allowed(t.field[i].name, t.field[i].name_len) &&
		     http_field_valid(t.field[i].name, t.field[i].name_len, t.field[i].value,
				      t.field[i].value_len));
	arena_free(&arena);
}

static struct result decode(const uint8_t *data, size_t size, size_t step)
{
	struct result r = { .content = malloc(size + 1) };
	struct http_body b;
	struct http_piece piece;
	size_t end = 0;

	MUST(r.content);
	http_body_start(&b, true, -1);
	while (!r.status && !http_body_done(&b)) {
		char *in = malloc(end - r.used + 1);

		MUST(in);
		memcpy(in, data + r.used, end - r.used);
		r.status = http_body_step(&b, in, end - r.used, &limits, &piece);
		MUST(piece.used <= end - r.used);
		MUST(!piece.len || (piece.data >= in && piece.data + piece.len <= in + piece.used));
		if (!r.status && piece.len) {
			memcpy(r.content + r.len, piece.data, piece.len);
			r.len += piece.len;
		}
		if (!r.status && piece.trailer_len)
			take_trailer(&r, &b, &piece);
		free(in);
		r.used += piece.used;
		if (!r.status && !piece.used) {
			if (end == size)
				r.status = -1;
			end = end + step < size ? end + step : size;
		}
	}
	return r;
}

static void again(const struct result *r)
{
	char *text = malloc(r->len + 40);
	struct result r2;
	int n;

	MUST(text);
	n = r->len ? sprintf(text, "%zx\r\n", r->len) : 0;
	memcpy(text + n, r->content, r->len);
	n += r->len;
	n += sprintf(text + n, "%s0\r\n\r\n", r->len ? "\r\n" : "");
	r2 = decode((const uint8_t *)text, n, n);
	MUST(!r2.status && r2.len == r->len && !memcmp(r2.content, r->content, r->len));
	free(r2.content);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, pieces;

	if (!size)
		return 0;
	whole = decode(data + 1, size - 1, size);
	pieces = decode(data + 1, size - 1, 1 + data[0] % 16);
	MUST(whole.status == pieces.status);
	if (whole.status <= 0)
		MUST(whole.len == pieces.len && !memcmp(whole.content, pieces.content, whole.len));
	if (!whole.status) {
		MUST(whole.used == pieces.used && whole.trailers == pieces.trailers);
		again(&whole);
	}
	free(whole.content);
	free(pieces.content);
	return 0;
}
