/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POP3D_GRAMMAR_H
#define POP3D_GRAMMAR_H

#include <confuse.h>

cfg_t *grammar_read(const char *file);

#endif
