// SPDX-License-Identifier: GPL-2.0-or-later
#include "ladder.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH	22		/* from one column to the next */
#define MARGIN	6

static const char *const titles[LADDER_COLUMNS] = {
	"client", "local server", "root", "top-level", "authoritative",
};

static int place(enum ladder_column c)
{
	return MARGIN + WIDTH * c;
}

void ladder_head(void)
{
	int at = 0;

	for (int c = 0; c < LADDER_COLUMNS; c++) {
		int start = place(c) - (int)strlen(titles[c]) / 2;

		printf("%*s%s", start - at, "", titles[c]);
		at = start + strlen(titles[c]);
	}
	printf("\n");
}

/* Names are ASCII here: an octet is a column. */
static void draw_between(int columns, const char *words, bool right)
{
	int room = columns - 6, len = strlen(words);
	bool cut = len > room;
	int n = cut ? room : len;

	printf("%s─ %.*s%s ", right ? "─" : "◀", n, words, cut ? "…" : "");
	for (int i = n + cut; i < room + 1; i++)
		printf("─");
	printf("%s", right ? "▶" : "─");
}

void ladder_arrow(enum ladder_column from, enum ladder_column to, const char *words)
{
	enum ladder_column low = from < to ? from : to, high = from < to ? to : from;

	printf("%*s", MARGIN, "");
	for (int c = 0; c < LADDER_COLUMNS; c++) {
		printf("│");
		if (c == (int)low) {
			draw_between(WIDTH * (high - low) - 1, words, from < to);
			c = high - 1;
		} else if (c + 1 < LADDER_COLUMNS) {
			printf("%*s", WIDTH - 1, "");
		}
	}
	printf("\n");
}

void ladder_note(const char *format, ...)
{
	va_list args;

	printf("%*s", place(LADDER_LOCAL) + 2, "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}
