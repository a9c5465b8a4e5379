/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions under way: each is asked once, for all who wait for its answer.
 */
#ifndef DNSD_RESOLVE_PENDING_H
#define DNSD_RESOLVE_PENDING_H

#include "answer/query.h"
#include "cache.h"
#include "upstream.h"

#define CLIENT_SLOTS	4096

struct pending;

/**
 * struct resolver - of a worker
 * @worker: whose
 * @setup: the section
 * @upstream: libunbound
 * @cache: of messages
 * @bucket: pending questions by the hash of their name
 * @count: how many
 * @waiting: clients' queries that wait, by the hash of the client's network
 */
struct resolver {
	struct worker *worker;
	const struct resolve_setup *setup;
	struct upstream *upstream;
	struct message_cache *cache;
	struct pending *bucket[1024];
	unsigned int count;
	uint16_t waiting[CLIENT_SLOTS];
};

static inline unsigned int message_flags(const struct query *q)
{
	return (q->dnssec_ok ? MESSAGE_DO : 0) | (q->cd ? MESSAGE_CD : 0);
}

/**
 * pending_wait() - have a query wait for an answer
 * @r: the resolver
 * @q: the query, not yet deferred
 *
 * Return: QUERY_LATER, or QUERY_REPLY with an error in its place.
 */
enum query_verdict pending_wait(struct resolver *r, struct query *q);
/**
 * pending_is_late() - may what is stale be used at once?
 * @r: the resolver
 * @q: a query
 *
 * Return: whether its question is under way for so long that it may (RFC 8767 section 5).
 */
bool pending_is_late(struct resolver *r, const struct query *q);
/**
 * pending_refresh() - ask anew for what is in the cache; nobody waits
 * @r: the resolver
 * @name: wire form, lower case
 * @type: type
 * @flags: MESSAGE_DO, MESSAGE_CD
 * @context: the upstream's; not the one that the answer is from
 */
void pending_refresh(struct resolver *r, const uint8_t *name, uint16_t type, unsigned int flags,
		     unsigned int context);
void pending_stop(struct resolver *r);

/* resolve.c: an answer for @q from an entry. */
void resolve_from_entry(struct resolver *r, struct query *q, const struct message_entry *e,
			uint64_t now);
void resolve_from_message(struct query *q, const struct message *m);
uint64_t resolve_now(const struct resolver *r);

/* counts.c */
enum resolve_count {
	RESOLVE_HITS, RESOLVE_NEGATIVE_HITS, RESOLVE_STALE, RESOLVE_MISSES, RESOLVE_JOINED,
	RESOLVE_PREFETCHES, RESOLVE_BOGUS, RESOLVE_FAILURES, RESOLVE_TIMEOUTS, RESOLVE_REFUSED,
	RESOLVE_LIMITED, RESOLVE_LOST, RESOLVE_ENTRIES, RESOLVE_OCTETS, RESOLVE_COUNTS,
};

void resolve_count(enum resolve_count what, int64_t n);

#endif
