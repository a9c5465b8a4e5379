// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments, texts, lines, the user's tree, lists, uploads and quotas. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "argument.h"
#include "ascii.h"
#include "list.h"
#include "quota.h"
#include "session.h"
#include "telnet.h"
#include "tree.h"
#include "unit.h"
#include "upload.h"

static void numbers(void)
{
	static const char *const bad[] = { "", "-1", "+1", "1x", " 1", "1 ", "0x10", "9223372036854775808",
					   "99999999999999999999999" };
	uint64_t n;

	EXPECT(argument_number("0", &n) && n == 0, "0");
	EXPECT(argument_number("9223372036854775807", &n) && n == INT64_MAX, "the largest");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!argument_number(bad[i], &n), "'%s'", bad[i]);
}

static void ports(void)
{
	static const char *const bad[] = { "", "1,2,3,4,5", "1,2,3,4,5,6,", "1,2,3,4,5,256", "1,2,3,,5,6",
					   "1,2,3,4,5,6 ", "-1,2,3,4,5,6", "1.2.3.4.5.6" };
	union ln_addr a;

	EXPECT(argument_port("192,0,2,1,195,80", &a) && a.in.sin_port == htons(50000) &&
	       a.in.sin_addr.s_addr == htonl(0xc0000201), "192.0.2.1:50000");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!argument_port(bad[i], &a), "'%s'", bad[i]);
}

static void extended_ports(void)
{
	static const struct {
		const char *text;
		enum argument_verdict verdict;
	} cases[] = {
		{ "|1|192.0.2.1|50000|", ARGUMENT_GOOD }, { "|2|2001:db8::1|50000|", ARGUMENT_GOOD },
		{ "!1!192.0.2.1!50000!", ARGUMENT_GOOD }, { "|3|x|1|", ARGUMENT_FAMILY },
		{ "", ARGUMENT_BAD }, { "|", ARGUMENT_BAD }, { "|1|192.0.2.1|50000", ARGUMENT_BAD },
		{ "|1|192.0.2.1|50000||", ARGUMENT_BAD }, { "|1|192.0.2.1|65536|", ARGUMENT_BAD },
		{ "|1|2001:db8::1|50000|", ARGUMENT_BAD }, { "|2|192.0.2.1|50000|", ARGUMENT_BAD },
		{ "|1|192.0.2.1!50000|", ARGUMENT_BAD }, { "11119", ARGUMENT_BAD },
		{ " 1 192.0.2.1 50000 ", ARGUMENT_BAD },
		{ "|1|1111111111111111111111111111111111111111111111111111|1|", ARGUMENT_BAD },
	};
	union ln_addr a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		EXPECT(argument_eprt(cases[i].text, &a) == cases[i].verdict, "'%s'", cases[i].text);
}

static void times(void)
{
	static const char *const bad[] = { "", "2020", "20200102030405x", "20200102030405.", "20201302030405",
					   "20200230000000", "20200102240405", "20200102036005", "2020 102030405" };
	struct timespec t;

	EXPECT(argument_time("20200102030405", &t) && t.tv_sec == 1577934245 && !t.tv_nsec, "%lld",
	       (long long)t.tv_sec);
	EXPECT(argument_time("20200229000000.25", &t) && t.tv_nsec == 250000000, "%ld", t.tv_nsec);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!argument_time(bad[i], &t), "'%s'", bad[i]);
}

static void verbs(void)
{
	char verb[5];

	EXPECT(argument_verb("retr  x ", verb) == 5 && !strcmp(verb, "RETR"), "%s", verb);
	EXPECT(argument_verb("CCC", verb) == 3 && !strcmp(verb, "CCC"), "%s", verb);
	EXPECT(argument_verb("", verb) == 0 && !verb[0], "%s", verb);
	EXPECT((argument_verb("ABORT", verb), !verb[0]), "%s", verb);
	EXPECT((argument_verb("AB", verb), !verb[0]), "%s", verb);
	EXPECT((argument_verb("RETR\tx", verb), !verb[0]), "%s", verb);
}

