// SPDX-License-Identifier: GPL-2.0-or-later
#include "result.h"

#include <stdio.h>
#include <string.h>

#define FAILURE_TTL	5	/* RFC 9520 section 3.2: 1 s to 5 min */
#define BOGUS_TTL	10
#define NEGATIVE_TTL_MAX	3600	/* RFC 2308 section 5: one to three hours */

/* What libunbound says of a bogus answer, as RFC 8914 has it. */
static int bogus_ede(const char *why)
{
	static const struct {
		const char *words;
		int code;
	} known[] = {
		{ "signature expired", KNOT_EDNS_EDE_SIG_EXPIRED },
		{ "signature before inception", KNOT_EDNS_EDE_SIG_NOTYET },
		{ "no signatures", KNOT_EDNS_EDE_RRSIG_MISS },
		{ "No DNSKEY record", KNOT_EDNS_EDE_DNSKEY_MISS },
		{ "DNSKEY", KNOT_EDNS_EDE_DNSKEY_MISS },
		{ "no NSEC", KNOT_EDNS_EDE_NSEC_MISS },
	};

	for (unsigned int i = 0; why && i < sizeof(known) / sizeof(*known); i++)
		if (strstr(why, known[i].words))
			return known[i].code;
	return KNOT_EDNS_EDE_BOGUS;
}

static void failure(struct result_message *out, uint32_t ttl, int ede, const char *why)
{
	snprintf(out->why, sizeof(out->why), "%s", why ? why : "");
	out->m = (struct message){
		.rcode = KNOT_RCODE_SERVFAIL, .ttl = ttl, .ede = ede,
		.why = out->why, .why_len = strlen(out->why),
	};
}

/* RFC 4035 section 3.2.1: not for who does not ask for them, unless by their type. */
static bool wanted(const knot_rrset_t *rr, uint16_t type, unsigned int flags)
{
	if (rr->type == KNOT_RRTYPE_OPT)
		return false;
	if (flags & MESSAGE_DO || rr->type == type || type == KNOT_RRTYPE_ANY)
		return true;
	return rr->type != KNOT_RRTYPE_RRSIG && rr->type != KNOT_RRTYPE_NSEC &&
	       rr->type != KNOT_RRTYPE_NSEC3;
}

/* How long the answer may be kept, going by this record (RFC 2308 section 5). */
static uint32_t ttl_of(const knot_rrset_t *rr, knot_section_t section, bool negative)
{
	uint32_t minimum;

	/* RFC 2181 section 8: with the first bit set it counts as 0. */
	if (rr->ttl & 0x80000000)
		return 0;
	if (section != KNOT_AUTHORITY || rr->type != KNOT_RRTYPE_SOA || !negative)
		return rr->ttl;
	minimum = knot_soa_minimum(rr->rrs.rdata);
	if (minimum > NEGATIVE_TTL_MAX)
		minimum = NEGATIVE_TTL_MAX;
	return minimum < rr->ttl ? minimum : rr->ttl;
}

static bool take(struct result_message *out, const knot_pkt_t *pkt, uint16_t type,
		 unsigned int flags)
{
	bool negative = !knot_pkt_section(pkt, KNOT_ANSWER)->count ||
			knot_wire_get_rcode(pkt->wire) == KNOT_RCODE_NXDOMAIN;
	uint32_t least = MESSAGE_TTL_MAX;
	bool any = false;

	for (knot_section_t s = KNOT_ANSWER; s <= KNOT_ADDITIONAL; s++) {
		const knot_pktsection_t *from = knot_pkt_section(pkt, s);

		knot_pkt_begin(out->pkt, s);
		for (unsigned int i = 0; i < from->count; i++) {
			knot_rrset_t rr = *knot_pkt_rr(from, i);
			uint32_t ttl;

			if (!wanted(&rr, type, flags))
				continue;
			ttl = ttl_of(&rr, s, negative);
			if (rr.type == KNOT_RRTYPE_SOA)
				rr.ttl = ttl;
			if (s != KNOT_ADDITIONAL && ttl < least)
				least = ttl;
			if (knot_pkt_put(out->pkt, KNOT_COMPR_HINT_NONE, &rr, KNOT_PF_NOTRUNC))
				return false;
			out->m.count[s]++;
			any |= s != KNOT_ADDITIONAL;
		}
	}
	/* Without SOA a negative answer is not to be kept (RFC 2308 section 5). */
	out->m.ttl = any ? least : 0;
	return true;
}

