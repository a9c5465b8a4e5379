/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_QUERYLOG_H
#define DNSD_QUERYLOG_H

#include "answer/query.h"

/* A line about a query and its response, which is complete. */
void querylog_write(const struct query *q);

#endif
