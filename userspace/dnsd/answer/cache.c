// SPDX-License-Identifier: GPL-2.0-or-later
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS		(1 << 16)
#define ANSWER_MAX	4096

/**
 * struct prepared - an answer
 * @txn: the snapshot that it is from
 * @zone: of the configuration
 * @wildcard: labels of the question's name before the source of synthesis; 255: none
 * @len: octets of @data: the question's name, then the response from the end of the question on
 *
 * The rest is as in struct query.
 */
struct prepared {
	uint64_t txn;
	const struct setup_zone *zone;
	uint16_t qtype, rcode;
	uint16_t count[3];
	bool dnssec_ok, aa;
	uint8_t kind, qname_len, wildcard;
	uint16_t len;
	uint8_t data[];
};

struct answer_cache {
	size_t octets, max;
	struct prepared *slot[SLOTS];
};

struct answer_cache *answer_cache_new(size_t max_octets)
{
	struct answer_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->max = max_octets;
	return c;
}

void answer_cache_free(struct answer_cache *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		free(c->slot[i]);
	free(c);
}

/* A chosen set of names can collide, and then only costs the lookups that it would anyway. */
static unsigned int slot_of(const struct query *q)
{
	uint64_t h = q->qtype * 2 + q->dnssec_ok, word;
	const uint8_t *p = q->qname;
	size_t len = q->qname_len;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	word = 0;
	memcpy(&word, p, len);
	h = (h ^ word) * 0x9e3779b97f4a7c15;
	return (h ^ h >> 32) % SLOTS;
}

bool answer_cache_get(struct answer_cache *c, struct query *q, uint64_t txn)
{
	const struct prepared *p = c->slot[slot_of(q)];
	size_t len;

	if (!p || p->txn != txn || p->qtype != q->qtype || p->dnssec_ok != q->dnssec_ok ||
	    p->qname_len != q->qname_len || memcmp(p->data, q->qname, q->qname_len))
		return false;
	response_begin(q);
	len = p->len - p->qname_len;
	if (q->out_len + len > q->room)
		return false;
	memcpy(q->out + q->out_len, p->data + p->qname_len, len);
	q->out_len += len;
	memcpy(q->count, p->count, sizeof(q->count));
	q->rcode = p->rcode;
	q->aa = p->aa;
	q->kind = p->kind;
	q->zone = p->zone;
	q->wildcard = p->wildcard == 255 ? NULL : dns_name_skip(q->qname, p->wildcard);
	return true;
}

void answer_cache_put(struct answer_cache *c, const struct query *q, uint64_t txn)
{
	struct prepared **slot = &c->slot[slot_of(q)], *p;
	size_t len = q->qname_len + (q->out_len - q->question_end);

	if (q->no_cache || q->tc || q->left_out || q->qclass != KNOT_CLASS_IN ||
	    q->out_len > ANSWER_MAX || q->ede >= 0)
		return;
	if (*slot) {
		c->octets -= sizeof(**slot) + (*slot)->len;
		free(*slot);
		*slot = NULL;
	}
	if (c->octets + sizeof(*p) + len > c->max)
		return;
	p = malloc(sizeof(*p) + len);
	if (!p)
		return;
	*p = (struct prepared){
		.txn = txn,
		.zone = q->zone,
		.qtype = q->qtype,
		.rcode = q->rcode,
		.dnssec_ok = q->dnssec_ok,
		.aa = q->aa,
		.kind = q->kind,
		.qname_len = q->qname_len,
		.wildcard = q->wildcard ? dns_name_labels(q->qname) - dns_name_labels(q->wildcard) :
					  255,
		.len = len,
	};
	memcpy(p->count, q->count, sizeof(p->count));
	memcpy(p->data, q->qname, q->qname_len);
	memcpy(p->data + q->qname_len, q->out + q->question_end, q->out_len - q->question_end);
	*slot = p;
	c->octets += sizeof(*p) + len;
}
