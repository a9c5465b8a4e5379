// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: the first line is the value of Content-Type's boundary, then comes the form. */
#include <stdio.h>
#include <string.h>

#include "form_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	char type[256];

	if (!end || end - data > 100)
		return 0;
	snprintf(type, sizeof(type), "multipart/form-data; boundary=%.*s", (int)(end - data), data);
	fuzz_form(type, end + 1, size - (size_t)(end + 1 - data));
	return 0;
}
