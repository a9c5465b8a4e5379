/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_MIME_H
#define HTTPD_MIME_H

#include <stdbool.h>
#include <stddef.h>

struct mime_table;

struct mime_table *mime_table_parse(const char *text, size_t len);
struct mime_table *mime_table_read(const char *file);
void mime_table_free(struct mime_table *t);
const char *mime_type(const struct mime_table *t, const char *path);
bool mime_matches(const char *type, const char *pattern);

#endif
