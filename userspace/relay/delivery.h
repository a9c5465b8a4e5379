/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who delivers: for each destination its jobs in order, and the sessions that work on them. A
 * destination is a route's host, a domain, or the mailboxes here.
 */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include "queue.h"
#include "resolve.h"

struct delivery;

struct delivery *delivery_new(struct ln_server *server, const struct relay_setup *setup,
			      struct resolver *resolver, struct spool *spool);
void delivery_free(struct delivery *d);
/* Those of the message's recipients that are pending and due become jobs. */
void delivery_add(struct delivery *d, struct message *m, int64_t now);
/* What is known of where mail goes is looked up again. */
void delivery_forget(struct delivery *d);
unsigned int delivery_sessions(const struct delivery *d);

#endif
