/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPCD_STORE_SQLITE_H
#define RPCD_STORE_SQLITE_H

#include "store.h"

/*
 * In the master: make the database, or see that it is one of ours.  False after an
 * error line.  Done before workers open it, so that they do not contend for that.
 */
bool store_sqlite_prepare(const char *file);
/* In a worker; @limit: octets of the file at most, 0: none.  NULL after an error line. */
struct store *store_sqlite_open(uv_loop_t *loop, const char *file, uint64_t limit);

#endif
