/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be in a configuration file. */
#ifndef FTPD_GRAMMAR_H
#define FTPD_GRAMMAR_H

#include <confuse.h>

cfg_t *grammar_read(const char *file);

#endif
