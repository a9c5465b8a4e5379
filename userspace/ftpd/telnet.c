// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Telnet of a control connection: no options, and commands are taken out (RFC 1123,
 * 4.1.2.12).  A line ends in CR LF, or in a lone LF as some clients have it; CR NUL is a CR
 * (RFC 854), and in names it is one (RFC 2640, 3.1).
 */
#include "telnet.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL, WONT, DO, DONT, IAC };
enum { TEXT, COMMAND, OPTION, PARAMETERS, PARAMETERS_IAC };

static void add(struct telnet *t, char c)
{
	if (t->len < TELNET_MAX_LINE)
		t->line[t->len++] = c;
	else
		t->too_long = true;
}

/* RFC 1123, 4.1.2.12: options are refused.  What stays out we have said already. */
static void refuse(const struct telnet *t, unsigned char option, struct telnet_answers *a)
{
	if ((t->verb != WILL && t->verb != DO) || a->len + 3 > sizeof(a->octets))
		return;
	a->octets[a->len++] = IAC;
	a->octets[a->len++] = t->verb == WILL ? DONT : WONT;
	a->octets[a->len++] = option;
}

/* Returns true for an octet of text. */
static bool filter(struct telnet *t, unsigned char c, struct telnet_answers *a)
{
	switch (t->state) {
	case TEXT:
		if (c != IAC)
			return true;
		t->state = COMMAND;
		return false;
	case COMMAND:
		t->verb = c;
		t->state = c == SB ? PARAMETERS : c >= WILL && c <= DONT ? OPTION : TEXT;
		return c == IAC;
	case OPTION:
		refuse(t, c, a);
		t->state = TEXT;
		return false;
	case PARAMETERS:
		if (c == IAC)
			t->state = PARAMETERS_IAC;
		return false;
	default:
		t->state = c == SE ? TEXT : PARAMETERS;
		return false;
	}
}

/* Returns true at the end of a line. */
static bool text(struct telnet *t, char c)
{
	if (c == '\n') {
		t->cr = false;
		t->line[t->len] = 0;
		return true;
	}
	if (t->cr) {
		t->cr = false;
		add(t, '\r');
		if (!c)
			return false;
	}
	if (c == '\r')
		t->cr = true;
	else
		add(t, c);
	return false;
}

/**
 * telnet_feed() - read on
 * @t: what was read so far; after a line telnet_next()
 * @data: what arrived
 * @len: octets of it
 * @used: how many of them were read
 * @answers: what to send back is added; what does not fit is not answered
 *
 * Return: whether there is a whole line in @t.
 */
bool telnet_feed(struct telnet *t, const char *data, size_t len, size_t *used,
		 struct telnet_answers *answers)
{
	for (size_t i = 0; i < len; i++) {
		if (filter(t, data[i], answers) && text(t, data[i])) {
			*used = i + 1;
			return true;
		}
	}
	*used = len;
	return false;
}

/**
 * telnet_next() - the line was used
 * @t: the reader
 */
void telnet_next(struct telnet *t)
{
	t->len = 0;
	t->too_long = false;
}
