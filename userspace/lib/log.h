/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines for people, and lines per request.
 *
 * Where lines go is called a target: "stderr", "journal", or a file's path with a
 * slash in it; access logs also know "none".
 */
#ifndef LN_LOG_H
#define LN_LOG_H

#include <stddef.h>

enum ln_level { LN_ERROR, LN_WARNING, LN_NOTICE, LN_INFO, LN_DEBUG };

void ln_log_level(enum ln_level level);
int ln_log_level_parse(const char *name, enum ln_level *level);
int ln_log_open(const char *target);
int ln_log_reopen(void);
void ln_log(enum ln_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ln_error(...)	ln_log(LN_ERROR, __VA_ARGS__)
#define ln_warning(...)	ln_log(LN_WARNING, __VA_ARGS__)
#define ln_notice(...)	ln_log(LN_NOTICE, __VA_ARGS__)
#define ln_info(...)	ln_log(LN_INFO, __VA_ARGS__)
#define ln_debug(...)	ln_log(LN_DEBUG, __VA_ARGS__)

/* An access log; NULL is one that writes nothing. */
struct ln_access_log;

struct ln_access_log *ln_access_log_open(const char *target);
void ln_access_log_write(struct ln_access_log *l, const char *line, size_t len);
void ln_access_log_flush(struct ln_access_log *l);
int ln_access_log_reopen(struct ln_access_log *l);
void ln_access_log_close(struct ln_access_log *l);

#endif
