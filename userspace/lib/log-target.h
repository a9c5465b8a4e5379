/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where log lines go: standard error, the journal, a file. */
#ifndef LN_LOG_TARGET_H
#define LN_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ln_target_kind { LN_TARGET_STDERR, LN_TARGET_JOURNAL, LN_TARGET_FILE };

/**
 * struct ln_log_target - zeroed, it is standard error
 * @kind: which of them
 * @path: a file's, for reopening
 * @fd: a file's
 * @regular: it is a regular file: what one call appends stays together, however much
 *	(a pipe keeps PIPE_BUF octets together)
 * @lost: lines that could not be written since the last that could
 * @torn: the last line is there in part
 */
struct ln_log_target {
	enum ln_target_kind kind;
	char *path;
	int fd;
	bool regular;
	uint64_t lost;
	bool torn;
};

int ln_log_target_open(struct ln_log_target *t, const char *target, const char *allowed);
int ln_log_target_reopen(struct ln_log_target *t);
void ln_log_target_write(struct ln_log_target *t, int priority, const char *line, size_t len);
void ln_log_target_close(struct ln_log_target *t);

#endif
