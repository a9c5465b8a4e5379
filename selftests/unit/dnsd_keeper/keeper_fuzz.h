/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KEEPER_FUZZ_H
#define KEEPER_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST(what)               \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
