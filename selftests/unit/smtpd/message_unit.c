// SPDX-License-Identifier: GPL-2.0-or-later
/* What is seen in a message, in pieces of every size; the end of DATA; Received. */
#include <netinet/in.h>

#include "dot.h"
#include "message.h"
#include "trace.h"
#include "unit.h"

struct seen {
	char text[4096];
	size_t len;
};

static void on_field(void *data, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct seen *s = data;

	s->len += snprintf(s->text + s->len, sizeof(s->text) - s->len, "[%.*s|%.*s]", (int)name_len, name,
			   (int)value_len, value);
}

static void scan_in_pieces(struct mail_scan *s, struct seen *seen, const char *text, size_t piece)
{
	size_t len = strlen(text);

	memset(s, 0, sizeof(*s));
	memset(seen, 0, sizeof(*seen));
	s->field = on_field;
	s->data = seen;
	for (size_t i = 0; i < len; i += piece)
		mail_scan(s, text + i, len - i < piece ? len - i : piece);
	mail_scan_end(s);
}

static void fields(void)
{
	static const struct {
		const char *text, *seen;
		unsigned int received;
		bool date, no_header, bare, eight_bit, header_8bit;
		size_t header;
	} cases[] = {
		{ "", "", 0, false, false, false, false, false, 0 },
		{ "\r\n", "", 0, false, false, false, false, false, 2 },
		{ "A: b\r\n\r\nc", "[A|b]", 0, false, false, false, false, false, 8 },
		{ "A: b\r\n c\r\n\td\r\n\r\n", "[A|b c\td]", 0, false, false, false, false, false, 16 },
		{ "A :b \r\n\r\n", "[A|b]", 0, false, false, false, false, false, 9 },
		{ "A:\r\n\r\n", "[A|]", 0, false, false, false, false, false, 6 },
		{ "received: x\r\nReceived : y\r\n z\r\n\r\nReceived: body\r\n", "[received|x][Received|y z]", 2,
		  false, false, false, false, false, 33 },
		{ "dAtE: now\r\n\r\n", "[dAtE|now]", 0, true, false, false, false, false, 13 },
		{ "no header\r\n", "", 0, false, true, false, false, false, 0 },
		{ " folded first\r\n", "", 0, false, true, false, false, false, 0 },
		{ ": no name\r\n", "", 0, false, true, false, false, false, 0 },
		{ "A: b\r\nno field\r\nReceived: x\r\n", "[A|b]", 0, false, false, false, false, false, 6 },
		{ "A: b", "[A|b]", 0, false, false, false, false, false, 4 },
		{ "A: b\nC: d\n\n", "[A|b][C|d]", 0, false, false, true, false, false, 11 },
		{ "A: b\rc\r\n\r\n", "[A|b\rc]", 0, false, false, true, false, false, 10 },
		{ "A: \xc3\xa4\r\n\r\n", "[A|\xc3\xa4]", 0, false, false, false, true, true, 9 },
		{ "A: b\r\n\r\n\xff\r\n", "[A|b]", 0, false, false, false, true, false, 8 },
		{ "A: b\r\n\r\nc\r", "[A|b]", 0, false, false, true, false, false, 8 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t piece = 1; piece < 40; piece++) {
			struct mail_scan s;
			struct seen seen;

			scan_in_pieces(&s, &seen, cases[i].text, piece);
			EXPECT(!strcmp(seen.text, cases[i].seen), "%zu, pieces of %zu: %s", i, piece, seen.text);
			EXPECT(s.received == cases[i].received, "%zu: %u Received", i, s.received);
			EXPECT(s.has_date == cases[i].date && s.no_header == cases[i].no_header &&
			       s.bare == cases[i].bare && s.eight_bit == cases[i].eight_bit &&
			       s.header_8bit == cases[i].header_8bit, "%zu, pieces of %zu: date %d no header %d bare %d 8 %d %d",
			       i, piece, s.has_date, s.no_header, s.bare, s.eight_bit, s.header_8bit);
			EXPECT(s.header_size == cases[i].header, "%zu, pieces of %zu: header of %zu", i, piece,
			       (size_t)s.header_size);
			EXPECT(s.size == strlen(cases[i].text), "%zu: size", i);
		}
	}
}

static void long_fields(void)
{
	char *text = malloc(100000);
	struct mail_scan s;
	struct seen seen;
	size_t n = sprintf(text, "Subject: ");

	memset(text + n, 'x', 50000);
	strcpy(text + n + 50000, "\r\nReceived: y\r\n\r\n");
	scan_in_pieces(&s, &seen, text, 1000);
	EXPECT(s.received == 1, "what follows a long field");
	EXPECT(s.longest == 50009, "longest line: %zu", (size_t)s.longest);
	memset(text, 'n', 50000);
	strcpy(text + 50000, ": y\r\nReceived: z\r\n\r\n");
	scan_in_pieces(&s, &seen, text, 1000);
	EXPECT(s.no_header && !s.received, "a name without end is no field");
	free(text);
}

