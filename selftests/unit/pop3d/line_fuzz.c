// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strict or not, a longest line, a size of pieces, and then what arrives: in pieces and at once
 * the same lines are found, and a strict reader never takes anything but CRLF for an end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

/* What is found, as text: "R" and the line, "L", "B", each with a NUL. Returns its length. */
static size_t read_all(const uint8_t *head, const char *data, size_t size, size_t piece, char *out)
{
	struct ln_line_reader r;
	size_t have = 0, at = 0, n = 0;

	ln_line_reader_init(&r, head[1], head[0] & 1);
	for (;;) {
		size_t line_len, used;
		enum ln_line kind = ln_line_next(&r, data + at, have - at, &line_len, &used);

		if (used > have - at)
			abort();
		if (kind == LN_LINE_READY) {
			if (line_len > head[1] || line_len >= used)
				abort();
			if (r.strict && memcmp(data + at + line_len, "\r\n", 2))
				abort();
			if (r.strict && (memchr(data + at, '\n', line_len) ||
					 memchr(data + at, '\r', line_len)))
				abort();
			out[n++] = 'R';
			memcpy(out + n, data + at, line_len);
			n += line_len;
			out[n++] = 0;
		} else if (kind != LN_LINE_NONE) {
			/* Which of both it is may be known by what arrives later. */
			out[n++] = 'X';
		}
		at += used;
		if (kind != LN_LINE_NONE || used)
			continue;
		if (have == size)
			return n;
		have = size - have > piece ? have + piece : size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[1 << 16], two[1 << 16];
	char *text;
	size_t n;

	if (size < 3 || size > 10000)
		return 0;
	/* Of its own, so that ASan sees what is behind it. */
	text = malloc(size - 2);
	memcpy(text, data + 3, size - 3);
	n = read_all(data, text, size - 3, size, one);
	if (n != read_all(data, text, size - 3, data[2] % 7 + 1, two) || memcmp(one, two, n))
		abort();
	free(text);
	return 0;
}
