// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AXFR and IXFR out of a worker (RFC 5936, RFC 1995): one snapshot of the store, a message
 * whenever the connection has room for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer/query.h"
#include "keeper-counts.h"
#include "keeper.h"
#include "log.h"
#include "transfer-reader.h"
#include "worker.h"

/*
 * Names are compressed by pointers into the first 16 KiB of a message (RFC 1035 4.1.4), and a
 * message that is longer delays others on the same connection.
 */
#define MESSAGE_ROOM	16384

/*
 * As long as a snapshot is kept, so are the pages that it sees, and the store grows with each
 * change: there are not too many at a time, of a worker, and none for ever.
 */
#define MAX_AT_A_TIME	64
#define LONGEST_MS	(2 * 3600 * 1000ULL)

static unsigned int n_transfers;

/* What a transfer is made of, in this order. */
enum part { FIRST_SOA, CHANGES, NAMES, NSEC3_NAMES, LAST_SOA, OVER };

/**
 * struct transfer_out - a transfer
 * @txn: its snapshot
 * @zone: the store's number
 * @soa: of the snapshot
 * @changes: IXFR; else AXFR
 * @part: where we are
 * @walk, @walking: NAMES and NSEC3_NAMES
 * @rrset: the node's rrset that is being sent; @next_rrset: which comes next
 * @signatures: of @rrset the records are sent, its signatures are being sent
 * @rdata, @left: of those, what comes next, and how many
 * @journal, @change: CHANGES
 * @pending: @change, or a record of @walk, did not fit into the last message
 * @records, @octets, @messages: sent so far
 * @began: loop time
 */
struct transfer_out {
	struct store_txn *txn;
	uint32_t zone;
	struct store_rrset soa;
	bool changes;
	enum part part;
	struct store_walk walk;
	bool walking, in_node;
	struct store_rrset rrset;
	unsigned int next_rrset;
	bool signatures;
	const knot_rdata_t *rdata;
	uint16_t left;
	struct store_journal journal;
	struct store_change change;
	bool pending;
	uint64_t records, octets, messages, began;
};

/* One record to send. */
struct record {
	const uint8_t *owner;
	uint16_t type;
	uint32_t ttl;
	const knot_rdata_t *rdata;
};

static bool find_soa(const struct store_txn *txn, uint32_t zone, const uint8_t *apex,
		     struct store_rrset *soa)
{
	struct store_node node;

	return store_get(txn, zone, STORE_NAMES, apex, &node) &&
	       store_rrset(&node, KNOT_RRTYPE_SOA, soa) && soa->rdata.count;
}

static bool put(struct query *q, const struct record *r)
{
	return response_put_record(q, QUERY_IN_ANSWER, r->owner, r->type, r->ttl, r->rdata->data,
				   r->rdata->len);
}

static struct record soa_record(const struct transfer_out *t, const struct query *q)
{
	return (struct record){
		.owner = q->zone->name, .type = KNOT_RRTYPE_SOA, .ttl = t->soa.ttl,
		.rdata = t->soa.rdata.rdata,
	};
}

/* --- the records, one after another --- */

/* The next rrset, or set of signatures, of the node. */
static bool next_set(struct transfer_out *t)
{
	if (t->in_node && !t->signatures && t->rrset.rrsigs.count) {
		t->signatures = true;
		t->rdata = t->rrset.rrsigs.rdata;
		t->left = t->rrset.rrsigs.count;
		return true;
	}
	t->signatures = false;
	if (!t->in_node || t->next_rrset >= t->walk.node.count)
		return false;
	store_rrset_at(&t->walk.node, t->next_rrset++, &t->rrset);
	t->rdata = t->rrset.rdata.rdata;
	/* The SOA comes first and last, its signatures with the others. */
	t->left = t->rrset.type == KNOT_RRTYPE_SOA ? 0 : t->rrset.rdata.count;
	return true;
}

