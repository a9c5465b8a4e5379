// SPDX-License-Identifier: GPL-2.0-or-later
/* "The zone has changed" (RFC 1996): told to secondaries, heard from primaries. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "keeper-counts.h"
#include "log.h"
#include "transfer-reader.h"

/* Datagrams to one secondary: after 0, 2, 6, 14 and 30 s. */
#define TRIES		5
#define FIRST_MS	2000
/* Questions under way at a time, of all zones: each has a socket. */
#define MAX_UNDER_WAY	128
#define MAX_NS_TARGETS	64
#define DNS_PORT	53

/**
 * struct notify_target - a secondary of a zone
 * @next: of the zone
 * @zone: whose
 * @to: where
 * @under_way: it is being told
 * @again: the zone changed meanwhile
 * @queued: it waits for a place
 * @next_queued: of all zones
 * @serial: that it is told about
 * @rcode: of its answer
 */
struct notify_target {
	struct notify_target *next;
	struct keeper_zone *zone;
	struct dns_endpoint to;
	bool under_way, again, queued;
	struct notify_target *next_queued;
	uint32_t serial;
	uint8_t rcode;
};

static unsigned int n_under_way;
static struct notify_target *queue_first, **queue_end = &queue_first;

/* --- telling --- */

static void tell(struct notify_target *t);

static bool on_answer(knot_pkt_t *answer, void *data)
{
	struct notify_target *t = data;

	t->rcode = knot_wire_get_rcode(answer->wire);
	return false;
}

static void on_done(int err, const char *why, void *data)
{
	struct notify_target *t = data, *next;
	char name[LN_ADDR_STRLEN];

	t->under_way = false;
	n_under_way--;
	keeper_count(err || t->rcode ? KEEPER_NOTIFIES_FAILED : KEEPER_NOTIFIES_SENT);
	ln_addr_format(&t->to.addr, name);
	if (err)
		ln_notice("%s NOTIFY of serial %" PRIu32 " to %s: %s", t->zone->conf->text,
			  t->serial, name, why);
	else if (t->rcode)
		ln_notice("%s NOTIFY of serial %" PRIu32 " to %s: it answers %s",
			  t->zone->conf->text, t->serial, name,
			  knot_lookup_by_id(knot_rcode_names, t->rcode) ?
			  knot_lookup_by_id(knot_rcode_names, t->rcode)->name : "an error");
	else
		ln_debug("%s NOTIFY of serial %" PRIu32 " to %s: heard", t->zone->conf->text,
			 t->serial, name);
	if (t->again)
		tell(t);
	while (queue_first && n_under_way < MAX_UNDER_WAY) {
		next = queue_first;
		queue_first = next->next_queued;
		if (!queue_first)
			queue_end = &queue_first;
		next->queued = false;
		tell(next);
	}
}

static knot_pkt_t *make_message(struct notify_target *t)
{
	const knot_dname_t *apex = t->zone->conf->name;
	knot_pkt_t *p = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	knot_rdata_t *soa;
	knot_rrset_t rr;
	uint32_t ttl = 0;

	soa = keeper_soa(t->zone, &ttl);
	if (!p || !soa || knot_pkt_put_question(p, apex, KNOT_CLASS_IN, KNOT_RRTYPE_SOA) ||
	    knot_pkt_begin(p, KNOT_ANSWER))
		goto fail;
	t->serial = knot_soa_serial(soa);
	knot_rrset_init(&rr, (knot_dname_t *)apex, KNOT_RRTYPE_SOA, KNOT_CLASS_IN, ttl);
	rr.rrs = (knot_rdataset_t){ .count = 1, .size = knot_rdata_size(soa->len), .rdata = soa };
	if (knot_pkt_put(p, 0, &rr, KNOT_PF_NOTRUNC))
		goto fail;
	knot_wire_set_opcode(p->wire, KNOT_OPCODE_NOTIFY);
	knot_wire_set_aa(p->wire);
	free(soa);
	return p;
fail:
	free(soa);
	knot_pkt_free(p);
	return NULL;
}

