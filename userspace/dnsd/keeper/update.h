/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dynamic updates (RFC 2136): prerequisites and changes, over any zone that can tell and
 * replace RRsets.  Who may do it, and what becomes durable when, is the caller's.
 */
#ifndef DNSD_UPDATE_H
#define DNSD_UPDATE_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stdint.h>

/* An RRset of a name, for @each; non-zero ends the walk. */
typedef int (*update_rrset_fn)(const knot_rrset_t *rrset, void *arg);

/**
 * struct update_zone - the zone that is changed; all functions return a negative errno
 *	when something is wrong with the zone itself
 * @apex: its name, lower case
 * @no_dnssec: we sign it: RRSIG, NSEC and NSEC3 records are no business of clients
 * @data: for the functions
 * @get: the RRset of this name and type into @out, whose records are the caller's to
 *	clear; 1, or 0 when there is none
 * @each: call @fn for each RRset of this name, which @fn does not change; what @fn
 *	returned, or 0
 * @put: replace the RRset of this name and type, or add it
 * @drop: remove the RRset of this name and type, which is there
 */
struct update_zone {
	const knot_dname_t *apex;
	bool no_dnssec;
	void *data;
	int (*get)(void *data, const knot_dname_t *name, uint16_t type, knot_rrset_t *out);
	int (*each)(void *data, const knot_dname_t *name, update_rrset_fn fn, void *arg);
	int (*put)(void *data, const knot_rrset_t *rrset);
	int (*drop)(void *data, const knot_dname_t *name, uint16_t type);
};

/**
 * struct update_outcome - what came of it
 * @changed: something of the zone is different now
 * @soa_set: the update brought a SOA of its own, so that the serial is not ours to raise
 * @why: with an RCODE that is no success, for the log
 */
struct update_outcome {
	bool changed, soa_set;
	char why[192];
};

int update_run(const struct update_zone *zone, const knot_pkt_t *message,
	       struct update_outcome *outcome);

#endif
