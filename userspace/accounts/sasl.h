/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AUTH of SMTP (RFC 4954) and POP3 (RFC 5034): mechanisms by libgsasl, verdicts by accounts.
 *
 *	s = sasl_new(&settings, "PLAIN", &verdict)
 *	verdict = sasl_step(s, initial response or NULL, its length, &challenge)
 *	while the verdict is SASL_CONTINUE: send the challenge after "334 " or "+ ", and give the
 *	client's next line to sasl_step()
 *	SASL_PENDING: settings.done() tells later, from the loop
 *	sasl_free(s) in the end, at any time
 */
#ifndef ACCOUNTS_SASL_H
#define ACCOUNTS_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "accounts.h"

/* RFC 4954, 4: lines of an exchange; none of ours are nearly as long. */
#define SASL_LINE_MAX	12288
/* All names with spaces between them, and NUL. */
#define SASL_NAMES_MAX	64

enum sasl_verdict {
	SASL_CONTINUE,		/* send the challenge, read a line */
	SASL_GOOD,		/* SMTP 235, POP3 +OK */
	SASL_BAD,		/* 535 5.7.8, -ERR [AUTH] */
	SASL_PENDING,
	SASL_BUSY,		/* 454 4.7.0, -ERR [SYS/TEMP] */
	SASL_MALFORMED,		/* 501 5.5.2: no base64 */
	SASL_CANCELLED,		/* 501 5.7.0: "*" */
	SASL_UNKNOWN,		/* of sasl_new(): 504 5.5.4: no such mechanism */
	SASL_NEEDS_TLS,		/* of sasl_new(): 538 5.7.11: not without TLS */
};

/**
 * struct sasl_settings - an exchange
 * @accounts: whose
 * @server: the worker's loop
 * @service: "smtp", "pop"
 * @hostname: ours
 * @plain: PLAIN and LOGIN may be used: there is TLS
 * @done: called after SASL_PENDING with GOOD, BAD or BUSY
 * @data: passed on to it
 */
struct sasl_settings {
	struct accounts *accounts;
	struct ln_server *server;
	const char *service;
	const char *hostname;
	bool plain;
	void (*done)(void *data, enum sasl_verdict verdict);
	void *data;
};

struct sasl;

/* Once in a worker, before it gives up its rights.  0, or a negative errno after an error line. */
int sasl_start(void);
/* What may be used now, as "PLAIN LOGIN"; "": nothing. Returns @out. */
const char *sasl_names(const struct accounts *a, bool plain, char out[SASL_NAMES_MAX]);
/* The settings are copied. NULL: @verdict says why: UNKNOWN, NEEDS_TLS or BUSY (no memory). */
struct sasl *sasl_new(const struct sasl_settings *settings, const char *mechanism,
		      enum sasl_verdict *verdict);
/* @challenge: base64, "" for an empty one, valid until the next call; @line NULL: nothing yet. */
enum sasl_verdict sasl_step(struct sasl *s, const char *line, size_t len, const char **challenge);
/* Who it was, after SASL_GOOD, or who was meant; "" before that is known. */
const char *sasl_user(const struct sasl *s);
void sasl_free(struct sasl *s);

#endif
