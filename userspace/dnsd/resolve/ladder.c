// SPDX-License-Identifier: GPL-2.0-or-later
#include "ladder.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH	22		/* from one column to the next */
#define MARGIN	6
#define RECORD_DATA	60	/* of a record's text */

static const char *const titles[LADDER_COLUMNS] = {
	"client", "local server", "root", "top-level", "authoritative",
};

static json_t *into;

void ladder_into(json_t *steps)
{
	into = steps;
}

/* Without memory something is missing; what is there stays well formed. */
static void put(const char *key, json_t *value)
{
	json_object_set_new(json_array_get(into, json_array_size(into) - 1), key, value);
}

static void append(const char *key, json_t *value)
{
	json_t *step = json_array_get(into, json_array_size(into) - 1);

	if (!json_object_get(step, key))
		json_object_set_new(step, key, json_array());
	json_array_append_new(json_object_get(step, key), value);
}

static int place(enum ladder_column c)
{
	return MARGIN + WIDTH * c;
}

void ladder_head(void)
{
	int at = 0;

	if (into)
		return;
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

	if (into) {
		json_array_append_new(into, json_pack("{s:s, s:s, s:s}", "from", titles[from], "to",
						      titles[to], "words", words));
		return;
	}
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
	char *words;
	int n;

	va_start(args, format);
	n = vasprintf(&words, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (into)
		append("notes", json_string(words + strspn(words, " ")));
	else
		printf("%*s%s\n", place(LADDER_LOCAL) + 2, "", words);
	free(words);
}

void ladder_say_server(const struct ladder_server *s)
{
	if (!into) {
		ladder_note("%s %s, %s, %.1f ms%s%s", s->name, s->address, s->transport, s->ms,
			    s->error ? ": " : "", s->error ? s->error : "");
		return;
	}
	put("server", json_string(s->name));
	put("address", json_string(s->address));
	put("transport", json_string(s->transport));
	put("milliseconds", json_real(s->ms));
	if (s->error)
		put("error", json_string(s->error));
}

void ladder_say_record(const char *owner, uint32_t ttl, const char *type, const char *data)
{
	if (into)
		append("records", json_pack("{s:s, s:I, s:s, s:s}", "name", owner, "ttl",
					    (json_int_t)ttl, "type", type, "data", data));
	else
		ladder_note("  %s %u %s %.*s%s", owner, ttl, type, RECORD_DATA, data,
			    strlen(data) > RECORD_DATA ? "..." : "");
}
