/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A resolution drawn as a ladder: who asks whom, and what is said. */
#ifndef DNSD_RESOLVE_LADDER_H
#define DNSD_RESOLVE_LADDER_H

enum ladder_column {
	LADDER_CLIENT, LADDER_LOCAL, LADDER_ROOT, LADDER_TOP, LADDER_ZONE, LADDER_COLUMNS,
};

void ladder_head(void);
/* An arrow from one to another, with words on it; what does not fit is cut off. */
void ladder_arrow(enum ladder_column from, enum ladder_column to, const char *words);
/* A line of words under an arrow. */
void ladder_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
