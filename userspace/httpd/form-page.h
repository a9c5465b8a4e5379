/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a form location shows.
 */
#ifndef HTTPD_FORM_PAGE_H
#define HTTPD_FORM_PAGE_H

#include <stdio.h>

#include "formdata.h"

void form_page_empty(FILE *out);
void form_page_result(FILE *out, const struct formdata *f);
void form_page_error(FILE *out, int status, const char *why);
void form_json_error(FILE *out, int status, const char *why);

#endif
