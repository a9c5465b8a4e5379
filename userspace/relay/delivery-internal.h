/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What delivery.c, link.c and local.c share. */
#ifndef RELAY_DELIVERY_INTERNAL_H
#define RELAY_DELIVERY_INTERNAL_H

#include "delivery.h"
#include "job.h"

struct link;
TAILQ_HEAD(links, link);

/**
 * struct destination - where jobs go
 * @touched_in: those that have new jobs; @touched: it is among them
 * @hungry_in: those that wait for a session or a look-up to end elsewhere; @hungry: it is among
 *	them
 * @running: in destination_run()
 * @delivery: whose
 * @key: its name: "example.org", "smtp:host:25" or "local"
 * @domain: asked for in the DNS
 * @route: NULL: the mailboxes here
 * @jobs, @n_jobs: that nobody works on
 * @links, @n_links: sessions, or deliveries here that are under way
 * @n_connecting: of them are not ready yet
 * @n_alive: of them were ready once
 * @resolution: under way, or NULL
 * @hops: where to, or NULL; @hops_until: as long, on the loop's clock
 */
struct destination {
	TAILQ_ENTRY(destination) touched_in, hungry_in;
	bool touched, hungry, running;
	struct delivery *delivery;
	char *key;
	char *domain;
	const struct relay_route *route;
	struct jobs jobs;
	unsigned int n_jobs;
	struct links links;
	unsigned int n_links, n_connecting, n_alive;
	struct resolution *resolution;
	struct hops *hops;
	uint64_t hops_until;
	unsigned int hops_generation;
};

TAILQ_HEAD(destinations, destination);

struct delivery {
	struct ln_server *server;
	const struct relay_setup *setup;
	struct resolver *resolver;
	struct spool *spool;
	void *by_key;
	struct destinations touched, hungry;
	unsigned int n_hungry;
	unsigned int n_links;		/* to other servers */
	unsigned int n_resolving;
	unsigned int generation;	/* of what the DNS said: older is forgotten */
};

/* Does what can be done; the destination may be gone afterwards. */
void destination_run(struct destination *d);
/* After a session or a look-up has ended. */
void delivery_feed(struct delivery *delivery);
struct job *destination_take(struct destination *d);
void destination_put_back(struct destination *d, struct job *j);
void destination_defer_all(struct destination *d, enum outcome_state state, const char *status,
			   const char *why);

/* One more session; it takes jobs of its destination while there are some. False: none could be
 * begun.
 */
bool link_open(struct destination *d);
/* If there is one without work, it takes a job. */
bool link_wake(struct destination *d);

/* One more delivery to a mailbox. */
void local_run(struct destination *d);

#endif
