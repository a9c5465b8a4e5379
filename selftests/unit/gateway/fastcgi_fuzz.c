// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: FastCGI records are the same whatever pieces they arrive in. */
#include <stdbool.h>

#include "fastcgi.h"
#include "gateway_fuzz.h"

/* What was read: a sum of everything, and how many records; -1: malformed. */
struct seen {
	uint64_t sum;
	int records;
	uint64_t content;
};

static void add(struct seen *s, unsigned int value)
{
	s->sum = (s->sum ^ value) * 1099511628211ULL;
}

/* Returns false when it is malformed. */
static bool take(struct fcgi_reader *r, const char *data, size_t len, struct seen *s)
{
	while (len) {
		struct fcgi_piece piece;
		ssize_t n = fcgi_read(r, data, len, &piece);

		if (n < 0)
			return false;
		MUST(n > 0 && (size_t)n <= len);
		MUST(!piece.len || (piece.data >= data && piece.data + piece.len <= data + n));
		MUST(r->have <= FCGI_HEADER_LEN && r->left <= FCGI_MAX_CONTENT && r->padding < 256);
		if (piece.first) {
			add(s, piece.type);
			add(s, piece.id);
			add(s, piece.length);
			s->content = 0;
		}
		for (size_t i = 0; i < piece.len; i++)
			add(s, (unsigned char)piece.data[i]);
		s->content += piece.len;
		if (piece.last) {
			MUST(s->content == piece.length);
			s->records++;
		}
		data += n;
		len -= n;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, cut = { 0 };
	struct fcgi_reader a = { 0 }, b = { 0 };
	size_t step = size ? 1 + data[0] % 11 : 1;
	bool good, again = true;
	struct fcgi_begin begin;
	struct fcgi_end end;
	char *copy = fuzz_copy(data, size);

	good = take(&a, copy, size, &whole);
	fcgi_parse_begin(copy, size, &begin);
	fcgi_parse_end(copy, size, &end);
	free(copy);
	for (size_t at = 0; at < size && again; at += step) {
		size_t n = size - at < step ? size - at : step;

		copy = fuzz_copy(data + at, n);
		again = take(&b, copy, n, &cut);
		free(copy);
	}
	MUST(good == again && whole.sum == cut.sum && whole.records == cut.records);
	return 0;
}
