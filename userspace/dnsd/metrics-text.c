// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics-text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "balance/balance.h"
#include "keeper/keeper-counts.h"
#include "metrics.h"
#include "worker.h"

static struct worker *worker;

char *metrics_text(size_t *len)
{
	char *text = NULL, *counters = ln_metrics_text(len);
	FILE *f = counters ? open_memstream(&text, len) : NULL;
	const struct store_txn *t;
	bool failed;

	if (f) {
		fputs(counters, f);
		t = worker_snapshot(worker);
		if (t)
			keeper_gauges(worker->setup, t, f);
		balance_metrics(worker->setup->balance, f);
		failed = ferror(f);
		if (fclose(f) || failed) {
			free(text);
			text = NULL;
		}
	}
	free(counters);
	return text;
}

void metrics_text_init(struct worker *w)
{
	worker = w;
}
