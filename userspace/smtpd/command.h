/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client's line says: the verb, and the arguments of MAIL, RCPT, BDAT and ETRN.
 */
#ifndef SMTPD_COMMAND_H
#define SMTPD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

/* RFC 3461, 4.4 and 4.2, in encoded form */
#define COMMAND_ENVID_MAX	100
#define COMMAND_ORCPT_MAX	500

enum verb {
	VERB_HELO,
	VERB_EHLO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_RSET,
	VERB_NOOP,
	VERB_QUIT,
	VERB_VRFY,
	VERB_EXPN,
	VERB_HELP,
	VERB_STARTTLS,
	VERB_AUTH,
	VERB_ETRN,
	VERB_NOT_IMPLEMENTED,	/* SEND, SOML, SAML, TURN: known, not offered */
	VERB_FOREIGN,		/* another protocol's: HTTP by a browser that was tricked */
	VERB_UNKNOWN,
	VERB_COUNT,
};

/* A refusal: reply code, enhanced code (RFC 3463), words. */
struct refusal {
	unsigned int code;
	const char *status;
	const char *text;
};

/**
 * struct command_offer - what the client may use
 * @extended: it said EHLO: parameters are allowed
 * @utf8: SMTPUTF8 was offered; for RCPT: MAIL asked for it
 */
struct command_offer {
	bool extended;
	bool utf8;
};

enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum ret { RET_NONE, RET_FULL, RET_HDRS };
enum body { BODY_NONE, BODY_7BIT, BODY_8BITMIME };

/**
 * struct mail_command - MAIL FROM:<...> and its parameters
 * @from: the reverse path; may be null
 * @size: of SIZE, or 0
 * @body: of BODY
 * @utf8: SMTPUTF8
 * @ret: of RET
 * @envid: of ENVID, as xtext, or ""
 * @auth: of AUTH, as xtext, "<>" or ""
 */
struct mail_command {
	struct mail_address from;
	uint64_t size;
	enum body body;
	bool utf8;
	enum ret ret;
	char envid[COMMAND_ENVID_MAX + 1];
	char auth[COMMAND_ORCPT_MAX + 1];
};

/**
 * struct rcpt_command - RCPT TO:<...> and its parameters
 * @to: the forward path
 * @notify: mask of NOTIFY_*, 0: not said
 * @orcpt: of ORCPT, as it was sent, or ""
 */
struct rcpt_command {
	struct mail_address to;
	unsigned int notify;
	char orcpt[COMMAND_ORCPT_MAX + 1];
};

/* *@args: what is behind the verb and the blanks that follow it, up to the end. */
enum verb command_verb(const char *line, size_t len, const char **args, size_t *args_len);
/* 0, or -1 with @r. */
int command_mail(struct mail_command *m, const char *args, size_t len,
		 const struct command_offer *offer, struct refusal *r);
int command_rcpt(struct rcpt_command *c, const char *args, size_t len,
		 const struct command_offer *offer, struct refusal *r);
/* RFC 3030, 2 */
int command_bdat(const char *args, size_t len, uint64_t *size, bool *last, struct refusal *r);
/* The name that a client gives itself: no more is asked than that it can be logged. */
bool command_client_name(const char *s, size_t len);

#endif
