// SPDX-License-Identifier: GPL-2.0-or-later
/* A session and the jobs that it works on: from one address to the next, until one is ready. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery-internal.h"
#include "log.h"
#include "prepare.h"

/**
 * struct link - one session after the other, to the addresses of a destination
 * @in: the destination's
 * @session: or NULL: between two addresses, or at the end
 * @hop: its address, @index: which it is of @hops
 * @hops: as they were when the link began
 * @no_tls: TLS has failed with this address
 * @ready: the session was ready; @was_ready: one of them was
 * @idle: nothing to do, until the timer says that it is over
 * @preparing: the job, in another thread
 * @job: or NULL
 * @messages: over this session
 */
struct link {
	TAILQ_ENTRY(link) in;
	struct destination *destination;
	struct session *session;
	struct hops hops;
	unsigned int index;
	bool no_tls, ready, was_ready, idle, preparing;
	struct job *job;
	unsigned int messages;
	uv_timer_t timer;
};

static const struct session_events events;

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The destination may be gone afterwards. */
static void end(struct link *l)
{
	struct destination *d = l->destination;
	struct delivery *delivery = d->delivery;

	TAILQ_REMOVE(&d->links, l, in);
	d->n_links--;
	delivery->n_links--;
	d->n_alive -= l->was_ready;
	d->n_connecting -= !l->ready;
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	destination_run(d);
	delivery_feed(delivery);
}

static void set_ready(struct link *l, bool ready)
{
	if (l->ready == ready)
		return;
	l->ready = ready;
	l->destination->n_connecting += ready ? -1 : 1;
}

/* --- addresses --- */

/* All have failed. Who has a session that works may go on. */
static void give_up(struct link *l, const char *status, const char *why)
{
	struct destination *d = l->destination;

	if (d->n_alive == (l->was_ready ? 1U : 0U))
		destination_defer_all(d, OUTCOME_DEFERRED, status, why);
	end(l);
}

/* False: there is none, and the link is gone. */
static bool try_address(struct link *l, const char *status, const char *why)
{
	struct delivery *delivery = l->destination->delivery;
	char own[RESOLVE_WHY];

	for (; l->index < l->hops.n; l->index++) {
		const struct hop *hop = &l->hops.hop[l->index];
		char addr[LN_ADDR_STRLEN];

		l->messages = 0;
		l->session = session_open(delivery->server, delivery->setup, l->destination->route,
					  hop, l->no_tls, &events, l);
		if (l->session)
			return true;
		status = "4.4.1";
		snprintf(own, sizeof(own), "%.180s[%s]: %s", hop->host,
			 ln_addr_format(&hop->addr, addr), strerror(errno));
		why = own;
		ln_info("relay: %s", why);
		l->no_tls = false;
	}
	give_up(l, status, why);
	return false;
}

static void next_address(struct link *l, const char *status, const char *why)
{
	char copy[ENVELOPE_REPLY_MAX + 300];

	snprintf(copy, sizeof(copy), "%s", why);
	set_ready(l, false);
	l->index++;
	l->no_tls = false;
	if (ln_server_stopping(l->destination->delivery->server))
		end(l);
	else
		try_address(l, status, copy);
}

/* --- jobs --- */

static void take_job(struct link *l);

static void on_idle_over(uv_timer_t *timer)
{
	struct link *l = timer->data;

	l->idle = false;
	if (l->session && session_ready(l->session))
		session_quit(l->session);
}

static void finish_job(struct link *l)
{
	struct job *j = l->job;
	struct session *s = l->session;
	bool dsn = session_offer(s)->dsn;

	l->job = NULL;
	if (!job_apply(j, dsn ? ENVELOPE_RELAYED : ENVELOPE_PASSED, session_host(s)))
		job_over(j);
	else
		destination_put_back(l->destination, j);
}

static void on_prepared(bool ready, void *data)
{
	struct link *l = data;
	struct job *j = l->job;

	l->preparing = false;
	if (l->session && session_ready(l->session) && ready) {
		session_send(l->session, &j->transaction);
		return;
	}
	l->job = NULL;
	if (!ready) {
		job_apply(j, ENVELOPE_PENDING, NULL);
		job_over(j);
	} else {
		/* The server has not waited for it. */
		job_close(j);
		if (++j->tries > l->hops.n) {
			job_set(j, OUTCOME_DEFERRED, "4.4.2",
				"the server did not wait for the message to be converted");
			job_apply(j, ENVELOPE_PENDING, NULL);
			job_over(j);
		} else {
			destination_put_back(l->destination, j);
		}
	}
	if (!l->session)
		end(l);
	else if (session_ready(l->session))
		take_job(l);
}

