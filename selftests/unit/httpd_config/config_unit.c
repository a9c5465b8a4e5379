// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pure parts of linnet-httpd's rules and access log, under ASan and UBSan.  What
 * goes over a socket is tested in selftests/services/test_http_config.py.
 */
#include <arpa/inet.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "accesslog.h"
#include "passwords.h"
#include "rate.h"

static int number, failures, failed_here;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		failed_here++;						\
	}								\
} while (0)

#define LENGTH(a)	(sizeof(a) / sizeof(*(a)))

/* An exact copy on the heap, so that ASan sees one octet too many. */
static char *copy(const char *s, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	memcpy(p, s, n);
	return p;
}

static union ln_addr address(const char *text)
{
	union ln_addr a = { 0 };

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.sa.sa_family = AF_INET6;
	else
		abort();
	return a;
}

/* --- access.c --- */

static void test_networks(void)
{
	static const struct {
		const char *text;
		int bits;	/* -1: refused */
	} table[] = {
		{ "all", 0 }, { "192.0.2.1", 128 }, { "192.0.2.0/24", 120 }, { "0.0.0.0/0", 96 },
		{ "10.0.0.0/8", 104 }, { "::1", 128 }, { "2001:db8::/32", 32 }, { "::/0", 0 },
		{ "::ffff:10.0.0.0/104", 104 },
		{ "", -1 }, { "/", -1 }, { "/8", -1 }, { "10.0.0.0/", -1 }, { "10.0.0.0/33", -1 },
		{ "10.0.0.0/8 ", -1 }, { "10.0.0.0/+8", -1 }, { "10.0.0.0/-1", -1 },
		{ "10.0.0.0/08x", -1 }, { "10.0.0.1/8", -1 }, { "10.1/16", -1 },
		{ "2001:db8::/129", -1 }, { "2001:db8::1/64", -1 }, { "2001:db8::/4294967328", -1 },
		{ "localhost", -1 }, { "ALL", -1 }, { "fe80::1%lo", -1 }, { "10.0.0.0/8/8", -1 },
		{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/1", -1 },
	};

	for (size_t i = 0; i < LENGTH(table); i++) {
		struct access_network n;
		const char *wrong = access_parse(&n, table[i].text);

		EXPECT(!wrong == (table[i].bits >= 0), "'%s': %s", table[i].text,
		       wrong ? wrong : "taken");
		EXPECT(wrong || (int)n.bits == table[i].bits, "'%s': %u", table[i].text, n.bits);
	}
}

static void expect_access(const char *allow, const char *deny, const char *addr, bool expected)
{
	char *allow_text = strdup(allow), *deny_text = strdup(deny), *word, *rest;
	const char *allows[8], *denies[8];
	size_t n_allow = 0, n_deny = 0;
	union ln_addr a = address(addr);
	struct access *rules;

	for (rest = allow_text; (word = strsep(&rest, " "));)
		if (*word)
			allows[n_allow++] = word;
	for (rest = deny_text; (word = strsep(&rest, " "));)
		if (*word)
			denies[n_deny++] = word;
	rules = access_new(allows, n_allow, denies, n_deny);
	EXPECT(access_allowed(rules, &a) == expected, "%s with allow %s, deny %s", addr, allow,
	       deny);
	free(rules);
	free(allow_text);
	free(deny_text);
}

static void test_access(void)
{
	expect_access("", "", "192.0.2.1", true);
	/* Who is not named */
	expect_access("10.0.0.0/8", "", "192.0.2.1", false);
	expect_access("", "10.0.0.0/8", "192.0.2.1", true);
	expect_access("10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", false);
	/* The most specific decides, whichever list it is in. */
	expect_access("10.0.0.0/8", "10.1.0.0/16", "10.2.0.1", true);
	expect_access("10.0.0.0/8", "10.1.0.0/16", "10.1.0.1", false);
	expect_access("10.1.0.0/16", "10.0.0.0/8", "10.1.0.1", true);
	expect_access("10.1.0.0/16", "10.0.0.0/8", "10.2.0.1", false);
	expect_access("10.1.2.3", "10.1.0.0/16 all", "10.1.2.3", true);
	expect_access("all", "10.1.2.3", "10.1.2.3", false);
	expect_access("10.1.2.3", "10.1.2.3", "10.1.2.3", false);
	/* Edges of networks, at and beside octets */
	expect_access("10.0.0.0/9", "", "10.127.255.255", true);
	expect_access("10.0.0.0/9", "", "10.128.0.0", false);
	expect_access("192.0.2.4/31", "", "192.0.2.5", true);
	expect_access("192.0.2.4/31", "", "192.0.2.6", false);
	expect_access("192.0.2.4", "", "192.0.2.5", false);
	/* Families: IPv4 is the same behind an IPv6 socket, and no part of ::/0's like. */
	expect_access("10.0.0.0/8", "", "::ffff:10.1.1.1", true);
	expect_access("", "10.0.0.0/8", "::ffff:10.1.1.1", false);
	expect_access("0.0.0.0/0", "", "2001:db8::1", false);
	expect_access("all", "", "2001:db8::1", true);
	expect_access("all", "", "192.0.2.1", true);
	expect_access("2001:db8::/33", "", "2001:db8:7fff::1", true);
	expect_access("2001:db8::/33", "", "2001:db8:8000::1", false);
	expect_access("", "2001:db8::/127", "2001:db8::1", false);
	expect_access("", "2001:db8::/127", "2001:db8::2", true);
}

/* --- rate.c --- */

#define SECOND	1000000000ull

static void test_rate(void)
{
	union ln_addr a = address("192.0.2.1"), b = address("192.0.2.2"), v6 = address("2001:db8::1"),
		      neighbour = address("2001:db8::2"), other = address("2001:db8:0:1::1"),
		      mapped = address("::ffff:192.0.2.1");
	struct rate *r = rate_new(2, 3);
	uint64_t now = 1000 * SECOND, wait;

	if (!r)
		abort();
	for (int i = 0; i < 3; i++)
		EXPECT(!rate_take(r, &a, now), "request %d of the burst", i);
	wait = rate_take(r, &a, now);
	EXPECT(wait == SECOND / 2, "%llu ns", (unsigned long long)wait);
	/* A refused request costs nothing. */
	EXPECT(rate_take(r, &a, now + wait - 1) == 1, "too early");
	EXPECT(!rate_take(r, &a, now + wait), "in time");
	EXPECT(rate_take(r, &a, now + wait), "one only");
	EXPECT(rate_take(r, &mapped, now + wait), "the same behind an IPv6 socket");
	EXPECT(!rate_take(r, &b, now), "another address");
	/* An IPv6 /64 is one client. */
	for (int i = 0; i < 3; i++)
		EXPECT(!rate_take(r, i % 2 ? &v6 : &neighbour, now), "IPv6");
	EXPECT(rate_take(r, &v6, now) && rate_take(r, &neighbour, now), "IPv6");
	EXPECT(!rate_take(r, &other, now), "another /64");
	/* After a long rest there is one burst, not more. */
	now += 1000 * SECOND;
	for (int i = 0; i < 3; i++)
		EXPECT(!rate_take(r, &a, now), "request %d of the burst", i);
	EXPECT(rate_take(r, &a, now), "a second burst");
	rate_free(r);

	r = rate_new(1000, 1);
	for (unsigned int i = now = 0; i < 5000; i++, now += SECOND / 1000)
		EXPECT(!rate_take(r, &a, 5 * SECOND + now), "request %u in step", i);
	rate_free(r);
	rate_free(NULL);
}

/* Many addresses push out who was quiet, never who is busy. */
static void test_rate_crowd(void)
{
	struct rate *r = rate_new(1, 1000);
	union ln_addr busy = address("192.0.2.1"), a = address("10.0.0.0");
	uint64_t now = 1000 * SECOND;
	int allowed = 0;

	for (unsigned int i = 0; i < 100000; i++) {
		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
		rate_take(r, &a, now);
		allowed += !rate_take(r, &busy, now);
	}
	EXPECT(allowed == 1000, "%d of 1000", allowed);
	rate_free(r);
}

/* --- passwords.c --- */

#define SHA512	"$6$abcdefgh$" \
	"cX1nGjQ1oQhOTIXqTgUMjw/cXl1WyoWtCnlsUAHcsrUYRUVAIv0oNHYLn4u3xMVVCEWCq3hYyhXWXAFWUdeoI0"

static const char *parse_passwords(const char *text, size_t len, struct passwords *p,
				   unsigned int *line)
{
	char *s = copy(text, len);
	const char *wrong = passwords_parse(p, s, len, line);

	free(s);
	return wrong;
}

static void test_passwords(void)
{
	static const char text[] = "# users\n\nbob:" SHA512 "\r\nalice:$y$j9T$abc$def:a remark\n"
				   "with space:$2y$05$abcdefghijklmnopqrstuuxxxxxxxxxxxxxxxxxxxxxx"
				   "xxxxxxxxx";
	static const struct {
		const char *text;
		unsigned int line;
	} wrong[] = {
		{ "", 0 }, { "\n\n# nobody\n", 0 }, { "a\n", 1 }, { "\n:" SHA512, 2 },
		{ "a:", 1 }, { "a:secret", 1 }, { "a:ab01234567890", 1 },
		{ "a:$apr1$abc$def", 1 }, { "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", 1 },
		{ "a:" SHA512 "\nb:*\n", 2 }, { "a:$nonsense$x", 1 },
		{ "a:" SHA512 "\nb:" SHA512 "\na:" SHA512 "\n", 0 },
	};
	char long_name[300];
	struct passwords p;
	unsigned int line;
	const char *why, *hash;

	why = parse_passwords(text, sizeof(text) - 1, &p, &line);
	EXPECT(!why && p.n == 3, "%s, %zu", why ? why : "good", p.n);
	hash = passwords_find(&p, "bob");
	EXPECT(hash && !strcmp(hash, SHA512), "%s", hash ? hash : "nobody");
	hash = passwords_find(&p, "alice");
	EXPECT(hash && !strcmp(hash, "$y$j9T$abc$def"), "%s", hash ? hash : "nobody");
	EXPECT(passwords_find(&p, "with space"), "nobody");
	EXPECT(!passwords_find(&p, "ali") && !passwords_find(&p, "") && !passwords_find(&p, "carol"),
	       "somebody");
	passwords_clear(&p);

	for (size_t i = 0; i < LENGTH(wrong); i++) {
		why = parse_passwords(wrong[i].text, strlen(wrong[i].text), &p, &line);
		EXPECT(why && line == wrong[i].line, "'%s': %s, line %u", wrong[i].text,
		       why ? why : "taken", line);
		passwords_clear(&p);
	}
	EXPECT(parse_passwords("a\0b:" SHA512, 4 + strlen(SHA512), &p, &line), "NUL");
	passwords_clear(&p);
	memset(long_name, 'a', sizeof(long_name));
	strcpy(long_name + 256, ":$6$a");
	EXPECT(parse_passwords(long_name, strlen(long_name), &p, &line), "a long name");
	passwords_clear(&p);
	EXPECT(!parse_passwords(long_name + 1, strlen(long_name + 1), &p, &line), "255 octets");
	passwords_clear(&p);
}

static void test_credentials(void)
{
	static const struct {
		const char *value;
		const char *user, *password;	/* NULL: refused */
	} table[] = {
		/* RFC 7617, 2 and 2.1 */
		{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3" },
		{ "bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame" },
		{ "Basic   Og==", "", "" },
		{ "Basic YTpiOmM=", "a", "b:c" },
		{ "Basic YTo=", "a", "" },
		{ "Basic", NULL, NULL }, { "Basic ", NULL, NULL }, { "", NULL, NULL },
		{ "BasicYTo=", NULL, NULL }, { "Bearer YTo=", NULL, NULL },
		{ "Basic YWI=", NULL, NULL },		/* no colon */
		{ "Basic YTpi YTpi", NULL, NULL },	/* a blank within */
		{ "Basic YTo=x", NULL, NULL }, { "Basic =YTo", NULL, NULL },
		{ "Basic YTo-", NULL, NULL }, { "Basic YTo_", NULL, NULL },
		{ "Basic YTpi\xc3", NULL, NULL },
		{ "Basic YQA6Yg==", NULL, NULL },	/* NUL in the name */
		{ "Basic YTpiAA==", NULL, NULL },	/* NUL in the password */
		{ "Basic YTpiY", NULL, NULL },		/* a lone sextet */
	};

	for (size_t i = 0; i < LENGTH(table); i++) {
		size_t n = strlen(table[i].value);
		char *value = copy(table[i].value, n);
		struct credentials c;
		bool good = credentials_parse(&c, value, n);

		EXPECT(good == !!table[i].user, "'%s'", table[i].value);
		EXPECT(!good || (!strcmp(c.user, table[i].user) &&
				 !strcmp(c.password, table[i].password)),
		       "'%s': '%s' '%s'", table[i].value, c.user, c.password);
		free(value);
	}
}

/* "a:" and as many octets as there may be, and one more. */
static void test_long_credentials(void)
{
	struct credentials c;
	char value[2100] = "Basic ";

	/* "a:b" and then "bbb" each four letters */
	strcpy(value + 6, "YTpi");
	for (int i = 0; i < 170; i++)
		strcat(value, "YmJi");
	EXPECT(credentials_parse(&c, value, strlen(value)) && strlen(c.password) == 511, "511");
	strcat(value, "Yg==");
	EXPECT(!credentials_parse(&c, value, strlen(value)), "512");
	/* a name of 255 and of 258 octets */
	strcpy(value, "Basic ");
	for (int i = 0; i < 85; i++)
		strcat(value, "YmJi");
	strcat(value, "Og==");
	EXPECT(credentials_parse(&c, value, strlen(value)) && strlen(c.user) == 255, "255");
	strcpy(value, "Basic ");
	for (int i = 0; i < 86; i++)
		strcat(value, "YmJi");
	strcat(value, "Og==");
	EXPECT(!credentials_parse(&c, value, strlen(value)), "258");
	/* more than there is room for, whatever it is */
	strcpy(value, "Basic YTpi");
	for (int i = 0; i < 500; i++)
		strcat(value, "YmJi");
	EXPECT(!credentials_parse(&c, value, strlen(value)), "more than a thousand");
}

/* --- accesslog.c --- */

static struct access_record record(const union ln_addr *peer)
{
	return (struct access_record){
		.peer = peer,
		.when = { .tm_mday = 25, .tm_mon = 10, .tm_year = 126, .tm_hour = 19, .tm_min = 31,
			  .tm_sec = 1, .tm_gmtoff = 3600 },
		.request = "GET /a HTTP/1.1", .request_len = 15, .status = 200, .sent = 10,
		.transport = "tcp", .version = "h1", .took = 153,
	};
}

static void expect_line(const struct access_record *r, const char *expected)
{
	char line[ACCESSLOG_LINE];
	size_t n = accesslog_format(line, r);

	EXPECT(n == strlen(expected) && !memcmp(line, expected, n), "%.*s, expected %s", (int)n,
	       line, expected);
}

static void test_log_line(void)
{
	union ln_addr peer = address("192.0.2.1"), v6 = address("2001:db8::1"),
		      mapped = address("::ffff:192.0.2.1");
	struct http_field referer = { .value = "http://x/\"", .value_len = 10 },
			  agent = { .value = "c\\u\trl\x1b[2J\xff\n", .value_len = 12 };
	struct access_record r = record(&peer);

	expect_line(&r, "192.0.2.1 - - [25/Nov/2026:19:31:01 +0100] \"GET /a HTTP/1.1\" 200 10 "
			"\"-\" \"-\" tcp - h1 153");
	r = record(&v6);
	r.user = "al ice\"";
	r.referer = &referer;
	r.agent = &agent;
	r.sent = 0;
	r.status = 304;
	r.transport = "linnet";
	r.tls = "TLSv1.3";
	r.version = "h2";
	r.took = 18446744073709551615ull;
	expect_line(&r, "2001:db8::1 - al_ice\\\" [25/Nov/2026:19:31:01 +0100] \"GET /a HTTP/1.1\" "
			"304 - \"http://x/\\\"\" \"c\\\\u\\trl\\x1b[2J\\xff\\n\" linnet TLSv1.3 h2 "
			"18446744073709551615");
	r = record(&mapped);
	r.request = NULL;
	r.user = "";
	r.status = 400;
	expect_line(&r, "192.0.2.1 - - [25/Nov/2026:19:31:01 +0100] \"-\" 400 10 \"-\" \"-\" tcp - "
			"h1 153");
}

/* Every octet, as Apache writes it, and none that moves a cursor. */
static void test_log_octets(void)
{
	union ln_addr peer = address("192.0.2.1");
	char octets[256], line[ACCESSLOG_LINE];
	struct access_record r = record(&peer);
	size_t n;

	for (int i = 0; i < 256; i++)
		octets[i] = i;
	r.request = octets;
	r.request_len = sizeof(octets);
	n = accesslog_format(line, &r);
	for (size_t i = 0; i < n; i++)
		EXPECT(line[i] >= 0x20 && line[i] < 0x7f, "octet %d at %zu", line[i], i);
	line[n] = 0;
	EXPECT(strstr(line, "\"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\b\\t\\n\\v\\x0c\\r\\x0e"),
	       "%s", line);
}

static void test_log_longest(void)
{
	union ln_addr peer = address("1111:1111:1111:1111:1111:1111:1111:1111");
	char *big = malloc(20001), line[ACCESSLOG_LINE];
	struct http_field f = { .value = big, .value_len = 20000 };
	struct access_record r = record(&peer);
	size_t n;

	if (!big)
		abort();
	memset(big, 0xff, 20000);
	big[20000] = 0;
	r.user = r.request = big;
	r.request_len = 20000;
	r.referer = r.agent = &f;
	r.sent = r.took = UINT64_MAX;
	r.tls = "TLSv1.3";
	n = accesslog_format(line, &r);
	EXPECT(n > 4000 && n < sizeof(line), "%zu", n);
	free(big);
}

static void run(const char *name, void (*fn)(void))
{
	failed_here = 0;
	fn();
	failures += !!failed_here;
	printf("%sok %d %s\n", failed_here ? "not " : "", ++number, name);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} tests[] = {
		{ "networks: what is one and what is not", test_networks },
		{ "access: the most specific network decides", test_access },
		{ "rate: bursts, steps, neighbours", test_rate },
		{ "rate: a crowd does not help the busy", test_rate_crowd },
		{ "files of passwords: what is taken and which line is wrong", test_passwords },
		{ "credentials: RFC 7617's examples, and hostile ones", test_credentials },
		{ "credentials: the longest", test_long_credentials },
		{ "access log: whole lines", test_log_line },
		{ "access log: every octet", test_log_octets },
		{ "access log: the longest line fits", test_log_longest },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", LENGTH(tests));
	for (size_t i = 0; i < LENGTH(tests); i++)
		run(tests[i].name, tests[i].fn);
	return failures ? 1 : 0;
}
