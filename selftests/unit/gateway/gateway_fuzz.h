/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_FUZZ_H
#define GATEWAY_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy on the heap, so that ASan sees one byte too many. */
static inline char *fuzz_copy(const void *data, size_t size)
{
	char *p = malloc(size ? size : 1);

	MUST(p);
	memcpy(p, data, size);
	return p;
}

#endif