/* True: the session has something to do. */
static bool start_job(struct link *l, struct job *j)
{
	if (j->message->doomed || j->message->envelope.held) {
		job_over(j);
		return false;
	}
	l->job = j;
	switch (prepare(l->destination->delivery->server, j, session_offer(l->session), on_prepared,
			l)) {
	case PREPARE_READY:
		session_send(l->session, &j->transaction);
		return true;
	case PREPARE_LATER:
		l->preparing = true;
		return true;
	default:
		l->job = NULL;
		job_apply(j, ENVELOPE_PENDING, NULL);
		job_over(j);
		return false;
	}
}

static void take_job(struct link *l)
{
	struct delivery *delivery = l->destination->delivery;
	struct job *j;

	if (l->messages >= delivery->setup->messages || ln_server_stopping(delivery->server)) {
		session_quit(l->session);
		return;
	}
	while ((j = destination_take(l->destination))) {
		if (start_job(l, j)) {
			l->messages++;
			return;
		}
	}
	l->idle = true;
	uv_timer_start(&l->timer, on_idle_over, delivery->setup->idle_time, 0);
}

bool link_wake(struct destination *d)
{
	struct link *l;

	TAILQ_FOREACH(l, &d->links, in)
	{
		if (!l->idle || !l->session || !session_ready(l->session))
			continue;
		l->idle = false;
		uv_timer_stop(&l->timer);
		take_job(l);
		return true;
	}
	return false;
}

/* --- what the session says --- */

static void on_ready(struct session *s, void *data)
{
	struct link *l = data;

	(void)s;
	set_ready(l, true);
	if (!l->was_ready) {
		l->was_ready = true;
		l->destination->n_alive++;
	}
	take_job(l);
}

static void on_done(struct session *s, void *data)
{
	struct link *l = data;
	char how[48];

	session_transport(s, how);
	ln_info("relay: %s: through %s (%s)", l->job->message->id, session_peer(s), how);
	finish_job(l);
	take_job(l);
}

/* In the middle of a message: another address may take it; true: it is to be tried. */
static bool interrupted(struct link *l, const char *status, const char *why)
{
	struct job *j = l->job;
	bool again;

	again = !j->transaction.past_end && ++j->tries <= l->hops.n && l->index + 1 < l->hops.n;
	l->job = NULL;
	if (!again)
		job_set(j, OUTCOME_DEFERRED, status, why);
	if (job_apply(j, session_offer(l->session)->dsn ? ENVELOPE_RELAYED : ENVELOPE_PASSED,
		      session_host(l->session))) {
		job_close(j);
		destination_put_back(l->destination, j);
		return true;
	}
	job_over(j);
	return false;
}

static void on_closed(struct session *s, void *data, const char *status, const char *why)
{
	struct link *l = data;
	bool tls_failed = session_tls_failed(s), again = false;

	l->idle = false;
	uv_timer_stop(&l->timer);
	if (why)
		ln_info("relay: %s", why);
	if (l->job && !l->preparing)
		again = interrupted(l, status, why ? why : "the session ended");
	l->session = NULL;
	if (l->preparing)
		return;
	if (tls_failed && !l->no_tls && !ln_server_stopping(l->destination->delivery->server)) {
		l->no_tls = true;
		try_address(l, status, why ? why : "TLS failed");
	} else if (why && (!l->ready || again)) {
		next_address(l, status, why);
	} else {
		end(l);
	}
}

static const struct session_events events = {
	.ready = on_ready,
	.done = on_done,
	.closed = on_closed,
};

bool link_open(struct destination *d)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l) {
		destination_defer_all(d, OUTCOME_DEFERRED, "4.3.0", "out of memory");
		return false;
	}
	l->destination = d;
	l->hops = *d->hops;
	uv_timer_init(ln_server_loop(d->delivery->server), &l->timer);
	l->timer.data = l;
	TAILQ_INSERT_TAIL(&d->links, l, in);
	d->n_links++;
	d->n_connecting++;
	d->delivery->n_links++;
	return try_address(l, "4.4.1", "no address");
}
