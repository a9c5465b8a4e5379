/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines out of a Telnet stream, as the control connection is one (RFC 959, 5.3.1). */
#ifndef FTPD_TELNET_H
#define FTPD_TELNET_H

#include <stdbool.h>
#include <stddef.h>

#define TELNET_MAX_LINE	4608	/* PATH_MAX and a verb */

/**
 * struct telnet - zeroed to begin with
 * @len: octets in @line
 * @too_long: the line had more than there is room for
 * @state: within a Telnet command
 * @verb: WILL, WONT, DO or DONT, whose option comes next
 * @cr: a CR came last
 * @line: the line, ending in NUL when it is whole; may have NUL in it
 */
struct telnet {
	size_t len;
	bool too_long;
	bool cr;
	unsigned char state, verb;
	char line[TELNET_MAX_LINE + 1];
};

/* Answers to options that the peer asked for, 3 octets each. */
struct telnet_answers {
	size_t len;
	unsigned char octets[48];
};

bool telnet_feed(struct telnet *t, const char *data, size_t len, size_t *used,
		 struct telnet_answers *answers);
void telnet_next(struct telnet *t);

#endif
