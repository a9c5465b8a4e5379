// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: chunks are the same whatever pieces they arrive in. */
#include "chunked.h"
#include "gateway_fuzz.h"

struct result {
	int verdict;		/* -1: malformed, 0: more, 1: done */
	size_t used;
	char content[4096];
	size_t len;
	size_t trailer;
};

static void read_all(const uint8_t *data, size_t size, size_t step, struct result *r)
{
	struct chunked c;

	memset(r, 0, sizeof(*r));
	chunked_init(&c);
	for (size_t at = 0; at < size && !r->verdict; at += step) {
		size_t n = size - at < step ? size - at : step, done = 0;
		char *copy = fuzz_copy(data + at, n);

		while (done < n && !r->verdict) {
			struct chunked_piece piece;
			ssize_t used = chunked_read(&c, copy + done, n - done, &piece);

			if (used < 0) {
				r->verdict = -1;
				break;
			}
			MUST(used > 0 && (size_t)used <= n - done);
			MUST(!piece.len || (piece.data >= copy + done &&
					    piece.data + piece.len <= copy + done + used));
			MUST(r->len + piece.len <= sizeof(r->content));
			if (piece.len)
				memcpy(r->content + r->len, piece.data, piece.len);
			r->len += piece.len;
			done += used;
			r->used += used;
			if (c.state == CHUNKED_DONE)
				r->verdict = 1;
		}
		free(copy);
	}
	r->trailer = c.trailer.len;
	if (r->verdict == 1) {
		struct cgi_field fields[CGI_MAX_FIELDS];

		MUST(chunked_trailer(&c, fields, CGI_MAX_FIELDS) >= 0);
	}
	chunked_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, cut;

	if (size > sizeof(whole.content))
		return 0;
	read_all(data, size, size + 1, &whole);
	read_all(data, size, size ? 1 + data[size - 1] % 5 : 1, &cut);
	MUST(whole.verdict == cut.verdict && whole.len == cut.len);
	MUST(!memcmp(whole.content, cut.content, whole.len));
	if (whole.verdict == 1)
		MUST(whole.used == cut.used && whole.trailer == cut.trailer);
	return 0;
}
