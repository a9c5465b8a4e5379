// SPDX-License-Identifier: GPL-2.0-or-later
/* What programs write to stderr goes to the log: by lines, bounded, and unable to forge others. */
#include <stdio.h>

#include "complaint.h"
#include "log.h"

/* Control characters could begin a line of their own, or do things to a terminal. */
static void escape(char *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = line[i];

		if (ch == '\\')
			out += sprintf(out, "\\\\");
		else if (ch == '\t' || (ch >= ' ' && ch != 0x7f))
			*out++ = ch;
		else
			out += sprintf(out, "\\x%02x", ch);
	}
	*out = 0;
}

/**
 * complaint_end() - there is no more: the last line, if it has no end
 * @c: what was written
 * @kind: name of the section, for the log
 * @who: the program or its address, for the log
 */
void complaint_end(struct complaint *c, const char *kind, const char *who)
{
	char text[COMPLAINT_LINE * 4 + 1];

	if (!c->len)
		return;
	escape(text, c->line, c->len);
	c->len = 0;
	if (c->lines++ < COMPLAINT_LINES)
		ln_warning("%s %s: stderr: %s", kind, who, text);
	else if (c->lines == COMPLAINT_LINES + 1)
		ln_warning("%s %s: stderr: more than %d lines: the rest is left out", kind, who,
			   COMPLAINT_LINES);
}

/**
 * complaint_add() - something was written
 * @c: what was written before
 * @kind: name of the section, for the log
 * @who: the program or its address, for the log
 * @data: octets
 * @len: how many
 */
void complaint_add(struct complaint *c, const char *kind, const char *who, const char *data,
		   size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			complaint_end(c, kind, who);
		else if (c->len < sizeof(c->line) && !(data[i] == '\r' && i + 1 < len &&
						       data[i + 1] == '\n'))
			c->line[c->len++] = data[i];
	}
}
