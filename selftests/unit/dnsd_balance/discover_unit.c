// SPDX-License-Identifier: GPL-2.0-or-later
/* Rdata of SVCB and HTTPS records: good, malformed by RFC 9460, and random. */
#include <errno.h>

#include "discover.h"
#include "unit.h"

#define HEAD	"\0\1\1h\0"	/* priority 1, target "h" */

static int parse(const char *rdata, size_t len, struct discover_record *r, bool *alias)
{
	uint8_t *copy = malloc(len ? len : 1);
	int got;

	if (!copy)
		abort();
	memcpy(copy, rdata, len);
	memset(r, 0, sizeof(*r));
	r->port = 80;
	got = discover_parse(copy, len, copy, len, r, alias);
	free(copy);
	return got;
}

#define CASE(text, ...)	{ text, sizeof(text) - 1, __VA_ARGS__ }

static const struct {
	const char *rdata;
	size_t len;
	int result;
	bool linnet;
	uint16_t port, linnet_port;
} cases[] = {
	CASE(HEAD, 1, false, 80, 0),
	CASE(HEAD "\377\375\0\0", 1, true, 80, 0),
	CASE(HEAD "\377\375\0\2\37\220", 1, true, 80, 8080),
	CASE(HEAD "\0\3\0\2\0\121\377\375\0\0", 1, true, 81, 0),
	CASE(HEAD "\0\0\0\2\377\375\377\375\0\0", 1, true, 80, 0),
	CASE(HEAD "\0\0\0\4\0\3\377\375\0\3\0\2\0\121\377\375\0\0", 1, true, 81, 0),
	/* mandatory: ech, and a key that nobody knows */
	CASE(HEAD "\0\0\0\2\0\5\377\375\0\0", 0, true, 80, 0),
	CASE(HEAD "\0\0\0\2\377\0\377\375\0\0", 0, true, 80, 0),
	/* malformed: too short, port 0, three octets, order, mandatory in itself, no end */
	CASE("\0", -EBADMSG, false, 0, 0),
	CASE("\0\1\1h", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\2\0\0", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\3\0\0\1", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\1\1", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\0\0\3\0\2\0\121", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\0\377\375\0\0", -EBADMSG, false, 0, 0),
	CASE(HEAD "\0\0\0\2\0\0", -EBADMSG, false, 0, 0),
	CASE(HEAD "\0\0\0\0", -EBADMSG, false, 0, 0),
	CASE(HEAD "\0\0\0\4\377\375\0\3", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0\2\37", -EBADMSG, false, 0, 0),
	CASE(HEAD "\377\375\0", -EBADMSG, false, 0, 0),
	CASE(HEAD "\0\1\377\377", -EBADMSG, false, 0, 0),
};

static void records(void)
{
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct discover_record r;
		bool alias;
		int got = parse(cases[i].rdata, cases[i].len, &r, &alias);

		EXPECT(got == cases[i].result, "case %u: %d", i, got);
		if (got < 0)
			continue;
		EXPECT(!alias && r.linnet == cases[i].linnet && r.port == cases[i].port &&
		       r.linnet_port == cases[i].linnet_port && !strcmp(r.target, "h"),
		       "case %u: %d %u %u %s", i, r.linnet, r.port, r.linnet_port, r.target);
	}
}

static void aliases(void)
{
	struct discover_record r;
	bool alias;

	EXPECT(parse("\0\0\1h\0\377\375\0\0", 9, &r, &alias) == 1 && alias && !r.linnet,
	       "parameters in AliasMode mean nothing");
}

static void garbage(void)
{
	char rdata[48];

	srandom(3);
	for (unsigned int n = 0; n < 300000; n++) {
		size_t len = random() % (sizeof(rdata) + 1);
		struct discover_record r;
		bool alias;
		int got;

		for (size_t i = 0; i < len; i++)
			rdata[i] = random() % 4 ? random() % 8 : random();
		if (len > 9 && random() % 2)
			memcpy(rdata, HEAD "\377\375\0", 8);
		got = parse(rdata, len, &r, &alias);
		EXPECT(got == 0 || got == 1 || got == -EBADMSG, "%d", got);
		EXPECT(memchr(r.target, 0, sizeof(r.target)) != NULL, "no end of the name");
	}
}

static void targets(void)
{
	char name[DISCOVER_NAME];
	uint16_t port;

	EXPECT(!discover_target("a.b", name, &port) && !strcmp(name, "a.b") && !port, "a name");
	EXPECT(!discover_target("a:65535", name, &port) && port == 65535, "with a port");
	EXPECT(discover_target("", name, &port) && discover_target(":1", name, &port) &&
	       discover_target("a:", name, &port) && discover_target("a:0", name, &port) &&
	       discover_target("a:65536", name, &port) && discover_target("a:1x", name, &port) &&
	       discover_target("a:+1", name, &port), "what is none");
}

/* What libc is to ask: the family, and the port of it. */
static void servers(void)
{
	static const struct {
		const char *text;
		int family;
		uint16_t port;
	} good[] = {
		{ "192.0.2.1", AF_INET, 53 }, { "192.0.2.1:5353", AF_INET, 5353 },
		{ "2001:db8::1", AF_INET6, 53 }, { "[2001:db8::1]", AF_INET6, 53 },
		{ "[2001:db8::1]:5353", AF_INET6, 5353 },
	};
	static const char *const bad[] = { "", "a", "192.0.2.1:", "192.0.2.1:0", "[192.0.2.1]:53",
					   "[2001:db8::1]:", "[2001:db8::1]5", "[2001:db8::1",
					   "2001:db8::1]", "[]:53", ":" };
	struct __res_state res;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct sockaddr_in6 *v6;
		int err = discover_open(&res, good[i].text);

		EXPECT(!err, "%s: %d", good[i].text, err);
		if (err)
			continue;
		v6 = res._u._ext.nsaddrs[0];
		EXPECT(res.nscount == 1, "%s: %d servers", good[i].text, res.nscount);
		EXPECT(good[i].family == AF_INET ?
		       res.nsaddr_list[0].sin_family == AF_INET &&
		       ntohs(res.nsaddr_list[0].sin_port) == good[i].port :
		       !res.nsaddr_list[0].sin_family && v6 && v6->sin6_family == AF_INET6 &&
		       ntohs(v6->sin6_port) == good[i].port, "%s", good[i].text);
		res_nclose(&res);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(discover_open(&res, bad[i]) == -EINVAL, "'%s' is taken", bad[i]);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "key65533, port, mandatory; malformed ones", records },
		{ "AliasMode", aliases },
		{ "300000 random records", garbage },
		{ "NAME and NAME:PORT", targets },
		{ "name servers of IPv4 and IPv6", servers },
	};

	return UNIT_MAIN(tests);
}
