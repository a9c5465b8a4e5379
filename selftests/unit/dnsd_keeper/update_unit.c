// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RFC 2136 over a zone in memory. A case is a few lines: prerequisites
 *	?NAME TYPE	exists			?=RECORD	is among what exists exactly
 *	?!NAME TYPE	does not exist
 * and changes
 *	+RECORD		add			-RECORD		remove one
 *	!NAME TYPE	remove an RRset		(TYPE ANY: all of the name)
 * where ^ before a record has the letters of its data in upper case,
 * followed by what is the zone's afterwards, apart from its SOA and NS.
 */
#include "update.h"

#include <ctype.h>

#include "memory_zone.h"
#include "records.h"
#include "unit.h"

static int compare(const void *a, const void *b)
{
	const knot_rrset_t *const *x = a, *const *y = b;
	int c = knot_dname_cmp((*x)->owner, (*y)->owner);

	return c ? c : (*x)->type - (*y)->type;
}

/* "name ttl TYPE a b; ..." of all but SOA and the apex's NS, in canonical order. */
static char *dump(struct zone *z)
{
	static char out[4096];
	char rdata[512], type[16];
	char *p = out;

	*out = 0;
	qsort(z->rrset, z->n, sizeof(*z->rrset), compare);
	for (int i = 0; i < z->n; i++) {
		const knot_rrset_t *r = z->rrset[i];
		bool at_apex = knot_dname_is_equal(r->owner, apex);
		knot_dname_txt_storage_t name;

		if (at_apex && r->type == KNOT_RRTYPE_SOA)
			continue;
		knot_dname_to_str(name, r->owner, sizeof(name));
		knot_rrtype_to_string(r->type, type, sizeof(type));
		p += sprintf(p, "%s%s %u %s", p == out ? "" : "; ", name, r->ttl, type);
		for (uint16_t j = 0; j < r->rrs.count; j++) {
			if (knot_rrset_txt_dump_data(r, j, rdata, sizeof(rdata),
						     &KNOT_DUMP_STYLE_DEFAULT) < 0)
				abort();
			p += sprintf(p, " %s", rdata);
		}
	}
	return out;
}

static uint32_t soa_serial(struct zone *z)
{
	return knot_soa_serial(z->rrset[zone_find(z, apex, KNOT_RRTYPE_SOA)]->rrs.rdata);
}

/* --- messages --- */

static knot_rrset_t *without_data(const char *text, uint16_t class)
{
	char name[144], type_name[16];
	uint16_t type;
	knot_rrset_t *rr;
	knot_dname_t *owner;

	if (sscanf(text, "%127s %15s", name, type_name) != 2)
		abort();
	if (name[strlen(name) - 1] != '.')
		strcat(name, ".example.");
	owner = knot_dname_from_str_alloc(*name == '@' ? "example." : name);
	if (!strcmp(type_name, "ANY"))
		type = KNOT_RRTYPE_ANY;
	else if (knot_rrtype_from_string(type_name, &type))
		abort();
	rr = knot_rrset_new(owner, type, class, 0, NULL);
	knot_dname_free(owner, NULL);
	if (knot_rrset_add_rdata(rr, (const uint8_t *)"", 0, NULL))
		abort();
	return rr;
}

static knot_rrset_t *with_data(const char *text, uint16_t class)
{
	knot_rrset_t *rr = record_parse(text + (*text == '^'));

	for (uint16_t i = 0; *text == '^' && i < rr->rrs.rdata->len; i++)
		rr->rrs.rdata->data[i] = toupper(rr->rrs.rdata->data[i]);
	rr->rclass = class;
	if (class == KNOT_CLASS_NONE)
		rr->ttl = 0;
	return rr;
}

static knot_rrset_t *line(const char *text)
{
	knot_rrset_t *rr;

	if (!strncmp(text, "?!", 2))
		return without_data(text + 2, KNOT_CLASS_NONE);
	if (!strncmp(text, "?=", 2)) {
		rr = with_data(text + 2, KNOT_CLASS_IN);
		rr->ttl = 0;
		return rr;
	}
	if (*text == '?' || *text == '!')
		return without_data(text + 1, KNOT_CLASS_ANY);
	return with_data(text + 1, *text == '+' ? KNOT_CLASS_IN : KNOT_CLASS_NONE);
}

