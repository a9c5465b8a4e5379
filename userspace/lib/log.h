/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_LOG_H
#define LN_LOG_H

enum ln_level { LN_ERROR, LN_WARNING, LN_NOTICE, LN_INFO, LN_DEBUG };

void ln_log_level(enum ln_level level);
int ln_log_level_parse(const char *name, enum ln_level *level);
void ln_log(enum ln_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ln_error(...)	ln_log(LN_ERROR, __VA_ARGS__)
#define ln_warning(...)	ln_log(LN_WARNING, __VA_ARGS__)
#define ln_notice(...)	ln_log(LN_NOTICE, __VA_ARGS__)
#define ln_info(...)	ln_log(LN_INFO, __VA_ARGS__)
#define ln_debug(...)	ln_log(LN_DEBUG, __VA_ARGS__)

#endif
