/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an SMTP server answers (RFC 5321, 4.2): replies of one or more lines, and what the reply
 * to EHLO offers. Nothing here is more than a bounded part of what a server sends.
 */
#ifndef RELAY_REPLY_H
#define RELAY_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/envelope.h"

/* RFC 5321, 4.5.3.1.5 says 512; servers with longer lines are many. */
#define REPLY_LINE_MAX		2000
#define REPLY_LINES_MAX		200
#define REPLY_TEXT_MAX		ENVELOPE_REPLY_MAX

enum { REPLY_AUTH_PLAIN = 1, REPLY_AUTH_LOGIN = 2 };

/* What EHLO was answered with; zeroed: nothing, as after HELO. */
struct reply_offer {
	bool pipelining, size, eight_bit, utf8, starttls, dsn, enhanced;
	unsigned int auth;		/* mask of REPLY_AUTH_* */
	uint64_t size_max;		/* 0: not said */
};

/**
 * struct reply - zeroed before each reply
 * @code: 200 to 599
 * @lines: how many were there so far
 * @text: "CODE text", lines joined by blanks, cut at REPLY_TEXT_MAX; printable ASCII or UTF-8
 * @len: of @text
 * @offer: of lines from the second on, as EHLO's reply has them
 */
struct reply {
	unsigned int code;
	unsigned int lines;
	char text[REPLY_TEXT_MAX + 1];
	size_t len;
	struct reply_offer offer;
};

enum reply_verdict { REPLY_MORE, REPLY_DONE, REPLY_BAD };

/*
 * Takes one line, or nothing, off (data, len): *used is what it took. REPLY_DONE: the reply is
 * complete; REPLY_MORE: there is no whole line, or more lines come; call again while *used.
 * REPLY_BAD: that is no reply; *why.
 */
enum reply_verdict reply_take(struct reply *r, const char *data, size_t len, size_t *used,
			      const char **why);
/* The enhanced code in its text (RFC 2034), when its class is the reply's; else X.0.0 */
void reply_status(const struct reply *r, char status[ENVELOPE_STATUS_MAX + 1]);

#endif
