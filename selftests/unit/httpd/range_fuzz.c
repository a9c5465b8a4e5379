// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: a Range field, for a size that its first two octets tell. */
#include "files_fuzz.h"
#include "range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_range ranges[HTTP_MAX_RANGES];
	uint64_t length, total = 0;
	char *value;
	int n;

	if (size < 2)
		return 0;
	/* Small ones, powers of two, the greatest. */
	length = data[0] & 1 ? data[1] : data[0] == 254 ? UINT64_MAX : 1ULL << (data[1] & 63);
	value = fuzz_copy(data + 2, size - 2);
	n = http_range_parse(value, size - 2, length, ranges);
	free(value);
	MUST(n >= HTTP_RANGE_NONE && n <= HTTP_MAX_RANGES);
	for (int i = 0; i < n; i++) {
		MUST(ranges[i].len && ranges[i].start < length);
		MUST(ranges[i].len <= length - ranges[i].start);
		MUST(!__builtin_add_overflow(total, ranges[i].len, &total));
	}
	/* No more is sent than there is. */
	MUST(total <= length);
	return 0;
}
