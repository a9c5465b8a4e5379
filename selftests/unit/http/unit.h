/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TAP for the tests of this folder. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number, failures, failed_here;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		failed_here++;						\
	}								\
} while (0)

static inline void run(const char *name, void (*test)(void))
{
	failed_here = 0;
	test();
	printf("%sok %d %s\n", failed_here ? "not " : "", ++number, name);
	failures += !!failed_here;
}

/* An exact copy on the heap, so that ASan sees one octet too many. */
static inline char *copy(const char *s, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	memcpy(p, s, n);
	return p;
}

#endif
