// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A message for users here only goes into their mailboxes at once.  Everything else goes into
 * the queue, as does what a mailbox did not take when another did: the sender is not told that
 * it is to send again to those who have it.
 */
#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "counts.h"
#include "log.h"
#include "mailbox.h"

/* Addresses in a line of the log. */
#define LOGGED_MAX	10

/**
 * struct delivery - a message that is being made durable
 * @work: the thread's
 * @transaction: the message
 * @done: who is told
 * @data: passed on to it
 * @abandoned: nobody waits
 * @here: the worker is to deliver it itself
 * @delivered: mailboxes that have it
 * @queued: recipients in the queue
 * @failed: those that do not have it yet, one for each of the transaction's
 * @answer: to be given
 * @text: its words
 */
struct delivery {
	uv_work_t work;
	struct transaction *transaction;
	delivery_done_fn done;
	void *data;
	bool abandoned, here;
	unsigned int delivered, queued;
	bool *failed;
	struct refusal answer;
	char text[64];
};

/* --- the queue --- */

static int add_recipient(struct envelope *e, const struct recipient *r)
{
	struct envelope_recipient *to = envelope_add(e, r->address);

	if (!to)
		return -ENOMEM;
	to->notify = r->notify;
	to->user = r->user ? strdup(r->user) : NULL;
	to->original = r->original ? strdup(r->original) : NULL;
	to->orcpt = *r->orcpt ? strdup(r->orcpt) : NULL;
	if ((r->user && !to->user) || (r->original && !to->original) || (*r->orcpt && !to->orcpt))
		return -ENOMEM;
	return 0;
}

/* RFC 4954, 5: what somebody says of himself before AUTH is not passed on. */
static const char *auth_of(const struct transaction *t)
{
	return *t->mail.auth && *t->client.user ? t->mail.auth : NULL;
}

static int fill_envelope(struct envelope *e, const struct delivery *d)
{
	const struct transaction *t = d->transaction;
	const char *auth = auth_of(t);
	int err = 0;

	e->sender = strdup(t->mail.from.text);
	e->ret = (enum envelope_ret)t->mail.ret;
	e->envid = *t->mail.envid ? strdup(t->mail.envid) : NULL;
	e->auth = auth ? strdup(auth) : NULL;
	e->body = t->scan.eight_bit ? ENVELOPE_BODY_8BITMIME : (enum envelope_body)t->mail.body;
	e->utf8 = t->mail.utf8;
	e->arrival = envelope_now();
	if (!e->sender || (*t->mail.envid && !e->envid) || (auth && !e->auth))
		return -ENOMEM;
	for (unsigned int i = 0; i < t->to.n && !err; i++)
		if (d->failed[i])
			err = add_recipient(e, &t->to.list[i]);
	return err;
}

static int write_content(struct spool_file *f, const struct content *c)
{
	int fd, err;

	if (c->fd < 0)
		return spool_write(f, c->data + c->start, c->end - c->start);
	fd = content_open(c);
	if (fd < 0)
		return fd;
	err = spool_copy(f, fd);
	close(fd);
	return err;
}

/* All that have it not yet. */
static int queue(struct delivery *d)
{
	struct transaction *t = d->transaction;
	struct spool_file *f = spool_create(t->worker->spool, t->id);
	struct envelope e = { 0 };
	int err;

	if (!f)
		return -errno;
	err = write_content(f, &t->content);
	if (!err)
		err = fill_envelope(&e, d);
	if (err)
		spool_abort(f);
	else
		err = spool_commit(f, &e);
	if (!err) {
		d->queued = e.n;
		spool_notify(t->worker->spool, t->id);
	}
	envelope_clear(&e);
	return err;
}

/* --- mailboxes --- */

/* Whoever is to be told of success is told by the queue manager. */
static bool is_for_here(const struct transaction *t)
{
	for (unsigned int i = 0; i < t->to.n; i++)
		if (!t->to.list[i].user || t->to.list[i].notify & NOTIFY_SUCCESS)
			return false;
	return true;
}

/* Returns what went wrong first, or 0. */
static int deliver_here(struct delivery *d)
{
	struct transaction *t = d->transaction;
	int fd = content_open(&t->content), first = 0, err;

	if (fd < 0)
		return fd;
	for (unsigned int i = 0; i < t->to.n; i++) {
		const struct recipient *r = &t->to.list[i];

		const struct relay_delivery to = {
			.fd = fd, .size = t->content.size, .sender = t->mail.from.text,
			.user = r->user, .address = r->address,
		};

		err = mailbox_deliver(t->worker->setup, &to);
		d->failed[i] = err;
		if (!err) {
			d->delivered++;
			continue;
		}
		if (!first)
			first = err;
		ln_warning("%s: the mailbox of '%s' did not take it: %s", t->id, r->user,
			   strerror(-err));
	}
	close(fd);
	return first;
}

