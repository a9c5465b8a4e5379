// SPDX-License-Identifier: GPL-2.0-or-later
#include "pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "result.h"
#include "worker.h"

#define RETRY_MS	5000	/* RFC 8767 section 5: the failure recheck timer, here for names */

/**
 * struct waiter - a query that waits
 * @q: deferred
 * @flags: the messages that it takes
 * @slot: its client's, in resolver->waiting
 */
struct waiter {
	struct waiter *next;
	struct query *q;
	unsigned int flags, slot;
};

/**
 * struct pending - a question under way
 * @next, @pprev: of the bucket
 * @resolver: whose
 * @name, @len, @type: the question
 * @context: which was asked
 * @wanted: keys that somebody waits for or that are refreshed, a bit for each value of flags
 * @waiters: who waits
 * @timer: for stale answers, then for the time limit
 * @stale_said: the first of the two is over
 */
struct pending {
	struct pending *next, **pprev;
	struct resolver *resolver;
	uint8_t name[DNS_NAME_MAX];
	size_t len;
	uint16_t type;
	unsigned int context, wanted;
	struct waiter *waiters;
	uv_timer_t timer;
	bool stale_said;
};

static struct pending **bucket_of(struct resolver *r, const uint8_t *name, size_t len)
{
	uint32_t h = 2166136261;

	while (len--)
		h = (h ^ *name++) * 16777619;
	return &r->bucket[h % 1024];
}

/* --- waiters --- */

/* A network of IPv4 /32 or IPv6 /64: who has one, has as many addresses in it as he likes. */
static unsigned int client_slot(const union ln_addr *peer)
{
	const uint8_t *p = peer->sa.sa_family == AF_INET ? (uint8_t *)&peer->in.sin_addr :
							   peer->in6.sin6_addr.s6_addr;
	unsigned int n = peer->sa.sa_family == AF_INET ? 4 : 8;
	uint32_t h = 2166136261;

	while (n--)
		h = (h ^ *p++) * 16777619;
	return (h ^ h >> 12) % CLIENT_SLOTS;
}

static void let_go(struct pending *p, struct waiter **at)
{
	struct waiter *w = *at;

	*at = w->next;
	p->resolver->waiting[w->slot]--;
	query_reply(w->q);
	free(w);
}

/* Those who can do with what is stale. */
static void answer_stale(struct pending *p, uint64_t now)
{
	struct resolver *r = p->resolver;
	struct waiter **at = &p->waiters;

	while (*at) {
		struct waiter *w = *at;
		struct message_entry *e = message_cache_get(r->cache, p->name, p->len, p->type,
							    w->flags);

		if (e && message_state(r->cache, e, now) == MESSAGE_STALE) {
			resolve_from_entry(r, w->q, e, now);
			let_go(p, at);
		} else {
			at = &w->next;
		}
	}
}

