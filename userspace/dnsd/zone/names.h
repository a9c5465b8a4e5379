/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each name of a zone file owns, so that a contradiction is told with its line. */
#ifndef DNSD_ZONE_NAMES_H
#define DNSD_ZONE_NAMES_H

#include "reader.h"

struct zone_names;

struct zone_names *zone_names_new(void);
/* Errors by reader_error(). False: no memory. */
bool zone_names_add(struct zone_names *n, struct reader *r, const struct reader_record *record);
void zone_names_free(struct zone_names *n);

#endif
