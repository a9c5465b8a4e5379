/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters that all workers of a daemon add to, as Prometheus text.
 *
 * Each worker writes a row of its own, in memory shared with the others, so that
 * any of them can tell the sums.
 */
#ifndef LN_METRICS_H
#define LN_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define LN_MAX_METRICS	256

enum ln_metric_type { LN_COUNTER, LN_GAUGE };

/* Defined in the master before workers are started; lives in a static. */
struct ln_metric {
	const char *name;	/* linnet_http_responses_total */
	const char *labels;	/* code="2xx", or NULL; see ln_metric_label() */
	const char *help;	/* said once for metrics of one name */
	enum ln_metric_type type;
	int index;		/* 0 until it is defined */
};

void ln_metric_define(struct ln_metric *m);
void ln_metric_add(const struct ln_metric *m, int64_t n);
int64_t ln_metric_value(const struct ln_metric *m);
/* name="value" with what the value must not hold escaped, for @labels. */
char *ln_metric_label(const char *name, const char *value);
char *ln_metrics_text(size_t *len);

/* For the daemon. */
int ln_metrics_share(unsigned int max_workers);
void ln_metrics_worker(unsigned int slot);
void ln_metrics_worker_gone(unsigned int slot);

#endif
