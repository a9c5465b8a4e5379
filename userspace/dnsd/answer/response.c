// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing a response: records with compressed names, and what is at its end.
 */
#include <errno.h>
#include <string.h>

#include "query.h"

#define POINTER_MAX	0x3fff

/* --- names --- */

static uint16_t hash_label(uint16_t h, const uint8_t *label)
{
	for (unsigned int i = 0; i <= *label; i++) {
		uint8_t c = label[i];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32 : c)) * 31421 + 6927;
	}
	return h;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Is the name in @out at @at the same as @name? Pointers there point back, they are ours. */
static bool same_name(const uint8_t *out, unsigned int at, const uint8_t *name)
{
	for (;;) {
		unsigned int size = out[at];

		if (size >= 0xc0) {
			at = (size & 0x3f) << 8 | out[at + 1];
			continue;
		}
		if (size != *name)
			return false;
		if (!size)
			return true;
		for (unsigned int i = 1; i <= size; i++)
			if (lower(out[at + i]) != lower(name[i]))
				return false;
		at += 1 + size;
		name += 1 + size;
	}
}

/* Where the name is in the response, or 0. */
static unsigned int find_name(const struct query *q, const uint8_t *name, uint16_t hash)
{
	for (unsigned int i = 0; i < q->n_names; i++)
		if (q->names[i].hash == hash && same_name(q->out, q->names[i].at, name))
			return q->names[i].at;
	return 0;
}

static void remember(struct query *q, size_t at, uint16_t hash)
{
	if (at <= POINTER_MAX && q->n_names < QUERY_NAMES_MAX)
		q->names[q->n_names++] = (struct query_name){ at, hash };
}

static unsigned int hash_suffixes(const uint8_t *name, const uint8_t *label[DNS_LABELS_MAX],
				  uint16_t hash[DNS_LABELS_MAX])
{
	unsigned int n = 0;
	uint16_t h = 0;

	for (; *name; name += 1 + *name)
		label[n++] = name;
	for (unsigned int i = n; i--;)
		hash[i] = h = hash_label(h, label[i]);
	return n;
}

/* Returns false when there is no room; then a part of it may be written. */
static bool put_name(struct query *q, const uint8_t *name)
{
	const uint8_t *label[DNS_LABELS_MAX];
	uint16_t hash[DNS_LABELS_MAX];
	unsigned int n = hash_suffixes(name, label, hash), at = 0, i;
	size_t pos = q->out_len;

	for (i = 0; i < n && !(at = find_name(q, label[i], hash[i])); i++) {
		size_t size = 1 + *label[i];

		if (pos + size > q->room)
			return false;
		memcpy(q->out + pos, label[i], size);
		pos += size;
	}
	if (pos + (at ? 2 : 1) > q->room)
		return false;
	if (at)
		knot_wire_write_u16(q->out + pos, 0xc000 | at);
	else
		q->out[pos] = 0;
	/* Not before it is complete: it is read when names are compared. */
	for (unsigned int k = 0; k < i; k++)
		remember(q, q->out_len + (label[k] - label[0]), hash[k]);
	q->out_len = pos + (at ? 2 : 1);
	return true;
}

static bool put_octets(struct query *q, const uint8_t *data, size_t len)
{
	if (q->out_len + len > q->room)
		return false;
	memcpy(q->out + q->out_len, data, len);
	q->out_len += len;
	return true;
}

/* --- records --- */

/* Octets before the names of types whose names may be compressed (RFC 3597 section 4). */
static int names_of(uint16_t type, size_t *before)
{
	*before = 0;
	switch (type) {
	case KNOT_RRTYPE_NS:
	case KNOT_RRTYPE_MD:
	case KNOT_RRTYPE_MF:
	case KNOT_RRTYPE_CNAME:
	case KNOT_RRTYPE_MB:
	case KNOT_RRTYPE_MG:
	case KNOT_RRTYPE_MR:
	case KNOT_RRTYPE_PTR:
		return 1;
	case KNOT_RRTYPE_SOA:
	case KNOT_RRTYPE_MINFO:
		return 2;
	case KNOT_RRTYPE_MX:
		*before = 2;
		return 1;
	default:
		return 0;
	}
}