static void put(knot_pkt_t *p, knot_rrset_t *rr)
{
	if (knot_pkt_put(p, 0, rr, KNOT_PF_FREE))
		abort();
	free(rr);
}

static knot_pkt_t *begin_message(void)
{
	knot_pkt_t *p = knot_pkt_new(NULL, 65535, NULL);

	if (!p || knot_pkt_put_question(p, apex, KNOT_CLASS_IN, KNOT_RRTYPE_SOA) ||
	    knot_pkt_begin(p, KNOT_ANSWER))
		abort();
	knot_wire_set_opcode(p->wire, KNOT_OPCODE_UPDATE);
	return p;
}

static knot_pkt_t *message(const char *const *lines)
{
	knot_pkt_t *p = begin_message();
	bool changes = false;

	for (; *lines; lines++) {
		if (**lines != '?' && !changes) {
			knot_pkt_begin(p, KNOT_AUTHORITY);
			changes = true;
		}
		put(p, line(*lines));
	}
	return message_reparse(p);
}

struct scene {
	const char *name;
	const char *lines[8];
	int rcode;
	const char *after;	/* NULL: as before */
	uint32_t serial;	/* 0: 10 still */
	bool no_dnssec;
};

#define AT	"example. 300 NS ns.example."
#define ALIAS	"alias.example. 300 CNAME www.example."
#define NS	"ns.example. 300 A 192.0.2.1"
#define WWW	"www.example. 300 A 192.0.2.2 192.0.2.3; www.example. 300 TXT \"hello\""
#define BEFORE	AT "; " ALIAS "; " NS "; " WWW