static void tell(struct notify_target *t)
{
	struct dns_request request = {
		.to = &t->to, .tries = TRIES, .message = on_answer, .done = on_done, .data = t,
		.timeout_ms = t->to.transport == DNS_UDP ? FIRST_MS : 0,
	};
	knot_pkt_t *message;

	t->again = t->under_way;
	if (t->under_way || t->queued)
		return;
	if (n_under_way >= MAX_UNDER_WAY) {
		t->queued = true;
		t->next_queued = NULL;
		*queue_end = t;
		queue_end = &t->next_queued;
		return;
	}
	message = make_message(t);
	if (!message)
		return;		/* the zone has no content: nothing to tell */
	t->rcode = 0;
	request.wire = message->wire;
	request.len = message->size;
	if (dns_client_ask(t->zone->keeper->server, &request)) {
		t->under_way = true;
		n_under_way++;
	} else {
		ln_warning("%s NOTIFY: %s", t->zone->conf->text, strerror(errno));
	}
	knot_pkt_free(message);
}

/* --- who --- */

static bool same_address(const union ln_addr *a, const union ln_addr *b, bool port)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr &&
		       (!port || a->in.sin_port == b->in.sin_port);
	return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) &&
	       (!port || a->in6.sin6_port == b->in6.sin6_port);
}

static void add_target(struct keeper_zone *z, const struct dns_endpoint *to)
{
	struct notify_target *t;

	for (t = z->targets; t; t = t->next)
		if (same_address(&t->to.addr, &to->addr, true))
			return;
	t = calloc(1, sizeof(*t));
	if (!t) {
		ln_error("out of memory");
		return;
	}
	t->zone = z;
	t->to = *to;
	t->next = z->targets;
	z->targets = t;
}

static void add_addresses(struct keeper_zone *z, const struct store_node *node, uint16_t type)
{
	struct store_rrset rrset;
	const knot_rdata_t *rdata;

	if (!store_rrset(node, type, &rrset))
		return;
	rdata = rrset.rdata.rdata;
	for (uint16_t i = 0; i < rrset.rdata.count; i++) {
		struct dns_endpoint to = { .transport = DNS_UDP };

		if (type == KNOT_RRTYPE_A && rdata->len == 4) {
			to.addr.in.sin_family = AF_INET;
			to.addr.in.sin_port = htons(DNS_PORT);
			memcpy(&to.addr.in.sin_addr, rdata->data, 4);
			add_target(z, &to);
		} else if (type == KNOT_RRTYPE_AAAA && rdata->len == 16) {
			to.addr.in6.sin6_family = AF_INET6;
			to.addr.in6.sin6_port = htons(DNS_PORT);
			memcpy(&to.addr.in6.sin6_addr, rdata->data, 16);
			add_target(z, &to);
		}
		rdata = knot_rdataset_next((knot_rdata_t *)rdata);
	}
}

/* RFC 1996 2: the name servers of the zone but the one that its SOA names. */
static void add_name_servers(struct keeper_zone *z)
{
	struct store_txn *t = store_read(z->keeper->store);
	struct store_node apex, node;
	struct store_rrset soa, ns;
	const knot_rdata_t *rdata;
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0;

	if (id && store_get(t, id, STORE_NAMES, z->conf->name, &apex) &&
	    store_rrset(&apex, KNOT_RRTYPE_SOA, &soa) &&
	    store_rrset(&apex, KNOT_RRTYPE_NS, &ns)) {
		rdata = ns.rdata.rdata;
		for (uint16_t i = 0; i < ns.rdata.count && i < MAX_NS_TARGETS; i++) {
			if (!knot_dname_is_case_equal(rdata->data, soa.rdata.rdata->data) &&
			    store_get(t, id, STORE_NAMES, rdata->data, &node)) {
				add_addresses(z, &node, KNOT_RRTYPE_A);
				add_addresses(z, &node, KNOT_RRTYPE_AAAA);
			}
			rdata = knot_rdataset_next((knot_rdata_t *)rdata);
		}
	}
	if (t)
		store_txn_abort(t);
}

