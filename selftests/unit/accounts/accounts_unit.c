// SPDX-License-Identifier: GPL-2.0-or-later
#include <crypt.h>

#include "entry.h"
#include "standin.h"
#include "sasl.h"
#include "unit.h"

#define VERIFIER "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=," \
		 "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="	/* of "pencil", RFC 7677, 3 */

static char hash[CRYPT_OUTPUT_SIZE];	/* of "word" */

static const char *parse(const char *fmt, struct users *u, enum users_third third)
{
	static char text[70000];
	unsigned int line;

	snprintf(text, sizeof(text), fmt, hash, hash);
	return users_parse(u, text, strlen(text), third, &line);
}

static void test_users(void)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
		{ "a:%s\n", NULL }, { "a:%s", NULL }, { "# x\n\na:%s\r\n", NULL },
		{ "a:!\n", NULL }, { "a:*:h\n", NULL }, { "a:!%s\n", NULL },
		{ "a:%s\na:" VERIFIER "\n", NULL }, { "a:" VERIFIER ":h:1k,2\na:%s\n", NULL },
		{ "a:%s:h\n", NULL }, { "a:%s::5\n", NULL }, { "a:%s:h:10g,7\n", NULL },
		{ "a:%s:h:,7\n", NULL }, { "a:%s:h:\n", NULL },
		{ "", "names no user" }, { "#\n", "names no user" },
		{ "a:%s\na:%s\n", "names a user twice" },
		{ "a:" VERIFIER "\na:" VERIFIER "\n", "names a user twice" },
		{ "a:%s:h\na:" VERIFIER ":h\n", "says a user's home and quota twice" },
		{ "a:%s\rx\n", "has a control" }, { "a\tb:%s\n", "has a control" },
		{ "a\n", "is not NAME" }, { ":%s\n", "is not NAME" },
		{ "a:\n", "is no hash" }, { "a:plain\n", "is no hash" }, { "a:$apr1$x$y\n", "is no hash" },
		{ "a:{SHA}x\n", "is no SCRAM verifier" }, { "a:{SCRAM-SHA-256}0,YQ==,YQ==,YQ==\n", "is no SCRAM" },
		{ "a:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,short,x\n", "is no SCRAM" },
		{ "a:{SCRAM-SHA-256}9999999,W22ZaJ0SNY7soEsUEjb6gQ==\n", "is no SCRAM" },
		{ "a:%s:h:x\n", "has no quota" }, { "a:%s:h:1t\n", "has no quota" },
		{ "a:%s:h:99999999999999999999\n", "has no quota" }, { "a:%s:h:9999999999g\n", "has no quota" },
		{ "a:%s:h:1,\n", "has no quota" }, { "a:%s:h:1,-2\n", "has no quota" },
		{ "a:%s:h:1:2\n", "has no quota" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct users u;
		const char *wrong = parse(rows[i].text, &u, USERS_HOME);

		if (rows[i].wrong)
			EXPECT(wrong && strstr(wrong, rows[i].wrong) == wrong, "%s: %s", rows[i].text, wrong ?: "good");
		else
			EXPECT(!wrong && u.n == 1, "%s: %s", rows[i].text, wrong ?: "n");
		users_clear(&u);
	}
}

static void test_fields(void)
{
	const struct user *a;
	struct users u;

	EXPECT(!parse("b:%s\nann:%s:x/y:2k,3\nc:!", &u, USERS_HOME) && u.n == 3, "%zu", u.n);
	a = users_find(&u, "ann");
	EXPECT(a && !strcmp(a->account.home, "x/y") && a->account.quota == 2048 &&
	       a->account.quota_files == 3, "ann");
	EXPECT(!users_find(&u, "an") && !users_find(&u, "annn") && !users_find(&u, ""), "nobody");
	EXPECT(users_find(&u, "c") && !users_find(&u, "c")->hash, "c has no password");
	users_clear(&u);
	/* What htpasswd writes: no home behind it */
	EXPECT(!parse("ann:%s:a remark: more\n", &u, USERS_REMARK) && !u.user[0].account.home, "remark");
	users_clear(&u);
}

/* --- checks --- */

struct verdict {
	struct accounts_waiter waiter;
	enum accounts_verdict verdict;
	int calls;
};

