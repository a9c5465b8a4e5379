// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does a segment cost more when there are many connections?  One octet goes from
 * one end to the other and back, over loopback, in one process, between pairs
 * that are chosen by chance.
 */
#include "bench.h"
#include "crowd.h"

#define EXCHANGES	500
#define REPETITIONS	7

static void pass(int from, int to)
{
	char c = 'x';

	send_all(from, &c, 1);
	receive_all(to, &c, 1);
}

/* Nanoseconds of an exchange */
static double exchange(const struct crowd *crowd)
{
	uint64_t start;
	int i;

	srandom(1);
	start = now_ns();
	for (i = 0; i < EXCHANGES; i++) {
		int *fd = crowd->fd[random() % crowd->n];

		pass(fd[0], fd[1]);
		pass(fd[1], fd[0]);
	}
	return (double)(now_ns() - start) / EXCHANGES;
}

static void measure(struct series s[2], int n)
{
	int i, which;

	for (which = TCP; which <= LINNET; which++) {
		struct crowd crowd;

		proto = protocols[which];
		crowd_open(&crowd, n);
		exchange(&crowd);
		for (i = 0; i < repetitions(REPETITIONS); i++)
			series_add(&s[which], exchange(&crowd));
		crowd_close(&crowd);
	}
}

void bench_lookup(void)
{
	static const int crowds[] = { 10, 100, 1000, 10000 };
	struct series few[2], growth[2] = { { .n = 0 } };
	char name[64];
	size_t i;
	int k, w;

	report_open("lookup", "an octet there and back over loopback between any two of many, median of %d",
		    repetitions(REPETITIONS));
	for (i = 0; i < sizeof(crowds) / sizeof(*crowds); i++) {
		struct series s[2] = { { .n = 0 } };

		snprintf(name, sizeof(name), "%d connections", crowds[i]);
		measure(s, crowds[i]);
		report(name, "ns", MEDIAN, s);
		if (!i)
			memcpy(few, s, sizeof(few));
		for (w = TCP; w <= LINNET && crowds[i] == 10000; w++)
			for (k = 0; k < s[w].n; k++)
				series_add(&growth[w], s[w].value[k] / few[w].value[k]);
	}
	report("10,000 connections to 10", "times", MEDIAN, growth);
	report_close();
}
