// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue-work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static void on_done(uv_work_t *work, int status)
{
	struct queue_work *w = work->data;
	struct ln_server *server = w->server;

	w->done(status ? status : w->err, w);
	free(w->text);
	free(w->recipient);
	envelope_clear(&w->own);
	envelope_clear(&w->copy);
	free(w);
	ln_server_release(server);
}

static void nothing(uv_work_t *work)
{
	(void)work;
}

/* What could not even be begun fails as the rest does: later. */
static void start(struct queue_work *w, void (*run)(uv_work_t *work))
{
	w->work.data = w;
	ln_server_hold(w->server);
	uv_queue_work(ln_server_loop(w->server), &w->work, w->err ? nothing : run, on_done);
}

static struct queue_work *new_work(struct ln_server *server, struct spool *spool, struct message *m,
				   queue_work_done done)
{
	struct queue_work *w = calloc(1, sizeof(*w));

	/* Some octets for what nothing can be done without. */
	if (!w) {
		ln_error("out of memory");
		abort();
	}
	w->server = server;
	w->spool = spool;
	w->message = m;
	w->done = done;
	strcpy(w->id, m->id);
	return w;
}

/* --- the envelope --- */

static void run_save(uv_work_t *work)
{
	struct queue_work *w = work->data;

	w->err = spool_update(w->spool, w->id, w->text, w->len);
}

void queue_work_save(struct ln_server *server, struct spool *spool, struct message *m,
		     queue_work_done done)
{
	struct queue_work *w = new_work(server, spool, m, done);

	w->text = envelope_format(&m->envelope, &w->len);
	if (!w->text)
		w->err = -errno;
	start(w, run_save);
}

/* --- a report --- */

static int commit_report(struct queue_work *w, const struct report_written *r)
{
	struct spool_file *f = spool_create(w->spool, NULL);
	int err;

	if (!f)
		return -errno;
	err = spool_copy(f, r->fd);
	if (err) {
		spool_abort(f);
		return err;
	}
	w->own.body = r->eight_bit ? ENVELOPE_BODY_8BITMIME : ENVELOPE_BODY_NONE;
	w->own.utf8 = r->utf8;
	w->own.arrival = envelope_now();
	strcpy(w->report_id, spool_id(f));
	err = spool_commit(f, &w->own);
	if (err)
		*w->report_id = 0;
	return err;
}

static void run_report(uv_work_t *work)
{
	struct queue_work *w = work->data;
	struct report report = {
		.kind = w->kind,
		.hostname = w->setup->hostname,
		.postmaster = w->setup->postmaster,
		.id = w->id,
		.envelope = &w->copy,
		.n = w->n,
		.recipient = w->recipient,
		.expire = w->copy.arrival + w->setup->expire,
	};
	struct report_written written;

	report.fd = spool_text(w->spool, w->id, &report.size);
	if (report.fd < 0) {
		w->err = report.fd;
		return;
	}
	/* RFC 3461, 6.2 and 4.3: RET=FULL is for failures only. */
	report.whole = w->kind == REPORT_FAILED && w->copy.ret != ENVELOPE_RET_HDRS &&
		       (report.size <= w->setup->bounce_size ||
			(w->copy.ret == ENVELOPE_RET_FULL &&
			 (!w->setup->message_max || report.size < w->setup->message_max / 2)));
	w->err = report_write(&report, &written);
	close(report.fd);
	if (w->err)
		return;
	w->err = commit_report(w, &written);
	close(written.fd);
}

/* Another thread reads it while the loop goes on. */
static int copy_envelope(struct envelope *to, const struct envelope *from)
{
	const char *why;
	size_t len;
	char *text = envelope_format(from, &len);
	int err;

	if (!text)
		return -errno;
	err = envelope_parse(to, text, len, &why);
	free(text);
	return err;
}

static int address_report(struct queue_work *w)
{
	const char *sender = w->message->envelope.sender;

	w->own.sender = strdup("");
	if (!w->own.sender)
		return -ENOMEM;
	if (!w->setup->expand)
		return envelope_add(&w->own, sender) ? 0 : -errno;
	if (!w->setup->expand(w->setup->data, sender, &w->own) && w->own.n)
		return 0;
	ln_warning("relay: %s: there is no <%s> here who could be told", w->id, sender);
	return 1;
}

void queue_work_report(struct ln_server *server, const struct relay_setup *setup,
		       struct spool *spool, struct message *m, enum report_kind kind,
		       unsigned int *recipient, unsigned int n, queue_work_done done)
{
	struct queue_work *w = new_work(server, spool, m, done);
	int nobody = 0;

	w->setup = setup;
	w->kind = kind;
	w->recipient = recipient;
	w->n = n;
	w->err = recipient ? copy_envelope(&w->copy, &m->envelope) : -ENOMEM;
	if (!w->err) {
		nobody = address_report(w);
		w->err = nobody < 0 ? nobody : 0;
	}
	start(w, nobody > 0 ? nothing : run_report);
}
