// SPDX-License-Identifier: GPL-2.0-or-later
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery-internal.h"
#include "log.h"

/* What the DNS said is not asked again so soon. */
#define HOPS_MS 60000
/* Look-ups at once; each may have some dozens of sockets. */
#define RESOLVING_MAX 20
#define KEY_MAX 600

/* --- destinations --- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct destination *)a)->key, ((const struct destination *)b)->key);
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s |= 0x20;
}

static void set_hungry(struct destination *d, bool hungry)
{
	if (d->hungry == hungry)
		return;
	d->hungry = hungry;
	d->delivery->n_hungry += hungry ? 1 : -1;
	if (hungry)
		TAILQ_INSERT_TAIL(&d->delivery->hungry, d, hungry_in);
	else
		TAILQ_REMOVE(&d->delivery->hungry, d, hungry_in);
}

static void free_destination(struct destination *d)
{
	free(d->key);
	free(d->domain);
	free(d->hops);
	free(d);
}

static void free_if_unused(struct destination *d)
{
	if (d->n_jobs || d->n_links || d->resolution || d->touched)
		return;
	set_hungry(d, false);
	tdelete(d, &d->delivery->by_key, by_key);
	free_destination(d);
}

static struct destination *find(struct delivery *delivery, const struct envelope_recipient *r)
{
	const char *at = strrchr(r->address, '@');
	char domain[RESOLVE_NAME], text[KEY_MAX];
	const struct relay_route *route = NULL;
	struct destination key = { .key = text }, **found, *d;

	snprintf(domain, sizeof(domain), "%s", at ? at + 1 : "");
	lower(domain);
	if (!r->user)
		route = setup_route(delivery->setup, domain);
	if (!route)
		strcpy(text, "local");
	else if (route->host)
		snprintf(text, sizeof(text), "route:%td", route - delivery->setup->route);
	else
		snprintf(text, sizeof(text), "%s", domain);
	found = tfind(&key, &delivery->by_key, by_key);
	if (found)
		return *found;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->key = strdup(text);
	d->domain = strdup(domain);
	if (!d->key || !d->domain || !tsearch(d, &delivery->by_key, by_key)) {
		free_destination(d);
		return NULL;
	}
	d->delivery = delivery;
	d->route = route;
	TAILQ_INIT(&d->jobs);
	TAILQ_INIT(&d->links);
	return d;
}

struct job *destination_take(struct destination *d)
{
	struct job *j = TAILQ_FIRST(&d->jobs);

	if (!j)
		return NULL;
	TAILQ_REMOVE(&d->jobs, j, in);
	d->n_jobs--;
	return j;
}

void destination_put_back(struct destination *d, struct job *j)
{
	TAILQ_INSERT_HEAD(&d->jobs, j, in);
	d->n_jobs++;
}

void destination_defer_all(struct destination *d, enum outcome_state state, const char *status,
			   const char *why)
{
	struct job *j;

	while ((j = destination_take(d))) {
		job_set(j, state, status, why);
		job_apply(j, ENVELOPE_PENDING, NULL);
		job_over(j);
	}
}

/* --- where to --- */

static void on_resolved(const struct hops *hops, void *data)
{
	struct destination *d = data;
	struct delivery *delivery = d->delivery;

	d->resolution = NULL;
	delivery->n_resolving--;
	d->hops = hops->n ? malloc(sizeof(*d->hops)) : NULL;
	if (d->hops) {
		*d->hops = *hops;
		d->hops_until = uv_now(ln_server_loop(d->delivery->server)) + HOPS_MS;
	} else {
		destination_defer_all(
			d, !hops->n && *hops->status == '5' ? OUTCOME_FAILED : OUTCOME_DEFERRED,
			hops->n ? "4.3.0" : hops->status, hops->n ? "out of memory" : hops->why);
	}
	destination_run(d);
	delivery_feed(delivery);
}

static bool know_hops(struct destination *d)
{
	struct delivery *delivery = d->delivery;

	if (d->resolution)
		return false;
	if (d->hops && d->hops_generation == delivery->generation &&
	    uv_now(ln_server_loop(delivery->server)) < d->hops_until)
		return true;
	if (delivery->n_resolving >= RESOLVING_MAX) {
		set_hungry(d, true);
		return false;
	}
	free(d->hops);
	d->hops = NULL;
	d->hops_generation = delivery->generation;
	delivery->n_resolving++;
	d->resolution = resolve(delivery->resolver, d->domain, d->route, on_resolved, d);
	if (!d->resolution) {
		delivery->n_resolving--;
		destination_defer_all(d, OUTCOME_DEFERRED, "4.3.0", "out of memory");
	}
	return false;
}

