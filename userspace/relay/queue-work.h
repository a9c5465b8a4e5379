/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the queue has done in other threads: fsync() takes its time. */
#ifndef RELAY_QUEUE_WORK_H
#define RELAY_QUEUE_WORK_H

#include "queue.h"
#include "report.h"

struct queue_work;

typedef void (*queue_work_done)(int err, const struct queue_work *w);

/**
 * struct queue_work - something under way
 * @message: whose
 * @kind: of a report
 * @recipient, @n: whom it is about
 * @report_id: its name, or "": none was needed
 */
struct queue_work {
	struct message *message;
	enum report_kind kind;
	unsigned int *recipient;
	unsigned int n;
	char report_id[SPOOL_ID_LEN + 1];

	/* internal */
	uv_work_t work;
	struct ln_server *server;
	const struct relay_setup *setup;
	struct spool *spool;
	char *text;
	size_t len;
	struct envelope own;		/* the report's */
	struct envelope copy;		/* the message's */
	char id[SPOOL_ID_LEN + 1];
	int err;
	queue_work_done done;
};

/* The envelope as it is now. */
void queue_work_save(struct ln_server *server, struct spool *spool, struct message *m,
		     queue_work_done done);
/* @recipient is taken over; NULL: out of memory. */
void queue_work_report(struct ln_server *server, const struct relay_setup *setup,
		       struct spool *spool, struct message *m, enum report_kind kind,
		       unsigned int *recipient, unsigned int n, queue_work_done done);

#endif
