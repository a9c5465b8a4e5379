/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client and how far it is (RFC 1939, 3).
 *
 *	session.c	the connection: lines, replies, limits, time
 *	command.c	the table of commands; CAPA, QUIT, STLS
 *	login.c		USER, PASS, AUTH
 *	transaction.c	STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP
 *	listing.c	replies of many lines, which go out as there is room
 *	mailbox.c	what waits for the disk: opening a mailbox, and UPDATE
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts.h"
#include "line.h"
#include "maildir.h"
#include "sasl.h"
#include "server.h"
#include "setup.h"
#include "stuff.h"

/* RFC 2449, 4: 255 with CRLF; an initial response of AUTH is longer. */
#define SESSION_COMMAND_MAX	2048
/* Of a line that we send, RFC 2449, 4. */
#define SESSION_REPLY_MAX	512

enum state { STATE_AUTHORIZATION = 1, STATE_TRANSACTION = 2, STATE_UPDATE = 4 };

/* What a session waits for; its commands wait, too. */
enum wait {
	WAIT_NOTHING,
	WAIT_PASSWORD,		/* accounts or SASL */
	WAIT_DELAY,		/* before a failure is told */
	WAIT_MAILBOX,		/* the disk */
	WAIT_SENDING,		/* a reply of many lines */
	WAIT_TLS,
};

enum { MESSAGE_DELETED = 1, MESSAGE_RETRIEVED = 2 };

enum listing { LISTING_SIZES, LISTING_UIDS, LISTING_MESSAGE };

/**
 * struct session - one of them
 * @conn: its connection
 * @setup: the configuration
 * @state: RFC 1939's
 * @wait: what it waits for
 * @ending: it was sent away
 * @login_end: when the time for the login is over, ms
 * @lines: the line reader
 * @user: USER's name, or who is logged in; "": nobody
 * @errors, @auth_failures: how many
 * @late: the reply that waits for the delay
 * @waiter: for accounts
 * @sasl: an exchange that is under way, or NULL
 * @job: what the disk does for us, or NULL
 * @mailbox: from the login on, or NULL
 * @marks: of each message: mask of MESSAGE_*
 * @n_left, @octets_left: messages that are not marked as deleted
 * @listing: the reply that is being sent
 * @next: the message that it comes to next, or that is sent
 * @file: descriptor of that, or -1
 * @stuff: how far it is
 * @n_retrieved, @octets_sent: for the log
 */
struct session {
	struct ln_conn *conn;
	struct setup *setup;
	enum state state;
	enum wait wait;
	bool ending;
	uint64_t login_end;
	struct ln_line_reader lines;
	char user[USERS_MAX_NAME + 1];
	unsigned int errors, auth_failures;
	char late[SESSION_REPLY_MAX + 3];
	struct accounts_waiter waiter;
	struct sasl *sasl;
	struct mailbox_job *job;
	struct maildir *mailbox;
	unsigned char *marks;
	size_t n_left;
	uint64_t octets_left;
	enum listing listing;
	size_t next;
	int file;
	struct stuff stuff;
	uint64_t n_retrieved, octets_sent;
};

extern const struct ln_proto session_proto;

/* --- session.c --- */

/* A line, CRLF is added. */
void session_reply(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with "-ERR ", and counted. */
void session_refuse(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A refusal that comes after the delay. */
void session_fail(struct session *s, const char *text);
/* The last words, and the end. */
void session_end(struct session *s, const char *text);
/* Commands wait, or go on. */
void session_wait(struct session *s, enum wait wait);
void session_go_on(struct session *s);

/* --- command.c --- */

void session_command(struct session *s, char *line, size_t len);

/* --- login.c: arguments are "" when there are none --- */

bool login_plain_allowed(const struct session *s);
void login_user(struct session *s, char *args);
void login_pass(struct session *s, char *args);
void login_auth(struct session *s, char *args);
void login_auth_line(struct session *s, const char *line, size_t len);
void login_cancel(struct session *s);
/* The mailbox is open, or is not. */
void login_opened(struct session *s, int r);

/* --- transaction.c --- */

void transaction_stat(struct session *s, char *args);
void transaction_list(struct session *s, char *args);
void transaction_uidl(struct session *s, char *args);
void transaction_retr(struct session *s, char *args);
void transaction_top(struct session *s, char *args);
void transaction_dele(struct session *s, char *args);
void transaction_noop(struct session *s, char *args);
void transaction_rset(struct session *s, char *args);
void transaction_quit(struct session *s, char *args);
/* UPDATE is done. */
void transaction_updated(struct session *s, int r);

/* --- listing.c --- */

void listing_start(struct session *s, enum listing listing);
/* As much as there is room for; the session goes on after the last. */
void listing_send(struct session *s);
void listing_stop(struct session *s);

#endif
