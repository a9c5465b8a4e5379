// SPDX-License-Identifier: GPL-2.0-or-later
/* Texts: what goes to the net and back is the same, in pieces of any size. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *net = malloc(2 * size + 1), *back = malloc(2 * size + 2);
	size_t piece = size ? data[0] % 5 + 1 : 1, len, got = 0;
	struct ascii a = { 0 };

	if (!net || !back)
		abort();
	len = ascii_to_net((const char *)data, size, net);
	if (len > 2 * size)
		abort();
	for (size_t i = 0; i < len; i += piece)
		got += ascii_from_net(&a, net + i, len - i < piece ? len - i : piece, back + got);
	got += ascii_from_net_end(&a, back + got);
	if (got != size || memcmp(back, data, size))
		abort();
	free(net);
	free(back);
	return 0;
}
