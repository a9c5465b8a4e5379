// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nodes: names with what they own.
 */
#include "internal.h"

void node_view(struct store_node *node, const MDB_val *value)
{
	const struct node_head *head = value->mv_data;

	node->data = value->mv_data;
	node->len = value->mv_size;
	node->count = head->count;
}

/* Returns what comes after it. */
static const uint8_t *rrset_view(const uint8_t *p, struct store_rrset *rrset)
{
	struct rrset_head head;

	memcpy(&head, p, sizeof(head));
	p += sizeof(head);
	rrset->type = head.type;
	rrset->ttl = head.ttl;
	rrset->rdata.count = head.rdata_count;
	rrset->rdata.size = head.rdata_size;
	rrset->rdata.rdata = (knot_rdata_t *)p;
	p += head.rdata_size;
	rrset->rrsigs.count = head.rrsig_count;
	rrset->rrsigs.size = head.rrsig_size;
	rrset->rrsigs.rdata = (knot_rdata_t *)p;
	return p + head.rrsig_size;
}

bool store_rrset(const struct store_node *node, uint16_t type, struct store_rrset *rrset)
{
	const uint8_t *p = node->data + sizeof(struct node_head);

	for (unsigned int i = 0; i < node->count; i++) {
		struct rrset_head head;

		memcpy(&head, p, sizeof(head));
		if (head.type == type) {
			rrset_view(p, rrset);
			return head.rdata_count > 0;
		}
		if (head.type > type)
			return false;
		p += sizeof(head) + head.rdata_size + head.rrsig_size;
	}
	return false;
}

void store_rrset_at(const struct store_node *node, unsigned int i, struct store_rrset *rrset)
{
	const uint8_t *p = node->data + sizeof(struct node_head);

	do
		p = rrset_view(p, rrset);
	while (i--);
}

size_t node_size(const struct store_rrset *rrset, unsigned int count)
{
	size_t size = sizeof(struct node_head);

	for (unsigned int i = 0; i < count; i++)
		size += sizeof(struct rrset_head) + rrset[i].rdata.size + rrset[i].rrsigs.size;
	return size;
}

static uint8_t *put(uint8_t *p, const void *data, size_t len)
{
	if (len)
		memcpy(p, data, len);
	return p + len;
}

void node_write(uint8_t *out, const struct store_rrset *rrset, unsigned int count)
{
	struct node_head node = { .count = count };
	uint8_t *p = put(out, &node, sizeof(node));

	for (unsigned int i = 0; i < count; i++) {
		const struct store_rrset *r = &rrset[i];
		struct rrset_head head = {
			.type = r->type,
			.ttl = r->ttl,
			.rdata_count = r->rdata.count,
			.rdata_size = r->rdata.size,
			.rrsig_count = r->rrsigs.count,
			.rrsig_size = r->rrsigs.size,
		};

		p = put(p, &head, sizeof(head));
		p = put(p, r->rdata.rdata, r->rdata.size);
		p = put(p, r->rrsigs.rdata, r->rrsigs.size);
	}
}
