/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_COMPLAINT_H
#define GATEWAY_COMPLAINT_H

#include <stddef.h>

#define COMPLAINT_LINE	500	/* octets of a line */
#define COMPLAINT_LINES	200	/* lines of a request */

/**
 * struct complaint - what a program writes to its stderr; zeroed to begin with
 * @line: the line so far
 * @len: its length; what does not fit is left out
 * @lines: lines so far
 */
struct complaint {
	char line[COMPLAINT_LINE];
	size_t len;
	unsigned int lines;
};

void complaint_add(struct complaint *c, const char *kind, const char *who, const char *data,
		   size_t len);
void complaint_end(struct complaint *c, const char *kind, const char *who);

#endif
