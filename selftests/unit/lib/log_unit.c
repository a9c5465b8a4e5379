// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Logs.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

static char folder[] = "/tmp/log_unit.XXXXXX";
static char log_file[64];

/* What was logged since the last time. */
static char *logged(void)
{
	char *text = unit_read(log_file);

	if (truncate(log_file, 0))
		abort();
	return text;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t r;
	bool found;

	if (regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB))
		abort();
	found = !regexec(&r, text, 0, NULL, 0);
	regfree(&r);
	return found;
}

static void test_log_lines(void)
{
	char *text;

	free(logged());
	errno = EPERM;
	ln_error("a\nb\x1b[2J\xff%s", "\t.");
	EXPECT(errno == EPERM, "errno");
	ln_info("not shown");
	text = logged();
	EXPECT(matches(text, "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
			     "\\.[0-9]{3}[+-][0-9]{2}:[0-9]{2} log_unit\\[[0-9]+\\]: error: "
			     "a\\\\x0ab\\\\x1b\\[2J\\\\xff\\\\x09\\.\n$"),
	       "%s", text);
	free(text);
}

static void test_log_zone(void)
{
	int status;
	char *text;
	pid_t pid;

	free(logged());
	pid = fork();
	if (!pid) {
		setenv("TZ", "XXX+3:30", 1);
		ln_log_open(log_file);
		ln_error("west");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	text = logged();
	EXPECT(matches(text, "\\.[0-9]{3}-03:30 log_unit"), "%s", text);
	free(text);
}

static void test_log_long(void)
{
	char *text, big[3000];

	memset(big, '\x01', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	free(logged());
	ln_error("%s", big);
	text = logged();
	EXPECT(strlen(text) > 4000 && strlen(text) < 4400, "%zu", strlen(text));
	EXPECT(text[strlen(text) - 1] == '\n', "no newline");
	free(text);
}

static void test_log_targets(void)
{
	char moved[80], *text;
	struct stat st;

	free(logged());
	EXPECT(ln_log_open("strerr") == -EINVAL, "a name that is none");
	EXPECT(ln_log_open("/nonexistent/log") == -ENOENT, "no such folder");
	errno = 0;
	EXPECT(!ln_access_log_open("yes") && errno == EINVAL, "access log");
	EXPECT(!ln_access_log_open("none") && !errno, "none");
	text = logged();
	EXPECT(strstr(text, "log target 'strerr': allowed are stderr, journal, or a path with"),
	       "%s", text);
	EXPECT(strstr(text, "log file /nonexistent/log: No such file or directory"), "%s", text);
	EXPECT(strstr(text, "log target 'yes': allowed are stderr, journal, none, or a path"), "%s",
	       text);
	free(text);
	EXPECT(!stat(log_file, &st) && (st.st_mode & 0777) == 0640, "mode %o", st.st_mode);

	/* Rotation: what is written goes to the moved file until it is opened again. */
	snprintf(moved, sizeof(moved), "%s.1", log_file);
	EXPECT(!rename(log_file, moved), "rename");
	ln_error("first");
	EXPECT(!ln_log_reopen(), "reopen");
	ln_error("second");
	text = unit_read(moved);
	EXPECT(strstr(text, "first") && !strstr(text, "second"), "%s", text);
	free(text);
	text = logged();
	EXPECT(!strstr(text, "first") && strstr(text, "second"), "%s", text);
	free(text);
	unlink(moved);
}

static void test_access_log(void)
{
	static char long_line[20000];
	char path[80], *text;
	struct ln_access_log *l;
	struct stat st;

	memset(long_line, 'x', sizeof(long_line));
	snprintf(path, sizeof(path), "%s/access", folder);
	l = ln_access_log_open(path);
	EXPECT(l, "open");
	ln_access_log_write(l, "one", 3);
	unlink(path);
	ln_access_log_write(l, "lost with the file", 18);
	EXPECT(!ln_access_log_reopen(l), "reopen");
	ln_access_log_write(l, "two and", 3);
	ln_access_log_write(NULL, "nowhere", 7);
	EXPECT(!ln_access_log_reopen(NULL), "none");
	ln_access_log_write(l, "three", 5);
	ln_access_log_flush(NULL);
	ln_access_log_flush(l);
	text = unit_read(path);
	EXPECT(!strcmp(text, "two\nthree\n"), "%s", text);
	free(text);
	/* More than waits together, and a line longer than that */
	for (int i = 0; i < 5000; i++)
		ln_access_log_write(l, "0123456789", 10);
	ln_access_log_write(l, long_line, sizeof(long_line));
	ln_access_log_close(NULL);
	ln_access_log_close(l);
	EXPECT(!stat(path, &st) && st.st_size == 10 + 5000 * 11 + sizeof(long_line) + 1,
	       "%lld octets", (long long)st.st_size);
}

/* What waits is not lost by a fault. */
static void test_access_log_fault(void)
{
	static const int faults[] = { SIGABRT, SIGFPE };
	char path[80], *text;
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/fault", folder);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		pid = fork();
		if (!pid) {
			struct ln_access_log *l;

			signal(faults[i], SIG_DFL);
			prctl(PR_SET_DUMPABLE, 0);
			l = ln_access_log_open(path);
			ln_access_log_write(l, "one", 3);
			ln_access_log_write(l, "two", 3);
			raise(faults[i]);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == faults[i], "status %d", status);
		text = unit_read(path);
		EXPECT(!strcmp(text, "one\ntwo\n"), "%s", text);
		free(text);
		unlink(path);
	}
}

/* Readers of a pipe get each line at once, and whole. */
static void test_access_log_pipe(void)
{
	char path[80], text[64] = "";
	struct ln_access_log *l;
	int fd;

	snprintf(path, sizeof(path), "%s/pipe", folder);
	EXPECT(!mkfifo(path, 0600), "mkfifo");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	l = ln_access_log_open(path);
	ln_access_log_write(l, "at once", 7);
	EXPECT(read(fd, text, sizeof(text) - 1) == 8 && !strcmp(text, "at once\n"), "%s", text);
	ln_access_log_close(l);
	close(fd);
}

/* /dev/full is a full disk.  Told once, not for each line, and the program lives on. */
static void test_full_disk(void)
{
	struct ln_access_log *l = ln_access_log_open("/dev/full");
	char path[80], *text;
	int saved = dup(STDERR_FILENO), fd;

	snprintf(path, sizeof(path), "%s/stderr", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDERR_FILENO);
	for (int i = 0; i < 100; i++) {
		ln_access_log_write(l, "line", 4);
		ln_access_log_flush(l);
	}
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	ln_access_log_close(l);
	text = unit_read(path);
	EXPECT(!strcmp(text, "log_unit: warning: log file /dev/full: No space left on device: "
			     "lines are being lost\n"),
	       "%s", text);
	free(text);
}

/* --- the journal, a stand-in for it --- */

#define JOURNAL_FOLDER "/run/systemd/journal"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
	close(fd);
}

