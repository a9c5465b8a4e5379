// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of DATA is found where it is by the plainest way of looking for it, whatever the pieces
 * are, and what was taken has dots as they were before they were doubled.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char *s;
	size_t len;
};

static void emit(void *data, const char *s, size_t len)
{
	struct text *t = data;

	memcpy(t->s + t->len, s, len);
	t->len += len;
}

/* Octets up to the end and with it, or 0. */
static size_t plain_end(const char *s, size_t len)
{
	if (len >= 3 && !memcmp(s, ".\r\n", 3))
		return 3;
	for (size_t i = 0; i + 5 <= len; i++)
		if (!memcmp(s + i, "\r\n.\r\n", 5))
			return i + 5;
	return 0;
}

static void plain_text(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool start = !i || (i >= 2 && s[i - 1] == '\n' && s[i - 2] == '\r');

		if (!start || s[i] != '.')
			t->s[t->len++] = s[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text got = { malloc(2 * size + 8), 0 }, wanted = { malloc(size + 8), 0 };
	size_t piece = size ? data[0] % 8 + 1 : 1, at = 0, used = 0, end_at;
	const char *in = (const char *)data + (size ? 1 : 0);
	struct dot d = { 0 };
	bool end = false;

	size -= size ? 1 : 0;
	end_at = plain_end(in, size);
	while (at < size && !end) {
		size_t n = size - at < piece ? size - at : piece;

		used = dot_take(&d, in + at, n, &end, emit, &got);
		if (!end && used != n)
			abort();
		at += used;
	}
	if (end != !!end_at || (end && at != end_at))
		abort();
	if (end) {
		plain_text(&wanted, in, end_at - 3);
		if (wanted.len != got.len || memcmp(wanted.s, got.s, got.len))
			abort();
	}
	free(got.s);
	free(wanted.s);
	return 0;
}
