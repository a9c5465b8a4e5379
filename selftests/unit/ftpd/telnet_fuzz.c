// SPDX-License-Identifier: GPL-2.0-or-later
/* A control connection's octets in pieces of any size: the lines are the same as in one piece. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "telnet.h"

#define MAX_TEXT	65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	size_t len;
	char text[MAX_TEXT];
};

static void feed(struct result *r, const char *data, size_t size, size_t piece)
{
	static struct telnet t;
	size_t used;

	memset(&t, 0, sizeof(t));
	r->len = 0;
	while (size) {
		struct telnet_answers a = { 0 };
		size_t n = piece < size ? piece : size;

		if (telnet_feed(&t, data, n, &used, &a)) {
			if (t.len > TELNET_MAX_LINE || t.line[t.len])
				abort();
			if (r->len + t.len + 2 < MAX_TEXT) {
				memcpy(r->text + r->len, t.line, t.len);
				r->len += t.len;
				r->text[r->len++] = t.too_long ? '!' : '\n';
			}
			telnet_next(&t);
		}
		if (!used || used > n || a.len > sizeof(a.octets) || a.len % 3)
			abort();
		data += used;
		size -= used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, pieces;

	if (!size)
		return 0;
	feed(&whole, (const char *)data + 1, size - 1, size);
	feed(&pieces, (const char *)data + 1, size - 1, data[0] % 7 + 1);
	if (whole.len != pieces.len || memcmp(whole.text, pieces.text, whole.len))
		abort();
	return 0;
}
