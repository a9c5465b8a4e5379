// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters in rows, one for each worker, and their sums as text.
 */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"

/* A row is a multiple of the cache line, so that no two workers share one. */
struct row {
	int64_t value[LN_MAX_METRICS];
} __attribute__((aligned(64)));

static struct ln_metric *metrics[LN_MAX_METRICS];
static int n_metrics;

/* Before ln_metrics_share() there is the one row; after it, rows of workers and, as
 * the last, the master's.
 */
static struct row private_row;
static struct row *rows = &private_row;
static unsigned int n_rows = 1;
static struct row *own = &private_row;

static int64_t load(const int64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store(int64_t *p, int64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

/**
 * ln_metric_define() - make a metric known
 * @m: the metric; once defined, again is as if it were not said
 *
 * With LN_MAX_METRICS defined already an error line says so, and what is added to
 * this one is not counted.
 */
void ln_metric_define(struct ln_metric *m)
{
	if (m->index)
		return;
	if (n_metrics == LN_MAX_METRICS) {
		ln_error("metric %s: there are %d already, which is the limit", m->name,
			 LN_MAX_METRICS);
		return;
	}
	metrics[n_metrics++] = m;
	m->index = n_metrics;
}

/**
 * ln_metric_add() - count
 * @m: a metric; nothing happens when it is not defined
 * @n: how many more, for a gauge also less
 *
 * For the process's only thread that counts.
 */
void ln_metric_add(const struct ln_metric *m, int64_t n)
{
	int64_t *p;

	if (!m->index)
		return;
	p = &own->value[m->index - 1];
	store(p, load(p) + n);
}

/**
 * ln_metric_value() - the sum over all workers
 * @m: a metric
 *
 * Return: the sum, 0 when it is not defined.
 */
int64_t ln_metric_value(const struct ln_metric *m)
{
	int64_t sum = 0;

	for (unsigned int i = 0; m->index && i < n_rows; i++)
		sum += load(&rows[i].value[m->index - 1]);
	return sum;
}

/* Exposition format 0.0.4: backslash and newline everywhere, the quotation mark in
 * the values of labels.
 */
static void put_escaped(FILE *f, const char *text, bool quoted)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", f);
		else if (*text == '\\' || (quoted && *text == '"'))
			fprintf(f, "\\%c", *text);
		else
			putc(*text, f);
	}
}

/* The stream's memory, or NULL when it did not suffice. */
static char *finish(FILE *f, char **text)
{
	bool failed = ferror(f);

	if (!fclose(f) && !failed)
		return *text;
	free(*text);
	return NULL;
}

/**
 * ln_metric_label() - one label of a metric, as in name="value"
 * @name: the label's name
 * @value: any text
 *
 * Return: text to be released with free(), or NULL without memory.
 */
char *ln_metric_label(const char *name, const char *value)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s=\"", name);
	put_escaped(f, value, true);
	putc('"', f);
	return finish(f, &text);
}

static void put_value(FILE *f, const struct ln_metric *m)
{
	fputs(m->name, f);
	if (m->labels)
		fprintf(f, "{%s}", m->labels);
	fprintf(f, " %" PRId64 "\n", ln_metric_value(m));
}

/* All metrics of a name belong together, wherever they were defined. */
static void put_group(FILE *f, int first)
{
	const struct ln_metric *m = metrics[first];

	if (m->help) {
		fprintf(f, "# HELP %s ", m->name);
		put_escaped(f, m->help, false);
		putc('\n', f);
	}
	fprintf(f, "# TYPE %s %s\n", m->name, m->type == LN_COUNTER ? "counter" : "gauge");
	for (int i = first; i < n_metrics; i++) {
		if (!strcmp(metrics[i]->name, m->name))
			put_value(f, metrics[i]);
	}
}

static bool is_first_of_name(int index)
{
	for (int i = 0; i < index; i++) {
		if (!strcmp(metrics[i]->name, metrics[index]->name))
			return false;
	}
	return true;
}

/**
 * ln_metrics_text() - all metrics in Prometheus's text format, version 0.0.4
 * @len: where the length goes
 *
 * Return: text to be released with free(), or NULL without memory.
 */
char *ln_metrics_text(size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	for (int i = 0; i < n_metrics; i++) {
		if (is_first_of_name(i))
			put_group(f, i);
	}
	return finish(f, &text);
}

/**
 * ln_metrics_share() - rows that processes forked from now on share
 * @max_workers: how many there are at once; with a reload, old ones that finish are
 *	among them
 *
 * Call once.  What was counted so far stays with this process.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_metrics_share(unsigned int max_workers)
{
	size_t n = (size_t)max_workers + 1;
	struct row *new = mmap(NULL, n * sizeof(*new), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (new == MAP_FAILED) {
		int err = errno;

		ln_error("no shared memory for the metrics of %u workers: %s", max_workers,
			 strerror(err));
		return -err;
	}
	new[max_workers] = private_row;
	rows = new;
	n_rows = n;
	own = &new[max_workers];
	return 0;
}

/**
 * ln_metrics_worker() - from now on count in a worker's row
 * @slot: from 0 to below what ln_metrics_share() was given, no other living
 *	worker's
 *
 * What a worker before counted in the row stays and is added to.
 */
void ln_metrics_worker(unsigned int slot)
{
	if (slot + 1 < n_rows)
		own = &rows[slot];
	else
		ln_error("metrics: no row for worker %u, only for %u", slot, n_rows - 1);
}

/**
 * ln_metrics_worker_gone() - in the master: a worker ended
 * @slot: as it was given to ln_metrics_worker()
 *
 * What it had open is no more: its gauges become 0.
 */
void ln_metrics_worker_gone(unsigned int slot)
{
	if (slot + 1 >= n_rows)
		return;
	for (int i = 0; i < n_metrics; i++) {
		if (metrics[i]->type == LN_GAUGE)
			store(&rows[slot].value[i], 0);
	}
}
