// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The header is read octet by octet, the body by stretches.
 */
#include "message.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is(const struct mail_scan *s, const char *name)
{
	return s->name_len == strlen(name) && !strncasecmp(s->text, name, s->name_len);
}

/* The field that was being collected is whole. */
static void end_field(struct mail_scan *s)
{
	const char *value;
	size_t len, name_len = s->name_len;

	if (!s->has_colon)
		return;
	/* Blanks before the colon are of the obsolete syntax (RFC 5322, 4.5). */
	while (s->name_len && is_blank(s->text[s->name_len - 1]))
		s->name_len--;
	if (is(s, "Received"))
		s->received++;
	else if (is(s, "Date"))
		s->has_date = true;
	else if (is(s, "From"))
		s->has_from = true;
	else if (is(s, "Message-ID"))
		s->has_message_id = true;
	else if (is(s, "To") || is(s, "Cc") || is(s, "Bcc"))
		s->has_to = true;
	if (s->field) {
		value = s->text + name_len + 1;
		len = s->kept - name_len - 1;
		while (len && is_blank(*value)) {
			value++;
			len--;
		}
		while (len && is_blank(value[len - 1]))
			len--;
		s->field(s->data, s->text, s->name_len, value, len);
	}
	s->has_colon = false;
	s->kept = s->name_len = 0;
}

static void end_header(struct mail_scan *s)
{
	end_field(s);
	s->in_body = true;
}

/* Something that is no field: the body begins without an empty line. */
static void no_field(struct mail_scan *s)
{
	s->no_header = !s->header_size;
	s->has_colon = false;
	s->in_body = true;
}

/* A character of a header line, not of its end. */
static void header_octet(struct mail_scan *s, char c)
{
	if (!s->line) {
		if (is_blank(c) && s->has_colon) {
			/* Folded: the blank stays. */
		} else if (is_blank(c)) {
			no_field(s);
			return;
		} else {
			end_field(s);
		}
	}
	if ((unsigned char)c >= 0x80)
		s->header_8bit = true;
	if (!s->has_colon) {
		bool blank_before = s->kept && is_blank(s->text[s->kept - 1]);

		if (c == ':' && s->kept) {
			s->has_colon = true;
			s->name_len = s->kept;
		} else if (c == ':' || s->kept == sizeof(s->text) ||
			   (blank_before && !is_blank(c)) ||
			   (!is_blank(c) && (c < 33 || c > 126))) {
			no_field(s);
			return;
		}
	}
	if (s->kept < sizeof(s->text))
		s->text[s->kept++] = c;
}

static void end_line(struct mail_scan *s)
{
	if (s->line > s->longest)
		s->longest = s->line;
	if (!s->in_body) {
		if (s->line && !s->has_colon) {
			no_field(s);
		} else {
			s->header_size = s->size;
			if (!s->line)
				end_header(s);
		}
	}
	s->line = 0;
}

/* @c is no end of line. */
static void octet(struct mail_scan *s, char c)
{
	if ((unsigned char)c >= 0x80)
		s->eight_bit = true;
	if (!c)
		s->nul = true;
	if (!s->in_body)
		header_octet(s, c);
	s->line++;
}

/* Octets of the body that are of no interest; they are on one line. */
static size_t plain_length(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && data[n] != '\r' && data[n] != '\n' && data[n] > 0)
		n++;
	return n;
}

/**
 * mail_scan() - read on
 * @s: what was seen so far
 * @data: the next piece, of any size; lines end with CRLF or LF
 * @len: its length
 */
void mail_scan(struct mail_scan *s, const char *data, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		if (s->in_body && !s->after_cr) {
			n = plain_length(data + i, len - i);
			s->line += n;
			s->size += n;
			i += n;
			if (i == len)
				return;
		}
		s->size++;
		if (data[i] == '\n') {
			s->bare |= !s->after_cr;
			s->after_cr = false;
			end_line(s);
		} else {
			if (s->after_cr) {
				s->bare = true;
				octet(s, '\r');
			}
			s->after_cr = data[i] == '\r';
			if (!s->after_cr)
				octet(s, data[i]);
		}
		i++;
	}
}

/**
 * mail_scan_end() - there is no more
 * @s: what was seen
 */
void mail_scan_end(struct mail_scan *s)
{
	if (s->after_cr) {
		s->bare = true;
		s->after_cr = false;
		octet(s, '\r');
	}
	if (s->line)
		end_line(s);
	if (!s->in_body)
		end_header(s);
}
