// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Log lines for people, and access logs.
 */
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log-target.h"

#define LINE_MAX_BYTES	1024
#define PREFIX_MAX	160

/* Lines of one turn of the event loop that go to a regular file together. */
#define PENDING_BYTES	16384

/**
 * struct ln_access_log - an access log
 * @target: where it goes
 * @len: of what waits
 * @pending: lines with newlines between them
 */
struct ln_access_log {
	struct ln_log_target target;
	size_t len;
	char pending[PENDING_BYTES];
};

/* Where lines wait. */
static struct ln_access_log *waiting;

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LN_ERROR] = { "error", LOG_ERR },
	[LN_WARNING] = { "warning", LOG_WARNING },
	[LN_NOTICE] = { "notice", LOG_NOTICE },
	[LN_INFO] = { "info", LOG_INFO },
	[LN_DEBUG] = { "debug", LOG_DEBUG },
};

static enum ln_level threshold = LN_NOTICE;
static struct ln_log_target log_target;

/**
 * ln_log_level() - choose which lines are written
 * @level: the least important level that still is
 */
void ln_log_level(enum ln_level level)
{
	threshold = level;
}

/**
 * ln_log_level_parse() - a level from its name
 * @name: one of error, warning, notice, info, debug
 * @level: where the level goes
 *
 * Return: 0, or -EINVAL for any other name.
 */
int ln_log_level_parse(const char *name, enum ln_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (!strcmp(name, levels[i].name)) {
			*level = i;
			return 0;
		}
	}
	return -EINVAL;
}

/**
 * ln_log_open() - choose where the lines of ln_log() go
 * @target: "stderr", as it is from the start, "journal", or a path with a slash in it
 *
 * Lines in a file begin with a time stamp and the process id.
 *
 * Return: 0, or a negative errno after an error line on the target so far, which
 * stays.
 */
int ln_log_open(const char *target)
{
	struct ln_log_target new;
	int err;

	/* Later /etc/localtime may be out of reach, and localtime_r() reads it once. */
	tzset();
	err = ln_log_target_open(&new, target, "stderr, journal, or a path with a slash in it");
	if (err)
		return err;
	ln_log_target_close(&log_target);
	log_target = new;
	return 0;
}

/**
 * ln_log_reopen() - open the log's file again, after it was moved away
 *
 * Return: 0, or a negative errno after an error line; then the old file stays.
 */
int ln_log_reopen(void)
{
	return ln_log_target_reopen(&log_target);
}

/* RFC 3339, 5.6: "2026-11-25T19:31:02.123+01:00 " */
static int time_stamp(char *out, size_t size)
{
	struct timeval now;
	struct tm tm;
	long offset;

	gettimeofday(&now, NULL);
	if (!localtime_r(&now.tv_sec, &tm))
		return 0;
	offset = tm.tm_gmtoff / 60;
	return snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%c%02ld:%02ld ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			tm.tm_sec, (int)(now.tv_usec / 1000), offset < 0 ? '-' : '+',
			labs(offset) / 60, labs(offset) % 60);
}

/* The journal has time, program and level beside the text. */
static int prefix(char *out, size_t size, enum ln_level level)
{
	int len = 0;

	switch (log_target.kind) {
	case LN_TARGET_JOURNAL:
		return 0;
	case LN_TARGET_FILE:
		len = time_stamp(out, size);
		len += snprintf(out + len, size - len, "%.60s[%d]: %s: ",
				program_invocation_short_name, getpid(), levels[level].name);
		return len;
	case LN_TARGET_STDERR:
		break;
	}
	return snprintf(out, size, "%.60s: %s: ", program_invocation_short_name,
			levels[level].name);
}

/**
 * ln_log() - write one line
 * @level: its importance
 * @fmt: as for printf(), without a newline
 *
 * What a peer sent may be in the line, so that every byte that could move the
 * cursor or start another line is written as \xNN.  errno is kept.
 */
