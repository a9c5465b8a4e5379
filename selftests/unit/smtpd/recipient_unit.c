// SPDX-License-Identifier: GPL-2.0-or-later
/* Aliases and who gets a message; networks. */
#include <arpa/inet.h>

#include "aliases.h"
#include "networks.h"
#include "recipient.h"
#include "unit.h"

static bool has_user(void *data, const char *name)
{
	static const char *const users[] = { "ann", "bob", "carl@b.test", "self", "d e" };

	(void)data;
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++)
		if (!strcmp(users[i], name))
			return true;
	return false;
}

static const char alias_file[] =
	"# a remark\r\n"
	"list: ann,\r\n"
	"  bob,, ann\n"
	"Team: list, x@elsewhere.test # no remark\n"
	"self: self, bob\n"
	"one: two\n"
	"two: one\n"
	"\"q r\": ann\n"
	"lost: nobody\n"
	"half: nobody, ann\n"
	"info@b.test: bob\n"
	"@c.test: ann\n"
	"d0: d1\nd1: d2\nd2: d3\nd3: d4\nd4: d5\nd5: d6\nd6: d7\nd7: d8\nd8: d9\nd9: d10\nd10: ann\n";

static struct recipient_rules rules(void)
{
	static const char *const domains[] = { "a.test", "b.test", "c.test", ".w.test" }, *const relays[] = { "r.test" };

	return (struct recipient_rules){
		.hostname = "mail.a.test", .domains = domains, .n_domains = 4, .relay_domains = relays,
		.n_relay_domains = 1, .postmaster = "bob", .delimiter = '+', .has_user = has_user,
	};
}

static void expansion(void)
{
	static const struct {
		const char *to;
		bool relay;
		unsigned int code;
		const char *found;
	} cases[] = {
		{ "ann@a.test", false, 0, "ann@a.test=ann;" },
		{ "ANN@A.TEST", false, 0, "ANN@A.TEST=ann;" },
		{ "\"ann\"@a.test", false, 0, "\"ann\"@a.test=ann;" },
		{ "ann+x@a.test", false, 0, "ann+x@a.test=ann;" },
		{ "+ann@a.test", false, 550, "" },
		{ "ann@mail.a.test", false, 0, "ann@mail.a.test=ann;" },
		{ "ann@x.w.test", false, 0, "ann@x.w.test=ann;" },
		{ "ann@w.test", false, 550, "" },
		{ "ann@[192.0.2.1]", false, 0, "ann@[192.0.2.1]=ann;" },
		{ "ann@[192.0.2.2]", false, 550, "" },
		{ "\"d e\"@a.test", false, 0, "\"d e\"@a.test=d e;" },
		{ "nobody@a.test", true, 550, "" },
		{ "x@r.test", false, 0, "x@r.test=-;" },
		{ "x@elsewhere.test", false, 550, "" },
		{ "x@elsewhere.test", true, 0, "x@elsewhere.test=-;" },
		{ "list@a.test", false, 0, "ann@a.test=ann;bob@a.test=bob;" },
		{ "list+x@b.test", false, 0, "ann@a.test=ann;bob@a.test=bob;" },
		{ "self@a.test", false, 0, "self@a.test=self;bob@a.test=bob;" },
		{ "one@a.test", false, 451, "" },
		{ "lost@a.test", false, 451, "" },
		{ "half@a.test", false, 0, "ann@a.test=ann;" },
		{ "d1@a.test", false, 0, "ann@a.test=ann;" },
		{ "d0@a.test", false, 554, "" },
		{ "\"q r\"@a.test", false, 0, "ann@a.test=ann;" },
		{ "carl@b.test", false, 0, "carl@b.test=carl@b.test;" },
		{ "carl@a.test", false, 550, "" },
		{ "info@b.test", false, 0, "bob@a.test=bob;" },
		{ "info@a.test", false, 550, "" },
		{ "whoever@c.test", false, 0, "ann@a.test=ann;" },
		{ "bob@c.test", false, 0, "bob@c.test=bob;" },
		{ "postmaster@a.test", false, 0, "bob@a.test=bob;" },
		{ "Postmaster", false, 0, "bob@a.test=bob;" },
	};
	struct recipient_rules r = rules();
	const char *why;
	unsigned int line;
	char text[sizeof(alias_file)];
	struct aliases *a;

	/* A "#" ends no line: what follows it would be a target. */
	strcpy(text, alias_file);
	*strstr(text, " # no") = '\n';
	memcpy(strstr(text, "# no remark"), "#xxxxxxxxxx", 11);
	a = aliases_parse(text, strlen(text), &why, &line);
	EXPECT(a, "line %u %s", line, why);
	r.aliases = a;
	for (size_t i = 0; a && i < sizeof(cases) / sizeof(*cases); i++) {
		struct rcpt_command c = { 0 };
		struct recipients to = { 0 };
		struct refusal refusal = { 0 };
		char found[1000] = "", path[300];
		const struct command_offer offer = { 0 };
		int err;

		snprintf(path, sizeof(path), "TO:<%s>", cases[i].to);
		EXPECT(!command_rcpt(&c, path, strlen(path), &offer, &refusal), "%s: %s", path, refusal.text);
		err = recipients_add(&to, &r, &c, cases[i].relay, "192.0.2.1", 100, &refusal);
		for (unsigned int n = 0; n < to.n; n++)
			sprintf(found + strlen(found), "%s=%s;", to.list[n].address, to.list[n].user ?: "-");
		EXPECT(err ? refusal.code == cases[i].code : !cases[i].code, "%s: %d %u", cases[i].to, err, refusal.code);
		EXPECT(!strcmp(found, cases[i].found), "%s: %s", cases[i].to, found);
		/* Once more: the same, and nobody twice. */
		if (!err) {
			unsigned int before = to.n;

			EXPECT(!recipients_add(&to, &r, &c, cases[i].relay, "192.0.2.1", 100, &refusal) &&
			       to.n == before, "%s: twice", cases[i].to);
		}
		recipients_clear(&to);
	}
	aliases_free(a);
}

