// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shape of a request header, RFC 9112, checked octet by octet before the
 * parser gets it.
 *
 * Servers that understand a malformed header differently let an attacker hide
 * one request in another.  So what the RFC lets a recipient repair is refused
 * here instead: a bare CR or LF, a folded line, a blank before the colon,
 * anything but one space between the parts of the request line.
 */
#include "scan.h"

#include "field.h"

#define MAX_METHOD	32

enum {
	START,
	START_LF,
	METHOD,
	TARGET,
	VERSION,
	VERSION_LF,
	LINE,
	NAME,
	VALUE,
	VALUE_LF,
	END_LF,
};

static bool is_digit(unsigned char ch)
{
	return ch >= '0' && ch <= '9';
}

/* The octet at place @i of "HTTP/1.1".  Returns 0 or a status. */
static int check_version(size_t i, unsigned char ch)
{
	static const char pattern[] = "HTTP/d.d";

	if (i >= sizeof(pattern) - 1)
		return 400;
	if (pattern[i] == 'd' ? !is_digit(ch) : ch != (unsigned char)pattern[i])
		return 400;
	return i == 5 && ch != '1' ? 505 : 0;
}

static int step(struct http_scan *s, unsigned char ch, const struct http_limits *limits)
{
	switch (s->state) {
	case START:
		/* RFC 9112, 2.2: one empty line before a request is forgiven. */
		if (ch == '\r' && !s->start)
			s->state = START_LF;
		else if (http_is_token_char(ch))
			s->state = METHOD;
		else
			return 400;
		s->count = 1;
		return 0;
	case START_LF:
		s->state = START;
		s->start = s->pos + 1;
		return ch == '\n' ? 0 : 400;
	case METHOD:
		if (ch == ' ') {
			s->state = TARGET;
			s->count = 0;
			return 0;
		}
		if (!http_is_token_char(ch))
			return 400;
		return ++s->count > MAX_METHOD ? 501 : 0;
	case TARGET:
		if (ch == ' ' && s->count) {
			s->state = VERSION;
			s->count = 0;
			return 0;
		}
		if (ch <= ' ' || ch >= 0x7f)
			return 400;
		return ++s->count > limits->target ? 414 : 0;
	case VERSION:
		if (ch == '\r' && s->count == 8) {
			s->state = VERSION_LF;
			return 0;
		}
		return check_version(s->count++, ch);
	case VERSION_LF:
	case VALUE_LF:
		s->state = LINE;
		return ch == '\n' ? 0 : 400;
	case LINE:
		if (ch == '\r') {
			s->state = END_LF;
			return 0;
		}
		if (!http_is_token_char(ch))
			return 400;
		s->state = NAME;
		return ++s->fields > limits->fields ? 431 : 0;
	case NAME:
		if (ch != ':')
			return 400;
		s->state = VALUE;
		return 0;
	case VALUE:
		if (ch != '\r')
			return 400;
		s->state = VALUE_LF;
		return 0;
	default: /* END_LF */
		return ch == '\n' ? HTTP_SCAN_DONE : 400;
	}
}

/* What most octets of a header are: within a name or a value. */
static size_t skip_run(int state, const char *buf, size_t pos, size_t end)
{
	if (state == VALUE)
		while (pos < end && http_is_value_char(buf[pos]))
			pos++;
	else if (state == NAME)
		while (pos < end && http_is_token_char(buf[pos]))
			pos++;
	return pos;
}

/**
 * http_scan() - look at what has arrived of a header
 * @s: how far we are
 * @buf: the header from its first octet on
 * @len: octets there; more than last time
 * @limits: bounds
 *
 * Return: HTTP_SCAN_MORE, HTTP_SCAN_DONE, or the status to refuse it with.
 */
int http_scan(struct http_scan *s, const char *buf, size_t len, const struct http_limits *limits)
{
	size_t end = len < limits->head ? len : limits->head;
	int r;

	for (; s->pos < end; s->pos++) {
		s->pos = skip_run(s->state, buf, s->pos, end);
		if (s->pos == end)
			break;
		r = step(s, buf[s->pos], limits);
		if (r == HTTP_SCAN_DONE)
			s->pos++;
		if (r)
			return r;
	}
	return s->pos >= limits->head ? 431 : HTTP_SCAN_MORE;
}

/**
 * http_scan_trailer() - prepare for fields without a request line
 * @s: what to initialize
 */
void http_scan_trailer(struct http_scan *s)
{
	*s = (struct http_scan){ .state = LINE };
}
