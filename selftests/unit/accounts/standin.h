/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker that is nothing but a loop. */
#ifndef STANDIN_H
#define STANDIN_H

#include "accounts.h"

/* Not 0 while a check holds it. */
extern int standin_held;

/* Accounts of a file with this text; NULL: not good. */
struct accounts *standin_accounts(const char *text, size_t len);

#endif
