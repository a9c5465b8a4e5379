// SPDX-License-Identifier: GPL-2.0-or-later
/* What a zone says about a name, and what its NSEC or NSEC3 record says. */
#include <errno.h>
#include <libdnssec/nsec.h>
#include <stdlib.h>

#include "pass.h"

static bool is_apex(const struct sign_pass *p, const knot_dname_t *name)
{
	return knot_dname_is_equal(name, p->zone->apex);
}

/* What is below is not ours to speak about: glue, or redirected (RFC 6672 2.4). */
bool sign_is_cut(const struct sign_pass *p, const struct sign_node *node)
{
	return sign_node_find(node, KNOT_RRTYPE_DNAME) ||
	       (sign_node_find(node, KNOT_RRTYPE_NS) && !is_apex(p, node->name));
}

/* A node with nothing but its NSEC has no records of its own any more. */
bool sign_has_data(const struct sign_node *node)
{
	return node->n > 1 || (node->n == 1 && node->rrset[0].type != KNOT_RRTYPE_NSEC);
}

/* With what is known of the names above. */
enum sign_status sign_status_above(const struct sign_pass *p, const struct sign_node *node,
				   bool occluded)
{
	if (occluded)
		return SIGN_OCCLUDED;
	if (!sign_has_data(node))
		return SIGN_ABSENT;
	if (sign_node_find(node, KNOT_RRTYPE_NS) && !is_apex(p, node->name))
		return SIGN_DELEGATION;
	return SIGN_AUTHORITATIVE;
}

/**
 * sign_find() - a name of the zone, and its status
 * @p: pass
 * @name: in lower case, at or below the apex
 * @node: filled
 *
 * Return: enum sign_status; SIGN_ABSENT also for an empty non-terminal; or a negative
 * errno.
 */
int sign_find(struct sign_pass *p, const knot_dname_t *name, struct sign_node *node)
{
	const knot_dname_t *above = name;
	bool occluded = false;
	int rc;

	*node = (struct sign_node) { 0 };
	while (!occluded && !is_apex(p, above)) {
		struct sign_node upper = { 0 };

		above += 1 + above[0];
		rc = p->zone->get(p->zone->data, SIGN_NAMES, above, &upper);
		occluded = rc > 0 && sign_is_cut(p, &upper);
		sign_node_free(&upper);
		if (rc < 0)
			return rc;
	}
	rc = p->zone->get(p->zone->data, SIGN_NAMES, name, node);
	if (rc < 0)
		return rc;
	if (!rc) {
		knot_dname_copy_lower(node->name, name);
		return occluded ? SIGN_OCCLUDED : SIGN_ABSENT;
	}
	return sign_status_above(p, node, occluded);
}

static bool in_bitmap(uint16_t type, enum sign_status status)
{
	/* Set by the policy, not by what the node had before. */
	if (type == KNOT_RRTYPE_NSEC)
		return false;
	return status == SIGN_AUTHORITATIVE || type == KNOT_RRTYPE_NS || type == KNOT_RRTYPE_DS;
}

/**
 * sign_bitmap() - types of a name, for its NSEC or NSEC3 record
 * @p: pass
 * @node: the name; none at all for an empty non-terminal
 * @status: of the name
 * @out: allocated
 *
 * RFC 4034 4.1.2, RFC 5155 3.2.1: at a delegation only what the parent's side has.
 *
 * Return: octets, or -ENOMEM.
 */
int sign_bitmap(const struct sign_pass *p, const struct sign_node *node,
		enum sign_status status, uint8_t **out)
{
	dnssec_nsec_bitmap_t *map = dnssec_nsec_bitmap_new();
	bool is_signed = status == SIGN_AUTHORITATIVE && sign_has_data(node);
	int len;

	*out = NULL;
	if (!map)
		return -ENOMEM;
	for (int i = 0; i < node->n; i++)
		if (in_bitmap(node->rrset[i].type, status))
			dnssec_nsec_bitmap_add(map, node->rrset[i].type);
	if (sign_node_find(node, KNOT_RRTYPE_DS))
		is_signed = true;
	if (!p->policy->nsec3) {
		dnssec_nsec_bitmap_add(map, KNOT_RRTYPE_NSEC);
		is_signed = true;
	}
	if (is_signed)
		dnssec_nsec_bitmap_add(map, KNOT_RRTYPE_RRSIG);
	len = dnssec_nsec_bitmap_size(map);
	*out = malloc(len + 1);
	if (*out)
		dnssec_nsec_bitmap_write(map, *out);
	else
		len = -ENOMEM;
	dnssec_nsec_bitmap_free(map);
	return len;
}
