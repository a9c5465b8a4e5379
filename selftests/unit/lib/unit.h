/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TAP output, for the programs of this folder. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unit_number, unit_failures, unit_failed_here;
static const char *unit_skipped;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		unit_failed_here++;					\
	}								\
} while (0)

/* This test cannot run here, because. */
static inline void unit_skip(const char *reason)
{
	unit_skipped = reason;
}

struct unit_test {
	const char *name;
	void (*run)(void);
};

static inline int unit_main(const struct unit_test *tests, int n)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..%d\n", n);
	for (int i = 0; i < n; i++) {
		unit_failed_here = 0;
		unit_skipped = NULL;
		tests[i].run();
		printf("%sok %d %s%s%s\n", unit_failed_here ? "not " : "", ++unit_number,
		       tests[i].name, unit_skipped ? " # SKIP " : "", unit_skipped ?: "");
		unit_failures += !!unit_failed_here;
	}
	return unit_failures ? 1 : 0;
}

#define UNIT_MAIN(tests)	unit_main(tests, sizeof(tests) / sizeof(*(tests)))

/* All of a small file; "" when there is none. */
static inline char *unit_read(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "re");

	if (!text)
		abort();
	if (f) {
		if (!fread(text, 1, 65535, f))
			*text = 0;
		fclose(f);
	}
	return text;
}

static inline void unit_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

#endif
