/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client and what was said so far (RFC 5321, 4).
 *
 *	session.c		the connection: lines, replies, limits, time
 *	session-commands.c	all commands but these:
 *	session-mail.c		MAIL, RCPT, DATA, BDAT
 *	session-auth.c		AUTH (RFC 4954)
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "command.h"
#include "delivery.h"
#include "line.h"
#include "relay-link.h"
#include "sasl.h"
#include "server.h"
#include "transaction.h"
#include "worker.h"

/* RFC 4954, 4.3: lines of AUTH; RFC 5321's 512 and what parameters add are much less. */
#define SESSION_LINE_MAX	12288
#define SESSION_COMMAND_MAX	2048

enum service_kind {
	SERVICE_SMTP,		/* mail from other servers, port 25 */
	SERVICE_SUBMISSION,	/* mail from users (RFC 6409), port 587 */
	SERVICE_SMTPS,		/* the same with TLS from the start (RFC 8314), port 465 */
	SERVICE_LOCAL,		/* linnet-sendmail, over a UNIX socket */
};

/* What a listener's data is. */
struct service {
	enum service_kind kind;
	struct worker *worker;
};

enum phase {
	PHASE_COMMAND,
	PHASE_AUTH,		/* lines are the mechanism's */
	PHASE_DATA,
	PHASE_CHUNK,		/* of BDAT */
};

/**
 * struct session - one of them
 * @conn: its connection
 * @service: what it came to
 * @worker: whose
 * @phase: what is expected
 * @waiting: for a thread, for the tarpit or for TLS: nothing is read
 * @ending: it was sent away
 * @extended: EHLO was said
 * @client: the name that the client gave itself, "" before
 * @uid: who is at the other end of a UNIX socket
 * @user: who is authenticated, or ""
 * @lines: the line reader
 * @errors, @junk, @auth_failures: how many
 * @late: a reply that waits for the tarpit
 * @transaction: from MAIL on, or NULL
 * @delivery: of the message that is there, or NULL
 * @chunk_left: octets of the chunk that are still to come
 * @chunk_last: it is the last
 * @chunk_refusal: the chunk is thrown away, and this is the answer; of code 0: it is not
 * @chunked: a chunk was there: DATA is too late
 * @data_since: when the content began to come, ms
 * @data_octets: of it so far
 * @sasl: an exchange that is under way, or NULL
 * @question: to the queue manager, or NULL
 */
struct session {
	struct ln_conn *conn;
	const struct service *service;
	struct worker *worker;
	enum phase phase;
	bool waiting, ending;
	bool extended;
	char client[256];
	unsigned int uid;
	char user[256];
	struct ln_line_reader lines;
	unsigned int errors, junk, auth_failures;
	char late[600];
	struct transaction *transaction;
	struct delivery *delivery;
	uint64_t chunk_left;
	bool chunk_last, chunked;
	struct refusal chunk_refusal;
	uint64_t data_since, data_octets;
	struct sasl *sasl;
	struct relay_question *question;
};

extern const struct ln_proto session_proto;

/* --- among the files of this room --- */

/* "250 2.1.0 text"; @status may be NULL. */
void session_reply(struct session *s, unsigned int code, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* An error of the client's, which counts. */
void session_refuse(struct session *s, unsigned int code, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void session_refuse_as(struct session *s, const struct refusal *r);
/* 334 and base64 */
void session_challenge(struct session *s, const char *text);
/* The last words. */
void session_end(struct session *s, unsigned int code, const char *status, const char *text);
/* Nothing is read until session_go_on(). */
void session_pause(struct session *s);
void session_go_on(struct session *s);
/* Whether it may be used here and now. */
bool session_offers_auth(const struct session *s);
bool session_needs_auth(const struct session *s);
bool session_may_relay(const struct session *s);
/* A mail transaction ends. */
void session_reset(struct session *s);

/* session-commands.c */
void session_command(struct session *s, const char *line, size_t len);

/* session-mail.c */
void session_mail(struct session *s, const char *args, size_t len);
void session_rcpt(struct session *s, const char *args, size_t len);
void session_data(struct session *s, const char *args, size_t len);
void session_bdat(struct session *s, const char *args, size_t len);
/* Content: returns the octets that were used. */
size_t session_take_data(struct session *s, const char *data, size_t len);
size_t session_take_chunk(struct session *s, const char *data, size_t len);

/* session-auth.c */
void session_auth(struct session *s, const char *args, size_t len);
void session_auth_line(struct session *s, const char *line, size_t len);
void session_auth_cancel(struct session *s);
void session_auth_mechanisms(const struct session *s, char out[SASL_NAMES_MAX]);

#endif