static void answer_timeout(struct pending *p)
{
	answer_stale(p, resolve_now(p->resolver));
	while (p->waiters) {
		response_error(p->waiters->q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NREACH_AUTH,
			       "no answer within the time limit");
		resolve_count(RESOLVE_TIMEOUTS, 1);
		let_go(p, &p->waiters);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct pending *p = timer->data;
	const struct resolve_setup *setup = p->resolver->setup;

	if (!p->stale_said) {
		p->stale_said = true;
		answer_stale(p, resolve_now(p->resolver));
		uv_timer_start(timer, on_timer, setup->limit_ms > setup->stale_ms ?
			       setup->limit_ms - setup->stale_ms : 0, 0);
		return;
	}
	answer_timeout(p);
}

/* --- the answer --- */

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void end(struct pending *p)
{
	*p->pprev = p->next;
	if (p->next)
		p->next->pprev = p->pprev;
	p->resolver->count--;
	uv_close((uv_handle_t *)&p->timer, on_closed);
}

/*
 * Whether what is known stays: an outage does not cost what was known (RFC 8767 section 5), and
 * one forged answer to a prefetch not what was validated, before its TTL is over.
 */
static bool outlives(const struct message_entry *e, enum message_state state,
		     const struct message *m)
{
	if (message_of(e)->rcode == KNOT_RCODE_SERVFAIL || message_of(e)->bogus)
		return false;
	if (m->bogus)
		return state == MESSAGE_FRESH || state == MESSAGE_AGING;
	return m->rcode == KNOT_RCODE_SERVFAIL && state != MESSAGE_NONE;
}

static void keep(struct pending *p, unsigned int flags, const struct message *m, uint64_t now)
{
	struct resolver *r = p->resolver;
	struct message_entry *e = message_cache_get(r->cache, p->name, p->len, p->type, flags);
	size_t octets = message_cache_octets(r->cache);
	int count = message_cache_count(r->cache);

	if (e && outlives(e, message_state(r->cache, e, now), m)) {
		message_failed(e, now + RETRY_MS);
		return;
	}
	if (m->ttl)
		message_cache_put(r->cache, p->name, p->len, p->type, flags, m, now);
	resolve_count(RESOLVE_OCTETS, (int64_t)message_cache_octets(r->cache) - (int64_t)octets);
	resolve_count(RESOLVE_ENTRIES, (int64_t)message_cache_count(r->cache) - count);
}

static void answer_with(struct pending *p, unsigned int flags, const struct message *m)
{
	struct waiter **at = &p->waiters;

	while (*at) {
		if ((*at)->flags != flags) {
			at = &(*at)->next;
			continue;
		}
		resolve_from_message((*at)->q, m);
		let_go(p, at);
	}
}

static void on_answer(void *data, int err, struct ub_result *result)
{
	static struct result_message out;
	struct pending *p = data;
	struct resolver *r = p->resolver;
	uint64_t now = resolve_now(r);

	if (result && result->bogus)
		resolve_count(RESOLVE_BOGUS, 1);
	for (unsigned int flags = 0; flags < 4; flags++) {
		if (!(p->wanted & 1 << flags))
			continue;
		result_read(&out, p->name, p->type, flags, err ? NULL : result);
		/* A thread that was lost says nothing about the name. */
		if (err)
			out.m.ttl = 0;
		out.m.source = p->context;
		keep(p, flags, &out.m, now);
		if (out.m.rcode == KNOT_RCODE_SERVFAIL) {
			resolve_count(RESOLVE_FAILURES, 1);
			if (!out.m.bogus)
				answer_stale(p, now);
		}
		answer_with(p, flags, &out.m);
		result_end(&out);
	}
	ub_resolve_free(result);
	end(p);
}

/* --- asking --- */

static struct pending *find(struct resolver *r, const uint8_t *name, size_t len, uint16_t type)
{
	struct pending *p = *bucket_of(r, name, len);

	while (p && (p->type != type || p->len != len || memcmp(p->name, name, len)))
		p = p->next;
	return p;
}

static struct pending *start(struct resolver *r, const uint8_t *name, size_t len, uint16_t type,
			     unsigned int context)
{
	struct pending **bucket = bucket_of(r, name, len), *p;

	if (r->count >= r->setup->max_queries)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->resolver = r;
	memcpy(p->name, name, len);
	p->len = len;
	p->type = type;
	p->context = context;
	if (upstream_ask(r->upstream, context, name, type, on_answer, p)) {
		free(p);
		return NULL;
	}
	uv_timer_init(ln_server_loop(r->worker->server), &p->timer);
	p->timer.data = p;
	p->next = *bucket;
	p->pprev = bucket;
	if (p->next)
		p->next->pprev = &p->next;
	*bucket = p;
	r->count++;
	return p;
}

bool pending_is_late(struct resolver *r, const struct query *q)
{
	const struct pending *p = find(r, q->qname, q->qname_len, q->qtype);

	return p && p->stale_said;
}

static enum query_verdict limited(struct query *q)
{
	resolve_count(RESOLVE_LIMITED, 1);
	response_error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_OTHER,
		       "too many queries are under way");
	return QUERY_REPLY;
}

enum query_verdict pending_wait(struct resolver *r, struct query *q)
{
	struct pending *p = find(r, q->qname, q->qname_len, q->qtype);
	unsigned int slot = client_slot(&q->peer);
	struct waiter *w;
	bool joined = p;

	if (r->waiting[slot] >= r->setup->max_per_client)
		return limited(q);
	w = calloc(1, sizeof(*w));
	if (!w)
		return limited(q);
	if (!p)
		p = start(r, q->qname, q->qname_len, q->qtype, 0);
	w->q = p ? query_defer(q) : NULL;
	if (!w->q) {
		free(w);
		return limited(q);
	}
	w->flags = message_flags(q);
	w->slot = slot;
	w->next = p->waiters;
	/* The first who waits sets the clock. */
	if (!p->waiters && !uv_is_active((uv_handle_t *)&p->timer)) {
		p->stale_said = !r->setup->stale_s;
		uv_timer_start(&p->timer, on_timer, r->setup->stale_s ? r->setup->stale_ms :
			       r->setup->limit_ms, 0);
	}
	p->waiters = w;
	p->wanted |= 1 << w->flags;
	r->waiting[slot]++;
	resolve_count(joined ? RESOLVE_JOINED : RESOLVE_MISSES, 1);
	return QUERY_LATER;
}

void pending_refresh(struct resolver *r, const uint8_t *name, uint16_t type, unsigned int flags,
		     unsigned int context)
{
	size_t len = knot_dname_size(name);
	struct pending *p = find(r, name, len, type);

	if (!p) {
		p = start(r, name, len, type, context);
		resolve_count(RESOLVE_PREFETCHES, !!p);
	}
	if (p)
		p->wanted |= 1 << flags;
}

void pending_stop(struct resolver *r)
{
	for (unsigned int i = 0; i < 1024; i++) {
		while (r->bucket[i]) {
			struct pending *p = r->bucket[i];

			while (p->waiters) {
				response_error(p->waiters->q, KNOT_RCODE_SERVFAIL,
					       KNOT_EDNS_EDE_NOT_READY, NULL);
				let_go(p, &p->waiters);
			}
			end(p);
		}
	}
}