/* --- the thread --- */

static void refuse(struct delivery *d, int err)
{
	transaction_refuse_errno(&d->answer, err);
	/* Somebody removed the user after RCPT. */
	if (err == -ENOENT)
		d->answer = (struct refusal){ 451, "4.3.0", "the mailbox has gone" };
}

static void take_it(struct delivery *d, const char *how)
{
	snprintf(d->text, sizeof(d->text), "%s as %s", how, d->transaction->id);
	d->answer = (struct refusal){ 250, "2.0.0", d->text };
}

static void work(uv_work_t *w)
{
	struct delivery *d = w->data;
	int err = d->here ? deliver_here(d) : 0;

	if (d->here && !err) {
		take_it(d, "delivered");
		return;
	}
	if (d->here && !d->delivered) {
		refuse(d, err);
		return;
	}
	err = queue(d);
	if (!err) {
		take_it(d, "queued");
		return;
	}
	ln_warning("%s: cannot be queued: %s", d->transaction->id, strerror(-err));
	/* A full file system, not a full mailbox. */
	refuse(d, err == -EDQUOT ? -ENOSPC : err == -ENOENT ? -EIO : err);
}

/* --- afterwards --- */

static void write_log(const struct delivery *d)
{
	const struct transaction *t = d->transaction;
	char *line = NULL, date[40], with[16];
	time_t now = time(NULL);
	struct tm tm;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f)
		return;
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S%z", &tm);
	fprintf(f, "%s %s from=<%s> to=", date, t->id, t->mail.from.text);
	for (unsigned int i = 0; i < t->to.n && i < LOGGED_MAX; i++)
		fprintf(f, "%s<%s>", i ? "," : "", t->to.list[i].address);
	if (t->to.n > LOGGED_MAX)
		fprintf(f, ",+%u", t->to.n - LOGGED_MAX);
	fprintf(f, " size=%llu peer=%s helo=%s proto=%s via=%s",
		(unsigned long long)t->content.size, t->client.peer, t->client.name,
		trace_with(&t->trace, with),
		t->trace.protocol ? ln_protocol_name(t->trace.protocol) : "local");
	if (*t->client.user)
		fprintf(f, " user=%s", t->client.user);
	fprintf(f, " delivered=%u queued=%u answer=\"%u %s %s\"\n", d->delivered, d->queued,
		d->answer.code, d->answer.status, d->answer.text);
	if (!fclose(f)) {
		ln_info("%.*s", (int)len - 1, line);
		ln_access_log_write(t->worker->setup->message_log, line, len);
	}
	free(line);
}

static void after_work(uv_work_t *w, int status)
{
	struct delivery *d = w->data;
	struct ln_server *server = d->transaction->worker->server;

	(void)status;
	counts_message(d->answer.code, d->transaction->content.size, d->delivered, d->queued);
	write_log(d);
	if (!d->abandoned)
		d->done(d->data, &d->answer);
	transaction_free(d->transaction);
	free(d->failed);
	free(d);
	ln_server_release(server);
}

/**
 * delivery_start() - make a message durable
 * @t: the message, which belongs to the delivery then
 * @done: called from the loop, with the answer
 * @data: passed on to it
 *
 * Return: the delivery, or NULL: no memory; @t stays the caller's.
 */
struct delivery *delivery_start(struct transaction *t, delivery_done_fn done, void *data)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->failed = malloc(t->to.n * sizeof(*d->failed));
	if (!d->failed) {
		free(d);
		return NULL;
	}
	memset(d->failed, true, t->to.n * sizeof(*d->failed));
	d->transaction = t;
	d->done = done;
	d->data = data;
	d->here = is_for_here(t);
	d->work.data = d;
	if (uv_queue_work(ln_server_loop(t->worker->server), &d->work, work, after_work)) {
		free(d->failed);
		free(d);
		return NULL;
	}
	ln_server_hold(t->worker->server);
	return d;
}

/**
 * delivery_abandon() - nobody waits for the answer
 * @d: the delivery; gone for the caller
 */
void delivery_abandon(struct delivery *d)
{
	d->abandoned = true;
}
