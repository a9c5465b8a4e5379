// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any octets as an UPDATE message. Whatever it asks for, the zone keeps its
 * SOA and a name server, has no CNAME beside other data and no other zone's records, and an
 * update that is refused has changed nothing.
 */
#include "keeper_fuzz.h"
#include "memory_zone.h"

static void check_zone(struct zone *z)
{
	MUST(zone_find(z, apex, KNOT_RRTYPE_SOA) >= 0);
	MUST(zone_find(z, apex, KNOT_RRTYPE_NS) >= 0);
	for (int i = 0; i < z->n; i++) {
		const knot_rrset_t *r = z->rrset[i];

		MUST(r->rrs.count && knot_dname_in_bailiwick(r->owner, apex) >= 0);
		MUST(!knot_rrtype_is_metatype(r->type));
		for (int j = 0; j < z->n && r->type == KNOT_RRTYPE_CNAME; j++) {
			const knot_rrset_t *o = z->rrset[j];

			MUST(i == j || !knot_dname_is_case_equal(o->owner, r->owner) ||
			     o->type == KNOT_RRTYPE_RRSIG || o->type == KNOT_RRTYPE_NSEC ||
			     o->type == KNOT_RRTYPE_KEY);
		}
		MUST(r->type != KNOT_RRTYPE_CNAME || r->rrs.count == 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct update_outcome outcome = { 0 };
	struct zone z = { 0 };
	struct update_zone zone = zone_interface(&z, size & 1);
	uint8_t *wire = malloc(size + 1);
	knot_pkt_t *message = wire && size <= 65535 ? knot_pkt_new(wire, size, NULL) : NULL;
	int rcode;

	memcpy(wire, data, size);
	if (message && !knot_pkt_parse(message, 0)) {
		zone_fill(&z);
		rcode = update_run(&zone, message, &outcome);
		check_zone(&z);
		MUST(!rcode == !*outcome.why);
		MUST(!outcome.changed || !rcode || rcode == KNOT_RCODE_SERVFAIL);
		zone_free(&z);
	}
	knot_pkt_free(message);
	free(wire);
	return 0;
}
