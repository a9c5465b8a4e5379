// SPDX-License-Identifier: GPL-2.0-or-later
/* Mailboxes, paths, domains, literals, xtext. */
#include "address.h"
#include "unit.h"

#define X63	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void paths(void)
{
	static const struct {
		const char *text;
		unsigned int flags;
		enum mail_address_error error;
		size_t used;
		const char *address;
	} cases[] = {
		{ "<>", MAIL_ALLOW_NULL, MAIL_ADDRESS_GOOD, 2, "" },
		{ "<>", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<a@b>", 0, MAIL_ADDRESS_GOOD, 5, "a@b" },
		{ "<a@b> SIZE=1", 0, MAIL_ADDRESS_GOOD, 5, "a@b" },
		{ "<@one,@two.test:a@b>", 0, MAIL_ADDRESS_GOOD, 20, "a@b" },
		{ "<@one:@b>", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<@[192.0.2.1]:a@b>", 0, MAIL_ADDRESS_GOOD, 18, "a@b" },
		{ "<\"a>b\"@c>", 0, MAIL_ADDRESS_GOOD, 9, "\"a>b\"@c" },
		{ "<\"a\\\"@c>\"@d>", 0, MAIL_ADDRESS_GOOD, 12, "\"a\\\"@c>\"@d" },
		{ "<a@b", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "a@b>", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<pOstmasteR>", MAIL_ALLOW_POSTMASTER, MAIL_ADDRESS_GOOD, 12, "pOstmasteR" },
		{ "<postmaster>", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<postmasters>", MAIL_ALLOW_POSTMASTER, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<\xc3\xbc@b>", 0, MAIL_ADDRESS_NEEDS_UTF8, 0, NULL },
		{ "<\xc3\xbc@b>", MAIL_ALLOW_UTF8, MAIL_ADDRESS_GOOD, 6, "\xc3\xbc@b" },
		{ "<a@\xc3\xbc.test>", MAIL_ALLOW_UTF8, MAIL_ADDRESS_GOOD, 11, "a@\xc3\xbc.test" },
		{ "<a@\xc3.test>", MAIL_ALLOW_UTF8, MAIL_ADDRESS_BAD_UTF8, 0, NULL },
		{ "<\xff@b>", MAIL_ALLOW_UTF8, MAIL_ADDRESS_BAD_UTF8, 0, NULL },
		{ "<" X63 "x@b>", 0, MAIL_ADDRESS_GOOD, 68, X63 "x@b" },
		{ "<" X63 "xx@b>", 0, MAIL_ADDRESS_LOCAL_TOO_LONG, 0, NULL },
		{ "<a@" X63 ">", 0, MAIL_ADDRESS_GOOD, 67, "a@" X63 },
		{ "<a@" X63 "x>", 0, MAIL_ADDRESS_SYNTAX, 0, NULL },
		{ "<a@" X63 "." X63 "." X63 "." X63 "." X63 ">", 0, MAIL_ADDRESS_DOMAIN_TOO_LONG, 0, NULL },
		{ "<abc@" X63 "." X63 "." X63 "." X63 ">", 0, MAIL_ADDRESS_TOO_LONG, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mail_address a;
		size_t used = 0;
		enum mail_address_error e = mail_path_parse(&a, cases[i].text, strlen(cases[i].text),
							    cases[i].flags, &used);

		EXPECT(e == cases[i].error, "%s: %d: %s", cases[i].text, e, mail_address_explain(e));
		if (e != MAIL_ADDRESS_GOOD || cases[i].error != MAIL_ADDRESS_GOOD)
			continue;
		EXPECT(used == cases[i].used, "%s: %zu octets", cases[i].text, used);
		EXPECT(!strcmp(a.text, cases[i].address), "%s: %s", cases[i].text, a.text);
	}
}

static void mailboxes(void)
{
	static const char *const good[] = {
		"a@b", "a.b@c.d", "!#$%&'*+-/=?^_`{|}~@b", "\"\"@b", "\" \"@b", "\"\\ \"@b", "a@[192.0.2.1]",
		"a@[IPv6:::1]", "a@[ipv6:2001:db8::1]", "a@1.2", "a@x--y.z",
	};
	static const char *const bad[] = {
		"", "@", "a", "a@", "@b", ".a@b", "a.@b", "a..b@c", "a b@c", "\"a@b", "a\"b\"@c", "\"a\"b@c",
		"a@b.", "a@.b", "a@b..c", "a@-b", "a@b-", "a@b_c", "a@[192.0.2.1", "a@[192.0.2]", "a@[::1]",
		"a@[IPv6:192.0.2.1]", "a@[]", "a@b c", "a@b\x01", "\"\x01\"@b", "\"a\\\x7f\"@b", "a@@b", "a@b@c",
		"a@b>", "a@[192.0.2.1]x",
	};
	struct mail_address a;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		EXPECT(mail_address_parse(&a, good[i], strlen(good[i]), 0) == MAIL_ADDRESS_GOOD, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(mail_address_parse(&a, bad[i], strlen(bad[i]), 0) != MAIL_ADDRESS_GOOD, "%s", bad[i]);
	EXPECT(mail_address_parse(&a, "a\0@b", 4, 0) != MAIL_ADDRESS_GOOD, "NUL");
	EXPECT(mail_address_parse(&a, "a@b\0", 4, 0) != MAIL_ADDRESS_GOOD, "NUL");
}

static bool equal(const char *x, const char *y)
{
	struct mail_address a, b;

	return mail_address_parse(&a, x, strlen(x), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD &&
	       mail_address_parse(&b, y, strlen(y), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD &&
	       mail_address_equal(&a, &b);
}

static void comparing(void)
{
	EXPECT(equal("a@b.test", "a@B.TEST"), "domains have no case");
	EXPECT(!equal("a@b.test", "A@b.test"), "local parts have");
	EXPECT(equal("\"a\"@b", "a@b"), "quotes");
	EXPECT(equal("\"\\a\\b\"@b", "ab@b"), "backslashes");
	EXPECT(!equal("\"a b\"@b", "\"ab\"@b"), "blanks");
	EXPECT(!equal("a@b", "a@bb"), "longer");
	EXPECT(mail_domain_equal("a.test.", "A.test"), "a last dot");
	EXPECT(!mail_domain_equal("a.test..", "a.test"), "two");
}

static void xtext(void)
{
	char out[8];

	EXPECT(mail_xtext_decode(out, sizeof(out), "a+2Bb", 5) == 3 && !memcmp(out, "a+b", 3), "+2B");
	EXPECT(mail_xtext_decode(out, sizeof(out), "a+2b", 4) < 0, "lower case");
	EXPECT(mail_xtext_decode(out, sizeof(out), "a+2", 3) < 0, "cut off");
	EXPECT(mail_xtext_decode(out, sizeof(out), "a=b", 3) < 0, "=");
	EXPECT(mail_xtext_decode(out, sizeof(out), "a b", 3) < 0, "blank");
	EXPECT(mail_xtext_decode(out, sizeof(out), "123456789", 9) < 0, "too long");
	EXPECT(mail_xtext_encode(out, sizeof(out), "a=b", 3) == 5 && !strcmp(out, "a+3Db"), "%s", out);
	EXPECT(mail_xtext_encode(out, sizeof(out), "1234567", 7) == 7, "just fits");
	EXPECT(mail_xtext_encode(out, sizeof(out), "12345678", 8) < 0, "no room for NUL");
	EXPECT(mail_xtext_encode(out, sizeof(out), "\xff\xff\xff", 3) < 0, "no room");
	EXPECT(mail_xtext_encode(out, 4, "\xff", 1) == 3 + 0 && !strcmp(out, "+FF"), "%s", out);
}

static void utf8(void)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "", true }, { "a", true }, { "\xc3\xa4", true }, { "\xe2\x82\xac", true },
		{ "\xf0\x9f\x93\xa7", true }, { "\xf4\x8f\xbf\xbf", true }, { "\xf4\x90\x80\x80", false },
		{ "\xc0\x80", false }, { "\xc1\xbf", false }, { "\xe0\x9f\xbf", false }, { "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false }, { "\x80", false }, { "\xc3", false }, { "\xe2\x82", false },
		{ "\xc3\xa4\xff", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		EXPECT(mail_utf8_valid(cases[i].text, strlen(cases[i].text)) == cases[i].valid, "%zu", i);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "paths (RFC 5321, 4.1.2; RFC 6531): what they are, and how long", paths },
		{ "mailboxes: dot strings, quoted strings, domains, literals", mailboxes },
		{ "the same mailbox, written otherwise", comparing },
		{ "xtext (RFC 3461, 4), into buffers that are just too small", xtext },
		{ "UTF-8: shortest forms, no surrogates, nothing cut off", utf8 },
	};

	return UNIT_MAIN(tests);
}
