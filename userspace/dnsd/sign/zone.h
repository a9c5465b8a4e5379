/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What signing needs of a zone: a transaction in which its names can be walked through
 * and its rrsets be replaced.
 */
#ifndef SIGN_ZONE_H
#define SIGN_ZONE_H

#include <libknot/libknot.h>
#include <stdint.h>

/* Names of the zone, and owner names of NSEC3 records, which are no names of the zone. */
enum sign_tree { SIGN_NAMES, SIGN_NSEC3 };

/**
 * struct sign_rrset - an rrset and its signatures
 * @type: never RRSIG
 * @ttl: in seconds
 * @rrs: records
 * @rrsigs: RDATA of the RRSIGs that cover it
 */
struct sign_rrset {
	uint16_t type;
	uint32_t ttl;
	knot_rdataset_t rrs, rrsigs;
};

/**
 * struct sign_node - all of a name; sign_node_free() afterwards
 * @name: in lower case
 * @n: how many rrsets
 * @rrset: those
 */
struct sign_node {
	knot_dname_storage_t name;
	int n;
	struct sign_rrset *rrset;
};

/**
 * struct sign_zone - a zone in a transaction; names are in lower case; errors are
 *	negative errnos
 * @apex: its name
 * @data: passed to the functions
 * @get: fill @node, which is zeroed: 1, or 0 when nothing has this name
 * @step: the name that follows (@direction 1) or precedes (-1) in canonical order among
 *	those that have records: 1, or 0 at the end.  @name itself need not be there.
 * @put: replace the rrset of this name and type, or add it; it has no signatures then
 * @drop: remove the rrset of this name and type and its signatures
 * @rrsigs: replace the signatures of an rrset, which has this TTL
 */
struct sign_zone {
	const knot_dname_t *apex;
	void *data;
	int (*get)(void *data, enum sign_tree tree, const knot_dname_t *name,
		   struct sign_node *node);
	int (*step)(void *data, enum sign_tree tree, const knot_dname_t *name, int direction,
		    knot_dname_storage_t out);
	int (*put)(void *data, enum sign_tree tree, const knot_rrset_t *rrset);
	int (*drop)(void *data, enum sign_tree tree, const knot_dname_t *name, uint16_t type);
	int (*rrsigs)(void *data, enum sign_tree tree, const knot_dname_t *name, uint16_t type,
		      uint32_t ttl, const knot_rdataset_t *rrsigs);
};

/**
 * sign_node_add() - add an rrset without records
 * @node: where
 * @type: its type, which is not there yet
 * @ttl: seconds
 *
 * Return: the rrset, until the next one is added; NULL: out of memory.
 */
struct sign_rrset *sign_node_add(struct sign_node *node, uint16_t type, uint32_t ttl);
/**
 * sign_node_find() - the rrset of a type
 * @node: where
 * @type: which
 *
 * Return: the rrset, or NULL.
 */
struct sign_rrset *sign_node_find(const struct sign_node *node, uint16_t type);
/**
 * sign_node_free() - let go of what a node has; it is empty then
 * @node: which
 */
void sign_node_free(struct sign_node *node);
/**
 * sign_rdata_add() - add a record
 * @rrs: where
 * @data: RDATA
 * @len: octets of it
 *
 * Return: 0, -EINVAL: it is too long, or -ENOMEM.
 */
int sign_rdata_add(knot_rdataset_t *rrs, const uint8_t *data, size_t len);

#endif
