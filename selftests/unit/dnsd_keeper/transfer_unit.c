// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of records in zone transfers (RFC 5936, RFC 1995). A case is the messages
 * that a primary sends, and what becomes of them.
 */
#include "transfer-reader.h"

#include <errno.h>

#include "records.h"
#include "unit.h"

#define SOA(serial)	"@ SOA ns host " #serial " 3600 600 86400 300"
#define NEXT		"|"	/* the next message begins */

struct scene {
	const char *name;
	bool incremental, have;
	uint32_t serial;
	const char *records[16];
	enum transfer_result result;
	const char *journal;	/* what the sink was told: W whole, C change, - and + */
	const char *why;
};

static char journal[256];

static int on_whole(void *data)
{
	(void)data;
	strcat(journal, "W");
	return 0;
}

static int on_change(void *data, const knot_rrset_t *soa)
{
	(void)data;
	(void)soa;
	strcat(journal, "C");
	return 0;
}

static int on_remove(void *data, const knot_rrset_t *rr)
{
	(void)data;
	strcat(journal, rr->type == KNOT_RRTYPE_SOA ? "-S" : "-r");
	return 0;
}

static int on_add(void *data, const knot_rrset_t *rr)
{
	(void)data;
	strcat(journal, rr->type == KNOT_RRTYPE_SOA ? "+S" : "+r");
	return 0;
}

static const struct transfer_sink sink = {
	.whole = on_whole, .change = on_change, .remove = on_remove, .add = on_add,
};

