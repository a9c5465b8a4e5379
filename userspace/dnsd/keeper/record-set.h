/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which records were seen.  Only their hashes are kept: of 2^32 records two would be taken for
 * the same by chance.
 */
#ifndef DNSD_RECORD_SET_H
#define DNSD_RECORD_SET_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. */
struct record_set {
	size_t n, room;
	uint64_t *hash;		/* 0: free */
};

int record_set_add(struct record_set *s, const knot_rrset_t *rr);
void record_set_clear(struct record_set *s);

#endif
