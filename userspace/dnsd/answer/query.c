// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of a query through a worker.
 */
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "cache.h"
#include "counts.h"
#include "dnstap/dnstap.h"
#include "keeper-link.h"
#include "keeper/keeper.h"
#include "log.h"
#include "query.h"
#include "querylog.h"
#include "resolve/resolve.h"
#include "worker.h"

#define MAX_DEFERRED	20000
#define EXTENDED(rcode)	((rcode) > 15)

static enum query_verdict error(struct query *q, uint16_t rcode, int ede, const char *text)
{
	response_error(q, rcode, ede, text);
	return QUERY_REPLY;
}

/* RFC 7873 section 5.2: with a policy that a cookie is needed over UDP. */
static bool lacks_cookie(struct query *q)
{
	if (!q->setup->cookies_required || query_is_stream(q) || q->cookie.valid || q->tsig.key)
		return false;
	if (q->cookie.present) {
		response_error(q, KNOT_RCODE_BADCOOKIE, -1, NULL);
	} else {
		/* Without cookies there is still the stream. */
		response_begin(q);
		q->tc = true;
		q->kind = QUERY_ERROR;
	}
	return true;
}

/* What no server on the Internet can be asked for: types that belong to one message (RFC 6895
 * section 3.1), and MAILB and MAILA (RFC 1035 section 3.2.3).  A zone of ours just has none of
 * them.
 */
static enum query_verdict resolve(struct query *q)
{
	if (!q->worker->resolver || q->qclass != KNOT_CLASS_IN)
		return QUERY_PASS;
	switch (q->qtype) {
	case 253:
	case 254:
		return error(q, KNOT_RCODE_NOTIMPL, -1, NULL);
	case 0:
	case KNOT_RRTYPE_OPT:
	case KNOT_RRTYPE_TSIG:
	case KNOT_RRTYPE_TKEY:
		return error(q, KNOT_RCODE_FORMERR, KNOT_EDNS_EDE_OTHER,
			     "a type that nothing can be asked by");
	default:
		return resolve_query(q);
	}
}

/* --- names of our zones --- */

static const struct setup_zone *find_zone(const struct query *q)
{
	const struct setup_zone *zone = setup_zone_of(q->setup, q->qname), *parent;

	/* DS is the parent's (RFC 4035 section 3.1.4.1). */
	if (!zone || q->qtype != KNOT_RRTYPE_DS || !*q->qname ||
	    !knot_dname_is_equal(zone->name, q->qname))
		return zone;
	parent = setup_zone_of(q->setup, dns_name_skip(q->qname, 1));
	return parent ? parent : zone;
}

/* The DS of a zone of ours whose parent is another's. */
static bool is_parents_ds(const struct query *q)
{
	return q->qtype == KNOT_RRTYPE_DS && q->qclass == KNOT_CLASS_IN && *q->qname &&
	       knot_dname_is_equal(q->zone->name, q->qname);
}

/* The parent has it, and is asked for whom recursion is there (RFC 4035 section 3.1.4.1); to others
 * the zone says that it has none.
 */
static enum query_verdict parents_ds(struct query *q)
{
	const struct setup_zone *zone = q->zone;
	enum query_verdict v = QUERY_PASS;

	if (!is_parents_ds(q) || !q->worker->resolver)
		return QUERY_PASS;
	if (q->rd) {
		q->zone = NULL;
		v = resolve_query(q);
	}
	if (v == QUERY_PASS)
		q->zone = zone;
	q->no_cache = true;
	return v;
}

static enum query_verdict transfer(struct query *q)
{
	if (q->qtype == KNOT_RRTYPE_AXFR && !knot_dname_is_equal(q->zone->name, q->qname))
		return error(q, KNOT_RCODE_NOTAUTH, KNOT_EDNS_EDE_NOTAUTH, NULL);
	if (q->qtype == KNOT_RRTYPE_IXFR && !knot_dname_is_equal(q->zone->name, q->qname))
		return error(q, KNOT_RCODE_NOTAUTH, KNOT_EDNS_EDE_NOTAUTH, NULL);
	if (!acl_allows(&q->zone->allow_transfer, &q->peer, q->tsig.key)) {
		counts_refused_transfer();
		return error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_PROHIBITED, NULL);
	}
	return keeper_transfer_out(q);
}