static void on_verdict(struct accounts_waiter *w, enum accounts_verdict verdict)
{
	((struct verdict *)w)->verdict = verdict;
	((struct verdict *)w)->calls++;
}

static enum accounts_verdict check(struct accounts *a, const char *user, const char *password)
{
	struct verdict v = { .waiter.done = on_verdict };
	enum accounts_verdict verdict = accounts_check(a, NULL, user, password, &v.waiter);

	if (verdict != ACCOUNTS_PENDING)
		return verdict;
	while (!v.calls)
		uv_run(uv_default_loop(), UV_RUN_ONCE);
	return v.verdict;
}

static struct accounts *open_all(void)
{
	char text[2000];

	snprintf(text, sizeof(text), "ann:%s\nscram:" VERIFIER "\nboth:%s\nboth:" VERIFIER "\nno:!\n", hash, hash);
	return standin_accounts(text, strlen(text));
}

static void test_check(void)
{
	static const struct {
		const char *user, *password;
		enum accounts_verdict wanted;
	} rows[] = {
		{ "ann", "word", ACCOUNTS_GOOD }, { "ann", "Word", ACCOUNTS_BAD }, { "ann", "", ACCOUNTS_BAD },
		{ "nobody", "word", ACCOUNTS_BAD }, { "", "", ACCOUNTS_BAD }, { "no", "!", ACCOUNTS_BAD },
		{ "no", "word", ACCOUNTS_BAD }, { "scram", "pencil", ACCOUNTS_GOOD },
		{ "scram", "word", ACCOUNTS_BAD }, { "both", "word", ACCOUNTS_GOOD }, { "both", "pencil", ACCOUNTS_BAD },
	};
	struct accounts *a = open_all();
	char long_one[600];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		EXPECT(check(a, rows[i].user, rows[i].password) == rows[i].wanted, "%s %s", rows[i].user, rows[i].password);
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = 0;
	EXPECT(check(a, long_one, "x") == ACCOUNTS_BAD && check(a, "ann", long_one) == ACCOUNTS_BAD, "too long");
	EXPECT(!standin_held, "%d", standin_held);
	accounts_free(a);
}

static void test_waiting(void)
{
	static struct verdict v[80];
	struct accounts *a = open_all();
	unsigned int busy = 0, pending = 0;
	char password[16];

	/* The same question is asked once, and one of its waiters goes away */
	for (int i = 0; i < 3; i++) {
		v[i].waiter.done = on_verdict;
		EXPECT(accounts_check(a, NULL, "ann", "word", &v[i].waiter) == ACCOUNTS_PENDING, "%d", i);
	}
	EXPECT(standin_held == 1, "%d checks", standin_held);
	accounts_cancel(&v[1].waiter);
	accounts_cancel(&v[1].waiter);
	while (standin_held)
		uv_run(uv_default_loop(), UV_RUN_ONCE);
	EXPECT(v[0].calls == 1 && v[1].calls == 0 && v[2].calls == 1, "calls");
	/* There is an end to how many wait */
	for (int i = 0; i < 80; i++) {
		v[i] = (struct verdict){ .waiter.done = on_verdict };
		snprintf(password, sizeof(password), "%d", i);
		switch (accounts_check(a, NULL, "ann", password, &v[i].waiter)) {
		case ACCOUNTS_BUSY:
			busy++;
			break;
		case ACCOUNTS_PENDING:
			pending++;
			break;
		default:
			EXPECT(false, "a verdict at once");
		}
	}
	EXPECT(pending == 64 && busy == 16, "%u pending, %u busy", pending, busy);
	while (standin_held)
		uv_run(uv_default_loop(), UV_RUN_ONCE);
	for (int i = 0; i < 64; i++)
		EXPECT(v[i].calls == 1 && v[i].verdict == ACCOUNTS_BAD, "%d", i);
	accounts_free(a);
}

static void test_disguise(void)
{
	struct accounts *a = open_all(), *b = open_all();
	struct scram_verifier v, w;

	EXPECT(accounts_scram(a, "scram", &v) && v.iterations == 4096 && v.salt_len == 16, "a real one");
	EXPECT(!accounts_scram(a, "ann", &v) && !accounts_scram(b, "ann", &w), "made up");
	EXPECT(!memcmp(&v, &w, sizeof(v)) && v.iterations == 4096 && v.salt_len == 16, "the same each time");
	accounts_scram(a, "anna", &w);
	EXPECT(memcmp(v.salt, w.salt, v.salt_len), "another's is another");
	accounts_free(a);
	accounts_free(b);
}

