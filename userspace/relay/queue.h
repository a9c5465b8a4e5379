/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue in memory: each message with its envelope, when its next attempt is due, and what is
 * under way for it. What becomes known is written to the disk, what a sender has to be told is
 * made a message of its own, and what is finished is removed.
 */
#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/envelope.h"
#include "../mail/spool.h"
#include "server.h"
#include "session.h"
#include "setup.h"

struct queue;
struct delivery;

/**
 * struct message - a message in the queue
 * @queue: which
 * @id: its name
 * @envelope: as it is now
 * @jobs: deliveries that are queued or under way
 * @due: when to look at it again, milliseconds since the epoch
 * @at: its place in the queue's heap, or -1
 * @dirty: the envelope on the disk is an older one
 * @working: something is written, or a report made, in another thread
 * @doomed: to be removed
 */
struct message {
	struct queue *queue;
	char id[SPOOL_ID_LEN + 1];
	struct envelope envelope;
	unsigned int jobs;
	int64_t due;
	int at;
	bool dirty, working, doomed;
};

/* Since the start. */
struct queue_counts {
	uint64_t taken, delivered, relayed, failed, deferred, reports, removed;
};

struct queue *queue_new(struct ln_server *server, const struct relay_setup *setup,
			struct spool *spool);
void queue_free(struct queue *q);
void queue_set_delivery(struct queue *q, struct delivery *d);
/* Reads the folder; and again whenever there may be something new. */
void queue_scan(struct queue *q);
/* A message that may be new. */
void queue_take(struct queue *q, const char *id);
struct message *queue_find(struct queue *q, const char *id);
/* In the order of their names, until @fn returns false; @fn must not remove any. */
void queue_each(struct queue *q, bool (*fn)(struct message *m, void *data), void *data);
unsigned int queue_count(const struct queue *q);
const struct queue_counts *queue_counts(const struct queue *q);
const struct relay_setup *queue_setup(const struct queue *q);
struct spool *queue_spool(const struct queue *q);

/* For those who deliver. @o: what came of it for one recipient. */
void queue_outcome(struct message *m, unsigned int recipient, const struct outcome *o,
		   enum envelope_state sent_as, const char *remote);
/* One of the message's jobs is over. The message may be gone afterwards. */
void queue_job_over(struct message *m);

/* For people. The number of recipients, of @domain ("@DOMAIN": and below; NULL: of all). */
unsigned int queue_flush(struct queue *q, struct message *m, const char *domain);
void queue_hold(struct message *m, bool hold);
void queue_delete(struct message *m);

#endif