static void feed_hungry(struct delivery *delivery)
{
	struct destination *d;

	/* Who is hungry still goes to the end. */
	for (unsigned int n = delivery->n_hungry;
	     n && delivery->n_links < delivery->setup->connections &&
	     (d = TAILQ_FIRST(&delivery->hungry));
	     n--) {
		set_hungry(d, false);
		destination_run(d);
	}
}

static void run_remote(struct destination *d)
{
	struct delivery *delivery = d->delivery;

	while (d->n_jobs && link_wake(d))
		;
	if (!d->n_jobs || !know_hops(d))
		return;
	while (d->n_jobs > d->n_connecting && d->n_links < delivery->setup->per_destination) {
		if (delivery->n_links >= delivery->setup->connections) {
			set_hungry(d, true);
			return;
		}
		if (!link_open(d))
			return;
	}
}

void destination_run(struct destination *d)
{
	struct delivery *delivery = d->delivery;

	/* It looks again before it is through. */
	if (d->running)
		return;
	d->running = true;
	if (ln_server_stopping(delivery->server)) {
		struct job *j;

		/* As if they had never been begun. */
		while ((j = destination_take(d)))
			job_over(j);
	} else if (d->route) {
		run_remote(d);
	} else {
		while (d->n_jobs && d->n_links < delivery->setup->local)
			local_run(d);
	}
	d->running = false;
	free_if_unused(d);
}

/**
 * delivery_feed() - there may be room for a session or a look-up more
 * @delivery: who delivers
 */
void delivery_feed(struct delivery *delivery)
{
	if (!ln_server_stopping(delivery->server))
		feed_hungry(delivery);
}

/* --- jobs --- */

/* The message's own job at the end of the list, or a new one. */
static struct job *job_for(struct destination *d, struct message *m)
{
	struct job *j = TAILQ_LAST(&d->jobs, jobs);

	if (j && j->message == m && j->n < d->delivery->setup->recipients)
		return j;
	j = job_new(m);
	if (!j)
		return NULL;
	TAILQ_INSERT_TAIL(&d->jobs, j, in);
	d->n_jobs++;
	return j;
}

/**
 * delivery_add() - attempts for a message
 * @delivery: who delivers
 * @m: the message, without jobs
 * @now: recipients whose time comes until then are tried; it has at least one
 *
 * What there is no memory for is tried again later.
 */
void delivery_add(struct delivery *delivery, struct message *m, int64_t now)
{
	struct destination *d;
	struct job *j;

	/* None is the last until all are there. */
	m->jobs++;
	for (unsigned int i = 0; i < m->envelope.n; i++) {
		struct envelope_recipient *r = &m->envelope.recipient[i];

		if (r->state != ENVELOPE_PENDING || r->next > now)
			continue;
		d = find(delivery, r);
		if (d && !d->touched) {
			d->touched = true;
			TAILQ_INSERT_TAIL(&delivery->touched, d, touched_in);
		}
		j = d ? job_for(d, m) : NULL;
		if (!j || job_add(j, i))
			r->next = now + 30000;
	}
	while ((d = TAILQ_FIRST(&delivery->touched))) {
		TAILQ_REMOVE(&delivery->touched, d, touched_in);
		d->touched = false;
		destination_run(d);
	}
	queue_job_over(m);
}

void delivery_forget(struct delivery *delivery)
{
	delivery->generation++;
}

unsigned int delivery_sessions(const struct delivery *delivery)
{
	return delivery->n_links;
}

struct delivery *delivery_new(struct ln_server *server, const struct relay_setup *setup,
			      struct resolver *resolver, struct spool *spool)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->server = server;
	d->setup = setup;
	d->resolver = resolver;
	d->spool = spool;
	TAILQ_INIT(&d->touched);
	TAILQ_INIT(&d->hungry);
	return d;
}

void delivery_free(struct delivery *d)
{
	free(d);
}
