// SPDX-License-Identifier: GPL-2.0-or-later
#include "reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../mail/address.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- what EHLO offers (RFC 5321, 4.1.1.1) --- */

static bool is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(s, word, len);
}

static uint64_t number(const char *s, size_t len)
{
	uint64_t n = 0;

	if (!len || len > 18)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(s[i]))
			return 0;
		n = 10 * n + s[i] - '0';
	}
	return n;
}

static size_t word_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != ' ' && s[n] != '\t')
		n++;
	return n;
}

static void take_mechanisms(struct reply_offer *o, const char *s, size_t len)
{
	while (len) {
		size_t n = word_len(s, len);

		if (is_word(s, n, "PLAIN"))
			o->auth |= REPLY_AUTH_PLAIN;
		else if (is_word(s, n, "LOGIN"))
			o->auth |= REPLY_AUTH_LOGIN;
		n += n < len;
		s += n;
		len -= n;
	}
}

static void take_offer(struct reply_offer *o, const char *s, size_t len)
{
	size_t n = word_len(s, len);
	const char *rest = s + n + (n < len);
	size_t rest_len = len - n - (n < len);

	if (is_word(s, n, "PIPELINING")) {
		o->pipelining = true;
	} else if (is_word(s, n, "8BITMIME")) {
		o->eight_bit = true;
	} else if (is_word(s, n, "SMTPUTF8")) {
		o->utf8 = true;
	} else if (is_word(s, n, "STARTTLS")) {
		o->starttls = true;
	} else if (is_word(s, n, "DSN")) {
		o->dsn = true;
	} else if (is_word(s, n, "ENHANCEDSTATUSCODES")) {
		o->enhanced = true;
	} else if (is_word(s, n, "SIZE")) {
		o->size = true;
		o->size_max = number(rest, word_len(rest, rest_len));
	} else if (is_word(s, n, "AUTH")) {
		take_mechanisms(o, rest, rest_len);
	} else if (n > 5 && !strncasecmp(s, "AUTH=", 5)) {
		/* A form of before RFC 2554 that is still met. */
		take_mechanisms(o, s + 5, len - 5);
	}
}

/* --- lines --- */

static void add_text(struct reply *r, const char *s, size_t len)
{
	size_t from = r->len;

	if (r->len && r->len < REPLY_TEXT_MAX)
		r->text[r->len++] = ' ';
	for (size_t i = 0; i < len && r->len < REPLY_TEXT_MAX; i++) {
		unsigned char c = s[i];

		r->text[r->len++] = c < ' ' || c == 0x7f ? '?' : c;
	}
	/* A cut in the middle of a character. */
	for (int i = 0; i < 3 && r->len > from && !mail_utf8_valid(r->text + from, r->len - from) &&
			r->len == REPLY_TEXT_MAX;
	     i++)
		r->len--;
	if (!mail_utf8_valid(r->text + from, r->len - from))
		for (size_t i = from; i < r->len; i++)
			if ((unsigned char)r->text[i] > 0x7e)
				r->text[i] = '?';
	r->text[r->len] = 0;
}

static enum reply_verdict take_line(struct reply *r, const char *s, size_t len, const char **why)
{
	unsigned int code;

	*why = "its reply does not begin with a code of three digits";
	if (len < 3 || s[0] < '2' || s[0] > '5' || !is_digit(s[1]) || !is_digit(s[2]) ||
	    (len > 3 && s[3] != ' ' && s[3] != '-'))
		return REPLY_BAD;
	code = 100 * (s[0] - '0') + 10 * (s[1] - '0') + s[2] - '0';
	*why = "the lines of its reply have different codes";
	if (r->lines && code != r->code)
		return REPLY_BAD;
	*why = "its reply has too many lines";
	if (++r->lines > REPLY_LINES_MAX)
		return REPLY_BAD;
	*why = NULL;
	r->code = code;
	if (r->lines > 1 && len > 4)
		take_offer(&r->offer, s + 4, len - 4);
	if (r->lines == 1)
		add_text(r, s, 3);
	if (len > 4)
		add_text(r, s + 4, len - 4);
	return len > 3 && s[3] == '-' ? REPLY_MORE : REPLY_DONE;
}

/**
 * reply_take() - a line of a reply
 * @r: zeroed before the first one
 * @data: what has come
 * @len: how much
 * @used: filled with what was taken of it, 0: there is no whole line yet
 * @why: filled with what is wrong with it
 *
 * Lines end with LF, before which CR is dropped: nothing of what a server says is passed on as a
 * line of its own.
 *
 * Return: REPLY_DONE, REPLY_MORE, or REPLY_BAD.
 */
enum reply_verdict reply_take(struct reply *r, const char *data, size_t len, size_t *used,
			      const char **why)
{
	const char *end = len ? memchr(data, '\n', len < REPLY_LINE_MAX ? len : REPLY_LINE_MAX) :
				NULL;
	size_t n;

	*used = 0;
	*why = NULL;
	if (!end) {
		if (len < REPLY_LINE_MAX)
			return REPLY_MORE;
		*why = "a line of its reply is too long";
		return REPLY_BAD;
	}
	n = end - data;
	*used = n + 1;
	if (n && data[n - 1] == '\r')
		n--;
	return take_line(r, data, n, why);
}

/**
 * reply_status() - a reply's enhanced code
 * @r: complete
 * @status: filled: "5.1.1", or "5.0.0" when it has none, or one that contradicts its own code
 */
void reply_status(const struct reply *r, char status[ENVELOPE_STATUS_MAX + 1])
{
	const char *s = r->text + (r->len > 4 ? 4 : r->len);
	unsigned int subject, detail;
	int n = 0;

	snprintf(status, ENVELOPE_STATUS_MAX + 1, "%u.0.0", r->code / 100 % 10);
	if (*s != *r->text || s[1] != '.' || !is_digit(s[2]) ||
	    sscanf(s + 2, "%3u.%3u%n", &subject, &detail, &n) != 2 || !n)
		return;
	if (s[2 + n] && s[2 + n] != ' ')
		return;
	snprintf(status, ENVELOPE_STATUS_MAX + 1, "%c.%u.%u", *s, subject, detail);
}