/* Where the TTLs are, in what was just written. */
static bool find_ttls(struct result_message *out, size_t question_end)
{
	const uint8_t *wire = out->pkt->wire;
	size_t pos = question_end, len = out->pkt->size;

	while (pos < len) {
		uint8_t name[DNS_NAME_MAX];

		if (dns_name_read(name, wire, len, &pos, NULL) < 0 || len - pos < 10 ||
		    out->m.n_ttls == MESSAGE_TTLS_MAX)
			return false;
		out->ttl_at[out->m.n_ttls++] = pos + 4 - question_end;
		pos += 10 + knot_wire_read_u16(wire + pos + 8);
	}
	return pos == len;
}

static bool read_packet(struct result_message *out, const uint8_t *name, uint16_t type,
			unsigned int flags, const struct ub_result *r)
{
	knot_pkt_t *pkt = knot_pkt_new(r->answer_packet, r->answer_len, NULL);
	size_t question_end;
	bool good;

	out->pkt = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	good = pkt && out->pkt && !knot_pkt_parse(pkt, KNOT_PF_NOCANON) &&
	       !knot_pkt_put_question(out->pkt, name, KNOT_CLASS_IN, type);
	if (good) {
		question_end = out->pkt->size;
		out->m.rcode = knot_wire_get_rcode(pkt->wire);
		out->m.aa = knot_wire_get_aa(pkt->wire);
		good = take(out, pkt, type, flags) && find_ttls(out, question_end);
		out->m.body = out->pkt->wire + question_end;
		out->m.body_len = out->pkt->size - question_end;
		out->m.ttl_at = out->ttl_at;
	}
	knot_pkt_free(pkt);
	return good;
}

void result_read(struct result_message *out, const uint8_t *name, uint16_t type,
		 unsigned int flags, const struct ub_result *r)
{
	memset(&out->m, 0, sizeof(out->m));
	out->m.ede = -1;
	out->pkt = NULL;
	if (!r || !r->answer_packet || r->answer_len < KNOT_WIRE_HEADER_SIZE) {
		failure(out, FAILURE_TTL, KNOT_EDNS_EDE_NONE, NULL);
		return;
	}
	if (r->bogus && !(flags & MESSAGE_CD)) {
		failure(out, BOGUS_TTL, bogus_ede(r->why_bogus), r->why_bogus);
		out->m.bogus = true;
		return;
	}
	if (!read_packet(out, name, type, flags, r)) {
		failure(out, FAILURE_TTL, KNOT_EDNS_EDE_INV_DATA, "the answer cannot be read");
		return;
	}
	out->m.secure = r->secure && !r->bogus;
	out->m.bogus = r->bogus;
	if (r->bogus && out->m.ttl > BOGUS_TTL)
		out->m.ttl = BOGUS_TTL;
	if (out->m.rcode != KNOT_RCODE_NOERROR && out->m.rcode != KNOT_RCODE_NXDOMAIN)
		failure(out, FAILURE_TTL, out->m.rcode == KNOT_RCODE_SERVFAIL ?
			KNOT_EDNS_EDE_NREACH_AUTH : KNOT_EDNS_EDE_NONE, NULL);
}

void result_end(struct result_message *out)
{
	knot_pkt_free(out->pkt);
	out->pkt = NULL;
}