/* 1, 0 at the end, or a negative errno. */
static int next_of_walk(struct transfer_out *t, const struct query *q, struct record *r)
{
	(void)q;
	while (!t->left) {
		if (next_set(t))
			continue;
		if (!t->walking) {
			enum store_kind kind = t->part == NAMES ? STORE_NAMES : STORE_NSEC3;
			int err = store_walk_begin(&t->walk, t->txn, t->zone, kind, NULL);

			if (err)
				return err;
			t->walking = true;
		}
		t->in_node = store_walk_next(&t->walk);
		t->next_rrset = 0;
		/* A node without rrsets has no place among them. */
		t->rrset.rrsigs.count = 0;
		if (!t->in_node) {
			store_walk_end(&t->walk);
			t->walking = false;
			return 0;
		}
		t->signatures = true;	/* of the rrset before the first: none */
	}
	*r = (struct record){
		.owner = t->walk.owner, .type = t->signatures ? KNOT_RRTYPE_RRSIG : t->rrset.type,
		.ttl = t->rrset.ttl, .rdata = t->rdata,
	};
	return 1;
}

static int next_record(struct transfer_out *t, const struct query *q, struct record *r)
{
	int n = 0;

	switch (t->part) {
	case FIRST_SOA:
	case LAST_SOA:
		*r = soa_record(t, q);
		return 1;
	case CHANGES:
		n = t->pending || store_journal_next(&t->journal, &t->change);
		*r = (struct record){
			.owner = t->change.owner, .type = t->change.type, .ttl = t->change.ttl,
			.rdata = t->change.rdata,
		};
		return n;
	case NAMES:
	case NSEC3_NAMES:
		return next_of_walk(t, q, r);
	case OVER:
		break;
	}
	return 0;
}

/* The record was written. */
static void advance(struct transfer_out *t)
{
	t->records++;
	t->pending = false;
	if (t->part == FIRST_SOA) {
		t->part = t->changes ? CHANGES : NAMES;
	} else if (t->part == LAST_SOA) {
		t->part = OVER;
	} else if (t->part != CHANGES) {
		t->left--;
		t->rdata = knot_rdataset_next((knot_rdata_t *)t->rdata);
	}
}

static void next_part(struct transfer_out *t)
{
	t->part = t->part == NAMES ? NSEC3_NAMES : LAST_SOA;
}

/* As many records as fit; 1: there are more, 0: that was the last, or a negative errno. */
static int fill(struct transfer_out *t, struct query *q)
{
	struct record r = { 0 };
	int n;

	while (t->part != OVER) {
		n = next_record(t, q, &r);
		if (n < 0)
			return n;
		if (!n) {
			next_part(t);
			continue;
		}
		if (!put(q, &r)) {
			t->pending = true;
			return 1;
		}
		advance(t);
	}
	return 0;
}

/* --- messages --- */

static void begin_message(struct query *q)
{
	response_begin(q);
	q->aa = true;
	q->kind = QUERY_ANSWER;
	q->no_cache = true;
}

static int next_message(struct query *q)
{
	struct transfer_out *t = q->room_data;
	size_t room = q->room;
	int n;

	if (ln_conn_now(q->conn) - t->began > LONGEST_MS)
		return -ETIMEDOUT;
	begin_message(q);
	if (q->room > MESSAGE_ROOM)
		q->room = MESSAGE_ROOM;
	n = fill(t, q);
	q->room = room;
	if (n == 1 && !q->count[0]) {
		/* A record that is longer than that has a message of its own. */
		begin_message(q);
		n = fill(t, q);
	}
	if (n == 1 && !q->count[0])
		n = -EMSGSIZE;
	if (n < 0) {
		ln_error("%s transfer: %s", q->zone->text, strerror(-n));
		return n;
	}
	q->tc = false;		/* what did not fit comes next */
	response_finish(q);
	t->messages++;
	t->octets += q->out_len;
	return n;
}

static void end_transfer(struct query *q)
{
	struct transfer_out *t = q->room_data;
	char peer[LN_ADDR_STRLEN];

	if (t->part == OVER)
		ln_info("%s %s of serial %" PRIu32 " to %s: %" PRIu64 " records, %" PRIu64
			" octets, %" PRIu64 " messages", q->zone->text,
			t->changes ? "IXFR" : "AXFR", knot_soa_serial(t->soa.rdata.rdata),
			ln_addr_format(&q->peer, peer), t->records, t->octets, t->messages);
	else
		ln_info("%s transfer to %s ended early", q->zone->text,
			ln_addr_format(&q->peer, peer));
	keeper_count(t->part == OVER ? KEEPER_TRANSFERS_OUT : KEEPER_TRANSFERS_OUT_FAILED);
	if (t->walking)
		store_walk_end(&t->walk);
	store_txn_abort(t->txn);
	free(t);
	n_transfers--;
	q->room_data = NULL;
}

