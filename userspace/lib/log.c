// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Log lines on standard error, one write() each so that lines of several
 * processes on one descriptor stay whole.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES	1024

static const char *const level_names[] = {
	[LN_ERROR] = "error",
	[LN_WARNING] = "warning",
	[LN_NOTICE] = "notice",
	[LN_INFO] = "info",
	[LN_DEBUG] = "debug",
};

static enum ln_level threshold = LN_NOTICE;

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
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
		if (!strcmp(name, level_names[i])) {
			*level = i;
			return 0;
		}
	}
	return -EINVAL;
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
	char text[LINE_MAX_BYTES], line[4 * LINE_MAX_BYTES + 128];
	int saved = errno, len;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	len = snprintf(line, 128, "%s: %s: ", program_invocation_short_name, level_names[level]);
	if (len > 127)
		len = 127;
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
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* With standard error gone there is nobody left to tell. */
	}
	errno = saved;
}