/* --- DATA --- */

static void emit(void *data, const char *text, size_t len)
{
	struct seen *s = data;

	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = 0;
}

static void ends(void)
{
	static const struct {
		const char *text, *message, *rest;	/* @rest: NULL: no end */
		bool bare;
	} cases[] = {
		{ ".\r\n", "", "", false },
		{ ".\r\nQUIT\r\n", "", "QUIT\r\n", false },
		{ "a\r\n.\r\n", "a\r\n", "", false },
		{ "a\r\n..\r\n.\r\n", "a\r\n.\r\n", "", false },
		{ "..a\r\n...\r\n.\r\n", ".a\r\n..\r\n", "", false },
		{ ".a\r\n.\r\n", "a\r\n", "", false },
		{ "a\n.\n", "a\n.\n", NULL, true },
		{ "a\n.\r\n", "a\n.\r\n", NULL, true },
		{ "a\r\n.\n", "a\r\n\n", NULL, true },
		{ "a\r.\r", "a\r.", NULL, true },
		{ "a\r\n.\r", "a\r\n", NULL, false },
		{ "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", "", true },
		{ "a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "", true },
		{ "a\r\r\n.\r\n", "a\r\r\n", "", true },
		{ "a\n\r\n.\r\n", "a\n\r\n", "", true },
		{ "\r\n.\r\n", "\r\n", "", false },
		{ "a.\r\n.\r\n", "a.\r\n", "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t piece = 1; piece < 20; piece++) {
			size_t len = strlen(cases[i].text), at = 0;
			struct seen seen = { .len = 0 };
			struct dot d = { 0 };
			bool end = false;

			while (at < len && !end) {
				size_t n = len - at < piece ? len - at : piece;

				at += dot_take(&d, cases[i].text + at, n, &end, emit, &seen);
			}
			EXPECT(end == !!cases[i].rest, "%zu, pieces of %zu: end %d", i, piece, end);
			EXPECT(!strcmp(seen.text, cases[i].message), "%zu, pieces of %zu: %s", i, piece, seen.text);
			EXPECT(d.bare == cases[i].bare, "%zu, pieces of %zu: bare %d", i, piece, d.bare);
			if (end && cases[i].rest)
				EXPECT(!strcmp(cases[i].text + at, cases[i].rest), "%zu: rest", i);
		}
	}
}

/* --- Received --- */

static void received(void)
{
	struct trace t = {
		.hostname = "a.test", .client = "b.test", .protocol = IPPROTO_TCP, .tls = "TLSv1.3",
		.extended = true, .authenticated = true, .id = "id", .recipient = "c@a.test",
	};
	struct mail_scan none = { .has_date = true };
	char text[2000], with[16];
	size_t len;

	setenv("TZ", "UTC", 1);
	t.peer.in.sin_family = AF_INET;
	t.peer.in.sin_addr.s_addr = htonl(0xc0000201);
	len = trace_received(text, sizeof(text), &t);
	EXPECT(!strcmp(text, "Received: from b.test ([192.0.2.1])\r\n\tby a.test (linnet-smtpd) via TCP with ESMTPSA "
		       "(TLSv1.3)\r\n\tid id\r\n\tfor <c@a.test>; Thu, 01 Jan 1970 00:00:00 +0000\r\n") &&
	       len == strlen(text), "%s", text);
	for (size_t room = 1; room < 200; room++)
		EXPECT(trace_received(text, room, &t) < room, "%zu octets", room);
	t.utf8 = true;
	EXPECT(!strcmp(trace_with(&t, with), "UTF8SMTPSA"), "%s", with);
	t.extended = false;
	EXPECT(!strcmp(trace_with(&t, with), "SMTP"), "%s", with);
	EXPECT(trace_missing(text, sizeof(text), &t, &none) && !strcmp(text, "Message-ID: <id@a.test>\r\n"), "%s", text);
	memset(&t.peer, 0, sizeof(t.peer));
	t.peer.in6.sin6_family = AF_INET6;
	t.peer.in6.sin6_addr.s6_addr[15] = 1;
	trace_literal(&t.peer, text);
	EXPECT(!strcmp(text, "[IPv6:::1]"), "%s", text);
	t.peer.in6.sin6_addr.s6_addr[10] = t.peer.in6.sin6_addr.s6_addr[11] = 0xff;
	trace_literal(&t.peer, text);
	EXPECT(!strcmp(text, "[0.0.0.1]"), "mapped: %s", text);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "a header's fields, folded and cut at every place", fields },
		{ "fields without end", long_fields },
		{ "DATA ends with CRLF, dot, CRLF and with nothing else, cut at every place", ends },
		{ "Received, Message-ID, literals", received },
	};

	return UNIT_MAIN(tests);
}
