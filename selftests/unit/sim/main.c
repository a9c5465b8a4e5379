// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sim: runs the scenarios, each in a process of its own, and reports by KTAP.
 *
 *	sim					all of them
 *	sim SCENARIO...				these
 *	sim SCENARIO --seed N [--trace]		one run, as a ladder
 *
 * SIM_RUNS in the environment: runs of each scenario.
 */
#include <linux/string.h>
#include <net/sock.h>

#include "sim.h"

#define RUNS_DEFAULT	12

int fork(void);
int waitpid(int pid, int *status, int options);
void *mmap(void *addr, unsigned long len, int prot, int flags, int fd,
	   long offset);
void _exit(int status) __attribute__((noreturn));

/* What a child leaves for its parent */
static struct shared {
	u64	seed;
	u64	runs;
	u64	segments;
	u64	octets;
	u64	checks;
	u64	lost;
} *shared;

/* WARN_ON() and BUG_ON() are an instruction that does not exist */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "handle_sigill=1:handle_abort=1:allocator_may_return_null=0";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

void sim_fail(const char *format, ...)
{
	__builtin_va_list args;
	int vprintf(const char *format, __builtin_va_list args);
	unsigned int i;

	printf("# %s, seed %llu, at %llu.%06llu s: ", scenario_name ?: "start",
	       scenario_seed, clock_now / NS_PER_S,
	       clock_now % NS_PER_S / 1000);
	__builtin_va_start(args, format);
	vprintf(format, args);
	__builtin_va_end(args);
	printf("\n");
	for (i = 0; i < 2 * n_connections; i++) {
		const struct end *e = &connections[i / 2].ends[i % 2];

		printf("# port %u: state %d, error %d, sent %llu of %llu, received %llu%s%s%s\n",
		       e->port, e->sk ? e->sk->sk_state : 0, e->error, e->sent, e->how.to_send, e->received,
		       e->shut ? ", shut" : "", e->eof ? ", end read" : "",
		       e->closed ? ", closed" : "");
	}
	fflush(NULL);
	/* the sanitizer says from where */
	abort();
}

static void one_scenario(unsigned int n, u64 first, u64 runs)
{
	u64 i;

	for (i = 0; i < runs; i++) {
		shared->seed = first + i;
		scenario_run(n, first + i);
		shared->runs++;
		shared->segments = network_count.segments;
		shared->lost = network_count.lost;
		shared->octets = octets_delivered;
		shared->checks = checks_made;
	}
}

static bool chosen(const char *name, int argc, char **argv)
{
	bool any = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed")) {
			i++;
			continue;
		}
		if (argv[i][0] == '-')
			continue;
		any = true;
		if (!strcmp(argv[i], name))
			return true;
	}
	return !any;
}

int main(int argc, char **argv)
{
	u64 runs = RUNS_DEFAULT, first = 1, segments = 0, checks = 0;
	unsigned int n, number = 0, planned = 0, failed = 0;
	int i, pid, status;
	bool trace = false;

	if (getenv("SIM_RUNS"))
		runs = strtoul(getenv("SIM_RUNS"), NULL, 10);
	for (i = 1; i < argc; i++) {
		trace |= !strcmp(argv[i], "--trace");
		if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			first = strtoul(argv[i + 1], NULL, 10);
			runs = 1;
		}
	}
	shared = mmap(NULL, sizeof(*shared), 3, 0x21, -1, 0);
	memory_setup();
	inet_setup();
	/* what is drawn once, at first use, is then the same for every run */
	scenario_run(0, 0);
	memset(&network_count, 0, sizeof(network_count));
	checks_made = 0;
	octets_delivered = 0;
	for (n = 0; n < scenario_count(); n++)
		planned += chosen(scenario_title(n), argc, argv);
	printf("TAP version 13\n1..%u\n", planned);
	network_trace = trace;
	for (n = 0; n < scenario_count(); n++) {
		const char *name = scenario_title(n);

		if (!chosen(name, argc, argv))
			continue;
		memset(shared, 0, sizeof(*shared));
		fflush(NULL);
		pid = fork();
		if (!pid) {
			one_scenario(n, first, runs);
			fflush(NULL);
			exit(0);
		}
		status = -1;
		waitpid(pid, &status, 0);
		segments += shared->segments;
		checks += shared->checks;
		if (status) {
			failed++;
			printf("# again: sim %s --seed %llu --trace\n", name,
			       shared->seed);
		}
		printf("# %llu runs, %llu segments, %llu lost, %llu octets\n",
		       shared->runs, shared->segments, shared->lost,
		       shared->octets);
		printf("%s %u %s\n", status ? "not ok" : "ok", ++number, name);
	}
	printf("# %llu segments, rules checked %llu times\n", segments, checks);
	fflush(NULL);
	return !!failed;
}
