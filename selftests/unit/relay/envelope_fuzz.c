// SPDX-License-Identifier: GPL-2.0-or-later
/* An envelope that could be read is written and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e, again;
	char *text, *second;
	size_t len, len2;
	const char *why;

	if (envelope_parse(&e, (const char *)data, size, &why)) {
		if (!why || e.n || e.recipient || e.sender)
			abort();
		return 0;
	}
	text = envelope_format(&e, &len);
	if (!text || envelope_parse(&again, text, len, &why))
		abort();
	second = envelope_format(&again, &len2);
	if (!second || len != len2 || memcmp(text, second, len))
		abort();
	free(text);
	free(second);
	envelope_clear(&e);
	envelope_clear(&again);
	return 0;
}
