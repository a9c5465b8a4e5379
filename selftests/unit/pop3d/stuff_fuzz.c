// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A number of lines, a size of pieces, and a message: what comes out is what the plainest code
 * makes of it, has dots at the begin of lines doubled, and ends with CRLF . CRLF.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stuff.h"

static size_t plain(const char *in, size_t size, uint64_t lines, char *out)
{
	size_t n = 0, at = 0;
	int body = 0;

	while (at < size && !(body && !lines)) {
		size_t end = at;

		while (end < size && in[end] != '\n')
			end++;
		if (in[at] == '.')
			out[n++] = '.';
		memcpy(out + n, in + at, end - at);
		n += end - at;
		if (end == size || end == at || in[end - 1] != '\r')
			out[n++] = '\r';
		out[n++] = '\n';
		if (body && lines != STUFF_ALL)
			lines--;
		if (end == at || (end == at + 1 && in[at] == '\r'))
			body |= end < size;
		at = end + 1;
	}
	memcpy(out + n, ".\r\n", 3);
	return n + 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t lines = size && data[0] != 255 ? data[0] : STUFF_ALL;
	size_t piece, at = 0, n = 0, wanted;
	char *got, *expected;
	struct stuff s;

	if (size < 2 || size > 10000)
		return 0;
	piece = data[1] % 9 + 1;
	data += 2;
	size -= 2;
	got = malloc(2 * size + STUFF_END);
	expected = malloc(3 * size + 16);
	stuff_init(&s, lines);
	while (at < size && !s.done) {
		size_t len = size - at < piece ? size - at : piece;
		char *in = malloc(len), *out = malloc(STUFF_ROOM(len));
		size_t m;

		memcpy(in, data + at, len);
		m = stuff_some(&s, in, len, out);
		memcpy(got + n, out, m);
		n += m;
		at += len;
		free(in);
		free(out);
	}
	n += stuff_end(&s, got + n);
	wanted = plain((const char *)data, size, lines, expected);
	if (n != wanted || memcmp(got, expected, n))
		abort();
	free(got);
	free(expected);
	return 0;
}
