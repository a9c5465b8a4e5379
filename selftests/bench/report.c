// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures: medians, means with their standard errors, ratios; as a table for
 * people and as CSV for programs.
 */
#include <math.h>
#include <stdarg.h>
#include <time.h>

#include "bench.h"

int protocols[2] = { [TCP] = PROTO_TCP, [LINNET] = PROTO_LINNET };

static const char *bench_name;
static FILE *text, *csv;

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

bool chosen(const char *what)
{
	return !options.only || strstr(what, options.only);
}

int repetitions(int usual)
{
	return options.repetitions ? options.repetitions : usual;
}

void series_add(struct series *s, double value)
{
	if (s->n == SERIES_MAX)
		FAIL("more than %d figures", SERIES_MAX);
	s->value[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct series *s)
{
	struct series sorted = *s;

	qsort(sorted.value, s->n, sizeof(*sorted.value), compare);
	return (sorted.value[s->n / 2] + sorted.value[(s->n - 1) / 2]) / 2;
}

static double mean(const struct series *s)
{
	double sum = 0;
	int i;

	for (i = 0; i < s->n; i++)
		sum += s->value[i];
	return sum / s->n;
}

static double standard_error(const struct series *s)
{
	double m = mean(s), sum = 0;
	int i;

	if (s->n < 2)
		return 0;
	for (i = 0; i < s->n; i++)
		sum += (s->value[i] - m) * (s->value[i] - m);
	return sqrt(sum / (s->n - 1) / s->n);
}

/* Of the ratio of two means; the figures of one seed belong together */
static double ratio_error(const struct series s[2], double ratio)
{
	struct series rest = { .n = 0 };
	int i;

	for (i = 0; i < s[TCP].n && i < s[LINNET].n; i++)
		series_add(&rest, s[LINNET].value[i] - ratio * s[TCP].value[i]);
	return standard_error(&rest) / mean(&s[TCP]);
}

static FILE *create(const char *name, const char *suffix)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s%s", options.out, name, suffix);
	file = fopen(path, "w");
	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	return file;
}

/* A further file of figures */
FILE *report_file(const char *name)
{
	return create(name, "");
}

__attribute__((format(printf, 1, 2)))
static void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	va_start(args, format);
	vfprintf(text, format, args);
	va_end(args);
	fflush(stdout);
}

/**
 * report_open() - the figures of a measurement begin
 * @name: of the measurement and its files
 * @format: what is measured, in a line
 */
void report_open(const char *name, const char *format, ...)
{
	char line[512];
	va_list args;

	bench_name = name;
	text = create(name, ".txt");
	csv = create(name, ".csv");
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	tell("\n%s: %s\n", name, line);
	tell("%-40s %-7s %20s %20s %16s\n", "", "", "TCP", "Linnet", "Linnet/TCP");
	fprintf(csv, "bench,case,unit,summary,n,tcp,tcp_se,linnet,linnet_se,ratio,ratio_se\n");
}

/**
 * report() - one line of figures
 * @what: the case
 * @unit: of the figures
 * @how: mean or median
 * @s: TCP's and Linnet's
 */
void report(const char *what, const char *unit, enum summary how,
	    const struct series s[2])
{
	double a, b;

	if (!s[TCP].n || !s[LINNET].n)
		return;
	if (how == MEDIAN) {
		a = median(&s[TCP]);
		b = median(&s[LINNET]);
		tell("%-40s %-7s %20.2f %20.2f %16.3f\n", what, unit, a, b, b / a);
		fprintf(csv, "%s,%s,%s,median,%d,%g,,%g,,%g,\n", bench_name, what, unit,
			s[TCP].n, a, b, b / a);
	} else {
		double ea = standard_error(&s[TCP]), eb = standard_error(&s[LINNET]), er;

		a = mean(&s[TCP]);
		b = mean(&s[LINNET]);
		er = ratio_error(s, b / a);
		tell("%-40s %-7s %11.1f ± %6.1f %11.1f ± %6.1f %7.3f ± %.3f\n", what, unit,
		     a, ea, b, eb, b / a, er);
		fprintf(csv, "%s,%s,%s,mean,%d,%g,%g,%g,%g,%g,%g\n", bench_name, what, unit,
			s[TCP].n, a, ea, b, eb, b / a, er);
	}
	fflush(csv);
	fflush(text);
}

void report_close(void)
{
	fclose(text);
	fclose(csv);
}
