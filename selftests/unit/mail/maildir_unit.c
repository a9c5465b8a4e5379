// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "maildir.h"
#include "unit.h"

static char folder[] = "/tmp/linnet-unit-XXXXXX";
static int root;

static int text(const char *s, size_t len)
{
	int fd = open(folder, O_RDWR | O_TMPFILE, 0600);

	if (fd < 0 || write(fd, s, len) != (ssize_t)len)
		abort();
	return fd;
}

static void put(const char *path, const char *s)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		abort();
	close(fd);
}

static const char *get(const char *path)
{
	static char out[65536];
	int fd = openat(root, path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, out, sizeof(out) - 1);

	if (fd >= 0)
		close(fd);
	out[n] = 0;
	return out;
}

static int count(const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += *e->d_name != '.';
	closedir(d);
	return n;
}

static int deliver(const char *path, const char *s, struct maildir_target t, char *name)
{
	int fd = text(s, strlen(s)), r;

	t.root = root;
	t.path = path;
	if (!t.hostname)
		t.hostname = "mx.test";
	r = maildir_deliver(fd, strlen(s), &t, name);
	if (lseek(fd, 0, SEEK_CUR) != (off_t)strlen(s))
		abort();
	close(fd);
	return r;
}

static void test_content(void)
{
	static const struct {
		const char *in, *wanted;
	} rows[] = {
		{ "A: b\r\n\r\nc\r\n", "A: b\n\nc\n" }, { "A: b\n\nc", "A: b\n\nc\n" },
		{ "a\rb\r\r\nc\r\r", "a\rb\r\nc\r\r\n" }, { "", "" }, { "\r\n", "\n" },
	};
	char name[MAILDIR_NAME_MAX], path[400];
	struct maildir *m;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t size, wire = 0;
		int r = deliver("content", rows[i].in, (struct maildir_target){ 0 }, name);

		EXPECT(!r, "row %zu: %d", i, r);
		snprintf(path, sizeof(path), "content/new/%s", name);
		EXPECT(!strcmp(get(path), rows[i].wanted), "row %zu: %s", i, get(path));
		size = strlen(rows[i].wanted);
		for (const char *p = rows[i].wanted; *p; p++)
			wire += 1 + (*p == '\n' && (p == rows[i].wanted || p[-1] != '\r'));
		snprintf(path, sizeof(path), ",S=%zu,W=%zu", size, wire);
		EXPECT(strstr(name, path) && !strcmp(strstr(name, path), path), "%s", name);
	}
	/* The sizes of the names are those of the files, when nobody says. */
	EXPECT(!maildir_open(root, "content", &m) && m->n == 5, "%zu", m->n);
	maildir_close(m);
}

static void test_lines(void)
{
	struct maildir_target t = { .return_path = "x@y\nEvil: 1", .delivered_to = "ann@a.test",
				    .hostname = "a/b:c,d e" };
	char name[MAILDIR_NAME_MAX], path[400];

	EXPECT(!deliver("deep/down/ann", "A: b\r\n", t, name), "not delivered");
	snprintf(path, sizeof(path), "deep/down/ann/new/%s", name);
	EXPECT(!strcmp(get(path), "Return-Path: <x@y?Evil: 1>\nDelivered-To: ann@a.test\nA: b\n"),
	       "%s", get(path));
	EXPECT(strstr(name, ".a\\057b\\072c\\054d\\040e,S="), "%s", name);
	t.return_path = "";
	EXPECT(!deliver("deep/down/ann", "A: b\r\n", t, name), "not delivered");
	snprintf(path, sizeof(path), "deep/down/ann/new/%s", name);
	EXPECT(!strncmp(get(path), "Return-Path: <>\n", 16), "%s", get(path));
	EXPECT(count("deep/down/ann/tmp") == 0 && count("deep/down/ann/cur") == 0, "left in tmp");
}

