// SPDX-License-Identifier: GPL-2.0-or-later
#include "edit-zone.h"

#include <errno.h>
#include <string.h>

static enum store_kind kind_of(enum sign_tree tree)
{
	return tree == SIGN_NSEC3 ? STORE_NSEC3 : STORE_NAMES;
}

/* Copies: what the store gives is gone with the next change. */
static int edit_get(void *data, enum sign_tree tree, const knot_dname_t *name,
		    struct sign_node *node)
{
	struct store_edit *e = data;
	struct store_node stored;

	if (!store_get(store_edit_txn(e), store_edit_zone(e), kind_of(tree), name, &stored))
		return 0;
	knot_dname_copy_lower(node->name, name);
	for (unsigned int i = 0; i < stored.count; i++) {
		struct store_rrset from;
		struct sign_rrset *to;

		store_rrset_at(&stored, i, &from);
		to = sign_node_add(node, from.type, from.ttl);
		if (!to || knot_rdataset_copy(&to->rrs, &from.rdata, NULL) ||
		    knot_rdataset_copy(&to->rrsigs, &from.rrsigs, NULL))
			return -ENOMEM;
	}
	return 1;
}

static int edit_step(void *data, enum sign_tree tree, const knot_dname_t *name, int direction,
		     knot_dname_storage_t out)
{
	struct store_edit *e = data;
	uint8_t owner[DNS_NAME_MAX];
	struct store_node node;

	if (!store_step(store_edit_txn(e), store_edit_zone(e), kind_of(tree), name, direction,
			owner, &node))
		return 0;
	memcpy(out, owner, knot_dname_size(owner));
	return 1;
}

static int edit_put(void *data, enum sign_tree tree, const knot_rrset_t *rrset)
{
	struct store_edit *e = data;
	const knot_rdata_t *rr = rrset->rrs.rdata;
	int rc = store_edit_remove_rrset(e, rrset->owner, rrset->type);

	(void)tree;	/* the type says it */
	for (int i = 0; i < rrset->rrs.count && rc >= 0; i++) {
		rc = store_edit_add(e, rrset->owner, rrset->type, rrset->ttl, rr->data, rr->len);
		rr = knot_rdataset_next((knot_rdata_t *)rr);
	}
	return rc < 0 ? rc : 0;
}

static int edit_drop(void *data, enum sign_tree tree, const knot_dname_t *name, uint16_t type)
{
	int rc;

	(void)tree;
	rc = store_edit_remove_rrset(data, name, type);
	return rc < 0 ? rc : 0;
}

static int edit_rrsigs(void *data, enum sign_tree tree, const knot_dname_t *name, uint16_t type,
		       uint32_t ttl, const knot_rdataset_t *rrsigs)
{
	const knot_rdata_t *rr = rrsigs->rdata;
	int rc = store_edit_remove_rrsigs(data, name, type);

	(void)tree;
	for (int i = 0; i < rrsigs->count && rc >= 0; i++) {
		rc = store_edit_add(data, name, KNOT_RRTYPE_RRSIG, ttl, rr->data, rr->len);
		rr = knot_rdataset_next((knot_rdata_t *)rr);
	}
	return rc < 0 ? rc : 0;
}

void sign_edit_zone(struct sign_zone *zone, struct store_edit *e, const uint8_t *apex)
{
	*zone = (struct sign_zone) {
		.apex = apex,
		.data = e,
		.get = edit_get,
		.step = edit_step,
		.put = edit_put,
		.drop = edit_drop,
		.rrsigs = edit_rrsigs,
	};
}
