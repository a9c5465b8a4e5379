/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_UTF8_H
#define HTTPD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *s, size_t len);

#endif
