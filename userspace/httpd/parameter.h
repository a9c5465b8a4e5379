/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A value with parameters: text/plain; charset="utf-8" (RFC 9110, 5.6.6).
 */
#ifndef HTTPD_PARAMETER_H
#define HTTPD_PARAMETER_H

#include <stdbool.h>

/* Both end in NUL. */
struct parameter {
	const char *name;
	char *value;
};

char *parameter_main(char *text, char **rest);
bool parameter_is_media_type(const char *s);
int parameter_next(char **rest, struct parameter *p);

#endif
