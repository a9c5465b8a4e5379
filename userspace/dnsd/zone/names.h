/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each name of a zone file owns, so that a contradiction is told with its line. */
#ifndef DNSD_ZONE_NAMES_H
#define DNSD_ZONE_NAMES_H

#include "reader.h"

struct zone_names;

/**
 * zone_names_new() - nothing so far
 *
 * Return: for zone_names_free(), or NULL: out of memory.
 */
struct zone_names *zone_names_new(void);
/**
 * zone_names_add() - a record was read
 * @n: what there was before
 * @r: reader, which is told of contradictions by reader_error()
 * @record: the record
 *
 * Return: false: out of memory.
 */
bool zone_names_add(struct zone_names *n, struct reader *r, const struct reader_record *record);
/**
 * zone_names_free() - let go
 * @n: may be NULL
 */
void zone_names_free(struct zone_names *n);

#endif
