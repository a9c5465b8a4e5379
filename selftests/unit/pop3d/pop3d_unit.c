// SPDX-License-Identifier: GPL-2.0-or-later
#include "line.h"
#include "stuff.h"
#include "unit.h"

/* Lines of @data, one after the other, as "line|line"; ! for a bad one, > for one too long. */
static const char *lines(bool strict, size_t max, const char *data, size_t len)
{
	static char out[1000];
	struct ln_line_reader r;
	size_t line_len, used, n = 0;

	ln_line_reader_init(&r, max, strict);
	for (;;) {
		enum ln_line kind = ln_line_next(&r, data, len, &line_len, &used);

		if (kind == LN_LINE_READY)
			n += sprintf(out + n, "%.*s|", (int)line_len, data);
		else if (kind != LN_LINE_NONE)
			n += sprintf(out + n, "%s", kind == LN_LINE_BAD ? "!" : ">");
		else if (!used)
			break;
		data += used;
		len -= used;
	}
	out[n] = 0;
	return out;
}

static void test_lines(void)
{
	static const struct {
		bool strict;
		const char *data;
		size_t len;
		const char *wanted;
	} rows[] = {
#define ROW(strict, data, wanted) { strict, data, sizeof(data) - 1, wanted }
		ROW(true, "a\r\nb\r\n", "a|b|"), ROW(true, "a\r\nb", "a|"),
		ROW(true, "\r\n\r\n", "||"), ROW(true, "a\nb\r\nc\r\n", "!c|"),
		ROW(true, "a\rb\r\nc\r\n", "!c|"), ROW(true, "a\r\r\nc\r\n", "!c|"),
		ROW(true, "\ra\r\nc\r\n", "!c|"), ROW(true, "a\n", "!"),
		ROW(true, "a\r", ""), ROW(true, "a\0\r\nc\r\n", "!c|"),
		ROW(true, "12345678\r\nc\r\n", "12345678|c|"),
		ROW(true, "123456789\r\nc\r\n", ">c|"), ROW(true, "12345678\r", ""),
		ROW(true, "123456789", ">"), ROW(true, "123456789\n\r\nc\r\n", ">c|"),
		ROW(false, "a\nb\r\nc\n", "a|b|c|"), ROW(false, "a\rb\n", "a\rb|"),
		ROW(false, "\n\r\n", "||"), ROW(false, "a\0b\nc\n", "!c|"),
		ROW(false, "123456789\nc\n", ">c|"),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got = lines(rows[i].strict, 8, rows[i].data, rows[i].len);

		EXPECT(!strcmp(got, rows[i].wanted), "row %zu: %s, not %s", i, got, rows[i].wanted);
	}
}

static void test_stuff(void)
{
	static const struct {
		uint64_t n;
		const char *in, *wanted;
	} rows[] = {
		{ STUFF_ALL, "", ".\r\n" }, { STUFF_ALL, "a", "a\r\n.\r\n" },
		{ STUFF_ALL, "a\n", "a\r\n.\r\n" }, { STUFF_ALL, "a\r\n", "a\r\n.\r\n" },
		{ STUFF_ALL, ".\n..\n", "..\r\n...\r\n.\r\n" }, { STUFF_ALL, "a\r", "a\r\r\n.\r\n" },
		{ 0, "h: x\n\n.a\nb\n", "h: x\r\n\r\n.\r\n" },
		{ 1, "h: x\n\n.a\nb\n", "h: x\r\n\r\n..a\r\n.\r\n" },
		{ 9, "h: x\r\n\r\na\nb", "h: x\r\n\r\na\r\nb\r\n.\r\n" },
		{ 0, "\na", "\r\n.\r\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char out[200];
		struct stuff s;
		size_t n;

		stuff_init(&s, rows[i].n);
		n = stuff_some(&s, rows[i].in, strlen(rows[i].in), out);
		n += stuff_end(&s, out + n);
		out[n] = 0;
		/* A last CR is no line's end: RFC 1939 wants CRLF before the dot. */
		EXPECT(!strcmp(out, rows[i].wanted), "row %zu: %s", i, out);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "lines, strict and not", test_lines },
		{ "dots, CRLF and numbers of lines", test_stuff },
	};

	return UNIT_MAIN(tests);
}
