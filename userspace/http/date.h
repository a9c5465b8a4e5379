/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stddef.h>
#include <time.h>

#define HTTP_DATE_LEN	30

const char *http_date_format(time_t t, char out[HTTP_DATE_LEN]);
int http_date_parse(const char *s, size_t n, time_t now, time_t *t);

#endif