static void test_names(void)
{
	char names[SASL_NAMES_MAX];
	struct accounts *a = open_all(), *b;
	char text[600];

	snprintf(text, sizeof(text), "ann:%s\n", hash);
	b = standin_accounts(text, strlen(text));
	EXPECT(!strcmp(sasl_names(a, true, names), "SCRAM-SHA-256 PLAIN LOGIN"), "%s", names);
	EXPECT(!strcmp(sasl_names(a, false, names), "SCRAM-SHA-256"), "%s", names);
	EXPECT(!strcmp(sasl_names(b, true, names), "PLAIN LOGIN"), "%s", names);
	EXPECT(!strcmp(sasl_names(b, false, names), ""), "%s", names);
	accounts_free(a);
	accounts_free(b);
}

/* --- linnet-passwd --- */

static void test_entry(void)
{
	static const char before[] = "# remark\nzoe:!\nann:!:h:5\nbob:!\n";
	struct entry_change c = { .user = "ann", .password = "new", .iterations = 4096, .scram = true };
	const char *wrong;
	struct accounts *a;
	size_t len;
	char *text = entry_apply(before, strlen(before), &c, &len, &wrong), *second;

	EXPECT(text, "%s", wrong);
	EXPECT(!strncmp(text, "# remark\nzoe:!\nann:$y$", 22) && !strcmp(text + len - 6, "bob:!\n"), "%s", text);
	a = standin_accounts(text, len);
	EXPECT(a && check(a, "ann", "new") == ACCOUNTS_GOOD && accounts_have_scram(a), "the new password");
	EXPECT(a && !strcmp(accounts_find(a, "ann")->home, "h") && accounts_find(a, "ann")->quota == 5, "home and quota");
	accounts_free(a);
	/* A verifier of the old password would still open the door */
	c.scram = false;
	c.password = "newer";
	second = entry_apply(text, len, &c, &len, &wrong);
	a = standin_accounts(second, len);
	EXPECT(a && strstr(second, "ann:{SCRAM") && strcmp(strstr(second, "ann:{"), strstr(text, "ann:{")), "%s", second);
	accounts_free(a);
	c.no_scram = true;
	free(text);
	text = entry_apply(second, len, &c, &len, &wrong);
	EXPECT(text && !strstr(text, "{SCRAM"), "%s", text);
	free(second);
	c = (struct entry_change){ .user = "ann", .remove = true };
	second = entry_apply(text, len, &c, &len, &wrong);
	EXPECT(second && !strcmp(second, "# remark\nzoe:!\nbob:!\n"), "%s", second);
	EXPECT(!entry_apply(second, len, &c, &len, &wrong) && strstr(wrong, "no such user"), "%s", wrong);
	free(text);
	free(second);
	c = (struct entry_change){ .user = "new", .password = "x" };
	text = entry_apply("a:!", 3, &c, &len, &wrong);
	EXPECT(text && !strncmp(text, "a:!\nnew:$y$", 11), "%s", text);
	free(text);
	c = (struct entry_change){ .user = "a", .quota = "lots" };
	EXPECT(!entry_apply("a:!", 3, &c, &len, &wrong) && strstr(wrong, "quota"), "%s", wrong);
	c = (struct entry_change){ .user = "a", .password = "\xff", .scram = true, .iterations = 4096 };
	EXPECT(!entry_apply("a:!", 3, &c, &len, &wrong) && strstr(wrong, "SCRAM"), "%s", wrong);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "files of users: good ones and bad ones", test_users },
		{ "homes, quotas, remarks", test_fields },
		{ "passwords by hash and by verifier", test_check },
		{ "waiters: together, gone, too many", test_waiting },
		{ "a verifier for those whom nobody knows", test_disguise },
		{ "mechanisms that are offered", test_names },
		{ "linnet-passwd: users added, changed, removed", test_entry },
	};

	strcpy(hash, crypt("word", "$5$rounds=1000$unittest"));
	return UNIT_MAIN(tests);
}
