// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: names and values of FCGI_PARAMS; what is written is read again. */
#include "fastcgi.h"
#include "gateway_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	const char *at = copy, *again;
	struct fcgi_pair pair, back;
	struct cgi_buffer b;
	size_t left = size;
	int r;

	cgi_buffer_init(&b, 1 << 20);
	while ((r = fcgi_next_pair(&at, &left, &pair)) > 0) {
		MUST(pair.name >= copy && pair.name + pair.name_len == pair.value);
		MUST(pair.value + pair.value_len == at && at + left == copy + size);
		b.len = 0;
		fcgi_put_pair(&b, pair.name, pair.name_len, pair.value, pair.value_len);
		MUST(cgi_buffer_ok(&b));
		again = b.data;
		size_t rest = b.len;

		MUST(fcgi_next_pair(&again, &rest, &back) == 1 && !rest);
		MUST(back.name_len == pair.name_len && back.value_len == pair.value_len);
		MUST(!memcmp(back.name, pair.name, pair.name_len + pair.value_len));
	}
	MUST(r < 0 || !left);
	cgi_buffer_free(&b);
	free(copy);
	return 0;
}
