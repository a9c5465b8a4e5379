// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * wsgi_log() - a line to standard error, in one write so that processes do not mix
 * @fmt: as for printf(), without a line end
 */
void wsgi_log(const char *fmt, ...)
{
	char line[1024];
	int saved = errno, start = snprintf(line, sizeof(line), "linnet-wsgi[%d]: ", getpid()), n;
	va_list ap;

	va_start(ap, fmt);
	n = start + vsnprintf(line + start, sizeof(line) - (size_t)start, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* There is nobody to tell that nothing can be told. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = saved;
	errno = saved;
}
