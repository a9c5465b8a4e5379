// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics.h"
#include "pending.h"
#include "resolve.h"

#define QUERIES(result) {							\
	.name = "linnet_dns_recursion_queries_total",				\
	.labels = "result=\"" result "\"",					\
	.help = "Recursive queries by where their answer came from.",		\
	.type = LN_COUNTER,							\
}
#define ONE(n, kind, h) { .name = "linnet_dns_recursion_" n, .help = h, .type = kind }

static struct ln_metric metric[RESOLVE_COUNTS] = {
	[RESOLVE_HITS] = QUERIES("cache"),
	[RESOLVE_NEGATIVE_HITS] = QUERIES("negative-cache"),
	[RESOLVE_STALE] = QUERIES("stale"),
	[RESOLVE_MISSES] = QUERIES("upstream"),
	[RESOLVE_JOINED] = QUERIES("joined"),
	[RESOLVE_REFUSED] = QUERIES("refused"),
	[RESOLVE_LIMITED] = QUERIES("limited"),
	[RESOLVE_PREFETCHES] = ONE("prefetches_total", LN_COUNTER,
				   "Questions asked anew before or after their TTL's end."),
	[RESOLVE_BOGUS] = ONE("bogus_total", LN_COUNTER, "Answers that failed validation."),
	[RESOLVE_FAILURES] = ONE("failures_total", LN_COUNTER, "Questions without an answer."),
	[RESOLVE_TIMEOUTS] = ONE("timeouts_total", LN_COUNTER,
				 "Queries that were answered with an error at the time limit."),
	[RESOLVE_LOST] = ONE("threads_lost_total", LN_COUNTER,
			     "Threads of libunbound that were replaced."),
	[RESOLVE_ENTRIES] = ONE("cache_entries", LN_GAUGE, "Messages in the cache."),
	[RESOLVE_OCTETS] = ONE("cache_bytes", LN_GAUGE, "Octets of the cache."),
};

void resolve_define_metrics(void)
{
	for (unsigned int i = 0; i < RESOLVE_COUNTS; i++)
		ln_metric_define(&metric[i]);
}

void resolve_count(enum resolve_count what, int64_t n)
{
	ln_metric_add(&metric[what], n);
}