static enum query_verdict from_zone(struct query *q)
{
	struct worker *w = q->worker;
	enum query_verdict v;

	if (!acl_allows(&q->zone->allow_query, &q->peer, q->tsig.key))
		return error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_PROHIBITED, NULL);
	q->zone_id = worker_zone_id(w, q->zone);
	if (!q->zone_id)
		return error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NOT_READY,
			     "the zone is not loaded, or has expired");
	if (q->qtype == KNOT_RRTYPE_AXFR || q->qtype == KNOT_RRTYPE_IXFR)
		return transfer(q);
	v = w->balancer ? balance_query(q) : QUERY_PASS;
	if (v != QUERY_PASS)
		return v;
	lookup_answer(q);
	/* One class of all cannot be authoritative for class ANY (RFC 1035 section 6.2). */
	if (q->qclass == KNOT_CLASS_ANY)
		q->aa = false;
	if (w->cache)
		answer_cache_put(w->cache, q, store_txn_id(q->txn));
	return QUERY_REPLY;
}

static bool prepared(struct query *q)
{
	struct worker *w = q->worker;

	if (!w->cache || q->qclass != KNOT_CLASS_IN ||
	    !answer_cache_get(w->cache, q, store_txn_id(q->txn)))
		return false;
	if (!acl_allows(&q->zone->allow_query, &q->peer, q->tsig.key))
		response_error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_PROHIBITED, NULL);
	return true;
}

static enum query_verdict answer(struct query *q)
{
	enum query_verdict v;

	if (q->qtype == KNOT_RRTYPE_AXFR && !query_is_stream(q))
		return error(q, KNOT_RCODE_NOTIMPL, KNOT_EDNS_EDE_OTHER,
			     "AXFR is for streams only (RFC 5936 section 4.2)");
	q->txn = worker_snapshot(q->worker);
	if (!q->txn)
		return error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NOT_READY, NULL);
	if (prepared(q))
		return QUERY_REPLY;
	q->zone = find_zone(q);
	if (q->zone) {
		v = parents_ds(q);
		return v == QUERY_PASS ? from_zone(q) : v;
	}
	if (q->qtype == KNOT_RRTYPE_AXFR || q->qtype == KNOT_RRTYPE_IXFR)
		return error(q, KNOT_RCODE_NOTAUTH, KNOT_EDNS_EDE_NOTAUTH, NULL);
	v = resolve(q);
	if (v != QUERY_PASS)
		return v;
	return error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NOTAUTH, NULL);
}

/* UPDATE or NOTIFY, where no zone takes either (RFC 2136 section 3.1, RFC 1996 section 3.10). */
static enum query_verdict not_taken(struct query *q)
{
	if (q->qtype != KNOT_RRTYPE_SOA)
		return error(q, KNOT_RCODE_FORMERR, KNOT_EDNS_EDE_OTHER, "no SOA question");
	if (q->qclass != KNOT_CLASS_IN || !setup_zone_find(q->setup, q->qname))
		return error(q, KNOT_RCODE_NOTAUTH, KNOT_EDNS_EDE_NOTAUTH, NULL);
	return error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_PROHIBITED, NULL);
}

