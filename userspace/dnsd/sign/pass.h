/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within the room: one pass over a zone, or over the names that changed. */
#ifndef SIGN_PASS_H
#define SIGN_PASS_H

#include <stdbool.h>

#include "apply.h"
#include "hash.h"
#include "signature.h"
#include "zone.h"

/**
 * enum sign_status - what the zone says about a name (RFC 4035 2.2, 2.3)
 * @SIGN_ABSENT: nothing, not even as an empty non-terminal
 * @SIGN_OCCLUDED: below a delegation or a DNAME: glue
 * @SIGN_DELEGATION: the parent's side of a zone cut
 * @SIGN_AUTHORITATIVE: records of ours
 */
enum sign_status { SIGN_ABSENT, SIGN_OCCLUDED, SIGN_DELEGATION, SIGN_AUTHORITATIVE };

/**
 * struct sign_name_list - names, each once after sign_names_sort()
 * @n: how many
 * @room: how many have room
 * @name: in lower case, allocated
 */
struct sign_name_list {
	size_t n, room;
	knot_dname_t **name;
};

/**
 * struct sign_pass - what is known during a pass
 * @zone: the zone
 * @keys: its keys
 * @policy: its policy
 * @now: seconds since 1970
 * @renew: signatures that expire before are made again
 * @negative_ttl: of NSEC and NSEC3 (RFC 9077)
 * @result: what is told to the caller
 */
struct sign_pass {
	const struct sign_zone *zone;
	struct sign_keys *keys;
	const struct sign_policy *policy;
	uint64_t now, renew;
	uint32_t negative_ttl;
	struct sign_result *result;
};

/* Below the owner name of an NSEC3 record: a hash of a name, and what it has. */
struct sign_hash {
	uint8_t hash[SIGN_NSEC3_HASH];
	uint16_t bitmap_len;
	uint8_t *bitmap;
};

/**
 * struct sign_hashes - in the order of hashes after sign_hashes_sort()
 * @n: how many
 * @room: how many have room
 * @hash: those
 */
struct sign_hashes {
	size_t n, room;
	struct sign_hash *hash;
};

/* status.c */
int sign_find(struct sign_pass *p, const knot_dname_t *name, struct sign_node *node);
bool sign_is_cut(const struct sign_pass *p, const struct sign_node *node);
enum sign_status sign_status_above(const struct sign_pass *p, const struct sign_node *node,
				   bool occluded);
bool sign_has_data(const struct sign_node *node);
int sign_bitmap(const struct sign_pass *p, const struct sign_node *node,
		enum sign_status status, uint8_t **out);

/* rrset.c */
int sign_node_fix(struct sign_pass *p, const struct sign_node *node, enum sign_status status);
int sign_rrset_fix(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name,
		   const struct sign_rrset *rrset, bool wanted);
int sign_put(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name,
	     struct sign_rrset *rrset);
int sign_drop(struct sign_pass *p, enum sign_tree tree, const knot_dname_t *name, uint16_t type);

/* names.c */
int sign_names_add(struct sign_name_list *l, const knot_dname_t *name);
void sign_names_sort(struct sign_name_list *l);
void sign_names_free(struct sign_name_list *l);

/* apex.c */
int sign_apex(struct sign_pass *p);

/* nsec.c */
bool sign_in_chain(const struct sign_node *node, enum sign_status status);
int sign_nsec_link(struct sign_pass *p, const struct sign_node *node, enum sign_status status,
		   const knot_dname_t *next);
int sign_nsec_changes(struct sign_pass *p, const struct sign_name_list *names);

/* hash.c */
int sign_hashes_add(struct sign_hashes *h, const uint8_t hash[SIGN_NSEC3_HASH],
		    uint8_t *bitmap, int bitmap_len);
void sign_hashes_sort(struct sign_hashes *h);
const struct sign_hash *sign_hashes_find(const struct sign_hashes *h,
					 const uint8_t hash[SIGN_NSEC3_HASH]);
void sign_hashes_free(struct sign_hashes *h);

/* nsec3.c */
int sign_hash_name(const struct sign_pass *p, const knot_dname_t *name,
		   uint8_t out[SIGN_NSEC3_HASH]);
bool sign_has_nsec3(const struct sign_pass *p, const struct sign_node *node,
		    enum sign_status status);
int sign_nsec3_collect(struct sign_pass *p, const struct sign_node *node,
		       enum sign_status status, knot_dname_storage_t last,
		       struct sign_hashes *all);
int sign_nsec3_all(struct sign_pass *p, struct sign_hashes *all);
int sign_nsec3_changes(struct sign_pass *p, struct sign_name_list *names);

#endif