/*
 * In a child: a mount namespace where the journal's socket is ours.  Ends the child with 4
 * when this machine does not let it.
 */
static int own_journal(void)
{
	struct sockaddr_un un = { AF_UNIX, JOURNAL_FOLDER "/socket" };
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];
	int fd;

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)))
		exit(4);
	if (uid) {
		write_text("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", uid);
		write_text("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		write_text("/proc/self/gid_map", map);
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, NULL) || mkdir("/run/systemd", 0755) ||
	    mkdir(JOURNAL_FOLDER, 0755))
		exit(4);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)))
		exit(4);
	return fd;
}

/* What was sent is these lines, in any order; or it is told on standard error. */
static bool received(int fd, const char *const *lines)
{
	char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0) {
		printf("# nothing arrived: %s\n", strerror(errno));
		return false;
	}
	text[n] = 0;
	for (; *lines; lines++) {
		const char *at = strstr(text, *lines);

		if (!at || (at != text && at[-1] != '\n') || at[strlen(*lines)] != '\n') {
			printf("# no line '%s' in: %s\n", *lines, text);
			return false;
		}
	}
	return true;
}

static void journal_child(void)
{
	static const char *const program[] = {
		"MESSAGE=a warning with \\x0a in it", "PRIORITY=4", "SYSLOG_IDENTIFIER=log_unit", NULL,
	};
	static const char *const access[] = {
		"MESSAGE=GET / 200", "PRIORITY=6", "SYSLOG_IDENTIFIER=log_unit", NULL,
	};
	struct ln_access_log *l;
	int fd = own_journal();
	bool good;

	if (ln_log_open("journal"))
		exit(1);
	ln_warning("a warning with %s in it", "\n");
	good = received(fd, program);
	l = ln_access_log_open("journal");
	ln_access_log_write(l, "GET / 200", 9);
	/* A journal's reader waits for no end of a turn. */
	good = received(fd, access) && good;
	/* A journal that has gone does not stop us. */
	close(fd);
	ln_warning("lost");
	ln_access_log_write(l, "lost", 4);
	ln_access_log_close(l);
	exit(good ? 0 : 1);
}

static void no_journal_child(void)
{
	close(own_journal());
	if (unlink(JOURNAL_FOLDER "/socket"))
		exit(1);
	exit(ln_log_open("journal") == -ENOENT ? 0 : 1);
}

static int status_of(void (*child)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		child();
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_journal(void)
{
	char *text;
	int status = status_of(journal_child);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 4) {
		unit_skip("no mount namespace of our own here");
		return;
	}
	EXPECT(!status, "status %x", status);
	free(logged());
	status = status_of(no_journal_child);
	EXPECT(!status, "status %x", status);
	text = logged();
	EXPECT(matches(text, "log target 'journal': there is none here: .*/socket: No such file"),
	       "%s", text);
	free(text);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "a line in a file", test_log_lines },
		{ "the time zone", test_log_zone },
		{ "a long line", test_log_long },
		{ "targets and rotation", test_log_targets },
		{ "access log", test_access_log },
		{ "an access log at a fault", test_access_log_fault },
		{ "an access log that is a pipe", test_access_log_pipe },
		{ "a full disk is told once", test_full_disk },
		{ "the journal", test_journal },
	};
	char command[80];
	int status;

	if (!mkdtemp(folder))
		return 1;
	snprintf(log_file, sizeof(log_file), "%s/log", folder);
	if (ln_log_open(log_file))
		return 1;
	status = UNIT_MAIN(tests);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		printf("# %s is left\n", folder);
	return status;
}