static enum query_verdict dispatch(struct query *q)
{
	if (q->rcode || q->kind == QUERY_ERROR)
		return error(q, q->rcode, q->ede, q->ede_text);
	if (q->edns && q->version)
		return error(q, KNOT_RCODE_BADVERS, -1, NULL);
	if (q->opcode == KNOT_OPCODE_UPDATE || q->opcode == KNOT_OPCODE_NOTIFY)
		return q->worker->keeper ? keeper_link_forward(q) : not_taken(q);
	if (q->opcode != KNOT_OPCODE_QUERY)
		return error(q, KNOT_RCODE_NOTIMPL, -1, NULL);
	if (lacks_cookie(q))
		return QUERY_REPLY;
	if (!q->has_question) {
		/* After a cookie only (RFC 7873 section 5.4). */
		response_begin(q);
		if (q->cookie.with_server && !q->cookie.valid)
			q->rcode = KNOT_RCODE_BADCOOKIE;
		return QUERY_REPLY;
	}
	if (q->qclass == KNOT_CLASS_CH) {
		chaos_answer(q);
		return QUERY_REPLY;
	}
	if (q->qclass != KNOT_CLASS_IN && q->qclass != KNOT_CLASS_ANY)
		return error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_NOTSUP,
			     "a class other than IN, CH and ANY");
	return answer(q);
}

enum query_verdict query_handle(struct query *q)
{
	enum query_verdict v;

	if (!query_parse(q)) {
		counts_ignored();
		return QUERY_DROP;
	}
	counts_query(q);
	if (q->worker->dnstap)
		dnstap_query(q);
	v = dispatch(q);
	/* Without EDNS there is no place for these. */
	if (v == QUERY_REPLY && EXTENDED(q->rcode) && !q->edns)
		q->rcode = KNOT_RCODE_SERVFAIL;
	if (v == QUERY_REPLY)
		response_finish(q);
	if (v == QUERY_REPLY && !q->out_len)
		v = QUERY_DROP;
	if (v == QUERY_REPLY)
		query_account(q);
	if (v != QUERY_LATER)
		dns_tsig_end(&q->tsig);
	return v;
}

/* Counts and the log, of a response that is complete. */
void query_account(const struct query *q)
{
	counts_response(q);
	if (q->setup->query_log)
		querylog_write(q);
	if (q->worker->dnstap)
		dnstap_response(q);
}

/* --- answers that come later --- */

struct query *query_defer(struct query *q)
{
	struct worker *w = q->worker;
	size_t room = query_is_stream(q) ? QUERY_MESSAGE_MAX : 4096;
	struct query *copy;
	uint8_t *octets;

	if (w->deferred >= MAX_DEFERRED)
		return NULL;
	copy = malloc(sizeof(*copy) + q->len + room);
	if (!copy)
		return NULL;
	*copy = *q;
	octets = (uint8_t *)(copy + 1);
	memcpy(octets, q->wire, q->len);
	copy->wire = octets;
	copy->out = octets + q->len;
	copy->out_len = 0;
	copy->txn = NULL;
	copy->wildcard = NULL;
	copy->n_names = 0;
	if (q->ede_text == q->why)
		copy->ede_text = copy->why;
	/* The copy's now. */
	memset(&q->tsig, 0, sizeof(q->tsig));
	copy->next = NULL;
	copy->pprev = NULL;
	if (copy->via->defer)
		copy->via->defer(copy);
	w->deferred++;
	ln_server_hold(w->server);
	return copy;
}

static void let_go(struct query *q)
{
	struct worker *w = q->worker;

	if (q->via->release)
		q->via->release(q);
	dns_tsig_end(&q->tsig);
	free(q);
	w->deferred--;
	ln_server_release(w->server);
}

static void send_off(struct query *q)
{
	if (q->out_len) {
		query_account(q);
		q->via->send(q);
	}
	let_go(q);
}

void query_reply(struct query *q)
{
	if (EXTENDED(q->rcode) && !q->edns)
		q->rcode = KNOT_RCODE_SERVFAIL;
	response_finish(q);
	send_off(q);
}

void query_reply_raw(struct query *q)
{
	/* For rrl.c; nothing was written here that would have set it. */
	if (q->out_len && knot_wire_get_rcode(q->out) != KNOT_RCODE_NOERROR)
		q->kind = QUERY_ERROR;
	send_off(q);
}

void query_drop(struct query *q)
{
	let_go(q);
}

void query_reply_messages(struct query *q, const struct query_messages *messages)
{
	q->messages = messages;
	q->via->stream(q);
}

void query_messages_end(struct query *q)
{
	q->messages->end(q);
	let_go(q);
}
