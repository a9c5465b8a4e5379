// SPDX-License-Identifier: GPL-2.0-or-later
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job *job_new(struct message *m)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->message = m;
	j->fd = -1;
	m->jobs++;
	return j;
}

int job_add(struct job *j, unsigned int recipient)
{
	if (j->n == j->room) {
		unsigned int room = j->room ? 2 * j->room : 2;
		unsigned int *r = realloc(j->recipient, room * sizeof(*r));
		struct outcome *o;

		if (!r)
			return -ENOMEM;
		j->recipient = r;
		o = realloc(j->outcome, room * sizeof(*o));
		if (!o)
			return -ENOMEM;
		j->outcome = o;
		j->room = room;
	}
	j->recipient[j->n] = recipient;
	memset(&j->outcome[j->n], 0, sizeof(*j->outcome));
	j->n++;
	return 0;
}

int job_open(struct job *j)
{
	job_close(j);
	j->fd = spool_text(queue_spool(j->message->queue), j->message->id, &j->size);
	return j->fd < 0 ? j->fd : 0;
}

void job_close(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

void job_set(struct job *j, enum outcome_state state, const char *status, const char *why)
{
	for (unsigned int i = 0; i < j->n; i++) {
		struct outcome *o = &j->outcome[i];

		if (o->state != OUTCOME_OPEN && o->state != OUTCOME_AGAIN)
			continue;
		free(o->reply);
		o->state = state;
		o->reply = strndup(why, ENVELOPE_REPLY_MAX);
		strncpy(o->status, status, sizeof(o->status) - 1);
	}
}

unsigned int job_apply(struct job *j, enum envelope_state sent_as, const char *remote)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < j->n; i++) {
		struct outcome *o = &j->outcome[i];
		bool open = o->state == OUTCOME_OPEN || o->state == OUTCOME_AGAIN;

		queue_outcome(j->message, j->recipient[i], o, sent_as, remote);
		free(o->reply);
		memset(o, 0, sizeof(*o));
		if (open)
			j->recipient[left++] = j->recipient[i];
	}
	j->n = left;
	return left;
}

void job_over(struct job *j)
{
	struct message *m = j->message;

	for (unsigned int i = 0; i < j->n; i++)
		free(j->outcome[i].reply);
	job_close(j);
	free(j->recipient);
	free(j->outcome);
	free(j);
	queue_job_over(m);
}