static void paths(void)
{
	static const struct {
		const char *cwd, *arg, *path;
	} cases[] = {
		{ "/", "a", "/a" }, { "/a", "b", "/a/b" }, { "/a", "/b", "/b" }, { "/a/b", "..", "/a" },
		{ "/a", "..", "/" }, { "/", "..", "/" }, { "/a", "../../../..", "/" }, { "/a", ".", "/a" },
		{ "/", "", "/" }, { "/a", "", "/a" }, { "/a", "b//c/./d/../e/", "/a/b/c/e" },
		{ "/", "...", "/..." }, { "/", "..a", "/..a" }, { "/a", "/../b/..", "/" },
	};
	char out[ARGUMENT_MAX_PATH], *longest = malloc(ARGUMENT_MAX_PATH + 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		EXPECT(argument_path(cases[i].cwd, cases[i].arg, out) && !strcmp(out, cases[i].path),
		       "%s and %s: %s", cases[i].cwd, cases[i].arg, out);
	memset(longest, 'x', ARGUMENT_MAX_PATH);
	longest[ARGUMENT_MAX_PATH - 2] = 0;
	EXPECT(argument_path("/", longest, out) && strlen(out) == ARGUMENT_MAX_PATH - 1, "the longest");
	longest[ARGUMENT_MAX_PATH - 2] = 'x';
	longest[ARGUMENT_MAX_PATH - 1] = 0;
	EXPECT(!argument_path("/", longest, out), "one that is too long");
	free(longest);
}

static void texts(void)
{
	struct ascii a = { 0 };
	char out[32];
	size_t n;

	n = ascii_to_net("a\nb\r\n\r", 6, out);
	EXPECT(n == 8 && !memcmp(out, "a\r\nb\r\r\n\r", 8), "%zu", n);
	n = ascii_from_net(&a, "a\r\nb\rc\r", 7, out);
	EXPECT(n == 5 && !memcmp(out, "a\nb\rc", 5) && a.pending, "%zu", n);
	n = ascii_from_net(&a, "\r\n\r", 3, out);
	EXPECT(n == 2 && !memcmp(out, "\r\n", 2) && a.pending, "%zu", n);
	EXPECT(ascii_from_net_end(&a, out) == 1 && *out == '\r' && !a.pending, "the end");
	EXPECT(!ascii_from_net_end(&a, out), "no more");
}

static void lines(void)
{
	static struct telnet t;
	struct telnet_answers a = { 0 };
	const char in[] = "N\xff\xfd\x01O\xff\xff\xff\xfa\x01x\n\xff\xf0O\r\0P\r\nrest";
	size_t used;

	EXPECT(telnet_feed(&t, in, sizeof(in) - 1, &used, &a) && !strcmp(in + used, "rest"), "%zu", used);
	EXPECT(!strcmp(t.line, "NO\xffO\rP"), "'%s'", t.line);
	EXPECT(a.len == 3 && !memcmp(a.octets, "\xff\xfc\x01", 3), "%zu", a.len);
	telnet_next(&t);
	for (int i = 0; i < TELNET_MAX_LINE + 5; i++)
		telnet_feed(&t, "x", 1, &used, &a);
	EXPECT(telnet_feed(&t, "\n", 1, &used, &a) && t.too_long && t.len == TELNET_MAX_LINE, "%zu", t.len);
	telnet_next(&t);
	EXPECT(telnet_feed(&t, "\n", 1, &used, &a) && !t.too_long && !t.len, "an empty line");
}

/* --- a tree in a folder of its own --- */

static char folder[] = "/tmp/linnet-unit-XXXXXX";
static struct tree tree = { .home = -1 };
static const struct quota no_quota;

static void put(const char *name, const char *text)
{
	int fd = openat(tree.home, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", name);
	close(fd);
}

static bool is(const char *name, const char *text)
{
	char got[256];
	int fd = openat(tree.home, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(got, text, n);
}

static void beneath(void)
{
	static const char *const deny[] = { "*.exe" };
	struct stat st;

	mkdirat(tree.home, "d", 0755);
	put("d/f", "1");
	EXPECT(!symlinkat("/etc", tree.home, "out") && !symlinkat("../../..", tree.home, "d/up") &&
	       !symlinkat("f", tree.home, "d/in"), "links");
	EXPECT(!tree_stat(&tree, "/d/in", &st) && S_ISREG(st.st_mode), "a link inside");
	EXPECT(tree_stat(&tree, "/out", &st) == -EXDEV, "a link to the outside");
	EXPECT(tree_stat(&tree, "/out/passwd", &st) == -EXDEV, "through a link to the outside");
	EXPECT(tree_stat(&tree, "/d/up", &st) == -EXDEV, "a link with too many ..");
	EXPECT(tree_open(&tree, "/d/f/", O_RDONLY, 0) < 0, "a file as a folder");
	EXPECT(tree_remove(&tree, "/") == -EBUSY, "the home itself");
	EXPECT(tree_rename(&tree, "/d/f", "/out/f") == -EXDEV, "renaming to the outside");
	EXPECT(tree_remove(&tree, "/out") == 0, "a link is removed, not what it leads to");
	EXPECT(tree_hidden(".in.x~") && !tree_hidden(".in.x") && !tree_hidden("x~"), "hidden names");
	tree.deny = deny;
	tree.n_deny = 1;
	EXPECT(tree_denied(&tree, "/a/b.exe/c") && !tree_denied(&tree, "/a/b.exes"), "denied names");
	tree.n_deny = 0;
}

static void uploads(void)
{
	struct upload u;
	uint64_t size;

	EXPECT(!upload_open(&u, &tree, "/new", UPLOAD_NEW, 0, 1, &no_quota), "a new one");
	EXPECT(!upload_write(&u, "abc", 3), "writing");
	EXPECT(faccessat(tree.home, "new", F_OK, 0), "it is there before its end");
	{
		struct upload other;

		EXPECT(upload_open(&other, &tree, "/new", UPLOAD_NEW, 0, 1, &no_quota) == -ETXTBSY,
		       "a second one of the same user");
		EXPECT(!upload_open(&other, &tree, "/new", UPLOAD_NEW, 0, 2, &no_quota), "another user's");
		upload_abort(&other, true);
	}
	upload_abort(&u, true);
	EXPECT(!upload_partial_size(&tree, "/new", 1, &size) && size == 3, "what is kept");
	EXPECT(upload_partial_size(&tree, "/new", 2, &size) == -ENOENT, "what another sees of it");
	EXPECT(upload_open(&u, &tree, "/new", UPLOAD_RESUME, 4, 1, &no_quota) == -ESPIPE, "beyond its end");
	EXPECT(!upload_open(&u, &tree, "/new", UPLOAD_RESUME, 2, 1, &no_quota), "going on");
	EXPECT(!upload_write(&u, "de", 2) && !upload_finish(&u) && is("new", "abde"), "its end");
	EXPECT(!upload_open(&u, &tree, "/new", UPLOAD_APPEND, 0, 1, &no_quota), "appending");
	EXPECT(!upload_write(&u, "f", 1) && !upload_finish(&u) && is("new", "abdef"), "in place");
	EXPECT(!upload_open(&u, &tree, "/new", UPLOAD_RESUME, 1, 1, &no_quota), "from 1 on");
	EXPECT(!upload_write(&u, "x", 1) && !upload_finish(&u) && is("new", "ax"), "what was behind is gone");
	EXPECT(!upload_open(&u, &tree, "/new", UPLOAD_UNIQUE, 0, 1, &no_quota), "a name of its own");
	EXPECT(!strcmp(u.place.name, "new.1") && !upload_finish(&u) && is("new.1", ""), "%s", u.place.name);
}

static void quotas(void)
{
	const struct quota q = { .octets = 100, .files = 2 };
	struct upload u;
	char text[64];

	memset(text, 'x', sizeof(text));
	mkdirat(tree.home, "q", 0755);
	tree.home = openat(tree.home, "q", O_RDONLY | O_DIRECTORY);
	EXPECT(quota_left(tree.home, &q, 0, 7) == 100 && quota_left(tree.home, &no_quota, 0, 7) == 7, "what is left");
	EXPECT(!upload_open(&u, &tree, "/a", UPLOAD_NEW, 0, 1, &q) && !upload_write(&u, text, 60) &&
	       !upload_finish(&u), "60");
	EXPECT(quota_left(tree.home, &q, 0, 0) == 40, "%llu", (unsigned long long)quota_left(tree.home, &q, 0, 0));
	EXPECT(!upload_open(&u, &tree, "/b", UPLOAD_NEW, 0, 1, &q) && upload_write(&u, text, 60) == -EDQUOT,
	       "60 more");
	EXPECT(!upload_write(&u, text, 30), "30 of them");
	upload_abort(&u, true);
	EXPECT(quota_left(tree.home, &q, 0, 0) == 10 && quota_left(tree.home, &q, 1, 0) == 0,
	       "an aborted one is a file");
	EXPECT(!upload_open(&u, &tree, "/b", UPLOAD_APPEND, 0, 1, &q) && !upload_write(&u, text, 10) &&
	       !upload_finish(&u), "going on with it");
	EXPECT(upload_open(&u, &tree, "/c", UPLOAD_NEW, 0, 1, &q) == -EDQUOT, "a third file");
	EXPECT(!upload_open(&u, &tree, "/a", UPLOAD_NEW, 0, 1, &q) && !upload_write(&u, text, 50) &&
	       !upload_finish(&u), "in place of another");
	EXPECT(!quota_change(tree.home, &q, -40, -1), "one less");
	EXPECT(quota_left(tree.home, &q, 0, 0) == 50, "%llu", (unsigned long long)quota_left(tree.home, &q, 0, 0));
	EXPECT(!unlinkat(tree.home, QUOTA_FILE, 0) && quota_left(tree.home, &q, 0, 0) == 10, "counted anew");
}

static void lists(void)
{
	const struct stat st = { .st_mode = S_IFREG | 0640, .st_size = 5, .st_nlink = 1,
				 .st_mtim.tv_sec = 1577934245, .st_dev = 1, .st_ino = 2 };
	char out[256];
	size_t n;

	n = list_facts(&st, "file", "a b", FACT_ALL, true, out, sizeof(out));
	EXPECT(n == strlen(out) && !strcmp(out, "type=file;size=5;modify=20200102030405;perm=adfrw;"
					   "unique=1g2;UNIX.mode=0640; a b"), "%s", out);
	n = list_facts(&st, "file", "x", 0, true, out, sizeof(out));
	EXPECT(n == 2 && !strcmp(out, " x"), "%s", out);
	EXPECT(!list_facts(&st, "file", "a long name", FACT_ALL, true, out, 20), "no room");
	list_long(&st, "n", NULL, 1577934300, out, sizeof(out));
	EXPECT(!strcmp(out, "-rw-r-----    1 ftp      ftp                 5 Jan 02 03:04 n\r\n"), "%s", out);
	list_long(&st, "n", "t", 1777934300, out, sizeof(out));
	EXPECT(!strcmp(out, "-rw-r-----    1 ftp      ftp                 5 Jan 02  2020 n -> t\r\n"), "%s", out);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "numbers", numbers }, { "PORT", ports }, { "EPRT", extended_ports }, { "times", times },
		{ "verbs", verbs }, { "paths", paths }, { "texts", texts }, { "lines of Telnet", lines },
		{ "nothing outside is reached", beneath }, { "uploads", uploads }, { "lists", lists },
		{ "quotas", quotas },
	};
	char command[64];
	int status;

	if (!mkdtemp(folder))
		return 1;
	tree.home = open(folder, O_RDONLY | O_DIRECTORY);
	status = unit_main(tests, sizeof(tests) / sizeof(*tests));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : status;
}
