/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linnet beside kernel TCP: what the measurements share.
 *
 * A measurement takes each figure for TCP and for Linnet in turn, so that both
 * see the same machine, and hands the two series to report().
 */
#ifndef BENCH_H
#define BENCH_H

#include "lib.h"

/**
 * struct bench_options - what the command line chose
 * @repetitions: how many seeds, or repetitions; 0: the measurement's own
 * @first: the first seed
 * @cc: congestion controls, separated by commas; NULL: the measurement's own
 * @only: only cases with this in their name; NULL: all
 * @log: write what the link did with each packet to files in this folder
 * @out: folder for the figures
 */
struct bench_options {
	int		repetitions;
	int		first;
	const char	*cc;
	const char	*only;
	const char	*log;
	const char	*out;
};

extern struct bench_options options;

/* Which of two figures a series is: index into arrays */
enum { TCP, LINNET };
extern int protocols[2];

#define SERIES_MAX	512

struct series {
	int	n;
	double	value[SERIES_MAX];
};

enum summary {
	MEAN,			/* with its standard error */
	MEDIAN,
};

void series_add(struct series *s, double value);
void report_open(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report(const char *what, const char *unit, enum summary how,
	    const struct series s[2]);
void report_close(void);
FILE *report_file(const char *name);
bool chosen(const char *what);
int repetitions(int usual);
uint64_t now_ns(void);

/* Two namespaces and a veth between them, with addresses of one family */
struct pair {
	int		client;
	int		server;
	int		family;
	const char	*address;	/* the server's */
};

#define PORT		5001

void pair_open(struct pair *pair, int family);
void pair_close(struct pair *pair);
void pair_tso_off(const struct pair *pair);
pid_t serve(const struct pair *pair, void (*one)(int fd));
void serve_end(pid_t pid);
int dial(const struct pair *pair);
void reset_close(int fd);
void receive_all(int fd, void *buf, size_t len);

/* The measurements */
void bench_loss(void);
void bench_reorder(void);
void bench_latency(void);
void bench_connect(void);
void bench_bulk(void);
void bench_segment(void);
void bench_memory(void);
void bench_lookup(void);
void bench_services(void);

#endif /* BENCH_H */
