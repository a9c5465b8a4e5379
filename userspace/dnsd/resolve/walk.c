// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "ladder.h"
#include "roots.h"

#define MAX_STEPS	80
#define MAX_ALIASES	8
#define MAX_DEPTH	3
#define TIMEOUT_MS	1500

enum said { SAID_ANSWER, SAID_ALIAS, SAID_REFERRAL, SAID_NXDOMAIN, SAID_NODATA, SAID_LAME };

static enum ladder_column column(const struct walk_zone *z)
{
	unsigned int labels = dns_name_labels(z->name);

	return !labels ? LADDER_ROOT : labels == 1 ? LADDER_TOP : LADDER_ZONE;
}

static const char *type_text(uint16_t type, char out[16])
{
	if (knot_rrtype_to_string(type, out, 16) < 0)
		snprintf(out, 16, "TYPE%u", type);
	return out;
}

const char *walk_rcode_text(int rcode)
{
	const knot_lookup_t *l = knot_lookup_by_id(knot_rcode_names, rcode);

	return l ? l->name : "?";
}

static const knot_rrset_t *find(const knot_pkt_t *pkt, knot_section_t section, uint16_t type)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, section);

	for (unsigned int i = 0; i < s->count; i++)
		if (knot_pkt_rr(s, i)->type == type)
			return knot_pkt_rr(s, i);
	return NULL;
}

static const knot_rrset_t *answer_of(const knot_pkt_t *pkt, const uint8_t *name, uint16_t type)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, KNOT_ANSWER);

	for (unsigned int i = 0; i < s->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(s, i);

		if (rr->type == type && knot_dname_is_case_equal(rr->owner, name))
			return rr;
	}
	return NULL;
}

/* A referral leads down, and towards the name: else it is a lame server's. */
static const knot_rrset_t *referral(const knot_pkt_t *pkt, const struct walk_zone *z,
				    const uint8_t *name)
{
	const knot_rrset_t *ns = find(pkt, KNOT_AUTHORITY, KNOT_RRTYPE_NS);

	if (!ns || !dns_name_within(ns->owner, z->name) || !dns_name_within(name, ns->owner) ||
	    dns_name_labels(ns->owner) <= dns_name_labels(z->name))
		return NULL;
	return ns;
}

static enum said classify(const knot_pkt_t *pkt, const struct walk_zone *z, const uint8_t *name,
			  uint16_t type)
{
	int rcode = knot_wire_get_rcode(pkt->wire);

	if (rcode != KNOT_RCODE_NOERROR && rcode != KNOT_RCODE_NXDOMAIN)
		return SAID_LAME;
	if (answer_of(pkt, name, type))
		return SAID_ANSWER;
	if (answer_of(pkt, name, KNOT_RRTYPE_CNAME))
		return SAID_ALIAS;
	if (rcode == KNOT_RCODE_NXDOMAIN)
		return knot_wire_get_aa(pkt->wire) ? SAID_NXDOMAIN : SAID_LAME;
	if (referral(pkt, z, name))
		return SAID_REFERRAL;
	return knot_wire_get_aa(pkt->wire) ? SAID_NODATA : SAID_LAME;
}

/* --- words --- */

static void rdata_text(const knot_rrset_t *rr, unsigned int i, char *out, size_t size)
{
	const knot_dump_style_t style = { .now = 0 };

	if (knot_rrset_txt_dump_data(rr, i, out, size, &style) < 0)
		snprintf(out, size, "(%u octets)", knot_rdataset_at(&rr->rrs, i)->len);
}

static void note_records(const knot_pkt_t *pkt, knot_section_t section, uint16_t type)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, section);
	char owner[DNS_NAME_TEXT], name[16], data[1024];

	for (unsigned int i = 0; i < s->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(s, i);

		if (type ? rr->type != type :
		    rr->type == KNOT_RRTYPE_OPT || rr->type == KNOT_RRTYPE_RRSIG)
			continue;
		rdata_text(rr, 0, data, sizeof(data));
		ladder_say_record(dns_name_to_text(owner, rr->owner), rr->ttl,
				  type_text(rr->type, name), data);
	}
}

static void note_referral(const knot_pkt_t *pkt)
{
	bool ds = find(pkt, KNOT_AUTHORITY, KNOT_RRTYPE_DS);

	note_records(pkt, KNOT_AUTHORITY, KNOT_RRTYPE_NS);
	note_records(pkt, KNOT_ADDITIONAL, KNOT_RRTYPE_A);
	note_records(pkt, KNOT_ADDITIONAL, KNOT_RRTYPE_AAAA);
	ladder_note("  %s", ds ? "DS: the zone below is signed" :
			    "no DS: the zone below is not signed, or is not said to be");
}

