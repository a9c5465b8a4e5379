/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mail transaction (RFC 5321, 3.3): from MAIL to the answer to its content.
 */
#ifndef SMTPD_TRANSACTION_H
#define SMTPD_TRANSACTION_H

#include "command.h"
#include "content.h"
#include "dot.h"
#include "message.h"
#include "recipient.h"
#include "spool.h"
#include "trace.h"
#include "worker.h"

/* What a transaction keeps of its client, who may be gone before the answer is there. */
struct transaction_client {
	char name[256];
	char tls[16];
	char user[256];
	char peer[LN_ADDR_STRLEN];
};

/**
 * struct transaction - one of them
 * @worker: whose
 * @mail: the reverse path and what was said with it
 * @to: who gets the message
 * @refused: an RCPT was refused
 * @client: who sends it
 * @trace: how it comes
 * @submitted: by a user: what is missing in the message is added
 * @id: the message's name
 * @content: the message
 * @scan: what was seen in it
 * @dot: where in DATA we are
 * @too_big: it is longer than allowed; the rest is thrown away
 * @loop: it was delivered to one of its recipients before
 * @headed: the lines before it are there
 * @refusal: why it is refused
 */
struct transaction {
	struct worker *worker;
	struct mail_command mail;
	struct recipients to;
	bool refused;
	struct transaction_client client;
	struct trace trace;
	bool submitted;
	char id[SPOOL_ID_LEN + 1];
	struct content content;
	struct mail_scan scan;
	struct dot dot;
	bool too_big, loop, headed;
	struct refusal refusal;
};

/* NULL: no memory. */
struct transaction *transaction_new(struct worker *w);
/* Texts are copied; @tls may be NULL. */
void transaction_set_client(struct transaction *t, const char *name, const char *tls,
			    const char *user, const char *peer);
/* A piece of the message; a dot_emit_fn. */
void transaction_add(void *transaction, const char *text, size_t len);
/* The last line ends with CRLF, as it has to when it is sent on by DATA. */
void transaction_end_line(struct transaction *t);
/* There is no more: why the message is refused, or NULL. */
const struct refusal *transaction_check(struct transaction *t);
/* What to answer to an error of a file. */
void transaction_refuse_errno(struct refusal *r, int err);
void transaction_free(struct transaction *t);

#endif
