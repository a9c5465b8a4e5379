// SPDX-License-Identifier: GPL-2.0-or-later
#include "zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* NULL: no memory. */
struct sign_rrset *sign_node_add(struct sign_node *node, uint16_t type, uint32_t ttl)
{
	struct sign_rrset *more = reallocarray(node->rrset, node->n + 1, sizeof(*more));

	if (!more)
		return NULL;
	node->rrset = more;
	more += node->n++;
	memset(more, 0, sizeof(*more));
	more->type = type;
	more->ttl = ttl;
	return more;
}

struct sign_rrset *sign_node_find(const struct sign_node *node, uint16_t type)
{
	for (int i = 0; i < node->n; i++)
		if (node->rrset[i].type == type)
			return &node->rrset[i];
	return NULL;
}

void sign_node_free(struct sign_node *node)
{
	for (int i = 0; i < node->n; i++) {
		knot_rdataset_clear(&node->rrset[i].rrs, NULL);
		knot_rdataset_clear(&node->rrset[i].rrsigs, NULL);
	}
	free(node->rrset);
	node->rrset = NULL;
	node->n = 0;
}

int sign_rdata_add(knot_rdataset_t *rrs, const uint8_t *data, size_t len)
{
	knot_rdata_t *rr;
	int rc;

	if (len > KNOT_RDATA_MAXLEN)
		return -EINVAL;
	rr = malloc(knot_rdata_size(len));
	if (!rr)
		return -ENOMEM;
	knot_rdata_init(rr, len, data);
	rc = knot_rdataset_add(rrs, rr, NULL);
	free(rr);
	return rc ? -ENOMEM : 0;
}
