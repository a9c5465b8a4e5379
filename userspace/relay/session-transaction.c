// SPDX-License-Identifier: GPL-2.0-or-later
/* MAIL, RCPT, DATA, the text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session-internal.h"

#define PIECE (32 * 1024)

/* --- outcomes --- */

static void set_outcome(struct outcome *o, enum outcome_state state, const char *status,
			const char *reply)
{
	o->state = state;
	snprintf(o->status, sizeof(o->status), "%s", status);
	free(o->reply);
	o->reply = strndup(reply, ENVELOPE_REPLY_MAX);
}

static void outcome_of_reply(struct outcome *o, const struct reply *r)
{
	char status[ENVELOPE_STATUS_MAX + 1];

	reply_status(r, status);
	set_outcome(o,
		    r->code / 100 == 2 ? OUTCOME_SENT :
		    r->code / 100 == 5 ? OUTCOME_FAILED :
					 OUTCOME_DEFERRED,
		    status, r->text);
}

/* For all of whom nothing has been said yet. */
static void outcome_of_rest(struct transaction *t, const struct reply *r)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (t->outcome[i].state == OUTCOME_OPEN)
			outcome_of_reply(&t->outcome[i], r);
}

static void finish(struct session *s)
{
	s->transaction = NULL;
	session_wait(s, STEP_READY, LN_NEVER / 2);
	s->events->done(s, s->data);
}

/* It is over without a text: the server forgets it. */
static void give_up(struct session *s)
{
	session_say(s, "RSET");
	session_wait(s, STEP_RSET, s->setup->command_time);
}

/* --- commands --- */

static void say_mail(struct session *s)
{
	const struct envelope *e = s->transaction->envelope;
	const struct transaction *t = s->transaction;
	char line[SESSION_COMMAND_MAX];
	size_t room = sizeof(line);
	int n = snprintf(line, room, "MAIL FROM:<%s>", e->sender);

	if (s->offer.size)
		n += snprintf(line + n, room - n, " SIZE=%llu", (unsigned long long)t->size);
	if (s->offer.eight_bit && t->eight_bit)
		n += snprintf(line + n, room - n, " BODY=8BITMIME");
	if (s->offer.utf8 && t->utf8)
		n += snprintf(line + n, room - n, " SMTPUTF8");
	if (s->offer.dsn && e->ret)
		n += snprintf(line + n, room - n, " RET=%s",
			      e->ret == ENVELOPE_RET_FULL ? "FULL" : "HDRS");
	if (s->offer.dsn && e->envid && *e->envid)
		n += snprintf(line + n, room - n, " ENVID=%s", e->envid);
	/* RFC 4954, 5: only to a server that knows us. */
	if (s->authenticated && e->auth && *e->auth)
		snprintf(line + n, room - n, " AUTH=%s", e->auth);
	session_say(s, "%s", line);
}

static void say_rcpt(struct session *s, unsigned int i)
{
	static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	const struct transaction *t = s->transaction;
	const struct envelope_recipient *r = &t->envelope->recipient[t->recipient[i]];
	char line[SESSION_COMMAND_MAX];
	size_t room = sizeof(line);
	int n = snprintf(line, room, "RCPT TO:<%s>", r->address);
	const char *before = " NOTIFY=";

	for (int k = 0; k < 4 && s->offer.dsn; k++) {
		if (!(r->notify & 1U << k))
			continue;
		n += snprintf(line + n, room - n, "%s%s", before, names[k]);
		before = ",";
	}
	if (s->offer.dsn && r->orcpt && *r->orcpt)
		snprintf(line + n, room - n, " ORCPT=%s", r->orcpt);
	session_say(s, "%s", line);
}

/* As many commands as the server takes at once. */
static void say_more(struct session *s)
{
	struct transaction *t = s->transaction;

	while (s->said <= t->n + 1 && (s->offer.pipelining || s->said == s->answered)) {
		if (!s->said)
			say_mail(s);
		else if (s->said <= t->n)
			say_rcpt(s, s->said - 1);
		else
			session_say(s, "DATA");
		s->said++;
	}
	session_wait(s, STEP_TRANSACTION, s->setup->command_time);
}

/**
 * session_send() - begin a transaction
 * @s: a session that is ready
 * @t: the transaction
 */
void session_send(struct session *s, struct transaction *t)
{
	s->transaction = t;
	s->transaction_end = ln_conn_now(s->conn) + s->setup->session_time;
	s->said = s->answered = s->accepted = 0;
	s->mail_refused = s->empty = false;
	memset(&s->stuff, 0, sizeof(s->stuff));
	s->offset = 0;
	say_more(s);
}

/* --- the text --- */

