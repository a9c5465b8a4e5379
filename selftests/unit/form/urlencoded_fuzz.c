// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: application/x-www-form-urlencoded. */
#include "form_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_form("application/x-www-form-urlencoded", data, size);
	return 0;
}