static void test_confined(void)
{
	static const char *const paths[] = { "../x", "a/../../x", "/tmp", "link", "link/x",
					     "box/../../x" };
	char name[MAILDIR_NAME_MAX];
	struct maildir *m;

	symlinkat("/tmp", root, "link");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int r = deliver(paths[i], "A: b\r\n", (struct maildir_target){ 0 }, name);

		EXPECT(r == -EXDEV || r == -ELOOP, "%s: %s", paths[i], strerror(-r));
		r = maildir_open(root, paths[i], &m);
		EXPECT(r == -EXDEV || r == -ELOOP || (!r && !m->n), "%s: %s", paths[i],
		       strerror(-r));
		if (!r)
			maildir_close(m);
	}
	/* A folder of the mailbox that leads out */
	mkdirat(root, "evil", 0700);
	symlinkat("/tmp", root, "evil/new");
	EXPECT(deliver("evil", "A: b\r\n", (struct maildir_target){ 0 }, name) == -ELOOP, "evil/new");
	EXPECT(count("evil/tmp") == 0, "left in tmp");
}

static void test_quota(void)
{
	struct maildir_target t = { .quota = 30, .quota_messages = 4 };
	char name[MAILDIR_NAME_MAX], path[400];
	struct maildir *m;

	for (int i = 0; i < 3; i++)
		EXPECT(!deliver("q", "12345678\r\n", t, name), "message %d", i);
	EXPECT(deliver("q", "1234567\r\n", t, name) == -EDQUOT, "octets");
	EXPECT(!deliver("q", "12\r\n", t, name), "three octets more");
	EXPECT(deliver("q", "", t, name) == -EDQUOT, "messages");
	EXPECT(count("q/new") == 4 && !count("q/tmp"), "%d, %d", count("q/new"), count("q/tmp"));
	/* Counted as it was full: 30 octets in 4 messages */
	EXPECT(!strcmp(get("q/maildirsize"), "30S,4C\n30 4\n"), "%s", get("q/maildirsize"));
	/* What is removed makes room */
	EXPECT(!maildir_open(root, "q", &m), "open");
	EXPECT(!maildir_remove(m, 0) && !maildir_sync(m), "remove");
	maildir_close(m);
	EXPECT(!strcmp(get("q/maildirsize"), "30S,4C\n30 4\n-9 -1\n"), "%s", get("q/maildirsize"));
	EXPECT(!deliver("q", "1234567\r\n", t, name), "room again");
	/* Another quota, and rubbish: counted anew */
	t.quota = 1000;
	put("q/maildirsize", "30S,4C\n999999 3\n");
	t.quota_messages = 5;
	EXPECT(!deliver("q", "1\r\n", t, name), "counted anew");
	EXPECT(!strncmp(get("q/maildirsize"), "1000S,5C\n29 4\n2 1\n", 18), "%s", get("q/maildirsize"));
	put("q/maildirsize", "1000S,5C\nrubbish\n");
	EXPECT(deliver("q", "1\r\n", t, name) == -EDQUOT, "rubbish");
	/* Removed by others, who tell nobody, when it was not just counted */
	put("q/maildirsize", "1000S,9C\n900 4\n90 1\n");
	t.quota_messages = 9;
	EXPECT(!deliver("q", "123456789012345\r\n", t, name), "said to be full, and is not");
	/* Folders of Maildir++ count, too */
	mkdirat(root, "q/.Sent", 0700);
	mkdirat(root, "q/.Sent/cur", 0700);
	put("q/.Sent/cur/1.x,S=5000:2,S", "x");
	unlinkat(root, "q/maildirsize", 0);
	EXPECT(deliver("q", "1\r\n", t, name) == -EDQUOT, "a folder's messages");
	(void)path;
}

