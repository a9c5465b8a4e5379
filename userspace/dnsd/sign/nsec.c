// SPDX-License-Identifier: GPL-2.0-or-later
/* The NSEC chain (RFC 4034 4, RFC 4035 2.3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

bool sign_in_chain(const struct sign_node *node, enum sign_status status)
{
	return status >= SIGN_DELEGATION && sign_has_data(node);
}

/* Have @node's NSEC point to @next. */
int sign_nsec_link(struct sign_pass *p, const struct sign_node *node, enum sign_status status,
		   const knot_dname_t *next)
{
	const struct sign_rrset *have = sign_node_find(node, KNOT_RRTYPE_NSEC);
	struct sign_rrset want = { .type = KNOT_RRTYPE_NSEC, .ttl = p->negative_ttl };
	size_t next_len = knot_dname_size(next);
	uint8_t *bitmap, *rdata;
	int len, rc;

	len = sign_bitmap(p, node, status, &bitmap);
	if (len < 0)
		return len;
	rdata = malloc(next_len + len);
	rc = rdata ? 0 : -ENOMEM;
	if (rdata) {
		memcpy(rdata, next, next_len);
		memcpy(rdata + next_len, bitmap, len);
		rc = sign_rdata_add(&want.rrs, rdata, next_len + len);
	}
	free(rdata);
	free(bitmap);
	if (!rc && have && have->ttl == want.ttl && knot_rdataset_eq(&have->rrs, &want.rrs))
		rc = sign_rrset_fix(p, SIGN_NAMES, node->name, have, true);
	else if (!rc)
		rc = sign_put(p, SIGN_NAMES, node->name, &want);
	knot_rdataset_clear(&want.rrs, NULL);
	return rc;
}

/* The next name of the chain, in either direction: 1, or 0 at the end of the zone. */
static int neighbour(struct sign_pass *p, const knot_dname_t *name, int direction,
		     knot_dname_storage_t out)
{
	struct sign_node node;
	int rc, status;
	bool found;

	knot_dname_copy_lower(out, name);
	do {
		rc = p->zone->step(p->zone->data, SIGN_NAMES, out, direction, out);
		if (rc <= 0)
			return rc;
		status = sign_find(p, out, &node);
		if (status < 0)
			return status;
		found = sign_in_chain(&node, status);
		sign_node_free(&node);
	} while (!found);
	return 1;
}

static int link_name(struct sign_pass *p, const knot_dname_t *name)
{
	knot_dname_storage_t next;
	struct sign_node node;
	int rc, status = sign_find(p, name, &node);

	rc = status < 0 ? status : 0;
	if (!rc && sign_in_chain(&node, status)) {
		rc = neighbour(p, name, 1, next);
		if (rc >= 0)
			rc = sign_nsec_link(p, &node, status, rc ? next : p->zone->apex);
	}
	sign_node_free(&node);
	return rc;
}

/* After changes at these names: theirs, and those of the names before them. */
int sign_nsec_changes(struct sign_pass *p, const struct sign_name_list *names)
{
	struct sign_name_list all = { 0 };
	knot_dname_storage_t before;
	int rc = 0;

	for (size_t i = 0; i < names->n && rc >= 0; i++) {
		rc = sign_names_add(&all, names->name[i]);
		/* The last name always points to the apex. */
		if (!rc && !knot_dname_is_equal(names->name[i], p->zone->apex))
			rc = neighbour(p, names->name[i], -1, before);
		if (rc > 0)
			rc = sign_names_add(&all, before);
	}
	sign_names_sort(&all);
	for (size_t i = 0; i < all.n && rc >= 0; i++)
		rc = link_name(p, all.name[i]);
	sign_names_free(&all);
	return rc < 0 ? rc : 0;
}
