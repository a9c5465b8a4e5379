// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a message asks: header, question, EDNS (RFC 1035 section 4, RFC 6891).
 */
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "worker.h"

void query_wrong(struct query *q, uint16_t rcode, int ede, const char *text)
{
	q->rcode = rcode;
	q->ede = ede;
	q->ede_text = text;
	q->kind = QUERY_ERROR;
}

static bool formerr(struct query *q, const char *text)
{
	query_wrong(q, KNOT_RCODE_FORMERR, KNOT_EDNS_EDE_OTHER, text);
	return false;
}

/* A record of the additional section that says something about the message. */
struct special {
	uint16_t type;
	size_t owner_len, class_at, data_at, data_len;
};

static bool skip_name(struct query *q, size_t *pos)
{
	uint8_t name[DNS_NAME_MAX];

	/* Nearly always the root: OPT's. */
	if (*pos < q->len && !q->wire[*pos]) {
		++*pos;
		return true;
	}
	return dns_name_read(name, q->wire, q->len, pos, NULL) > 0;
}

static const char broken_record[] =
	"a record that goes on after the end of the message, or has a broken name";

static bool skip_record(struct query *q, size_t *pos, struct special *r)
{
	size_t start = *pos;

	if (!skip_name(q, pos) || q->len - *pos < 10)
		return false;
	r->owner_len = *pos - start;
	r->type = knot_wire_read_u16(q->wire + *pos);
	r->class_at = *pos + 2;
	r->data_len = knot_wire_read_u16(q->wire + *pos + 8);
	r->data_at = *pos + 10;
	*pos = r->data_at + r->data_len;
	return *pos <= q->len;
}

static bool read_opt(struct query *q, const struct special *r)
{
	const uint8_t *p = q->wire + r->class_at;

	if (q->edns)
		return formerr(q, "two OPT records: at most one (RFC 6891 section 6.1.1)");
	if (r->owner_len != 1)
		return formerr(q, "an OPT record with a name other than the root");
	q->edns = true;
	q->payload = knot_wire_read_u16(p);
	if (q->payload < 512)
		q->payload = 512;
	q->version = p[3];
	q->dnssec_ok = p[4] & 0x80;
	return edns_parse(q, q->wire + r->data_at, r->data_len);
}

static bool read_question(struct query *q, size_t *pos)
{
	int len = dns_name_read(q->qname, q->wire, q->len, pos, q->why);

	if (len < 0)
		return formerr(q, q->why);
	if (q->len - *pos < 4)
		return formerr(q, "a question that goes on after the end of the message");
	q->qname_len = len;
	dns_name_lower(q->qname);
	q->qtype = knot_wire_read_u16(q->wire + *pos);
	q->qclass = knot_wire_read_u16(q->wire + *pos + 2);
	*pos += 4;
	q->question_end = *pos;
	q->has_question = true;
	/* What is copied into the response must be the name in full. */
	if (*pos != QUERY_HEADER + q->qname_len + 4) {
		q->has_question = false;
		q->question_end = QUERY_HEADER;
		return formerr(q, "a compressed name in the question");
	}
	return true;
}

static bool read_additional(struct query *q, size_t *pos, unsigned int count, bool *tsig)
{
	struct special r;

	for (unsigned int i = 0; i < count; i++) {
		if (!skip_record(q, pos, &r))
			return formerr(q, broken_record);
		if (*tsig)
			return formerr(q, "a record after TSIG, which has to be the last");
		if (r.type == KNOT_RRTYPE_TSIG)
			*tsig = true;
		if (r.type == KNOT_RRTYPE_OPT && !read_opt(q, &r))
			return false;
	}
	return true;
}

static bool read_records(struct query *q, size_t *pos, bool *tsig)
{
	unsigned int before = knot_wire_get_ancount(q->wire) + knot_wire_get_nscount(q->wire);
	struct special r;

	for (unsigned int i = 0; i < before; i++) {
		if (!skip_record(q, pos, &r))
			return formerr(q, broken_record);
		if (r.type == KNOT_RRTYPE_OPT || r.type == KNOT_RRTYPE_TSIG)
			return formerr(q, "OPT or TSIG outside the additional section");
	}
	if (!read_additional(q, pos, knot_wire_get_arcount(q->wire), tsig))
		return false;
	if (*pos != q->len)
		return formerr(q, "octets after the last record");
	return true;
}

/* Its signature: checked with all of the message parsed by libknot, which takes it off. */
static bool verify(struct query *q)
{
	uint8_t *copy = malloc(q->len);
	knot_pkt_t *pkt = copy ? knot_pkt_new(copy, q->len, NULL) : NULL;
	int rcode = KNOT_RCODE_SERVFAIL;

	if (pkt) {
		memcpy(copy, q->wire, q->len);
		rcode = KNOT_RCODE_FORMERR;
		if (!knot_pkt_parse(pkt, 0))
			rcode = dns_tsig_verify(&q->tsig, pkt, setup_find_key, (void *)q->setup);
	}
	knot_pkt_free(pkt);
	free(copy);
	if (rcode)
		query_wrong(q, rcode, -1, NULL);
	return !rcode;
}

bool query_parse(struct query *q)
{
	size_t pos = QUERY_HEADER;
	bool tsig = false;
	unsigned int questions;

	if (q->len < QUERY_HEADER || knot_wire_get_qr(q->wire))
		return false;
	q->id = knot_wire_get_id(q->wire);
	q->opcode = knot_wire_get_opcode(q->wire);
	q->rd = knot_wire_get_rd(q->wire);
	q->cd = knot_wire_get_cd(q->wire);
	q->ad = knot_wire_get_ad(q->wire);
	q->payload = 512;
	q->ede = -1;
	q->question_end = QUERY_HEADER;
	questions = knot_wire_get_qdcount(q->wire);
	if (questions > 1) {
		formerr(q, "more than one question");
		return true;
	}
	if (questions && !read_question(q, &pos))
		return true;
	/* How other operations are made nobody knows: they get NOTIMP, with OPT if they had it. */
	if (q->opcode != KNOT_OPCODE_QUERY && q->opcode != KNOT_OPCODE_NOTIFY &&
	    q->opcode != KNOT_OPCODE_UPDATE) {
		if (!read_records(q, &pos, &tsig)) {
			query_wrong(q, 0, -1, NULL);
			q->edns = false;
			q->kind = QUERY_ANSWER;
		}
		return true;
	}
	if (!read_records(q, &pos, &tsig))
		return true;
	/* The keeper checks what goes to it. */
	if (tsig && (q->opcode == KNOT_OPCODE_QUERY || !q->worker->keeper) && !verify(q))
		return true;
	/* Without a question it can only be after a cookie (RFC 7873 section 5.4). */
	if (!questions && (q->opcode != KNOT_OPCODE_QUERY || !q->cookie.present))
		formerr(q, "no question");
	return true;
}