static void test_full(void)
{
	struct rlimit old, small = { 100, 100 };
	char name[MAILDIR_NAME_MAX], big[5000];
	int r;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	EXPECT(!deliver("full", "a\r\n", (struct maildir_target){ 0 }, name), "before");
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	{
		int fd = text(big, sizeof(big) - 1);
		struct maildir_target t = { .root = root, .path = "full", .hostname = "h" };

		setrlimit(RLIMIT_FSIZE, &small);
		r = maildir_deliver(fd, sizeof(big) - 1, &t, name);
		setrlimit(RLIMIT_FSIZE, &old);
		close(fd);
		EXPECT(r == -EFBIG, "%s", strerror(-r));
		/* Shorter than was said: not a whole message */
		fd = text("short", 5);
		r = maildir_deliver(fd, 6, &t, name);
		close(fd);
		EXPECT(r == -EIO, "%s", strerror(-r));
	}
	EXPECT(count("full/new") == 1 && !count("full/tmp"), "something is left behind");
}

static void *many(void *data)
{
	char name[MAILDIR_NAME_MAX];

	for (int i = 0; i < 50; i++)
		if (deliver("many", "a\r\n", (struct maildir_target){ 0 }, name))
			*(int *)data += 1;
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[4];
	int failed[4] = { 0 };
	struct maildir *m;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, many, &failed[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT(!failed[i], "%d", failed[i]);
	}
	EXPECT(!maildir_open(root, "many", &m) && m->n == 200, "%zu", m->n);
	for (size_t i = 1; i < m->n; i++)
		EXPECT(strcmp(m->message[i].uid, m->message[i - 1].uid), "the same uid");
	maildir_close(m);
}

static void test_box(void)
{
	static const char *const old = "box/tmp/1.old";
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct maildir *m, *second;
	char name[MAILDIR_NAME_MAX];

	for (int i = 0; i < 3; i++)
		deliver("box", "a\r\nb\r\n", (struct maildir_target){ 0 }, name);
	put(old, "x");
	put("box/tmp/2.young", "x");
	utimensat(root, old, times, 0);
	put("box/cur/50.x:2,S", "no\nend");
	EXPECT(!maildir_open(root, "box", &m) && m->n == 4, "%zu", m->n);
	EXPECT(count("box/tmp") == 1, "what was given up stays, or what is young went");
	EXPECT(m->message[0].size == 9 && m->message[0].stored == 6, "%zu", (size_t)m->message[0].size);
	EXPECT(m->message[1].size == 6 && m->message[1].stored == 4, "%zu", (size_t)m->message[1].size);
	EXPECT(maildir_open(root, "box", &second) == -EAGAIN && !second, "not locked");
	EXPECT(!maildir_seen(m, 1) && count("box/new") == 2 && count("box/cur") == 2, "seen");
	/* It is where it went */
	EXPECT(maildir_read(m, 1) >= 0, "a moved one");
	EXPECT(!maildir_remove(m, 1) && !maildir_remove(m, 1) && count("box/cur") == 1, "remove");
	EXPECT(maildir_read(m, 1) == -ENOENT, "a removed one");
	EXPECT(!maildir_sync(m), "sync");
	maildir_close(m);
	EXPECT(!maildir_open(root, "box", &m) && m->n == 3, "after it");
	maildir_close(m);
	EXPECT(!maildir_open(root, "nobody", &m) && !m->n && count("nobody") == -1, "made");
	maildir_close(m);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "content: LF, sizes in the name", test_content },
		{ "Return-Path, Delivered-To, names of hosts", test_lines },
		{ "paths that lead out, symlinks", test_confined },
		{ "quotas by maildirsize", test_quota },
		{ "no room: nothing is left behind", test_full },
		{ "many at once", test_threads },
		{ "a mailbox: sizes, lock, moved and removed files, tmp", test_box },
	};
	char command[100];
	int r;

	if (!mkdtemp(folder))
		return 1;
	root = open(folder, O_RDONLY | O_DIRECTORY);
	r = UNIT_MAIN(tests);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : r;
}
