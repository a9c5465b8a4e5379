// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers for balanced names, in a worker.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Sets of members that a worker keeps turns of, for each name. */
#define SEQUENCES	8
/* Checks that may fail to bring a load before it counts as unknown. */
#define LOADS_MISSED	3

/**
 * enum place - what the zone says of a balanced name
 * @PLACE_ABSENT: nothing: it has addresses only
 * @PLACE_THERE: records of other types
 * @PLACE_COVERED: the zone's answer goes first: a cut or a DNAME is above it, it has a CNAME, or
 *	the zone is signed and an answer without signature would be taken for a forgery
 */
enum place { PLACE_ABSENT, PLACE_THERE, PLACE_COVERED };

/**
 * struct name_state - what a worker knows of a name
 * @txn: the snapshot that @place is of
 * @told: it was logged that the name is covered
 * @sequence: turns of sets of members
 * @next: which of them is made anew next
 */
struct name_state {
	uint64_t txn;
	enum place place;
	bool told;
	struct choose_sequence sequence[SEQUENCES];
	unsigned int next;
};

struct balancer {
	const struct balance_setup *setup;
	struct name_state *state;
};

int balance_start(struct worker *w)
{
	const struct balance_setup *setup = w->setup->balance;
	struct balancer *b;

	if (!setup)
		return 0;
	b = calloc(1, sizeof(*b));
	if (b)
		b->state = calloc(setup->n_names, sizeof(*b->state));
	if (!b || !b->state) {
		free(b);
		ln_error("out of memory");
		return -ENOMEM;
	}
	b->setup = setup;
	w->balancer = b;
	return 0;
}

/* The mmdb file is in memory already. */
int balance_confine(const struct balance_setup *b, struct ln_sandbox *sandbox)
{
	(void)b;
	(void)sandbox;
	return 0;
}

void balance_stop(struct worker *w)
{
	struct balancer *b = w->balancer;

	if (!b)
		return;
	for (unsigned int i = 0; i < b->setup->n_names; i++)
		for (unsigned int k = 0; k < SEQUENCES; k++)
			choose_sequence_free(&b->state[i].sequence[k]);
	free(b->state);
	free(b);
	w->balancer = NULL;
}

/* --- the zone --- */

static bool has(const struct store_node *node, uint16_t type)
{
	struct store_rrset rrset;

	return store_rrset(node, type, &rrset);
}

static enum place find_place(const struct query *q, const uint8_t *name, const char **why)
{
	unsigned int labels = dns_name_labels(name), apex = dns_name_labels(q->zone->name);
	enum place place = PLACE_ABSENT;
	struct store_node node;

	for (unsigned int depth = apex; depth <= labels; depth++) {
		enum store_found found = store_find(q->txn, q->zone_id,
						    dns_name_skip(name, labels - depth), &node);

		place = found == STORE_FOUND ? PLACE_THERE : PLACE_ABSENT;
		if (found == STORE_ABSENT)
			break;
		if (found == STORE_EMPTY)
			continue;
		*why = depth == apex && has(&node, KNOT_RRTYPE_DNSKEY) ? "the zone is signed" :
		       depth > apex && has(&node, KNOT_RRTYPE_NS) ? "it is delegated" :
		       depth < labels && has(&node, KNOT_RRTYPE_DNAME) ? "a DNAME is above it" :
		       depth == labels && has(&node, KNOT_RRTYPE_CNAME) ? "it has a CNAME" : NULL;
		if (*why)
			return PLACE_COVERED;
	}
	return place;
}

static enum place place_of(const struct query *q, const struct balance_name *n,
			   struct name_state *s)
{
	uint64_t txn = store_txn_id(q->txn);
	const char *why = NULL;

	if (s->txn == txn)
		return s->place;
	s->txn = txn;
	s->place = find_place(q, n->name, &why);
	if (s->place == PLACE_COVERED && !s->told)
		ln_warning("balance %s: the zone %s answers instead: %s", n->text, q->zone->text,
			   why);
	s->told = s->place == PLACE_COVERED;
	return s->place;
}

/* --- who is answered --- */

static struct choose_pool pool_of(const struct balance_name *n, unsigned int family)
{
	struct choose_pool pool = {
		.all = n->of_family[family - 1],
		.backup = n->backups,
		.any_when_down = n->any_when_down,
	};

	for (unsigned int i = 0; i < n->n_members; i++)
		if (n->shared->member[i].state != BALANCE_DOWN)
			pool.up |= UINT64_C(1) << i;
	return pool;
}

/*
 * The client is whom the subnet tells of.  With a source of 0 bits it does not want to be told
 * of, and the resolver's own address is all there is (RFC 7871 section 7.1.2); the scope is 0.
 */
static int region_of_client(struct query *q, const struct balance_name *n)
{
	const uint8_t *address;
	unsigned int family;
	uint8_t scope;

	if (q->subnet.present && q->subnet.source && q->subnet.family <= 2)
		return region_find(n->map, q->subnet.family, q->subnet.source, q->subnet.address,
				   &q->subnet.scope);
	family = q->peer.sa.sa_family == AF_INET ? 1 : 2;
	address = family == 1 ? (const uint8_t *)&q->peer.in.sin_addr :
				q->peer.in6.sin6_addr.s6_addr;
	if (family == 2 && IN6_IS_ADDR_V4MAPPED(&q->peer.in6.sin6_addr)) {
		family = 1;
		address += 12;
	}
	return region_find(n->map, family, family == 1 ? 32 : 128, address, &scope);
}