static const struct scene scenes[] = {
	{ "a whole zone", .records = { SOA(5), "@ NS ns", "ns A 192.0.2.1", SOA(5) },
	  .result = TRANSFER_DONE, .journal = "W+r+r+S" },
	{ "a whole zone, a record a message",
	  .records = { SOA(5), NEXT, "@ NS ns", NEXT, SOA(5) },
	  .result = TRANSFER_DONE, .journal = "W+r+S" },
	{ "a zone of nothing but its SOA", .records = { SOA(5), SOA(5) },
	  .result = TRANSFER_DONE, .journal = "W+S" },
	{ "a zone that does not end", .records = { SOA(5), "@ NS ns" },
	  .result = TRANSFER_MORE, .journal = "W+r" },
	{ "no SOA first", .records = { "@ NS ns", SOA(5) },
	  .result = TRANSFER_FAILED, .journal = "", .why = "first record is no SOA" },
	{ "another serial at the end", .records = { SOA(5), "@ NS ns", SOA(6) },
	  .result = TRANSFER_FAILED, .why = "begins with serial 5 and ends with 6" },
	{ "records after the end", .records = { SOA(5), "@ NS ns", SOA(5), "x A 192.0.2.9" },
	  .result = TRANSFER_FAILED, .why = "after its end" },
	{ "a record of another zone", .records = { SOA(5), "www.test. A 192.0.2.9", SOA(5) },
	  .result = TRANSFER_FAILED, .why = "www.test. A does not belong" },
	{ "a name that ends like the zone's",
	  .records = { SOA(5), "notexample. A 192.0.2.9", SOA(5) },
	  .result = TRANSFER_FAILED, .why = "does not belong" },
	{ "a SOA below the apex",
	  .records = { SOA(5), "sub SOA ns host 5 1 1 1 1", SOA(5) },
	  .result = TRANSFER_FAILED, .why = "SOA record at sub.example." },
	{ "no message without records", .records = { SOA(5), NEXT, NEXT, SOA(5) },
	  .result = TRANSFER_FAILED, .why = "message 2 has no records" },
	{ "an older whole zone", .have = true, .serial = 7, .records = { SOA(5), SOA(5) },
	  .result = TRANSFER_FAILED, .why = "5 is not later than ours, 7" },
	{ "the same serial", .have = true, .serial = 5, .records = { SOA(5), SOA(5) },
	  .result = TRANSFER_CURRENT },
	{ "a serial that wraps", .have = true, .serial = 4294967290U,
	  .records = { SOA(5), SOA(5) }, .result = TRANSFER_DONE, .journal = "W+S" },
	{ "a serial half the circle away is not later", .have = true, .serial = 1,
	  .records = { SOA(2147483649), SOA(2147483649) },
	  .result = TRANSFER_FAILED, .why = "not later" },

	{ "one difference", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), "a A 192.0.2.1", SOA(6), "b A 192.0.2.2", SOA(6) },
	  .result = TRANSFER_DONE, .journal = "C-S-r+S+r" },
	{ "two differences, in pieces", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(9), NEXT, SOA(5), NEXT, SOA(6), "b A 192.0.2.2", NEXT, SOA(6),
		       "b A 192.0.2.2", SOA(9), NEXT, SOA(9) },
	  .result = TRANSFER_DONE, .journal = "C-S+S+rC-S-r+S" },
	{ "a whole zone where differences were asked for", .incremental = true, .have = true,
	  .serial = 5, .records = { SOA(6), "@ NS ns", SOA(6) },
	  .result = TRANSFER_DONE, .journal = "W+r+S" },
	{ "an empty whole zone where differences were asked for", .incremental = true,
	  .have = true, .serial = 5, .records = { SOA(6), SOA(6) },
	  .result = TRANSFER_DONE, .journal = "W+S" },
	{ "nothing new", .incremental = true, .have = true, .serial = 5, .records = { SOA(5) },
	  .result = TRANSFER_CURRENT },
	{ "the primary is behind", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(4) }, .result = TRANSFER_FAILED, .why = "not later" },
	{ "a lone SOA has the rest behind it", .incremental = true, .have = true,
	  .serial = 5, .records = { SOA(6) }, .result = TRANSFER_MORE },
	{ "a difference from elsewhere", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(6), SOA(4), SOA(6), SOA(6) },
	  .result = TRANSFER_FAILED, .why = "from serial 4, and ours is 5" },
	{ "differences that do not meet", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(9), SOA(5), SOA(6), SOA(7), SOA(9), SOA(9) },
	  .result = TRANSFER_FAILED, .why = "led to serial 6, and the next is from 7" },
	{ "a difference beyond the goal", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), SOA(7), SOA(6) },
	  .result = TRANSFER_FAILED, .why = "from serial 5 to 7 on the way to 6" },
	{ "a difference backwards", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), SOA(5), SOA(6) },
	  .result = TRANSFER_FAILED, .why = "from serial 5 to 5" },
	{ "another SOA of the same serial at the end",
	  .records = { SOA(5), "@ NS ns", "@ SOA ns host 5 3600 600 1 300" },
	  .result = TRANSFER_FAILED, .journal = "W+r", .why = "two SOA records of serial 5" },
	{ "a SOA of another name server, spelled differently", .records = { SOA(5), "@ NS ns",
	  "@ SOA NS host 5 3600 600 86400 300" }, .result = TRANSFER_DONE, .journal = "W+r+S" },
	{ "another SOA of the same serial in the last difference", .incremental = true,
	  .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), "@ SOA ns host 6 1 600 86400 300", SOA(6) },
	  .result = TRANSFER_FAILED, .why = "two SOA records of serial 6" },
	{ "another SOA of the same serial after the last difference", .incremental = true,
	  .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), SOA(6), "@ SOA ns host 6 3600 600 86400 1" },
	  .result = TRANSFER_FAILED, .why = "two SOA records of serial 6" },
	{ "records after the last difference", .incremental = true, .have = true, .serial = 5,
	  .records = { SOA(6), SOA(5), SOA(6), SOA(6), "x A 192.0.2.9" },
	  .result = TRANSFER_FAILED, .why = "after its end" },
};

static knot_pkt_t *begin_message(void)
{
	knot_pkt_t *p = knot_pkt_new(NULL, 65535, NULL);

	if (!p || knot_pkt_put_question(p, (const uint8_t *)"\7example", KNOT_CLASS_IN,
					KNOT_RRTYPE_AXFR) ||
	    knot_pkt_begin(p, KNOT_ANSWER))
		abort();
	knot_wire_set_qr(p->wire);
	return p;
}

static enum transfer_result send_message(struct transfer_reader *t, knot_pkt_t *built)
{
	knot_pkt_t *message = message_reparse(built);
	enum transfer_result result = transfer_read(t, message);

	message_free(message);
	return result;
}

static enum transfer_result play(struct transfer_reader *t, const struct scene *s)
{
	enum transfer_result result = TRANSFER_MORE;
	knot_pkt_t *p = begin_message();

