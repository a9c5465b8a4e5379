/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message as programs hand it to sendmail: read, looked at, mended. */
#ifndef MAILTOOL_DRAFT_H
#define MAILTOOL_DRAFT_H

#include <stdbool.h>
#include <stdio.h>

/**
 * struct draft - a message
 * @text: all of it, with CRLF
 * @len: its octets
 * @has_from: there is a From field
 * @eight_bit: there are octets above 127
 * @header_8bit: in its header
 * @recipients: of To, Cc and Bcc, in Resent fields if there are any, @n of them
 */
struct draft {
	char *text;
	size_t len;
	bool has_from, eight_bit, header_8bit;
	char **recipients;
	unsigned int n;
};

/* These return 0, or an exit status of sysexits.h after an error line. */
/* @dot: a line with nothing but a dot is the end */
int draft_read(struct draft *d, FILE *f, bool dot);
/* Finds the recipients, and takes the Bcc fields out. */
int draft_recipients(struct draft *d);
int draft_add_field(struct draft *d, const char *name, const char *value);
void draft_clear(struct draft *d);

#endif
