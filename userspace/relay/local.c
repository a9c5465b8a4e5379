// SPDX-License-Identifier: GPL-2.0-or-later
/* Mailboxes here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery-internal.h"
#include "log.h"

/* In another thread; it has copies of what the loop may change. */
struct local {
	uv_work_t work;
	struct destination *destination;
	const struct relay_setup *setup;
	struct job *job;
	struct relay_delivery *list;
	int *result;
	unsigned int n;
};

static void run(uv_work_t *work)
{
	struct local *l = work->data;

	for (unsigned int i = 0; i < l->n; i++)
		l->result[i] = l->setup->deliver(l->setup->data, &l->list[i]);
}

static void set_outcome(struct outcome *o, int result, const char *user)
{
	const char *what = strerror(-result);
	char why[160];

	o->state = OUTCOME_DEFERRED;
	strcpy(o->status, "4.3.0");
	switch (result) {
	case 0:
		o->state = OUTCOME_SENT;
		strcpy(o->status, "2.0.0");
		snprintf(why, sizeof(why), "delivered to the mailbox of %.80s", user);
		o->reply = strdup(why);
		return;
	case -ENOENT:
		o->state = OUTCOME_FAILED;
		strcpy(o->status, "5.1.1");
		what = "there is no such user";
		break;
	case -EDQUOT:
		strcpy(o->status, "4.2.2");
		what = "the mailbox is full";
		break;
	case -ENOSPC:
		strcpy(o->status, "4.3.1");
		break;
	}
	snprintf(why, sizeof(why), "the mailbox of %.60s: %.60s", user, what);
	o->reply = strdup(why);
}

static void free_local(struct local *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		free((char *)l->list[i].sender);
		free((char *)l->list[i].user);
		free((char *)l->list[i].address);
	}
	free(l->list);
	free(l->result);
	free(l);
}

static void on_done(uv_work_t *work, int status)
{
	struct local *l = work->data;
	struct destination *d = l->destination;
	struct ln_server *server = d->delivery->server;
	struct job *j = l->job;

	for (unsigned int i = 0; i < l->n; i++)
		set_outcome(&j->outcome[i], status ? status : l->result[i], l->list[i].user);
	job_apply(j, ENVELOPE_DELIVERED, NULL);
	job_over(j);
	free_local(l);
	d->n_links--;
	destination_run(d);
	ln_server_release(server);
}

static struct local *new_local(struct destination *d, struct job *j)
{
	struct local *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->list = calloc(j->n, sizeof(*l->list));
	l->result = calloc(j->n, sizeof(*l->result));
	l->destination = d;
	l->setup = d->delivery->setup;
	l->job = j;
	l->work.data = l;
	for (; l->list && l->result && l->n < j->n; l->n++) {
		const struct envelope *e = &j->message->envelope;
		const struct envelope_recipient *r = &e->recipient[j->recipient[l->n]];
		struct relay_delivery *to = &l->list[l->n];

		*to = (struct relay_delivery){
			.fd = j->fd,
			.size = j->size,
			.sender = strdup(e->sender),
			.user = strdup(r->user),
			.address = strdup(r->address),
			.id = j->message->id,
			.n = j->recipient[l->n],
			.arrival = e->arrival,
		};
		if (!to->sender || !to->user || !to->address)
			break;
	}
	if (l->n == j->n)
		return l;
	free_local(l);
	return NULL;
}

static void defer(struct job *j, const char *why)
{
	job_set(j, OUTCOME_DEFERRED, "4.3.0", why);
	job_apply(j, ENVELOPE_PENDING, NULL);
	job_over(j);
}

void local_run(struct destination *d)
{
	struct job *j = destination_take(d);
	struct local *l;

	if (j->message->doomed || j->message->envelope.held) {
		job_over(j);
		return;
	}
	if (!d->delivery->setup->deliver) {
		defer(j, "there are no mailboxes here");
		return;
	}
	if (job_open(j)) {
		defer(j, "the message cannot be read");
		return;
	}
	l = new_local(d, j);
	if (!l) {
		defer(j, "out of memory");
		return;
	}
	d->n_links++;
	ln_server_hold(d->delivery->server);
	uv_queue_work(ln_server_loop(d->delivery->server), &l->work, run, on_done);
}
