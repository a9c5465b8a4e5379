/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker has. */
#ifndef SMTPD_WORKER_H
#define SMTPD_WORKER_H

#include "sandbox.h"
#include "server.h"
#include "setup.h"
#include "spool.h"

/**
 * struct worker - a process that serves
 * @server: its loop
 * @setup: the configuration
 * @spool: the queue
 * @temporary: descriptor of the folder that long messages are kept in while they arrive
 * @turn_end: when the log of messages is written
 */
struct worker {
	struct ln_server *server;
	const struct setup *setup;
	struct spool *spool;
	int temporary;
	struct ln_turn_end turn_end;
};

/* Before it gives up its rights. 0, or a negative errno after an error line. */
int worker_start(struct worker *w, struct ln_server *server, const struct setup *setup,
		 const struct ln_sockets *sockets);
int worker_confine(struct worker *w, struct ln_sandbox *sandbox);
void worker_stop(struct worker *w);

#endif