	for (int i = 0; i < 16 && s->records[i] && result == TRANSFER_MORE; i++) {
		knot_rrset_t *rr;

		if (!strcmp(s->records[i], NEXT)) {
			result = send_message(t, p);
			p = begin_message();
			continue;
		}
		rr = record_parse(s->records[i]);
		if (knot_pkt_put(p, 0, rr, KNOT_PF_FREE))
			abort();
		free(rr);
	}
	if (result == TRANSFER_MORE)
		return send_message(t, p);
	knot_pkt_free(p);
	return result;
}

static struct transfer_reader reader(const struct scene *s)
{
	return (struct transfer_reader){
		.apex = (const uint8_t *)"\7example",
		.type = s->incremental ? KNOT_RRTYPE_IXFR : KNOT_RRTYPE_AXFR,
		.have = s->have, .serial = s->serial, .sink = &sink,
	};
}

static void all_scenes(void)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		const struct scene *s = &scenes[i];
		struct transfer_reader t = reader(s);
		enum transfer_result result;

		*journal = 0;
		result = play(&t, s);
		EXPECT(result == s->result, "%s: %d, expected %d (%s)", s->name, result, s->result,
		       t.why);
		EXPECT(!s->journal || !strcmp(journal, s->journal), "%s: %s, expected %s", s->name,
		       journal, s->journal);
		EXPECT(!s->why || strstr(t.why, s->why), "%s: \"%s\" does not say \"%s\"", s->name,
		       t.why, s->why);
	}
}

#define LONG	"a-name-of-many-letters-that-is-sent-once-and-stored-often"

static void limits(void)
{
	static const struct scene long_names = {
		.records = { SOA(1), "@ NS ns", LONG " A 192.0.2.1", LONG " A 192.0.2.2",
			     LONG " A 192.0.2.3", LONG " A 192.0.2.4", SOA(1) },
	};
	const struct scene *s = &scenes[0];
	struct transfer_reader t = reader(s);
	uint64_t octets;

	t.max_records = 3;
	EXPECT(play(&t, s) == TRANSFER_FAILED && strstr(t.why, "more than 3 records"), "%s", t.why);
	t = reader(s);
	t.max_octets = 40;
	EXPECT(play(&t, s) == TRANSFER_FAILED && strstr(t.why, "longer than 40 octets"), "%s",
	       t.why);
	/* Compressed names do not hide what will have to be kept. */
	t = reader(&long_names);
	EXPECT(play(&t, &long_names) == TRANSFER_DONE, "%s", t.why);
	octets = t.octets;
	t = reader(&long_names);
	t.max_octets = octets;
	EXPECT(play(&t, &long_names) == TRANSFER_FAILED && strstr(t.why, "longer than"), "%s",
	       t.why);
}

static void refusal(void)
{
	struct transfer_reader t = reader(&scenes[0]);
	knot_pkt_t *p = begin_message();

	knot_wire_set_rcode(p->wire, KNOT_RCODE_REFUSED);
	EXPECT(send_message(&t, p) == TRANSFER_FAILED && t.rcode == KNOT_RCODE_REFUSED &&
	       strstr(t.why, "REFUSED"), "%s", t.why);
}

static int full(void *data, const knot_rrset_t *rr)
{
	(void)data;
	return rr->type == KNOT_RRTYPE_A ? -ENOENT : 0;
}

/* What cannot be taken away was never here: we have drifted apart from the primary. */
static void sink_says_no(void)
{
	static const struct scene s = {
		.incremental = true, .have = true, .serial = 5,
		.records = { SOA(6), SOA(5), "a A 192.0.2.1", SOA(6), SOA(6) },
	};
	struct transfer_sink picky = sink;
	struct transfer_reader t = reader(&s);

	picky.remove = full;
	t.sink = &picky;
	EXPECT(play(&t, &s) == TRANSFER_FAILED && t.error == -ENOENT &&
	       strstr(t.why, "removes a.example. A, which is not there"), "%s", t.why);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "what primaries may send, and what they may not", all_scenes },
		{ "a transfer has an end", limits },
		{ "an error instead of a zone", refusal },
		{ "a record that is not there cannot be removed", sink_says_no },
	};

	return UNIT_MAIN(tests);
}
