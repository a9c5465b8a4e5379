/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WSGI_LOG_H
#define WSGI_LOG_H

void wsgi_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