/* Sends as much of it as there is room for. */
void session_send_text(struct session *s)
{
	static char piece[PIECE], stuffed[STUFF_ROOM(PIECE)];
	struct transaction *t = s->transaction;
	char end[5];

	while (s->offset < t->size && !ln_conn_full(s->conn)) {
		uint64_t left = t->size - s->offset;
		ssize_t n = pread(t->fd, piece, left < PIECE ? left : PIECE, s->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			session_fail(s, "4.3.0", "the message cannot be read: %s",
				     n ? strerror(errno) : "its file ends too early");
			return;
		}
		s->offset += n;
		if (ln_conn_write(s->conn, stuffed, stuff(&s->stuff, stuffed, piece, n)))
			return;
	}
	if (s->offset < t->size) {
		session_wait(s, STEP_TEXT, s->setup->data_time);
		return;
	}
	ln_conn_write(s->conn, end, stuff_end(&s->stuff, end));
	t->past_end = true;
	session_wait(s, STEP_TEXT_END, s->setup->data_end_time);
}

static void begin_text(struct session *s)
{
	if (s->accepted) {
		session_send_text(s);
		return;
	}
	/* RFC 2920, 3.1 */
	s->empty = true;
	session_say(s, ".");
	session_wait(s, STEP_TEXT_END, s->setup->data_end_time);
}

/* --- replies --- */

static bool unexpected(struct session *s, const struct reply *r, const char *to)
{
	if (r->code / 100 != 3)
		return false;
	session_fail(s, "4.5.0", "%s answered %s with %s", s->peer, to, r->text);
	return true;
}

static void on_mail(struct session *s, const struct reply *r)
{
	if (unexpected(s, r, "MAIL"))
		return;
	if (r->code / 100 != 2) {
		s->mail_refused = true;
		outcome_of_rest(s->transaction, r);
	}
}

static void on_rcpt(struct session *s, struct outcome *o, const struct reply *r)
{
	if (s->mail_refused || unexpected(s, r, "RCPT"))
		return;
	if (r->code / 100 == 2) {
		s->accepted++;
		return;
	}
	outcome_of_reply(o, r);
	/* RFC 5321, 4.5.3.1.10: the others wait for another transaction. 552 of old servers, too */
	if (s->accepted && (r->code == 452 || r->code == 552))
		o->state = OUTCOME_AGAIN;
}

static void on_data(struct session *s, const struct reply *r)
{
	if (r->code == 354) {
		begin_text(s);
		return;
	}
	if (r->code / 100 < 4) {
		session_fail(s, "4.5.0", "%s answered DATA with %s", s->peer, r->text);
		return;
	}
	outcome_of_rest(s->transaction, r);
	give_up(s);
}

static void on_command(struct session *s, const struct reply *r)
{
	struct transaction *t = s->transaction;
	unsigned int which = s->answered++;

	if (!which)
		on_mail(s, r);
	else if (which <= t->n)
		on_rcpt(s, &t->outcome[which - 1], r);
	else
		on_data(s, r);
	if (!s->conn || s->step != STEP_TRANSACTION || which > t->n)
		return;
	/* Not pipelined: what would follow has no sense any more. */
	if (s->said == s->answered && (s->mail_refused || (which == t->n && !s->accepted)))
		give_up(s);
	else
		say_more(s);
}

static void on_text_end(struct session *s, const struct reply *r)
{
	struct transaction *t = s->transaction;

	if (unexpected(s, r, "the message"))
		return;
	if (!s->empty)
		outcome_of_rest(t, r);
	finish(s);
}

/* It does not want to read the rest, or does not know what it says. */
static void on_early(struct session *s, const struct reply *r)
{
	if (r->code / 100 >= 4)
		outcome_of_rest(s->transaction, r);
	session_fail(s, "4.4.2", "%s answered in the middle of the message: %s", s->peer, r->text);
}

void session_on_transaction(struct session *s, const struct reply *r)
{
	switch (s->step) {
	case STEP_TRANSACTION:
		/* More replies than commands */
		if (s->answered < s->said)
			on_command(s, r);
		break;
	case STEP_TEXT:
		on_early(s, r);
		break;
	case STEP_TEXT_END:
		on_text_end(s, r);
		break;
	default:
		finish(s);
	}
}

/* The server ends the session (RFC 5321, 3.8). Nothing that was sent has been accepted. */
void session_on_421(struct session *s, const struct reply *r)
{
	char status[ENVELOPE_STATUS_MAX + 1];

	reply_status(r, status);
	if (s->transaction) {
		s->transaction->past_end = false;
		if (s->step == STEP_TEXT_END)
			outcome_of_rest(s->transaction, r);
	}
	session_fail(s, status, "%s ended the session%s: %s", s->peer, session_at(s), r->text);
}