void ln_log(enum ln_level level, const char *fmt, ...)
{
	static const char hex[] = "0123456789abcdef";
	char text[LINE_MAX_BYTES], line[4 * LINE_MAX_BYTES + PREFIX_MAX];
	int saved = errno, len;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	len = prefix(line, PREFIX_MAX, level);
	for (const unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p >= 0x7f) {
			line[len++] = '\\';
			line[len++] = 'x';
			line[len++] = hex[*p >> 4];
			line[len++] = hex[*p & 15];
		} else {
			line[len++] = *p;
		}
	}
	ln_log_target_write(&log_target, levels[level].priority, line, len);
	errno = saved;
}

/*
 * The program is ending by a fault: what waits may tell by which request.  Nothing is
 * called that a handler may not call, and afterwards the signal does what it always does.
 */
static void on_fault(int signum)
{
	struct ln_access_log *l = waiting;
	struct iovec iov[] = { { NULL, 0 }, { (void *)"\n", 1 } };

	if (l && l->len <= sizeof(l->pending)) {
		iov[0] = (struct iovec){ l->pending, l->len };
		if (writev(l->target.fd, iov, 2) < 0) {
			/* Nobody left to tell. */
		}
	}
	raise(signum);
}

static void watch_faults(void)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND }, old;

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		/* A sanitizer's handler stays. */
		if (!sigaction(faults[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(faults[i], &action, NULL);
}

/**
 * ln_access_log_open() - open an access log
 * @target: "stderr", "journal", a path with a slash in it, or "none"
 *
 * Return: the log; NULL with errno 0 for "none", NULL with errno set after an error
 * line.
 */
struct ln_access_log *ln_access_log_open(const char *target)
{
	struct ln_access_log *l;
	int err;

	errno = 0;
	if (!strcmp(target, "none"))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l) {
		ln_error("access log '%s': out of memory", target);
		errno = ENOMEM;
		return NULL;
	}
	err = ln_log_target_open(&l->target, target,
				 "stderr, journal, none, or a path with a slash in it");
	if (err) {
		free(l);
		errno = -err;
		return NULL;
	}
	if (l->target.regular)
		watch_faults();
	return l;
}

/**
 * ln_access_log_flush() - write what waits
 * @l: the log or NULL
 */
void ln_access_log_flush(struct ln_access_log *l)
{
	if (!l || !l->len)
		return;
	ln_log_target_write(&l->target, LOG_INFO, l->pending, l->len);
	l->len = 0;
	waiting = NULL;
}

/**
 * ln_access_log_write() - write one line
 * @l: the log; NULL: nothing happens
 * @line: without a newline; control bytes and what else a peer could put in are the
 *	caller's business
 * @len: its length
 *
 * To a regular file it may wait until ln_access_log_flush(), which has to come before the
 * caller waits for anything.  What cannot be written is counted and told once on
 * standard error.
 */
void ln_access_log_write(struct ln_access_log *l, const char *line, size_t len)
{
	if (!l)
		return;
	if (!l->target.regular) {
		ln_log_target_write(&l->target, LOG_INFO, line, len);
		return;
	}
	if (l->len + 1 + len > sizeof(l->pending))
		ln_access_log_flush(l);
	if (len > sizeof(l->pending)) {
		ln_log_target_write(&l->target, LOG_INFO, line, len);
		return;
	}
	if (l->len)
		l->pending[l->len++] = '\n';
	memcpy(l->pending + l->len, line, len);
	l->len += len;
	waiting = l;
}

/**
 * ln_access_log_reopen() - open the log's file again, after it was moved away
 * @l: the log or NULL
 *
 * Return: 0, or a negative errno after an error line; then the old file stays.
 */
int ln_access_log_reopen(struct ln_access_log *l)
{
	ln_access_log_flush(l);
	return l ? ln_log_target_reopen(&l->target) : 0;
}

/**
 * ln_access_log_close() - close a log
 * @l: the log or NULL
 */
void ln_access_log_close(struct ln_access_log *l)
{
	if (!l)
		return;
	ln_access_log_flush(l);
	ln_log_target_close(&l->target);
	free(l);
}
