// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: Accept-Encoding fields, one a line. */
#include "encoding.h"
#include "files_fuzz.h"

#define MAX_FIELDS	8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field field[MAX_FIELDS];
	struct http_fields fields = { .field = field };
	bool seen[HTTP_N_CODINGS] = { false };
	struct http_codings c;

	while (size && fields.n < MAX_FIELDS) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		field[fields.n++] = (struct http_field){
			.name = "Accept-Encoding",
			.name_len = strlen("Accept-Encoding"),
			.value = fuzz_copy(data, n),
			.value_len = n,
		};
		data += n + !!end;
		size -= n + !!end;
	}
	http_codings_parse(&c, &fields);
	MUST(c.n >= 0 && c.n <= HTTP_N_CODINGS);
	for (int i = 0; i < c.n; i++) {
		MUST(c.coding[i] < HTTP_N_CODINGS && !seen[c.coding[i]]);
		seen[c.coding[i]] = true;
	}
	/* Identity goes only by somebody's zero. */
	if (!seen[HTTP_CODING_IDENTITY]) {
		bool zero = false;

		for (unsigned int i = 0; i < fields.n; i++)
			zero = zero || memchr(field[i].value, '0', field[i].value_len);
		MUST(zero);
	}
	for (unsigned int i = 0; i < fields.n; i++)
		free((char *)field[i].value);
	return 0;
}