static const struct query_messages messages = { .next = next_message, .end = end_transfer };

/* --- the question --- */

/* RFC 1995 3: the authority section has the SOA that the client has. */
static bool client_serial(const struct query *q, uint32_t *serial)
{
	uint8_t *copy = malloc(q->len);
	knot_pkt_t *p = copy ? knot_pkt_new(copy, q->len, NULL) : NULL;
	bool found = false;

	if (p) {
		memcpy(copy, q->wire, q->len);
		if (!knot_pkt_parse(p, 0)) {
			const knot_pktsection_t *s = knot_pkt_section(p, KNOT_AUTHORITY);
			const knot_rrset_t *rr = s->count ? knot_pkt_rr(s, 0) : NULL;

			found = rr && rr->type == KNOT_RRTYPE_SOA && rr->rrs.count == 1 &&
				rr->rrs.rdata->len &&
				knot_dname_is_case_equal(rr->owner, q->zone->name);
			if (found)
				*serial = knot_soa_serial(rr->rrs.rdata);
		}
	}
	knot_pkt_free(p);
	free(copy);
	return found;
}

/* The client's version is the newest, or newer: it gets our SOA alone. */
static enum query_verdict answer_soa(struct query *q, const struct store_rrset *soa)
{
	begin_message(q);
	response_put_record(q, QUERY_IN_ANSWER, q->zone->name, KNOT_RRTYPE_SOA, soa->ttl,
			    soa->rdata.rdata->data, soa->rdata.rdata->len);
	return QUERY_REPLY;
}

/* RFC 1995 2: all in one datagram, or the SOA alone, which says: come by TCP. */
static enum query_verdict answer_datagram(struct query *q, struct transfer_out *t)
{
	bool fits = false;

	if (t->changes) {
		begin_message(q);
		fits = fill(t, q) == 0;
	}
	if (fits)
		return QUERY_REPLY;
	q->tc = false;
	return answer_soa(q, &t->soa);
}

static enum query_verdict fail(struct query *q)
{
	response_error(q, KNOT_RCODE_SERVFAIL, -1, NULL);
	return QUERY_REPLY;
}

/* In a snapshot of its own, which stays as it is while others change the zone. */
static enum query_verdict start_stream(struct query *q, bool incremental, uint32_t serial)
{
	struct transfer_out *t = n_transfers < MAX_AT_A_TIME ? calloc(1, sizeof(*t)) : NULL;
	struct query *deferred;

	if (!t)
		return fail(q);
	t->began = ln_conn_now(q->conn);
	t->txn = store_read(q->worker->store);
	if (!t->txn)
		goto fail;
	t->zone = store_zone_find(t->txn, q->zone->name);
	if (!t->zone || !find_soa(t->txn, t->zone, q->zone->name, &t->soa))
		goto fail;
	t->changes = incremental && store_journal_begin(&t->journal, t->txn, t->zone, serial);
	deferred = query_defer(q);
	if (!deferred)
		goto fail;
	deferred->has_expire = keeper_expire_left(t->txn, t->zone, q->zone, &deferred->expire);
	deferred->room_data = t;
	n_transfers++;
	query_reply_messages(deferred, &messages);
	return QUERY_LATER;
fail:
	if (t->txn)
		store_txn_abort(t->txn);
	free(t);
	return fail(q);
}

enum query_verdict keeper_transfer_out(struct query *q)
{
	struct transfer_out t = { 0 };
	bool incremental = q->qtype == KNOT_RRTYPE_IXFR;
	uint32_t serial = 0;

	if (!q->zone_id || !find_soa(q->txn, q->zone_id, q->zone->name, &t.soa))
		return fail(q);
	if (incremental && !client_serial(q, &serial)) {
		response_error(q, KNOT_RCODE_FORMERR, -1, NULL);
		return QUERY_REPLY;
	}
	if (incremental && !serial_later(knot_soa_serial(t.soa.rdata.rdata), serial))
		return answer_soa(q, &t.soa);
	if (query_is_stream(q))
		return start_stream(q, incremental, serial);
	t.zone = q->zone_id;
	t.changes = store_journal_begin(&t.journal, q->txn, q->zone_id, serial);
	return answer_datagram(q, &t);
}
