// SPDX-License-Identifier: GPL-2.0-or-later
/* Command lines and their parameters; the codes are those of services/test_smtp_commands.py. */
#include "command.h"
#include "unit.h"

static const struct command_offer all = { .extended = true, .utf8 = true };

static void verbs(void)
{
	static const struct {
		const char *line;
		enum verb verb;
		const char *args;
	} cases[] = {
		{ "NOOP", VERB_NOOP, "" }, { "noop", VERB_NOOP, "" }, { "NoOp  x y ", VERB_NOOP, "x y" },
		{ "NOOP\tx", VERB_NOOP, "x" }, { " NOOP", VERB_UNKNOWN, "NOOP" }, { "", VERB_UNKNOWN, "" },
		{ "NOOPX", VERB_UNKNOWN, "" }, { "NOO", VERB_UNKNOWN, "" }, { "STARTTLS", VERB_STARTTLS, "" },
		{ "TURN", VERB_NOT_IMPLEMENTED, "" }, { "POST / HTTP/1.1", VERB_FOREIGN, "/ HTTP/1.1" },
		{ "   ", VERB_UNKNOWN, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *args;
		size_t len;
		enum verb v = command_verb(cases[i].line, strlen(cases[i].line), &args, &len);

		EXPECT(v == cases[i].verb, "'%s': %d", cases[i].line, v);
		EXPECT(len == strlen(cases[i].args) && !memcmp(args, cases[i].args, len), "'%s': '%.*s'",
		       cases[i].line, (int)len, args);
	}
}

static void mail(void)
{
	struct mail_command m;
	struct refusal r;
	const char *text = "FROM:<a@b> SIZE=12 body=8BITMIME RET=hdrs ENVID=x+2By AUTH=<> SMTPUTF8";

	EXPECT(!command_mail(&m, text, strlen(text), &all, &r), "%u %s", r.code, r.text);
	EXPECT(!strcmp(m.from.text, "a@b") && m.size == 12 && m.body == BODY_8BITMIME && m.ret == RET_HDRS &&
	       !strcmp(m.envid, "x+2By") && !strcmp(m.auth, "<>") && m.utf8, "values");
	text = "FROM:<a@b> SIZE=18446744073709551616";
	EXPECT(!command_mail(&m, text, strlen(text), &all, &r) && m.size == UINT64_MAX, "a size beyond 64 bits");
	text = "FROM:<a@b>";
	for (size_t n = 0; n < strlen(text); n++)
		EXPECT(command_mail(&m, text, n, &all, &r) && r.code == 501, "cut off: %.*s", (int)n, text);
}

static void refusals(void)
{
	static const struct {
		bool rcpt, plain;
		const char *args;
		unsigned int code;
		const char *status;
	} cases[] = {
		{ false, true, "FROM:<a@b> SIZE=1", 555, "5.5.4" },
		{ false, false, "FROM:<a@b> X=1", 555, "5.5.4" },
		{ false, false, "FROM:<a@b> SIZE=1 SIZE=1", 501, "5.5.4" },
		{ false, false, "FROM:<a@b> SIZE", 501, "5.5.4" },
		{ false, false, "FROM:<a@b>SIZE=1", 501, "5.5.4" },
		{ false, false, "FROM:<a@b> SIZE=", 501, "5.5.4" },
		{ false, false, "FROM:<a@b> -X=1", 501, "5.5.4" },
		{ false, false, "FROM:<\xc3\xa4@b>", 553, "5.6.7" },
		{ false, false, "FROM:<a>", 501, "5.1.7" },
		{ true, false, "TO:<>", 501, "5.1.3" },
		{ true, false, "TO:<a@b> NOTIFY=NEVER,DELAY", 501, "5.5.4" },
		{ true, false, "TO:<a@b> NOTIFY=,", 501, "5.5.4" },
		{ true, false, "TO:<a@b> NOTIFY=SUCCESS NOTIFY=DELAY", 501, "5.5.4" },
		{ true, false, "TO:<a@b> ORCPT=rfc822;+0Ax", 501, "5.5.4" },
		{ true, false, "TO:<a@b> ORCPT=a b;c", 501, "5.5.4" },
		{ true, false, "TO:<a@b> ORCPT=r(c;c", 501, "5.5.4" },
		{ true, false, "TO:<a@b> ORCPT=utf-8;\xff", 501, "5.5.4" },
		{ true, false, "TO:<a@b> RET=FULL", 555, "5.5.4" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct command_offer offer = { .extended = !cases[i].plain, .utf8 = !cases[i].rcpt };
		const char *args = cases[i].args;
		struct mail_command m;
		struct rcpt_command c;
		struct refusal r = { 0 };
		int err = cases[i].rcpt ? command_rcpt(&c, args, strlen(args), &offer, &r) :
					  command_mail(&m, args, strlen(args), &offer, &r);

		EXPECT(err && r.code == cases[i].code && !strcmp(r.status, cases[i].status), "%s: %u %s", args,
		       r.code, r.status ? r.status : "");
	}
}

static void rcpt(void)
{
	struct rcpt_command c;
	struct refusal r;
	const char *text = "to: <a@b> NOTIFY=delay,SUCCESS ORCPT=rfc822;x+40y";

	EXPECT(!command_rcpt(&c, text, strlen(text), &all, &r), "%u %s", r.code, r.text);
	EXPECT(c.notify == (NOTIFY_DELAY | NOTIFY_SUCCESS) && !strcmp(c.orcpt, "rfc822;x+40y"), "values: %s", c.orcpt);
	text = "TO:<a@b> ORCPT=utf-8;\xc3\xa4\\x{20AC}@c";
	EXPECT(!command_rcpt(&c, text, strlen(text), &all, &r), "%u %s", r.code, r.text);
}

static void bdat(void)
{
	struct refusal r;
	uint64_t size;
	bool last;

	EXPECT(!command_bdat("0 LAST", 6, &size, &last, &r) && !size && last, "0 LAST");
	EXPECT(!command_bdat("12", 2, &size, &last, &r) && size == 12 && !last, "12");
	EXPECT(command_bdat("", 0, &size, &last, &r), "nothing");
	EXPECT(command_bdat("12 LASTS", 8, &size, &last, &r), "12 LASTS");
	EXPECT(command_bdat("0x12", 4, &size, &last, &r), "hexadecimal");
	EXPECT(!command_bdat("99999999999999999999", 20, &size, &last, &r) && size == UINT64_MAX, "the largest");
}

static void names(void)
{
	EXPECT(command_client_name("a.test", 6) && command_client_name("[IPv6:::1]", 10) &&
	       command_client_name("under_score", 11), "good ones");
	EXPECT(!command_client_name("", 0) && !command_client_name("a b", 3) && !command_client_name("a)b", 3) &&
	       !command_client_name("a\x7f", 2) && !command_client_name("\xff", 1), "what Received could not hold");
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "verbs and what follows them", verbs },
		{ "MAIL: parameters and their values", mail },
		{ "RCPT: NOTIFY and ORCPT", rcpt },
		{ "what is refused, with which codes", refusals },
		{ "BDAT", bdat },
		{ "names of HELO", names },
	};

	return UNIT_MAIN(tests);
}
