/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A zone in memory, for updates. */
#ifndef MEMORY_ZONE_H
#define MEMORY_ZONE_H

#include "update.h"

#define MAX_RRSETS	32

/**
 * struct zone - its RRsets, in no order
 * @fail_after: changes until the store fails; 0: never
 */
struct zone {
	int n;
	knot_rrset_t *rrset[MAX_RRSETS];
	int fail_after;
};

extern const uint8_t *const apex;	/* example. */

/* Index, or -1. */
int zone_find(struct zone *z, const knot_dname_t *name, uint16_t type);
void zone_fill(struct zone *z);
void zone_free(struct zone *z);
struct update_zone zone_interface(struct zone *z, bool no_dnssec);

#endif
