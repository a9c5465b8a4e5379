// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bulk throughput over a veth: instructions per octet, in other words.
 */
#include "bench.h"

#define WARM_UP		(1 << 20)
#define REPETITIONS	7

static uint8_t buf[256 << 10];
static size_t octets;

/* Read two portions and say so after each */
static void sink(int fd)
{
	size_t portion[] = { WARM_UP, octets };
	int i;

	for (i = 0; i < 2; i++) {
		while (portion[i]) {
			size_t len = portion[i] < sizeof(buf) ? portion[i] : sizeof(buf);
			ssize_t n = recv(fd, buf, len, 0);

			if (n <= 0)
				return;
			portion[i] -= n;
		}
		send_all(fd, buf, 1);
	}
}

static void pour(int fd, size_t len, size_t chunk)
{
	char done;

	for (; len; len -= chunk)
		send_all(fd, buf, chunk);
	receive_all(fd, &done, 1);
}

/* Mbit/s */
static double throughput(const struct pair *pair, size_t chunk)
{
	int fd = dial(pair);
	uint64_t start;
	double took;

	pour(fd, WARM_UP, chunk);
	start = now_ns();
	pour(fd, octets, chunk);
	took = now_ns() - start;
	close(fd);
	return octets * 8e3 / took;
}

static void measure(const char *name, size_t chunk, size_t total, bool tso)
{
	int i, which, n = repetitions(REPETITIONS);
	struct series s[2] = { { .n = 0 } };
	struct pair pair;

	if (!chosen(name))
		return;
	octets = total;
	pair_open(&pair, AF_INET);
	if (!tso)
		pair_tso_off(&pair);
	for (i = -1; i < n; i++) {
		for (which = TCP; which <= LINNET; which++) {
			double figure;
			pid_t pid;

			proto = protocols[which];
			pid = serve(&pair, sink);
			figure = throughput(&pair, chunk);
			serve_end(pid);
			if (i >= 0)
				series_add(&s[which], figure);
		}
	}
	report(name, "Mbit/s", MEDIAN, s);
	pair_close(&pair);
}

void bench_bulk(void)
{
	report_open("bulk", "over a veth, median of %d; more is better",
		    repetitions(REPETITIONS));
	measure("writes of 1 KB", 1 << 10, 4 << 20, true);
	measure("writes of 16 KB", 16 << 10, 32 << 20, true);
	measure("writes of 256 KB", 256 << 10, 64 << 20, true);
	measure("writes of 1 KB, tso off", 1 << 10, 4 << 20, false);
	measure("writes of 16 KB, tso off", 16 << 10, 8 << 20, false);
	measure("writes of 256 KB, tso off", 256 << 10, 8 << 20, false);
	report_close();
}
