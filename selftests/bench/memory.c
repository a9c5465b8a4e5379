// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel memory of idle established connections: how the slab caches grow.
 */
#include <linux/membarrier.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "bench.h"
#include "crowd.h"

#define PAIRS		2000
#define REPETITIONS	5
#define RESTS		4	/* grace periods without anything freed */
#define RESTS_MOST	100

/* A grace period of RCU, or several: what was freed before is freed after */
static void grace_period(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		FAIL("membarrier: %s", strerror(errno));
}

/* Octets in slab caches */
static double slab_now(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[256];
	double kb = 0;

	if (!file)
		FAIL("/proc/meminfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %lf", &kb) == 1)
			break;
	fclose(file);
	return kb * 1024;
}

/* The same when all is freed that only waited for it: that is no event, but shows
 * after a grace period or the next
 */
static double slab(void)
{
	double least = slab_now();
	int i, rests = 0;

	for (i = 0; rests < RESTS && i < RESTS_MOST; i++) {
		double octets;

		grace_period();
		octets = slab_now();
		rests = octets < least ? 0 : rests + 1;
		if (octets < least)
			least = octets;
	}
	return least;
}

/* Octets of an object of a slab cache */
static double object_size(const char *cache)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[512], name[64];
	double size = 0, n;

	if (!file)
		FAIL("/proc/slabinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %*d %*d %lf", name, &n) == 2 && !strcmp(name, cache))
			size = n;
	fclose(file);
	return size;
}

static void sizes(const char *what, const char *tcp, const char *linnet)
{
	struct series s[2] = { { .n = 0 } };

	series_add(&s[TCP], object_size(tcp));
	series_add(&s[LINNET], object_size(linnet));
	if (chosen(what) && s[TCP].value[0] && s[LINNET].value[0])
		report(what, "octets", MEDIAN, s);
}

void bench_memory(void)
{
	int i, which, n = repetitions(REPETITIONS);
	struct series s[2] = { { .n = 0 } };

	report_open("memory", "of an idle connection, from %d pairs; median of %d", PAIRS, n);
	for (i = -1; i < n; i++) {
		for (which = TCP; which <= LINNET; which++) {
			struct crowd crowd;
			double before;

			proto = protocols[which];
			before = slab();
			crowd_open(&crowd, PAIRS);
			if (i >= 0)
				series_add(&s[which], (slab() - before) / PAIRS);
			crowd_close(&crowd);
		}
	}
	report("slab for both ends", "octets", MEDIAN, s);
	sizes("IPv4 socket, object", "TCP", "LINNET");
	sizes("IPv6 socket, object", "TCPv6", "LINNETv6");
	report_close();
}