static void show(const struct ask *a, const struct walk_zone *z, const struct walk_server *server,
		 enum said said, const char *question)
{
	static const char *const words[] = {
		[SAID_ANSWER] = "answer", [SAID_ALIAS] = "CNAME", [SAID_NXDOMAIN] = "NXDOMAIN",
		[SAID_NODATA] = "no such record", [SAID_LAME] = "lame",
	};
	char address[LN_ADDR_STRLEN], text[DNS_NAME_TEXT + 32], lame[64];
	struct ladder_server who = {
		.name = server->name, .address = address, .ms = a->ms, .error = a->error,
		.transport = a->tcp ? "udp, truncated, then tcp" : "udp",
	};
	const knot_rrset_t *ns;

	ladder_arrow(LADDER_LOCAL, column(z), question);
	ln_addr_format(&server->addr, address);
	if (!a->answer) {
		ladder_say_server(&who);
		return;
	}
	ns = said == SAID_REFERRAL ? referral(a->answer, z, a->name) : NULL;
	if (ns) {
		char owner[DNS_NAME_TEXT];

		snprintf(text, sizeof(text), "referral: %s", dns_name_to_text(owner, ns->owner));
	} else {
		snprintf(text, sizeof(text), "%s", words[said]);
	}
	ladder_arrow(column(z), LADDER_LOCAL, text);
	if (said == SAID_LAME) {
		snprintf(lame, sizeof(lame), "does not serve the zone, %s",
			 walk_rcode_text(knot_wire_get_rcode(a->answer->wire)));
		who.error = lame;
	}
	ladder_say_server(&who);
	if (ns)
		note_referral(a->answer);
	else if (said == SAID_ANSWER || said == SAID_ALIAS)
		note_records(a->answer, KNOT_ANSWER, 0);
	else if (said != SAID_LAME)
		note_records(a->answer, KNOT_AUTHORITY, KNOT_RRTYPE_SOA);
}

/* --- steps --- */

static void add_server(struct walk_zone *z, const uint8_t *name, const knot_rrset_t *rr)
{
	for (unsigned int i = 0; i < rr->rrs.count && z->count < WALK_SERVERS; i++) {
		const knot_rdata_t *rdata = i ? knot_rdataset_at(&rr->rrs, i) : rr->rrs.rdata;
		struct walk_server *s = &z->server[z->count++];

		memset(s, 0, sizeof(*s));
		dns_name_to_text(s->name, name);
		s->addr.in.sin_port = htons(53);
		if (rr->type == KNOT_RRTYPE_A && rdata->len == 4) {
			s->addr.sa.sa_family = AF_INET;
			memcpy(&s->addr.in.sin_addr, rdata->data, 4);
		} else if (rr->type == KNOT_RRTYPE_AAAA && rdata->len == 16) {
			s->addr.sa.sa_family = AF_INET6;
			memcpy(&s->addr.in6.sin6_addr, rdata->data, 16);
		} else {
			z->count--;
		}
	}
}

/* Glue counts for names below the zone that gave it; others could be anybody's (RFC 5452 6). */
static void take_glue(struct walk_zone *next, const struct walk_zone *z, const knot_pkt_t *pkt,
		      const uint8_t *server)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, KNOT_ADDITIONAL);

	for (unsigned int i = 0; dns_name_within(server, z->name) && i < s->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(s, i);

		if (knot_dname_is_case_equal(rr->owner, server))
			add_server(next, server, rr);
	}
}

/* The way to a server's address is a walk of its own. */
static void find_address(struct walk *w, struct walk_zone *next, const uint8_t *server)
{
	struct walk sub = { .setup = w->setup, .type = KNOT_RRTYPE_A, .steps = w->steps,
			    .depth = w->depth + 1 };

	if (w->depth == MAX_DEPTH)
		return;
	memcpy(sub.name, server, knot_dname_size(server));
	ladder_note("there is no glue for it: first the address of that server");
	if (walk(&sub))
		return;
	for (unsigned int i = 0; i < sub.n_addr && next->count < WALK_SERVERS; i++) {
		struct walk_server *s = &next->server[next->count++];

		dns_name_to_text(s->name, server);
		s->addr = sub.addr[i];
	}
}

