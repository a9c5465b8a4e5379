/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_GRAMMAR_H
#define HTTPD_GRAMMAR_H

#include <confuse.h>

#include "httpd.h"

cfg_t *grammar_read(const char *file);
cfg_t *grammar_read_text(const char *text);
const struct httpd_kind *grammar_kind(cfg_t *location);

#endif