/* Name servers that are none any more go, unless they are being told. */
static void drop_targets(struct keeper_zone *z)
{
	struct notify_target **p = &z->targets;

	while (*p) {
		struct notify_target *t = *p;

		if (t->under_way || t->queued) {
			p = &t->next;
			continue;
		}
		*p = t->next;
		free(t);
	}
}

/**
 * notify_send() - tell everybody who is to be told
 * @z: the zone, with what is its newest version in the store
 */
void notify_send(struct keeper_zone *z)
{
	drop_targets(z);
	for (unsigned int i = 0; i < z->conf->notify.count; i++)
		add_target(z, &z->conf->notify.server[i]);
	if (z->conf->notify_ns)
		add_name_servers(z);
	for (struct notify_target *t = z->targets; t; t = t->next)
		tell(t);
}

/* --- hearing --- */

/**
 * refresh_primary_of() - which primary is this?
 * @z: the zone
 * @peer: from where a message came
 * @key: that it was signed with, or NULL
 *
 * Return: its index, or -1 when it is none, or the key is not the one we share.
 */
int refresh_primary_of(const struct keeper_zone *z, const union ln_addr *peer,
		       const struct dns_tsig_key *key)
{
	for (unsigned int i = 0; i < z->conf->primaries.count; i++) {
		const struct dns_endpoint *p = &z->conf->primaries.server[i];

		/* The port is one of its own choice. */
		if (same_address(&p->addr, peer, false) && (!p->key || p->key == key))
			return i;
	}
	return -1;
}

/* RFC 1996 3.7, 3.11: a serial that is no news needs no question. */
static bool is_news(struct keeper_zone *z, const knot_pkt_t *message)
{
	const knot_pktsection_t *answer = knot_pkt_section(message, KNOT_ANSWER);
	const knot_rrset_t *rr = answer->count ? knot_pkt_rr(answer, 0) : NULL;
	knot_rdata_t *soa;
	bool news;

	if (!rr || rr->type != KNOT_RRTYPE_SOA || rr->rrs.count != 1 || !rr->rrs.rdata->len)
		return true;
	soa = keeper_soa(z, NULL);
	news = !soa || serial_later(knot_soa_serial(rr->rrs.rdata), knot_soa_serial(soa));
	free(soa);
	return news;
}

/**
 * notify_received() - a NOTIFY message
 * @r: the request, its signature checked
 */
void notify_received(struct keeper_request *r)
{
	knot_dname_storage_t apex;
	struct keeper_zone *z;
	char peer[LN_ADDR_STRLEN];
	bool news;
	int primary;

	if (knot_wire_get_qdcount(r->message->wire) != 1 ||
	    knot_pkt_qtype(r->message) != KNOT_RRTYPE_SOA ||
	    knot_pkt_qclass(r->message) != KNOT_CLASS_IN) {
		request_answer(r, KNOT_RCODE_FORMERR);
		return;
	}
	knot_dname_copy_lower(apex, knot_pkt_wire_qname(r->message));
	z = keeper_zone_of(r->keeper, setup_zone_find(r->keeper->setup, apex));
	if (!z) {
		request_answer(r, KNOT_RCODE_NOTAUTH);
		return;
	}
	ln_addr_format(&r->peer, peer);
	primary = refresh_primary_of(z, &r->peer, r->tsig.key);
	if (!z->conf->primaries.count ||
	    (primary < 0 && !acl_allows(&z->conf->allow_notify, &r->peer, r->tsig.key))) {
		ln_notice("%s NOTIFY by %s is not allowed", z->conf->text, peer);
		request_answer(r, KNOT_RCODE_REFUSED);
		return;
	}
	keeper_count(KEEPER_NOTIFIES_HEARD);
	news = is_news(z, r->message);
	ln_debug("%s NOTIFY by %s%s", z->conf->text, peer, news ? "" : ", no news");
	request_answer(r, KNOT_RCODE_NOERROR);
	if (news)
		refresh_now(z, primary < 0 ? 0 : primary);
}
