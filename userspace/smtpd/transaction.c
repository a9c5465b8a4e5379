// SPDX-License-Identifier: GPL-2.0-or-later
#include "transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "log.h"

/* Who was given this message already must not get it again (Delivered-To). */
static void on_field(void *data, const char *name, size_t name_len, const char *value,
		     size_t value_len)
{
	static const char delivered_to[] = "Delivered-To";
	struct transaction *t = data;

	if (name_len != sizeof(delivered_to) - 1 || strncasecmp(name, delivered_to, name_len))
		return;
	for (unsigned int i = 0; i < t->to.n; i++) {
		const struct recipient *r = &t->to.list[i];

		if (r->user && strlen(r->address) == value_len &&
		    !strncasecmp(r->address, value, value_len))
			t->loop = true;
	}
}

/**
 * transaction_new() - begin a mail transaction
 * @w: the worker
 *
 * Return: the transaction, or NULL: no memory.
 */
struct transaction *transaction_new(struct worker *w)
{
	struct transaction *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->worker = w;
	content_init(&t->content);
	t->scan.field = on_field;
	t->scan.data = t;
	spool_new_id(t->id);
	return t;
}

static void copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from ? from : "");
}

/**
 * transaction_set_client() - who sends it
 * @t: the transaction
 * @name: the name that the client gave itself
 * @tls: "TLSv1.3", or NULL
 * @user: who is authenticated, or ""
 * @peer: its address, for the log
 */
void transaction_set_client(struct transaction *t, const char *name, const char *tls,
			    const char *user, const char *peer)
{
	struct transaction_client *c = &t->client;

	copy(c->name, sizeof(c->name), name);
	copy(c->tls, sizeof(c->tls), tls);
	copy(c->user, sizeof(c->user), user);
	copy(c->peer, sizeof(c->peer), peer);
	t->trace.client = c->name;
	t->trace.tls = tls ? c->tls : NULL;
}

/* The lines before the message. */
static void put_head(struct transaction *t)
{
	char head[CONTENT_HEAD_MAX];
	size_t len;

	t->trace.when = time(NULL);
	if (t->to.n == 1)
		t->trace.recipient = t->to.list[0].original ? t->to.list[0].original :
							      t->to.list[0].address;
	len = trace_received(head, sizeof(head), &t->trace);
	/* What is not known to be missing is not added. */
	if (t->submitted && t->scan.in_body)
		len += trace_missing(head + len, sizeof(head) - len, &t->trace, &t->scan);
	content_prepend(&t->content, head, len);
	t->headed = true;
}

/**
 * transaction_add() - a piece of the message
 * @transaction: the transaction
 * @text: the piece
 * @len: its length
 */
void transaction_add(void *transaction, const char *text, size_t len)
{
	struct transaction *t = transaction;

	mail_scan(&t->scan, text, len);
	if (t->scan.size > t->worker->setup->limits.message && !t->too_big) {
		t->too_big = true;
		content_clear(&t->content);
	}
	if (t->too_big)
		return;
	if (!t->headed && content_would_spill(&t->content, len))
		put_head(t);
	content_add(&t->content, t->worker->temporary, text, len);
}

/**
 * transaction_end_line() - end the last line of a message that came by BDAT
 * @t: the transaction
 */
void transaction_end_line(struct transaction *t)
{
	if (t->scan.line && !t->scan.after_cr)
		transaction_add(t, "\r\n", 2);
}

/**
 * transaction_refuse_errno() - what to answer to an error of a file
 * @r: the answer
 * @err: a negative errno
 */
void transaction_refuse_errno(struct refusal *r, int err)
{
	switch (err) {
	case -ENOSPC:
	case -EFBIG:
		*r = (struct refusal){ 452, "4.3.1", "there is no room for messages now" };
		break;
	case -EDQUOT:
		*r = (struct refusal){ 452, "4.2.2", "the mailbox is full" };
		break;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		*r = (struct refusal){ 452, "4.3.1", "too much is under way now" };
		break;
	default:
		*r = (struct refusal){ 451, "4.3.0", "the message cannot be kept now" };
	}
}

static bool refuse(struct transaction *t, unsigned int code, const char *status, const char *text)
{
	t->refusal = (struct refusal){ code, status, text };
	return true;
}

static bool is_refused(struct transaction *t)
{
	if (t->too_big)
		return refuse(t, 552, "5.3.4", "the message is larger than is allowed");
	/* RFC 5321, 2.3.8: what another server might take for an end of line */
	if (t->scan.bare)
		return refuse(t, 550, "5.5.2", "the message has a CR or LF that is no CRLF");
	if (t->scan.nul)
		return refuse(t, 550, "5.6.0", "the message has a NUL in it");
	if (t->scan.received > t->worker->setup->limits.received)
		return refuse(t, 554, "5.4.6", "the message went through too many servers: a loop");
	if (t->loop)
		return refuse(t, 554, "5.4.6", "the message was delivered here before: a loop");
	if (!t->content.error)
		return false;
	ln_warning("%s: the message cannot be kept: %s", t->client.peer,
		   strerror(-t->content.error));
	transaction_refuse_errno(&t->refusal, t->content.error);
	/* Where it was to be kept is the server's, not a mailbox. */
	if (t->content.error == -EDQUOT)
		transaction_refuse_errno(&t->refusal, -ENOSPC);
	return true;
}

/**
 * transaction_check() - all of the message is there
 * @t: the transaction
 *
 * Return: why it is refused, or NULL.
 */
const struct refusal *transaction_check(struct transaction *t)
{
	mail_scan_end(&t->scan);
	if (!t->headed && !t->too_big)
		put_head(t);
	return is_refused(t) ? &t->refusal : NULL;
}

/**
 * transaction_free() - let a transaction go
 * @t: the transaction, or NULL
 */
void transaction_free(struct transaction *t)
{
	if (!t)
		return;
	recipients_clear(&t->to);
	content_clear(&t->content);
	free(t);
}
