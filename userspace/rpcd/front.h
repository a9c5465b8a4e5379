/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls over HTTP. */
#ifndef RPCD_FRONT_H
#define RPCD_FRONT_H

#include "buffer.h"
#include "call.h"
#include "http.h"

struct served;

/**
 * struct front - a worker's side of HTTP
 * @service: what http_proto is given as its data; its data is the front
 * @worker: where calls run
 * @metrics: path at which counters are shown to this machine, or NULL
 * @unused: what served a call and can serve another
 * @n_unused: how many
 * @answer: the answer that is being written
 */
struct front {
	struct http_service service;
	struct rpc_worker worker;
	const char *metrics;
	struct served *unused;
	unsigned int n_unused;
	struct rpc_buffer answer;
};

/* In the master, before there are workers. */
void front_define_metrics(void);
/* Fills in what the service calls; limits, worker and metrics are the caller's. */
void front_init(struct front *f);
void front_free(struct front *f);

#endif
