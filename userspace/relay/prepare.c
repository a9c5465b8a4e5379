// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/address.h"
#include "convert.h"

/**
 * struct preparation - in another thread
 * @check_header: SMTPUTF8 is not offered: the header must be ASCII
 * @to_7bit: 8BITMIME is not offered
 */
struct preparation {
	uv_work_t work;
	struct ln_server *server;
	struct job *job;
	bool check_header, to_7bit;
	int fd;
	uint64_t size;
	int converted;
	uint64_t converted_size;
	bool bad_header;
	int err;
	void (*done)(bool ready, void *data);
	void *data;
};

static bool is_utf8(const char *s)
{
	return !mail_is_ascii(s, strlen(s));
}

/* RFC 6531, 3.5: an address that the server cannot have. */
static void refuse_addresses(struct job *j)
{
	const struct envelope *e = &j->message->envelope;

	for (unsigned int i = 0; i < j->n; i++) {
		struct outcome *o = &j->outcome[i];

		if (!is_utf8(e->sender) && !is_utf8(e->recipient[j->recipient[i]].address))
			continue;
		o->state = OUTCOME_FAILED;
		strcpy(o->status, "5.6.7");
		o->reply = strdup("the server does not offer SMTPUTF8, which the addresses need");
	}
}

/* Those who cannot have it are told now, so that the rest stays together. */
static bool any_open(struct job *j)
{
	return job_apply(j, ENVELOPE_PENDING, NULL);
}

static void fill(struct job *j, const struct reply_offer *offer)
{
	const struct envelope *e = &j->message->envelope;

	j->transaction = (struct transaction){
		.envelope = e,
		.n = j->n,
		.recipient = j->recipient,
		.outcome = j->outcome,
		.fd = j->fd,
		.size = j->size,
		.eight_bit = e->body == ENVELOPE_BODY_8BITMIME && offer->eight_bit,
		.utf8 = e->utf8 && offer->utf8,
	};
}

/* --- in the other thread --- */

static void run(uv_work_t *work)
{
	struct preparation *p = work->data;
	bool body;

	if (p->check_header)
		p->err = convert_look(p->fd, p->size, &p->bad_header, &body);
	if (p->err || p->bad_header || !p->to_7bit)
		return;
	p->converted = convert_to_7bit(p->fd, p->size, &p->converted_size);
	p->err = p->converted < 0 ? p->converted : 0;
}

static void conclude(struct preparation *p)
{
	struct job *j = p->job;
	char why[160];

	if (p->bad_header) {
		/* RFC 6531, 3.5 with RFC 6710's registry */
		job_set(j, OUTCOME_FAILED, "5.6.9",
			"the server does not offer SMTPUTF8, which the message's header needs");
	} else if (p->err == -EILSEQ) {
		/* RFC 6152, 3 */
		job_set(j, OUTCOME_FAILED, "5.6.3",
			"the server does not offer 8BITMIME, and the message cannot be converted");
	} else if (p->err) {
		snprintf(why, sizeof(why), "the message cannot be converted now: %s",
			 strerror(-p->err));
		job_set(j, OUTCOME_DEFERRED, "4.3.0", why);
	} else if (p->converted >= 0) {
		job_close(j);
		j->fd = j->transaction.fd = p->converted;
		j->size = j->transaction.size = p->converted_size;
	}
}

static void on_done(uv_work_t *work, int status)
{
	struct preparation *p = work->data;
	struct ln_server *server = p->server;

	if (status)
		p->err = status;
	conclude(p);
	p->done(!p->err && !p->bad_header, p->data);
	free(p);
	ln_server_release(server);
}

static enum prepare begin(struct ln_server *server, struct job *j, bool check_header, bool to_7bit,
			  void (*done)(bool ready, void *data), void *data)
{
	struct preparation *p = calloc(1, sizeof(*p));

	if (!p) {
		job_set(j, OUTCOME_DEFERRED, "4.3.0", "out of memory");
		return PREPARE_OVER;
	}
	p->server = server;
	p->job = j;
	p->check_header = check_header;
	p->to_7bit = to_7bit;
	p->fd = j->fd;
	p->size = j->size;
	p->converted = -1;
	p->done = done;
	p->data = data;
	p->work.data = p;
	ln_server_hold(server);
	uv_queue_work(ln_server_loop(server), &p->work, run, on_done);
	return PREPARE_LATER;
}

/**
 * prepare() - make a job ready for a server
 * @server: the loop
 * @j: the job
 * @offer: of the server
 * @done: told later, after PREPARE_LATER; @j and its message stay until then
 * @data: passed on to it
 *
 * Return: whether it can be sent.
 */
enum prepare prepare(struct ln_server *server, struct job *j, const struct reply_offer *offer,
		     void (*done)(bool ready, void *data), void *data)
{
	const struct envelope *e = &j->message->envelope;
	bool check_header = e->utf8 && !offer->utf8;
	bool to_7bit = e->body == ENVELOPE_BODY_8BITMIME && !offer->eight_bit;
	int err = job_open(j);
	char why[160];

	if (err) {
		snprintf(why, sizeof(why), "the message cannot be read: %s", strerror(-err));
		job_set(j, OUTCOME_DEFERRED, "4.3.0", why);
		return PREPARE_OVER;
	}
	/* RFC 1870, 6.2 */
	if (offer->size_max && j->size > offer->size_max) {
		snprintf(why, sizeof(why),
			 "the message has %llu octets, the server takes at most %llu",
			 (unsigned long long)j->size, (unsigned long long)offer->size_max);
		job_set(j, OUTCOME_FAILED, "5.3.4", why);
		return PREPARE_OVER;
	}
	if (!offer->utf8) {
		refuse_addresses(j);
		if (!any_open(j))
			return PREPARE_OVER;
	}
	fill(j, offer);
	if (check_header || to_7bit)
		return begin(server, j, check_header, to_7bit, done, data);
	return PREPARE_READY;
}
