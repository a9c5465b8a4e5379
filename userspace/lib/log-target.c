// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where log lines go.  One system call for each line, so that lines of several
 * processes on one descriptor stay whole.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "log-target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "log.h"

#define JOURNAL_SOCKET	"/run/systemd/journal/socket"
#define FILE_MODE	0640

static int open_file(const char *path)
{
	/* A FIFO without a reader must not stop us, nor a terminal become ours. */
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		      FILE_MODE);

	if (fd < 0) {
		int err = errno;

		ln_error("log file %s: %s", path, strerror(err));
		return -err;
	}
	return fd;
}

static bool is_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

/**
 * ln_log_target_open() - prepare for writing
 * @t: is filled in when all went well, otherwise left as it was
 * @target: "stderr", "journal", or a path with a slash in it
 * @allowed: what the caller takes, for the error line
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_log_target_open(struct ln_log_target *t, const char *target, const char *allowed)
{
	struct ln_log_target new = { .fd = -1 };

	if (!strcmp(target, "journal")) {
		if (access(JOURNAL_SOCKET, F_OK)) {
			int err = errno;

			ln_error("log target 'journal': there is none here: %s: %s", JOURNAL_SOCKET,
				 strerror(err));
			return -err;
		}
		new.kind = LN_TARGET_JOURNAL;
	} else if (strchr(target, '/')) {
		new.kind = LN_TARGET_FILE;
		new.fd = open_file(target);
		if (new.fd < 0)
			return new.fd;
		new.path = strdup(target);
		if (!new.path) {
			ln_error("log file %s: out of memory", target);
			close(new.fd);
			return -ENOMEM;
		}
		new.regular = is_regular(new.fd);
	} else if (strcmp(target, "stderr")) {
		ln_error("log target '%s': allowed are %s", target, allowed);
		return -EINVAL;
	}
	*t = new;
	return 0;
}

/**
 * ln_log_target_reopen() - open a file again, after it was moved away
 * @t: the target; nothing happens when it is no file
 *
 * Return: 0, or a negative errno after an error line; then the old file stays.
 */
int ln_log_target_reopen(struct ln_log_target *t)
{
	int fd;

	if (t->kind != LN_TARGET_FILE)
		return 0;
	fd = open_file(t->path);
	if (fd < 0)
		return fd;
	/* Forked processes may share the number, never the table. */
	close(t->fd);
	t->fd = fd;
	t->regular = is_regular(fd);
	t->torn = false;
	return 0;
}

static void tell(const char *path, const char *what)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%s: warning: log file %s: %s\n",
			   program_invocation_short_name, path, what);

	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	if (write(STDERR_FILENO, text, len) < 0) {
		/* Nobody left to tell. */
	}
}

/* A full disk is told once, and once when there is room again. */
static void count_failure(struct ln_log_target *t, int err, unsigned int lines)
{
	char what[128];
	bool first = !t->lost;

	t->lost += lines;
	if (!first || t->kind != LN_TARGET_FILE)
		return;
	snprintf(what, sizeof(what), "%s: lines are being lost", strerror(err));
	tell(t->path, what);
}

static void count_success(struct ln_log_target *t)
{
	char what[128];

	if (!t->lost)
		return;
	if (t->kind == LN_TARGET_FILE) {
		snprintf(what, sizeof(what), "written again, %" PRIu64 " lines were lost", t->lost);
		tell(t->path, what);
	}
	t->lost = 0;
}

static unsigned int count_lines(const char *text, size_t len)
{
	unsigned int n = 1;

	for (const char *p = text; (p = memchr(p, '\n', text + len - p)); p++)
		n++;
	return n;
}

static void write_fd(struct ln_log_target *t, int fd, const char *text, size_t len)
{
	struct iovec iov[3] = {
		{ (void *)"\n", t->torn },
		{ (void *)text, len },
		{ (void *)"\n", 1 },
	};
	ssize_t n, all = t->torn + len + 1;
	size_t done;

	do {
		n = writev(fd, iov, 3);
	} while (n < 0 && errno == EINTR);
	if (n == all) {
		t->torn = false;
		count_success(t);
		return;
	}
	/* Of several lines some may be there. */
	done = n > t->torn ? n - t->torn : 0;
	if (n > 0)
		t->torn = !done || text[done - 1] != '\n';
	count_failure(t, n < 0 ? errno : ENOSPC, count_lines(text + done, len - done));
}

static void write_journal(struct ln_log_target *t, int priority, const char *line, size_t len)
{
	char level[] = "PRIORITY=0", identifier[80];
	struct iovec iov[] = {
		{ level, sizeof(level) - 1 },
		{ identifier, 0 },
		{ NULL, 0 },
	};
	char *message;
	int err;

	level[sizeof(level) - 2] += priority;
	iov[1].iov_len = snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%.60s",
				  program_invocation_short_name);
	err = asprintf(&message, "MESSAGE=%.*s", (int)len, line);
	if (err < 0) {
		count_failure(t, ENOMEM, 1);
		return;
	}
	iov[2].iov_base = message;
	iov[2].iov_len = err;
	err = sd_journal_sendv(iov, 3);
	free(message);
	if (err < 0)
		count_failure(t, -err, 1);
	else
		count_success(t);
}

/**
 * ln_log_target_write() - write a line
 * @t: the target
 * @priority: 0 to 7 as in syslog(3), for the journal
 * @line: without a newline at its end; to a regular file, there may be several
 * @len: its length
 *
 * What cannot be written is counted and told once: a log never stops a server.
 */
void ln_log_target_write(struct ln_log_target *t, int priority, const char *line, size_t len)
{
	switch (t->kind) {
	case LN_TARGET_STDERR:
		write_fd(t, STDERR_FILENO, line, len);
		return;
	case LN_TARGET_FILE:
		write_fd(t, t->fd, line, len);
		return;
	case LN_TARGET_JOURNAL:
		write_journal(t, priority, line, len);
		return;
	}
}

/**
 * ln_log_target_close() - let a target go; it is standard error then
 * @t: the target
 */
void ln_log_target_close(struct ln_log_target *t)
{
	if (t->kind == LN_TARGET_FILE)
		close(t->fd);
	free(t->path);
	*t = (struct ln_log_target){ 0 };
}
