/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What session.c and session-transaction.c share. */
#ifndef RELAY_SESSION_INTERNAL_H
#define RELAY_SESSION_INTERNAL_H

#include "session.h"
#include "stuff.h"

/* Two addresses or xtexts and all parameters. */
#define SESSION_COMMAND_MAX	4096

/* What is waited for. */
enum session_step {
	STEP_CONNECT,
	STEP_GREETING,
	STEP_EHLO,
	STEP_HELO,
	STEP_STARTTLS,
	STEP_TLS,
	STEP_AUTH,
	STEP_LOGIN_USER,
	STEP_LOGIN_PASSWORD,
	STEP_READY,
	STEP_TRANSACTION,	/* replies to MAIL, RCPT and DATA */
	STEP_TEXT,		/* room to send more of the text */
	STEP_TEXT_END,		/* the reply to all of it */
	STEP_RSET,
	STEP_QUIT,
};

/**
 * struct session - a session
 * @conn: its connection, NULL at the end
 * @step: what is waited for
 * @reply: as far as it has come
 * @offer: of EHLO
 * @peer: for people
 * @status, @why: how it ended
 * @ended: it ended as it should
 * @dropped: the owner wants to hear no more
 * @busy: in on_input()
 * @transaction: under way, or NULL
 * @transaction_end: when it has to be over, on the loop's clock
 * @said: commands of the transaction that were sent: 0 MAIL, 1 ... n RCPT, n + 1 DATA
 * @answered: of them
 * @accepted: recipients
 * @mail_refused: the reply to MAIL
 * @empty: nobody was accepted, but DATA: an empty text ends it
 * @stuff, @offset: of the text, as far as it was sent
 */
struct session {
	const struct relay_setup *setup;
	const struct relay_route *route;
	const struct hop *hop;
	const struct session_events *events;
	void *data;
	struct ln_conn *conn;
	enum session_step step;
	struct reply reply;
	struct reply_offer offer;
	char peer[RESOLVE_NAME + LN_ADDR_STRLEN + 3];
	char status[ENVELOPE_STATUS_MAX + 1];
	char *why;
	bool no_tls, tls_failed, authenticated;
	bool ended, dropped, busy;

	struct transaction *transaction;
	uint64_t transaction_end;
	unsigned int said, answered, accepted;
	bool mail_refused, empty;
	struct stuff stuff;
	uint64_t offset;
};

void session_wait(struct session *s, enum session_step step, uint64_t ms);
void session_say(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void session_fail(struct session *s, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void session_closed(struct session *s);
/* " after EHLO" */
const char *session_at(const struct session *s);

void session_on_transaction(struct session *s, const struct reply *r);
void session_on_421(struct session *s, const struct reply *r);
void session_send_text(struct session *s);

#endif
