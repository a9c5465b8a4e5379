/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server has to know about a message on its way (RFC 5322): read once, in pieces of any
 * size, without keeping it.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 5322, 2.1.1; what follows in a longer field is not shown to field(). */
#define MAIL_LINE_MAX		998
#define MAIL_FIELD_KEPT		2000

/**
 * struct mail_scan - what was seen so far; zeroed but for @field and @data to begin with
 * @field: called with each header field, unfolded, or NULL; neither text ends with NUL
 * @data: passed on to it
 * @received: Received fields (RFC 5321, 6.3: a message with many of them is in a loop)
 * @has_date, @has_from, @has_message_id, @has_to: there is such a field (@has_to: To, Cc or Bcc)
 * @header_8bit: octets above 127 in the header (RFC 6532)
 * @eight_bit: octets above 127 anywhere
 * @nul: there is a NUL
 * @bare: a CR without LF or an LF without CR
 * @no_header: the first line is no header field: all is the body
 * @longest: of the lines, octets without the end of line
 * @header_size: octets of the header, with the empty line
 * @size: octets
 */
struct mail_scan {
	void (*field)(void *data, const char *name, size_t name_len, const char *value,
		      size_t value_len);
	void *data;
	unsigned int received;
	bool has_date, has_from, has_message_id, has_to;
	bool header_8bit, eight_bit, nul, bare, no_header;
	uint64_t longest, header_size, size;

	/* internal */
	bool in_body, after_cr;
	uint64_t line;
	size_t name_len, kept;
	bool has_colon;
	char text[MAIL_FIELD_KEPT];
};

void mail_scan(struct mail_scan *s, const char *data, size_t len);
/* After the last piece. */
void mail_scan_end(struct mail_scan *s);

#endif
