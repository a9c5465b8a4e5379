/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted, for all workers together. */
#ifndef DNSD_COUNTS_H
#define DNSD_COUNTS_H

#include "answer/query.h"

void counts_define(void);
void counts_query(const struct query *q);
void counts_response(const struct query *q);
void counts_ignored(void);
void counts_limited(void);
void counts_refused_transfer(void);

#endif
