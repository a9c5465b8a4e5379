// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shape of a request header, RFC 9112, checked byte by byte before the
 * parser gets it.
 *
 * Servers that understand a malformed header differently let an attacker hide
 * one request in another.  So what the RFC lets a recipient repair is refused
 * here instead: a bare CR or LF, a folded line, a blank before the colon,
 * anything but one space between the parts of the request line.
 */
#include "scan.h"

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

/**
 * http_is_token_char() - whether a byte may be in a token, RFC 9110, 5.6.2
 * @ch: the byte
 */
bool http_is_token_char(unsigned char ch)
{
	switch (ch) {
	case '!': case '#': case '$': case '%': case '&': case '\'': case '*':
	case '+': case '-': case '.': case '^': case '_': case '`': case '|':
	case '~':
	case '0' ... '9':
	case 'A' ... 'Z':
	case 'a' ... 'z':
		return true;
	default:
		return false;
	}
}

static bool is_digit(unsigned char ch)
{
	return ch >= '0' && ch <= '9';
}

/* The byte at place @i of "HTTP/1.1".  Returns 0 or a status. */
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
		if (ch == ':')
			s->state = VALUE;
		else if (!http_is_token_char(ch))
			return 400;
		return 0;
	case VALUE:
		if (ch == '\r')
			s->state = VALUE_LF;
		else if ((ch < ' ' && ch != '\t') || ch == 0x7f)
			return 400;
		return 0;
	default: /* END_LF */
		return ch == '\n' ? HTTP_SCAN_DONE : 400;
	}
}

/**
 * http_scan() - look at what has arrived of a header
 * @s: how far we are
 * @buf: the header from its first byte on
 * @len: bytes there; more than last time
 * @limits: bounds
 *
 * Return: HTTP_SCAN_MORE, HTTP_SCAN_DONE, or the status to refuse it with.
 */
int http_scan(struct http_scan *s, const char *buf, size_t len, const struct http_limits *limits)
{
	int r;

	for (; s->pos < len; s->pos++) {
		if (s->pos >= limits->head)
			return 431;
		r = step(s, buf[s->pos], limits);
		if (r == HTTP_SCAN_DONE)
			s->pos++;
		if (r)
			return r;
	}
	return s->pos >= limits->head ? 431 : HTTP_SCAN_MORE;
}