static void limits(void)
{
	struct recipient_rules r = rules();
	struct recipients to = { 0 };
	struct rcpt_command c = { 0 };
	struct refusal refusal = { 0 };
	const char *why;
	unsigned int line;
	struct aliases *a = aliases_parse(alias_file, strstr(alias_file, "Team") - alias_file, &why, &line);

	r.aliases = a;
	mail_address_parse(&c.to, "self@a.test", 11, 0);
	EXPECT(!recipients_add(&to, &r, &c, false, "", 2, &refusal) && to.n == 1, "the first");
	mail_address_parse(&c.to, "list@a.test", 11, 0);
	EXPECT(recipients_add(&to, &r, &c, false, "", 2, &refusal) && refusal.code == 452 && to.n == 1,
	       "of an alias that is too many nobody is added: %u", to.n);
	mail_address_parse(&c.to, "bob@a.test", 10, 0);
	EXPECT(!recipients_add(&to, &r, &c, false, "", 2, &refusal) && to.n == 2, "one more");
	recipients_clear(&to);
	aliases_free(a);
}

static void alias_errors(void)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *why;
	} cases[] = {
		{ "a: b\nc\n", 2, "is not NAME" }, { "a: b\n: c\n", 2, "does not begin" }, { "a:\n", 1, "no target" },
		{ "a: ,\n", 1, "no target" }, { "a: |command\n", 1, "commands" }, { "a: /file\n", 1, "commands" },
		{ "a: :include:/x\n", 1, "commands" }, { "a: b\nA: c\n", 0, "twice" }, { "a b: c\n", 1, "does not begin" },
		{ "a: b c\n", 1, "commands" }, { "\n\n a: \"b\n", 3, "commands" }, { "\"a: b\n", 1, "is not NAME" },
		{ "@-: b\n", 1, "does not begin" },
	};
	const char *why;
	unsigned int line;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct aliases *a = aliases_parse(cases[i].text, strlen(cases[i].text), &why, &line);

		EXPECT(!a && line == cases[i].line && strstr(why, cases[i].why), "%zu: line %u: %s", i, line, why);
		aliases_free(a);
	}
	EXPECT(!aliases_parse("a: b\0", 5, &why, &line), "NUL");
}

static void nets(void)
{
	static const struct {
		const char *net, *address;
		bool in;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/25", "192.0.2.128", false }, { "192.0.2.1", "192.0.2.1", true }, { "0.0.0.0/0", "1.2.3.4", true },
		{ "192.0.2.1", "192.0.2.2", false }, { "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false }, { "192.0.2.0/24", "::ffff:192.0.2.1", true },
		{ "::/0", "192.0.2.1", false },
	};
	static const char *const bad[] = { "", "x", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "::1/129",
					   "192.0.2.0/24x" };
	struct network n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		union ln_addr a = { 0 };

		a.sa.sa_family = strchr(cases[i].address, ':') ? AF_INET6 : AF_INET;
		inet_pton(a.sa.sa_family, cases[i].address, a.sa.sa_family == AF_INET ? (void *)&a.in.sin_addr :
			  (void *)&a.in6.sin6_addr);
		EXPECT(network_parse(&n, cases[i].net) && networks_have(&n, 1, &a) == cases[i].in, "%s in %s",
		       cases[i].address, cases[i].net);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!network_parse(&n, bad[i]), "%s", bad[i]);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "who gets mail for an address: users, aliases, details, catch-alls, postmaster", expansion },
		{ "limits of recipients", limits },
		{ "errors in a file of aliases name line and reason", alias_errors },
		{ "networks", nets },
	};

	return UNIT_MAIN(tests);
}
