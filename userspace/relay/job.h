/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message on its way to one destination: some of its recipients, and what came of them. */
#ifndef RELAY_JOB_H
#define RELAY_JOB_H

#include <sys/queue.h>

#include "queue.h"
#include "session.h"

/**
 * struct job - a delivery
 * @in: its destination's list
 * @message: whose
 * @n: recipients
 * @room: for so many
 * @recipient: which of the envelope's
 * @outcome: theirs
 * @fd: the text, or a converted one; -1
 * @size: its octets
 * @tries: sessions that ended in the middle of it
 * @transaction: as a session has it
 */
struct job {
	TAILQ_ENTRY(job) in;
	struct message *message;
	unsigned int n, room;
	unsigned int *recipient;
	struct outcome *outcome;
	int fd;
	uint64_t size;
	unsigned int tries;
	struct transaction transaction;
};

TAILQ_HEAD(jobs, job);

/* NULL: out of memory. */
struct job *job_new(struct message *m);
int job_add(struct job *j, unsigned int recipient);
/* Opens the text. 0 or a negative errno. */
int job_open(struct job *j);
void job_close(struct job *j);
/* The same outcome for all of whom nothing was said. */
void job_set(struct job *j, enum outcome_state state, const char *status, const char *why);
/* Tells the queue, and keeps those to whom nothing happened; returns how many. */
unsigned int job_apply(struct job *j, enum envelope_state sent_as, const char *remote);
/* Frees it; its message may be gone afterwards. */
void job_over(struct job *j);

#endif
