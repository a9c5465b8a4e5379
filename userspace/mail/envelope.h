/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a queue knows of a message beside its text: from whom, to whom, and how far each
 * recipient's delivery has come.
 */
#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_RECIPIENTS_MAX	50000
/* Octets of a value; of the reply of another server. */
#define ENVELOPE_VALUE_MAX	1000
#define ENVELOPE_REPLY_MAX	512
/* "5.123.456" */
#define ENVELOPE_STATUS_MAX	11

/* RFC 3461, 4.1: 0 is "not said": FAILURE, and DELAY as it pleases us. */
enum {
	ENVELOPE_NEVER = 1,
	ENVELOPE_SUCCESS = 2,
	ENVELOPE_FAILURE = 4,
	ENVELOPE_DELAY = 8,
};

/* RFC 3461, 4.3 */
enum envelope_ret { ENVELOPE_RET_NONE, ENVELOPE_RET_FULL, ENVELOPE_RET_HDRS };

/* RFC 6152 */
enum envelope_body { ENVELOPE_BODY_NONE, ENVELOPE_BODY_7BIT, ENVELOPE_BODY_8BITMIME };

enum envelope_state {
	ENVELOPE_PENDING,
	ENVELOPE_DELIVERED,	/* into a mailbox here */
	ENVELOPE_RELAYED,	/* to a server that tells of success itself, if it is asked to */
	ENVELOPE_PASSED,	/* to one that does not (RFC 3461, 5.2.2) */
	ENVELOPE_FAILED,
};

/**
 * struct envelope_recipient - who is to get the message; zeroed but for @address to begin with
 * @address: local@domain
 * @user: name of the user here whose it is, or NULL: another server's
 * @original: the address of RCPT, when aliases made another of it, or NULL
 * @orcpt: of RCPT, as it was sent ("rfc822;..." in xtext), or NULL
 * @notify: mask of ENVELOPE_NEVER ..., 0: not said
 * @state: how far it has come
 * @reported: the sender was told of its end, or need not be
 * @delay_told: the sender was told that it takes longer
 * @attempts: so many were made
 * @next: of the next attempt: milliseconds since the epoch
 * @last: of the last one, 0: none
 * @status: enhanced code of the last attempt (RFC 3463), or ""
 * @reply: what the last attempt met: a server's reply, or our own words; NULL: nothing
 * @remote: the server that said it, or NULL: we
 */
struct envelope_recipient {
	char *address;
	char *user;
	char *original;
	char *orcpt;
	unsigned int notify;
	enum envelope_state state;
	bool reported, delay_told;
	unsigned int attempts;
	int64_t next, last;
	char status[ENVELOPE_STATUS_MAX + 1];
	char *reply;
	char *remote;
};

/**
 * struct envelope - zeroed to begin with
 * @sender: the reverse path, "" is the null sender
 * @ret: of MAIL
 * @envid: of MAIL, as xtext, or NULL
 * @auth: of MAIL, as xtext, or NULL
 * @body: of MAIL
 * @utf8: SMTPUTF8 was asked for
 * @held: no attempts are made until it is released
 * @arrival: milliseconds since the epoch
 * @n: recipients
 * @room: internal
 * @recipient: they
 */
struct envelope {
	char *sender;
	enum envelope_ret ret;
	char *envid;
	char *auth;
	enum envelope_body body;
	bool utf8;
	bool held;
	int64_t arrival;
	unsigned int n, room;
	struct envelope_recipient *recipient;
};

/* Zeroed, with a copy of @address; NULL with errno. */
struct envelope_recipient *envelope_add(struct envelope *e, const char *address);
/* Frees what is in it. */
void envelope_clear(struct envelope *e);

/* As text, to be freed; NULL with errno: -EINVAL for what could not be read again. */
char *envelope_format(const struct envelope *e, size_t *len);
/* 0, or -EINVAL (*why: what is wrong) or -ENOMEM. */
int envelope_parse(struct envelope *e, const char *text, size_t len, const char **why);

int64_t envelope_now(void);

#endif