static const struct scene scenes[] = {
	{ "nothing", { NULL }, KNOT_RCODE_NOERROR },
	/* 3.2.4: each kind of prerequisite, and what its failure is called */
	{ "a name that is in use", { "?www ANY" }, KNOT_RCODE_NOERROR },
	{ "a name that is not", { "?nowhere ANY" }, KNOT_RCODE_NXDOMAIN },
	{ "a name is not in use", { "?!nowhere ANY" }, KNOT_RCODE_NOERROR },
	{ "but it is", { "?!www ANY" }, KNOT_RCODE_YXDOMAIN },
	{ "an RRset exists", { "?www TXT" }, KNOT_RCODE_NOERROR },
	{ "but it does not", { "?www MX" }, KNOT_RCODE_NXRRSET },
	{ "no RRset", { "?!www MX" }, KNOT_RCODE_NOERROR },
	{ "but there is", { "?!www TXT" }, KNOT_RCODE_YXRRSET },
	{ "an RRset of these records", { "?=www A 192.0.2.3", "?=www A 192.0.2.2" },
	  KNOT_RCODE_NOERROR },
	{ "one is missing here", { "?=www A 192.0.2.2", "?=www A 192.0.2.3",
	  "?=www A 192.0.2.4" }, KNOT_RCODE_NXRRSET },
	{ "one is missing there", { "?=www A 192.0.2.2" }, KNOT_RCODE_NXRRSET },
	{ "another zone's", { "?=www.test. A 192.0.2.2" }, KNOT_RCODE_NOTZONE },
	{ "data is compared after all else (3.2.5): a name", { "?=www A 192.0.2.2", "?!www ANY" },
	  KNOT_RCODE_YXDOMAIN },
	{ "data is compared after all else (3.2.5): a zone",
	  { "?=www A 192.0.2.2", "?www.test. A" }, KNOT_RCODE_NOTZONE },
	{ "a name in data, in another case (1.1.2)", { "?=^alias CNAME www" }, KNOT_RCODE_NOERROR },
	{ "a text in another case is another", { "?=^www TXT hello" }, KNOT_RCODE_NXRRSET },
	{ "one failure is enough", { "?www TXT", "?www MX", "+new A 192.0.2.9" },
	  KNOT_RCODE_NXRRSET },
	/* 3.4.2.2 */
	{ "a name more", { "+new 60 A 192.0.2.9" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; new.example. 60 A 192.0.2.9; " NS "; " WWW },
	{ "a record more sets the TTL of all", { "+WWW 60 A 192.0.2.9" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; " NS "; www.example. 60 A 192.0.2.2 192.0.2.3 192.0.2.9; "
	  "www.example. 300 TXT \"hello\"" },
	{ "the same record", { "+www 300 A 192.0.2.2" }, KNOT_RCODE_NOERROR },
	{ "a CNAME beside others", { "+www CNAME ns" }, KNOT_RCODE_NOERROR },
	{ "others beside a CNAME", { "+alias A 192.0.2.9" }, KNOT_RCODE_NOERROR },
	{ "another CNAME", { "+alias CNAME ns" }, KNOT_RCODE_NOERROR,
	  AT "; alias.example. 300 CNAME ns.example.; " NS "; " WWW },
	{ "a later SOA", { "+@ SOA ns host 11 1 1 1 1" }, KNOT_RCODE_NOERROR, BEFORE, 11 },
	{ "an earlier SOA", { "+@ SOA ns host 9 1 1 1 1" }, KNOT_RCODE_NOERROR },
	{ "a SOA elsewhere", { "+www SOA ns host 11 1 1 1 1" }, KNOT_RCODE_NOERROR },
	/* 3.4.2.3 */
	{ "an RRset less", { "!www A" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; " NS "; www.example. 300 TXT \"hello\"" },
	{ "a name less", { "!www ANY" }, KNOT_RCODE_NOERROR, AT "; " ALIAS "; " NS },
	{ "the apex keeps its SOA and NS", { "!@ ANY", "!@ NS", "!@ SOA" }, KNOT_RCODE_NOERROR },
	{ "what is not there", { "!www MX", "!nowhere ANY" }, KNOT_RCODE_NOERROR },
	/* 3.4.2.4 */
	{ "a record less", { "-www A 192.0.2.2" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; " NS "; www.example. 300 A 192.0.2.3; www.example. 300 TXT \"hello\"" },
	{ "the last record", { "-ns A 192.0.2.1" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; " WWW },
	{ "the last name server stays", { "-@ NS ns" }, KNOT_RCODE_NOERROR },
	{ "another may go", { "+@ NS ns2", "-@ NS ns" }, KNOT_RCODE_NOERROR,
	  "example. 300 NS ns2.example.; " ALIAS "; " NS "; " WWW },
	{ "the same name server in another case", { "+^@ NS ns" }, KNOT_RCODE_NOERROR },
	{ "that again, with another TTL", { "+^@ 60 NS ns" }, KNOT_RCODE_NOERROR,
	  "example. 60 NS ns.example.; " ALIAS "; " NS "; " WWW },
	{ "a record whose data has a name in another case goes", { "-^alias CNAME www" },
	  KNOT_RCODE_NOERROR, AT "; " NS "; " WWW },
	{ "a text in another case stays", { "-^www TXT hello" }, KNOT_RCODE_NOERROR },
	{ "no record that is not there", { "-www A 192.0.2.77" }, KNOT_RCODE_NOERROR },
	/* in order */
	{ "replace", { "!www A", "+www 60 A 192.0.2.9", "!www TXT" }, KNOT_RCODE_NOERROR,
	  AT "; " ALIAS "; " NS "; www.example. 60 A 192.0.2.9" },
	/* 3.4.1: all are looked at before any is done */
	{ "a change in another zone", { "+new A 192.0.2.9", "+new.test. A 192.0.2.9" },
	  KNOT_RCODE_NOTZONE },
	{ "a type that is no data", { "+new A 192.0.2.9", "!www AXFR" }, KNOT_RCODE_FORMERR },
	{ "signatures are ours", { "!www RRSIG" }, KNOT_RCODE_REFUSED, .no_dnssec = true },
	{ "signatures are theirs", { "!www RRSIG" }, KNOT_RCODE_NOERROR },
};

static void all_scenes(void)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		const struct scene *s = &scenes[i];
		struct update_outcome outcome = { 0 };
		struct zone z = { 0 };
		struct update_zone zone = zone_interface(&z, s->no_dnssec);
		knot_pkt_t *m = message(s->lines);
		const char *after = s->after ?: BEFORE;
		int rcode;

		zone_fill(&z);
		rcode = update_run(&zone, m, &outcome);
		EXPECT(rcode == s->rcode, "%s: RCODE %d, expected %d (%s)", s->name, rcode,
		       s->rcode, outcome.why);
		EXPECT(!rcode == !*outcome.why, "%s: says \"%s\"", s->name, outcome.why);
		EXPECT(!strcmp(dump(&z), after), "%s:\n#  %s\n#  expected\n#  %s", s->name,
		       dump(&z), after);
		EXPECT(outcome.changed == !!s->after, "%s: changed %d", s->name, outcome.changed);
		EXPECT(soa_serial(&z) == (s->serial ?: 10) && outcome.soa_set == !!s->serial,
		       "%s: serial %u", s->name, soa_serial(&z));
		message_free(m);
		zone_free(&z);
	}
}

/* What the lines above cannot say. */
static void malformed(void)
{
	static const struct {
		const char *name;
		const char *text;
		uint16_t class;
		uint32_t ttl;
		bool prerequisite;
	} cases[] = {
		{ "a prerequisite with a TTL", "www A 192.0.2.2", KNOT_CLASS_IN, 300, true },
		{ "class ANY with data", "www A 192.0.2.2", KNOT_CLASS_ANY, 0, true },
		{ "class NONE with data", "www A 192.0.2.2", KNOT_CLASS_NONE, 0, true },
		{ "class CH", "www A 192.0.2.2", KNOT_CLASS_CH, 0, true },
		{ "removal of an RRset with data", "www A 192.0.2.2", KNOT_CLASS_ANY, 0, false },
		{ "removal with a TTL", "www A 192.0.2.2", KNOT_CLASS_NONE, 1, false },
		{ "class CH to add", "www A 192.0.2.2", KNOT_CLASS_CH, 300, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct update_outcome outcome = { 0 };
		struct zone z = { 0 };
		struct update_zone zone = zone_interface(&z, false);
		knot_pkt_t *p = begin_message();
		knot_rrset_t *rr = record_parse(cases[i].text);
		int rcode;

		zone_fill(&z);
		rr->rclass = cases[i].class;
		rr->ttl = cases[i].ttl;
		if (!cases[i].prerequisite)
			knot_pkt_begin(p, KNOT_AUTHORITY);
		put(p, rr);
		p = message_reparse(p);
		rcode = update_run(&zone, p, &outcome);
		EXPECT(rcode == KNOT_RCODE_FORMERR && *outcome.why && !outcome.changed,
		       "%s: RCODE %d", cases[i].name, rcode);
		EXPECT(!strcmp(dump(&z), BEFORE), "%s: %s", cases[i].name, dump(&z));
		message_free(p);
		zone_free(&z);
	}
}

static void store_fails(void)
{
	static const char *const lines[] = { "+new A 192.0.2.9", "!www A", NULL };
	struct update_outcome outcome = { 0 };
	struct zone z = { .fail_after = 2 };
	struct update_zone zone = zone_interface(&z, false);
	knot_pkt_t *m = message(lines);

	zone_fill(&z);
	EXPECT(update_run(&zone, m, &outcome) == KNOT_RCODE_SERVFAIL, "%s", outcome.why);
	message_free(m);
	zone_free(&z);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "prerequisites and changes as RFC 2136 has them", all_scenes },
		{ "records that mean nothing are a format error", malformed },
		{ "a store that fails is SERVFAIL", store_fails },
	};

	return UNIT_MAIN(tests);
}
