// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: headers of responses: found at the same place in any pieces, and what comes out is safe. */
#include "gateway_fuzz.h"
#include "head.h"

static void check(const struct gateway_head *h, const char *data, size_t len)
{
	MUST(h->n <= CGI_MAX_FIELDS && h->status >= 100 && h->status <= 599);
	for (unsigned int i = 0; i < h->n; i++) {
		const struct cgi_field *f = &h->field[i];

		MUST(f->name >= data && f->value + f->value_len <= data + len);
		MUST(cgi_is_token(f->name, f->name_len));
		for (size_t k = 0; k < f->value_len; k++)
			MUST(((unsigned char)f->value[k] >= ' ' || f->value[k] == '\t') &&
			     f->value[k] != 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	struct gateway_head *h = malloc(sizeof(*h));
	size_t pos = 0, whole = gateway_head_end(&pos, copy, size), end = 0;

	MUST(h);
	free(copy);
	pos = 0;
	for (size_t n = 0; n <= size && !end; n++) {
		copy = fuzz_copy(data, n);
		end = gateway_head_end(&pos, copy, n);
		free(copy);
		MUST(!end || end == n);
	}
	MUST(end == whole);
	if (end) {
		copy = fuzz_copy(data, end);
		if (!cgi_head_parse(h, copy, end)) {
			check(h, copy, end);
			MUST(h->status >= 200 && (!h->local || h->location->value[0] == '/'));
		}
		for (int to_head = 0; to_head < 2; to_head++) {
			if (origin_head_parse(h, copy, end, to_head))
				continue;
			check(h, copy, end);
			/* Where it ends is told in exactly one way. */
			MUST(!(h->chunked && h->content_length >= 0));
			MUST(to_head || gateway_status_bare(h->status) || h->chunked ||
			     h->content_length >= 0 || h->close);
			MUST(!memchr(copy, 0, end));
			for (size_t i = 0; i < end; i++)
				MUST((copy[i] != '\n' || (i && copy[i - 1] == '\r')) &&
				     (copy[i] != '\r' || copy[i + 1] == '\n'));
		}
		free(copy);
	}
	free(h);
	return 0;
}
