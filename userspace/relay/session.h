/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with another server, as its client (RFC 5321): from the connection to the greeting,
 * EHLO or HELO, STARTTLS (RFC 3207) and AUTH (RFC 4954); then transactions, one after the other,
 * pipelined where that is offered (RFC 2920).
 */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/envelope.h"
#include "reply.h"
#include "resolve.h"
#include "server.h"
#include "setup.h"

enum outcome_state {
	OUTCOME_OPEN,		/* nothing was said of this recipient */
	OUTCOME_SENT,
	OUTCOME_DEFERRED,
	OUTCOME_FAILED,
	OUTCOME_AGAIN,		/* too many recipients for one transaction */
};

struct outcome {
	enum outcome_state state;
	char status[ENVELOPE_STATUS_MAX + 1];
	char *reply;		/* to be freed */
};

/**
 * struct transaction - a message and some of its recipients
 * @envelope: whose
 * @n: how many recipients
 * @recipient: which of the envelope's
 * @outcome: of each of them, zeroed to begin with
 * @fd: the text
 * @size: its octets
 * @eight_bit: BODY=8BITMIME
 * @utf8: SMTPUTF8
 * @past_end: the whole text was sent: whoever is OUTCOME_OPEN then may have got the message
 */
struct transaction {
	const struct envelope *envelope;
	unsigned int n;
	const unsigned int *recipient;
	struct outcome *outcome;
	int fd;
	uint64_t size;
	bool eight_bit, utf8;
	bool past_end;
};

struct session;

/**
 * struct session_events - told to the owner; none is called from within a function of this header
 * @ready: a transaction can begin, the first time
 * @done: the transaction is over: all outcomes are there. session_ready() tells whether another
 *	one can begin.
 * @closed: the session is gone. Outcomes that are OUTCOME_OPEN stay so. @status and @why tell what
 *	happened, @why is NULL when it ended as it should.
 */
struct session_events {
	void (*ready)(struct session *s, void *data);
	void (*done)(struct session *s, void *data);
	void (*closed)(struct session *s, void *data, const char *status, const char *why);
};

/* @no_tls: in spite of RELAY_TLS_MAY. @hop and @route stay. NULL with errno. */
struct session *session_open(struct ln_server *server, const struct relay_setup *setup,
			     const struct relay_route *route, const struct hop *hop, bool no_tls,
			     const struct session_events *events, void *data);
bool session_ready(const struct session *s);
/* What it came to is in closed(): TLS could not be agreed on, and need not be. */
bool session_tls_failed(const struct session *s);
const struct reply_offer *session_offer(const struct session *s);
/* "mx.example.org[192.0.2.1]:25" */
const char *session_peer(const struct session *s);
const char *session_host(const struct session *s);
/* "linnet", "tcp" and the TLS version, for the log */
void session_transport(const struct session *s, char out[48]);
/* When it is ready; @t stays until done() or closed(). */
void session_send(struct session *s, struct transaction *t);
/* When it is ready: the end, in order. closed() comes. */
void session_quit(struct session *s);
/* At once; closed() does not come. */
void session_drop(struct session *s);

#endif
