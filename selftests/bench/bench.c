// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench [OPTION...] [NAME...]: measure Linnet beside kernel TCP
 *
 * --seeds N	seeds or repetitions of each figure
 * --first N	the first seed (1)
 * --cc A,B	these congestion controls
 * --only TEXT	only cases with this in their name
 * --both P	protocol P in both places: how far ratios are from 1 by themselves
 * --log	write a file for each transfer of loss and reorder with a line for each packet
 *
 * Files go to $LAB_OUT, or the current folder.
 */
#include <getopt.h>

#include "bench.h"

struct bench_options options = { .first = 1 };

static const struct {
	const char	*name;
	void		(*run)(void);
} benches[] = {
	{ "loss", bench_loss },
	{ "reorder", bench_reorder },
	{ "latency", bench_latency },
	{ "connect", bench_connect },
	{ "bulk", bench_bulk },
	{ "segment", bench_segment },
	{ "memory", bench_memory },
	{ "lookup", bench_lookup },
	{ "services-linnet", bench_services },
};

#define N_BENCHES	((int)(sizeof(benches) / sizeof(*benches)))

static void run_named(const char *name)
{
	int i;

	for (i = 0; i < N_BENCHES; i++) {
		if (strcmp(name, benches[i].name))
			continue;
		benches[i].run();
		return;
	}
	fprintf(stderr, "bench: there is no \"%s\"; there are:", name);
	for (i = 0; i < N_BENCHES; i++)
		fprintf(stderr, " %s", benches[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

static int count_option(const char *value)
{
	int n = atoi(value);

	if (n < 1 || n > SERIES_MAX) {
		fprintf(stderr, "bench: \"%s\" is no number from 1 to %d\n", value, SERIES_MAX);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seeds", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "cc", required_argument, NULL, 'c' },
		{ "only", required_argument, NULL, 'o' },
		{ "both", required_argument, NULL, 'b' },
		{ "log", no_argument, NULL, 'l' },
		{}
	};
	int c, i;

	options.out = getenv("LAB_OUT") ? getenv("LAB_OUT") : ".";
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 's':
			options.repetitions = count_option(optarg);
			break;
		case 'f':
			options.first = count_option(optarg);
			break;
		case 'c':
			options.cc = optarg;
			break;
		case 'o':
			options.only = optarg;
			break;
		case 'b':
			protocols[TCP] = protocols[LINNET] = atoi(optarg);
			break;
		case 'l':
			options.log = options.out;
			break;
		default:
			return 2;
		}
	}
	for (i = optind; i < argc; i++)
		run_named(argv[i]);
	for (i = 0; optind == argc && i < N_BENCHES; i++)
		benches[i].run();
	return 0;
}