/* What is stored was checked: names are whole and within the rdata. */
static bool put_rdata(struct query *q, uint16_t type, const uint8_t *data, size_t len)
{
	size_t before, at = q->out_len + 2;
	int names = names_of(type, &before);

	if (at > q->room)
		return false;
	q->out_len = at;
	if (names) {
		if (!put_octets(q, data, before))
			return false;
		data += before;
		len -= before;
		while (names--) {
			size_t size = knot_dname_size(data);

			if (!put_name(q, data))
				return false;
			data += size;
			len -= size;
		}
	}
	if (!put_octets(q, data, len))
		return false;
	knot_wire_write_u16(q->out + at - 2, q->out_len - at);
	return true;
}

static bool put_record(struct query *q, const uint8_t *owner, uint16_t type, uint32_t ttl,
		       const uint8_t *data, size_t len)
{
	uint8_t fixed[8];

	knot_wire_write_u16(fixed, type);
	knot_wire_write_u16(fixed + 2, KNOT_CLASS_IN);
	knot_wire_write_u32(fixed + 4, ttl);
	return put_name(q, owner) && put_octets(q, fixed, sizeof(fixed)) &&
	       put_rdata(q, type, data, len);
}

/* The number of records, or -1: there was no room. */
static int put_set(struct query *q, const uint8_t *owner, uint16_t type, uint32_t ttl,
		   const knot_rdataset_t *set)
{
	const knot_rdata_t *r = set->rdata;

	for (unsigned int i = 0; i < set->count; i++) {
		if (!put_record(q, owner, type, ttl, r->data, r->len))
			return -1;
		r = knot_rdataset_next((knot_rdata_t *)r);
	}
	return set->count;
}

static bool put_rrset(struct query *q, enum query_section section, const uint8_t *owner,
		      const struct store_rrset *rrset)
{
	size_t start = q->out_len;
	unsigned int names = q->n_names;
	int n, more = 0;

	if (q->tc)
		return false;
	n = put_set(q, owner, rrset->type, rrset->ttl, &rrset->rdata);
	if (n >= 0 && q->dnssec_ok)
		more = put_set(q, owner, KNOT_RRTYPE_RRSIG, rrset->ttl, &rrset->rrsigs);
	if (n >= 0 && more >= 0) {
		q->count[section] += n + more;
		return true;
	}
	q->out_len = start;
	q->n_names = names;
	return false;
}

bool response_put(struct query *q, enum query_section section, const uint8_t *owner,
		  const struct store_rrset *rrset)
{
	if (put_rrset(q, section, owner, rrset))
		return true;
	if (section == QUERY_IN_ADDITIONAL)
		q->left_out = true;
	else
		q->tc = true;
	return false;
}

bool response_put_glue(struct query *q, const uint8_t *owner, const struct store_rrset *rrset)
{
	if (put_rrset(q, QUERY_IN_ADDITIONAL, owner, rrset))
		return true;
	q->tc = true;
	return false;
}

bool response_put_record(struct query *q, enum query_section section, const uint8_t *owner,
			 uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	size_t start = q->out_len;
	unsigned int names = q->n_names;

	if (!q->tc && put_record(q, owner, type, ttl, rdata, len)) {
		q->count[section]++;
		return true;
	}
	q->out_len = start;
	q->n_names = names;
	if (section == QUERY_IN_ADDITIONAL)
		q->left_out = true;
	else
		q->tc = true;
	return false;
}

/* --- the whole --- */

static size_t most(const struct query *q)
{
	if (query_is_stream(q))
		return QUERY_MESSAGE_MAX;
	return q->payload < q->setup->udp_size ? q->payload :
	       q->setup->udp_size < 512        ? 512 :
						 q->setup->udp_size;
}

/* Options and a key with a long name may need more than a small datagram has. */
static size_t without(size_t room, size_t taken)
{
	return room > taken ? room - taken : 0;
}

void response_begin(struct query *q)
{
	const uint8_t *label[DNS_LABELS_MAX];
	uint16_t hash[DNS_LABELS_MAX];
	unsigned int n;

	memset(q->out, 0, QUERY_HEADER);
	memcpy(q->out + QUERY_HEADER, q->wire + QUERY_HEADER, q->question_end - QUERY_HEADER);
	q->out_len = q->question_end;
	q->room = without(most(q), edns_size(q) + dns_tsig_room(&q->tsig));
	memset(q->count, 0, sizeof(q->count));
	q->rcode = 0;
	q->aa = q->tc = q->authentic = q->left_out = false;
	q->n_names = q->n_proved = 0;
	if (!q->has_question)
		return;
	n = hash_suffixes(q->out + QUERY_HEADER, label, hash);
	for (unsigned int i = 0; i < n; i++)
		remember(q, label[i] - q->out, hash[i]);
}

