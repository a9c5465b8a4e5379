// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast does the time stamp counter run here, in kHz?
 *
 * An emulated guest reads the host's counter, but measures it against an
 * emulated timer, which on a busy host comes late: its clock then runs several
 * times too fast until it ends.  So it is told what was measured here.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	uint64_t	ns;
	uint64_t	tsc;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Both at once, as nearly as twenty tries give it */
static struct sample sample(void)
{
	struct sample best = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t before = clock_ns(), tsc = __rdtsc(), after = clock_ns();

		if (after - before >= least)
			continue;
		least = after - before;
		best.ns = before + least / 2;
		best.tsc = tsc;
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct sample a = sample(), b;

	nanosleep(&pause, NULL);
	b = sample();
	if (b.tsc <= a.tsc)
		return 1;
	printf("%.0f\n", (double)(b.tsc - a.tsc) * 1e6 / (double)(b.ns - a.ns));
	return 0;
}
