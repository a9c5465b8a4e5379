// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any octets as the messages of a zone transfer: each with two octets of length
 * before it. The sink is told nothing that does not belong to the zone, in no other order than
 * a transfer has, and a transfer that is complete leads to the serial that it promised.
 */
#include "keeper_fuzz.h"
#include "transfer-reader.h"

static const uint8_t *const apex = (const uint8_t *)"\7example";

struct seen {
	bool whole, change, over;
	uint32_t serial;
};

static int on_whole(void *data)
{
	struct seen *s = data;

	MUST(!s->whole && !s->change);
	s->whole = true;
	return 0;
}

static int on_change(void *data, const knot_rrset_t *soa)
{
	struct seen *s = data;

	MUST(!s->whole && soa->type == KNOT_RRTYPE_SOA);
	s->change = true;
	return 0;
}

static void check_record(const struct seen *s, const knot_rrset_t *rr)
{
	MUST(!s->over && (s->whole || s->change));
	MUST(rr->rclass == KNOT_CLASS_IN && rr->rrs.count == 1);
	MUST(knot_dname_in_bailiwick(rr->owner, apex) >= 0);
}

static int on_remove(void *data, const knot_rrset_t *rr)
{
	struct seen *s = data;

	check_record(s, rr);
	MUST(s->change);
	return 0;
}

static int on_add(void *data, const knot_rrset_t *rr)
{
	struct seen *s = data;

	check_record(s, rr);
	if (rr->type == KNOT_RRTYPE_SOA) {
		s->serial = knot_soa_serial(rr->rrs.rdata);
		s->over = s->whole;
	}
	return 0;
}

static const struct transfer_sink sink = {
	.whole = on_whole, .change = on_change, .remove = on_remove, .add = on_add,
};

static enum transfer_result read_one(struct transfer_reader *t, const uint8_t *data, size_t len)
{
	uint8_t *wire = malloc(len + 1);
	knot_pkt_t *message = wire ? knot_pkt_new(wire, len, NULL) : NULL;
	enum transfer_result result = TRANSFER_FAILED;

	MUST(message);
	memcpy(wire, data, len);
	if (!knot_pkt_parse(message, 0)) {
		result = transfer_read(t, message);
		MUST((result == TRANSFER_FAILED) == (*t->why != 0));
	}
	knot_pkt_free(message);
	free(wire);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = { 0 };
	struct transfer_reader t = {
		.apex = apex, .type = size & 1 ? KNOT_RRTYPE_IXFR : KNOT_RRTYPE_AXFR,
		.have = size & 1, .serial = 5, .max_records = 1000, .sink = &sink, .data = &seen,
	};
	enum transfer_result result = TRANSFER_MORE;

	while (result == TRANSFER_MORE && size >= 2) {
		size_t len = data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		if (len < KNOT_WIRE_HEADER_SIZE)
			break;
		result = read_one(&t, data, len);
		data += len;
		size -= len;
	}
	if (result == TRANSFER_DONE)
		MUST(seen.serial == t.new_serial && (seen.whole || seen.change) &&
		     (!t.have || serial_later(t.new_serial, 5)));
	return 0;
}