void response_error(struct query *q, uint16_t rcode, int ede, const char *text)
{
	response_begin(q);
	query_wrong(q, rcode, ede, text);
}

void response_finish(struct query *q)
{
	size_t max = without(most(q), dns_tsig_room(&q->tsig));
	uint8_t *out = q->out;

	if (q->edns)
		edns_append(q, max);
	knot_wire_set_id(out, q->id);
	/* CD goes with recursion only (RFC 4035 sections 3.1.6 and 3.2.2). */
	out[2] = 0x80 | (q->opcode & 15) << 3 | q->aa << 2 | q->tc << 1 | q->rd;
	out[3] = q->ra << 7 | q->authentic << 5 | (q->cd && q->ra) << 4 | (q->rcode & 15);
	knot_wire_set_qdcount(out, q->has_question);
	knot_wire_set_ancount(out, q->count[QUERY_IN_ANSWER]);
	knot_wire_set_nscount(out, q->count[QUERY_IN_AUTHORITY]);
	knot_wire_set_arcount(out, q->count[QUERY_IN_ADDITIONAL]);
	/* Without room or memory for its signature it would be taken for a forgery. */
	if (dns_tsig_sign(&q->tsig, out, &q->out_len, most(q)))
		q->out_len = 0;
}

void response_slip(struct query *q)
{
	q->out_len = q->question_end;
	memset(q->count, 0, sizeof(q->count));
	q->ede = -1;
	q->wants_nsid = q->wants_expire = false;
	/* With EDNS (RFC 6891 section 6.1.1): the cookie in it is what lets the client through. */
	if (q->edns)
		edns_append(q, most(q));
	q->out[2] |= 0x02;
	knot_wire_set_ancount(q->out, 0);
	knot_wire_set_nscount(q->out, 0);
	knot_wire_set_arcount(q->out, q->count[QUERY_IN_ADDITIONAL]);
}

/* --- another's message --- */

/* Its records as they are, without OPT; false: not to be read, or there is no room. */
static bool take_records(struct query *q, const knot_pkt_t *pkt)
{
	for (int section = 0; section < 3; section++) {
		const knot_pktsection_t *s = knot_pkt_section(pkt, section);

		for (unsigned int i = 0; i < s->count; i++) {
			const knot_rrset_t *rr = knot_pkt_rr(s, i);
			const knot_rdata_t *r = rr->rrs.rdata;

			if (rr->type == KNOT_RRTYPE_OPT || rr->type == KNOT_RRTYPE_TSIG)
				continue;
			if (!response_put_record(q, section, rr->owner, rr->type, rr->ttl, r->data,
						 r->len))
				return section == QUERY_IN_ADDITIONAL;
		}
	}
	return true;
}

int response_from_wire(struct query *q, const uint8_t *wire, size_t len)
{
	uint8_t name[DNS_NAME_MAX];
	size_t pos = QUERY_HEADER;
	knot_pkt_t *pkt;

	if (len < QUERY_HEADER || !q->has_question || knot_wire_get_qdcount(wire) != 1 ||
	    dns_name_read(name, wire, len, &pos, NULL) < 0 || len - pos < 4 ||
	    !knot_dname_is_case_equal(name, q->qname) ||
	    knot_wire_read_u16(wire + pos) != q->qtype ||
	    knot_wire_read_u16(wire + pos + 2) != q->qclass)
		return -EINVAL;
	pkt = knot_pkt_new((void *)wire, len, NULL);
	if (!pkt || knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE | KNOT_PF_NOCANON)) {
		knot_pkt_free(pkt);
		return -EINVAL;
	}
	response_begin(q);
	q->rcode = knot_pkt_ext_rcode(pkt);
	q->aa = knot_wire_get_aa(wire);
	q->authentic = knot_wire_get_ad(wire);
	if (knot_wire_get_tc(wire))
		q->tc = true;
	else
		take_records(q, pkt);
	q->kind = q->rcode == KNOT_RCODE_NOERROR  ? q->count[0] ? QUERY_ANSWER : QUERY_NODATA :
		  q->rcode == KNOT_RCODE_NXDOMAIN ? QUERY_NXDOMAIN :
						    QUERY_ERROR;
	knot_pkt_free(pkt);
	return 0;
}