static const struct choose_sequence *sequence_of(struct name_state *s,
						 const struct balance_name *n, uint64_t mask)
{
	struct choose_sequence *q;

	for (unsigned int i = 0; i < SEQUENCES; i++)
		if (s->sequence[i].period && s->sequence[i].mask == mask)
			return &s->sequence[i];
	q = &s->sequence[s->next++ % SEQUENCES];
	return choose_sequence_make(q, mask, n->weight) ? NULL : q;
}

static unsigned int least_loaded(const struct balance_name *n, uint64_t mask, uint64_t turn,
				 uint8_t *out)
{
	uint64_t now = balance_now(), old = LOADS_MISSED * n->interval_ms + n->timeout_ms;
	struct choose_load load[CHOOSE_MEMBERS_MAX];
	unsigned int found;

	for (unsigned int i = 0; i < n->n_members; i++) {
		struct balance_shared_member *m = &n->shared->member[i];
		uint64_t at = m->load_at;

		load[i] = (struct choose_load){ at && now < at + old, m->load, m->given };
	}
	found = choose_least(mask, n->weight, load, turn % CHOOSE_MEMBERS_MAX, n->answers, out);
	for (unsigned int i = 0; i < found; i++)
		n->shared->member[out[i]].given++;
	return found;
}

/* Members that answer, the first one first; 0: nobody. */
static unsigned int choose(struct query *q, const struct balance_name *n, struct name_state *s,
			   unsigned int family, uint8_t *out)
{
	struct choose_pool pool = pool_of(n, family);
	uint64_t mask = choose_usable(&pool), turn;
	const struct choose_sequence *sequence;
	int serving = -1;

	if (n->policy == BALANCE_NEAREST)
		mask = choose_near(mask, n->region, region_of_client(q, n), &serving);
	if (!mask)
		return 0;
	/* Each set has turns of its own, or clients of one would have those of another left out. */
	turn = atomic_fetch_add(&n->shared->turn[serving + 1][family - 1], 1);
	if (n->policy == BALANCE_LEAST_LOAD)
		return least_loaded(n, mask, turn, out);
	sequence = sequence_of(s, n, mask);
	if (sequence)
		return choose_turn(sequence, turn, n->answers, out);
	*out = __builtin_ctzll(mask);
	return 1;
}

/* --- the response --- */

/* RFC 2308 section 3 */
static void put_soa(struct query *q)
{
	struct store_node apex;
	struct store_rrset soa;
	uint32_t minimum;

	if (!store_get(q->txn, q->zone_id, STORE_NAMES, q->zone->name, &apex) ||
	    !store_rrset(&apex, KNOT_RRTYPE_SOA, &soa))
		return;
	minimum = knot_soa_minimum(soa.rdata.rdata);
	if (minimum < soa.ttl)
		soa.ttl = minimum;
	response_put(q, QUERY_IN_AUTHORITY, q->zone->name, &soa);
}

static bool put_members(struct query *q, const struct balance_name *n, struct name_state *s,
			const uint8_t *name, unsigned int family)
{
	uint8_t chosen[BALANCE_ANSWERS_MAX];
	unsigned int count = choose(q, n, s, family, chosen);

	q->no_cache = true;
	if (!count) {
		response_error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_OTHER,
			       "all members are down");
		return false;
	}
	q->kind = QUERY_ANSWER;
	for (unsigned int i = 0; i < count; i++) {
		n->shared->member[chosen[i]].answers++;
		response_put_record(q, QUERY_IN_ANSWER, name,
				    family == 1 ? KNOT_RRTYPE_A : KNOT_RRTYPE_AAAA, n->ttl,
				    n->member[chosen[i]].address, family == 1 ? 4 : 16);
	}
	return true;
}

/* The family whose addresses answer this type, or 0. To ANY one type will do (RFC 8482). */
static unsigned int family_of(const struct balance_name *n, uint16_t type)
{
	unsigned int family = type == KNOT_RRTYPE_A	   ? 1 :
			      type == KNOT_RRTYPE_AAAA	   ? 2 :
			      type != KNOT_RRTYPE_ANY	   ? 0 :
			      n->of_family[0]		   ? 1 : 2;

	return family && n->of_family[family - 1] ? family : 0;
}

enum query_verdict balance_query(struct query *q)
{
	struct balancer *b = q->worker->balancer;
	const struct balance_name *n = balance_find(b->setup, q->qname);
	unsigned int family;
	enum place place;

	if (!n)
		return QUERY_PASS;
	place = place_of(q, n, &b->state[n->index]);
	family = family_of(n, q->qtype);
	if (place == PLACE_COVERED || (!family && place == PLACE_THERE))
		return QUERY_PASS;
	response_begin(q);
	q->aa = true;
	if (family) {
		put_members(q, n, &b->state[n->index], q->qname, family);
		return QUERY_REPLY;
	}
	/* The zone would say that there is no such name, or a wildcard would stand in. */
	q->no_cache = true;
	q->kind = QUERY_NODATA;
	put_soa(q);
	return QUERY_REPLY;
}

bool balance_append(struct query *q, const uint8_t *name)
{
	struct balancer *b = q->worker->balancer;
	const struct balance_name *n = b ? balance_find(b->setup, name) : NULL;
	unsigned int family;
	enum place place;

	if (!n || q->tc)
		return false;
	place = place_of(q, n, &b->state[n->index]);
	family = family_of(n, q->qtype);
	if (place == PLACE_COVERED || (!family && place == PLACE_THERE))
		return false;
	if (family) {
		put_members(q, n, &b->state[n->index], name, family);
		return true;
	}
	q->no_cache = true;
	put_soa(q);
	return true;
}
