/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the unit tests of the module's pure files share: KTAP, expectations and
 * a random generator that is the same everywhere.
 *
 * UNIT_SEED=N begins elsewhere, UNIT_FACTOR=N makes the random tests N times
 * longer.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

struct unit_test {
	const char	*name;
	void		(*run)(void);
};

static int unit_failed_here;
static __u64 unit_seed = 253;
static __u64 unit_random_state;

/* After twenty, one more would say nothing new */
#define EXPECT(what, ...) do {						\
	if (!(what) && ++unit_failed_here <= 20) {			\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
	}								\
} while (0)

/* splitmix64 */
static inline __u64 unit_random(void)
{
	__u64 z = unit_random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 ... n - 1 */
static inline __u32 unit_below(__u32 n)
{
	return (unit_random() >> 32) * n >> 32;
}

/* Any size of number equally often, and the ends of the range often enough */
static inline __u32 unit_any32(void)
{
	__u32 n = unit_random() >> 32 >> unit_below(32);

	return unit_below(8) ? n : -n;
}

static inline unsigned long unit_number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n;

	if (!text)
		return otherwise;
	n = strtoul(text, &end, 0);
	if (!*text || *end) {
		fprintf(stderr, "%s=%s: not a number\n", name, text);
		exit(2);
	}
	return n;
}

static inline unsigned long unit_rounds(unsigned long n)
{
	return n * unit_number("UNIT_FACTOR", 1);
}

static inline int unit_main(const struct unit_test *tests, int n)
{
	int failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	unit_seed = unit_number("UNIT_SEED", unit_seed);
	printf("TAP version 13\n1..%d\n# UNIT_SEED=%llu\n", n, unit_seed);
	for (int i = 0; i < n; i++) {
		unit_failed_here = 0;
		unit_random_state = unit_seed;
		tests[i].run();
		printf("%sok %d %s\n", unit_failed_here ? "not " : "", i + 1, tests[i].name);
		failures += !!unit_failed_here;
	}
	return failures ? 1 : 0;
}

#define UNIT_MAIN(tests) \
int main(void) \
{ \
	return unit_main(tests, sizeof(tests) / sizeof(*(tests))); \
}

#endif /* UNIT_H */
