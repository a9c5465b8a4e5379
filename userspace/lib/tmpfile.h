/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_TMPFILE_H
#define LN_TMPFILE_H

int ln_tmpfile(int folder);

#endif