static void descend(struct walk *w, struct walk_zone *z, const knot_pkt_t *pkt)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, KNOT_AUTHORITY);
	const knot_rrset_t *first = referral(pkt, z, w->name);
	struct walk_zone next = { 0 };

	memcpy(next.name, first->owner, knot_dname_size(first->owner));
	for (int glue = 1; glue >= 0 && !next.count; glue--) {
		for (unsigned int i = 0; i < s->count; i++) {
			const knot_rrset_t *rr = knot_pkt_rr(s, i);

			if (rr->type != KNOT_RRTYPE_NS || !rr->rrs.count ||
			    !knot_dname_is_case_equal(rr->owner, first->owner))
				continue;
			if (glue)
				take_glue(&next, z, pkt, knot_ns_name(rr->rrs.rdata));
			else if (!next.count)
				find_address(w, &next, knot_ns_name(rr->rrs.rdata));
		}
	}
	*z = next;
}

/* Asks the servers of a zone one after the other; false: none has an answer. */
static bool ask_zone(struct walk *w, struct walk_zone *z, struct ask *a, enum said *said)
{
	char name[DNS_NAME_TEXT], type[16], question[DNS_NAME_TEXT + 32];

	snprintf(question, sizeof(question), "%s %s?", dns_name_to_text(name, a->name),
		 type_text(a->type, type));
	for (unsigned int i = 0; i < z->count && ++*w->steps <= MAX_STEPS; i++) {
		a->to = z->server[i].addr;
		a->timeout_ms = TIMEOUT_MS;
		if (!ask(a)) {
			show(a, z, &z->server[i], SAID_LAME, question);
			continue;
		}
		*said = classify(a->answer, z, a->name, a->type);
		show(a, z, &z->server[i], *said, question);
		if (*said != SAID_LAME)
			return true;
		ask_end(a);
	}
	return false;
}

static void keep_answer(struct walk *w, const knot_pkt_t *pkt, const uint8_t *name)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, KNOT_ANSWER);
	char owner[DNS_NAME_TEXT], type[16], data[1024];

	for (unsigned int i = 0; i < s->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(s, i);
		size_t used = strlen(w->text);

		if (rr->type == KNOT_RRTYPE_RRSIG)
			continue;
		rdata_text(rr, 0, data, sizeof(data));
		snprintf(w->text + used, sizeof(w->text) - used, "%s %u IN %s %s\n",
			 dns_name_to_text(owner, rr->owner), rr->ttl, type_text(rr->type, type),
			 data);
		if (knot_dname_is_case_equal(rr->owner, name) && w->n_addr < WALK_SERVERS &&
		    rr->type == KNOT_RRTYPE_A) {
			struct walk_zone one = { 0 };

			add_server(&one, name, rr);
			w->addr[w->n_addr++] = one.server[0].addr;
		}
	}
}

/* From the zone's servers down to an answer. 1: go on with the CNAME's target in w->name. */
static int walk_down(struct walk *w, struct walk_zone *z)
{
	unsigned int total = dns_name_labels(w->name), shown = dns_name_labels(z->name);

	for (;;) {
		struct ask a = { .dnssec = true };
		enum said said;
		bool whole;

		/* RFC 9156: one label more than what the servers are known to have. */
		shown = !w->setup->minimise || shown + 1 > total ? total : shown + 1;
		whole = shown == total;
		a.name = dns_name_skip(w->name, total - shown);
		a.type = whole ? w->type : KNOT_RRTYPE_A;
		if (!ask_zone(w, z, &a, &said)) {
			ladder_note("none of the servers has an answer");
			return -1;
		}
		if (said == SAID_REFERRAL) {
			descend(w, z, a.answer);
			shown = dns_name_labels(z->name);
		} else if (whole || said == SAID_NXDOMAIN) {
			/* RFC 8020: below a name that does not exist there is nothing. */
			w->rcode = knot_wire_get_rcode(a.answer->wire);
			keep_answer(w, a.answer, w->name);
			if (said == SAID_ALIAS) {
				const knot_rrset_t *rr = answer_of(a.answer, w->name,
								   KNOT_RRTYPE_CNAME);
				const uint8_t *target = knot_cname_name(rr->rrs.rdata);

				memcpy(w->name, target, knot_dname_size(target));
			}
			ask_end(&a);
			return said == SAID_ALIAS;
		}
		ask_end(&a);
	}
}

int walk(struct walk *w)
{
	struct walk_zone z;
	int again = 1;

	for (unsigned int i = 0; again == 1 && i <= MAX_ALIASES; i++) {
		if (i)
			ladder_note("the alias' name is looked for from the root on");
		roots_find(&z, w->setup);
		again = walk_down(w, &z);
	}
	if (again == 1)
		ladder_note("more than %d aliases", MAX_ALIASES);
	return again ? -1 : 0;
}
