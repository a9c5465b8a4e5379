/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WSGI_WORKER_H
#define WSGI_WORKER_H

#include <stdint.h>

#include "python.h"

/**
 * struct wsgi_options - the command line
 * @application: MODULE:CALLABLE
 * @python: for the interpreter
 * @processes: how many
 * @max_requests: a process serves so many at most, 0: no limit
 * @timeout_ms: time that an application may take without a word, 0: no limit
 * @drain_ms: time for what is under way at the end
 */
struct wsgi_options {
	const char *application;
	struct python_options python;
	unsigned int processes;
	unsigned long max_requests;
	uint64_t timeout_ms;
	uint64_t drain_ms;
};

/* Exit status of a process whose application did not load. */
#define WORKER_NOT_LOADED	3

int worker_run(const struct wsgi_options *o, int listener, unsigned int retry_ms,
	       volatile uint64_t *since);

/* master.c */
int master_run(const struct wsgi_options *o, int listener);

#endif
