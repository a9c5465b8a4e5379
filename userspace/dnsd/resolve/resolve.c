// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names that are in no zone of ours.
 */
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "pending.h"

uint64_t resolve_now(const struct resolver *r)
{
	return uv_now(ln_server_loop(r->worker->server));
}

/* RFC 6840 section 5.7: AD is for who asks for it, by AD or by DO. */
static void begin(struct query *q, const struct message *m)
{
	response_begin(q);
	q->ra = true;
	q->no_cache = true;
	q->rcode = m->rcode;
	q->aa = m->aa;
	q->authentic = m->secure && (q->ad || q->dnssec_ok);
	q->kind = m->rcode == KNOT_RCODE_NXDOMAIN ? QUERY_NXDOMAIN :
		  m->rcode		      ? QUERY_ERROR :
		  m->count[0]		      ? QUERY_ANSWER : QUERY_NODATA;
	q->ede = m->ede;
	q->ede_text = NULL;
	if (m->why_len) {
		size_t len = m->why_len < sizeof(q->why) ? m->why_len : sizeof(q->why) - 1;

		memcpy(q->why, m->why, len);
		q->why[len] = '\0';
		q->ede_text = q->why;
	}
}

/* The question in the message has the length of the one in @q: pointers to it stay right. */
static bool put_counts(struct query *q, const struct message *m)
{
	if (m->body_len > q->room - q->out_len || q->room < q->out_len) {
		q->tc = true;
		return false;
	}
	q->out_len += m->body_len;
	memcpy(q->count, m->count, sizeof(q->count));
	return true;
}

void resolve_from_message(struct query *q, const struct message *m)
{
	uint8_t *body;

	begin(q, m);
	body = q->out + q->out_len;
	if (put_counts(q, m) && m->body_len)
		memcpy(body, m->body, m->body_len);
}

void resolve_from_entry(struct resolver *r, struct query *q, const struct message_entry *e,
			uint64_t now)
{
	const struct message *m = message_of(e);
	uint8_t *body;

	begin(q, m);
	body = q->out + q->out_len;
	if (put_counts(q, m))
		message_write(e, now, body);
	if (message_state(r->cache, e, now) == MESSAGE_STALE) {
		/* RFC 8914 sections 4.4 and 4.20. What is stale was validated once, not now. */
		q->ede = m->rcode == KNOT_RCODE_NXDOMAIN ? KNOT_EDNS_EDE_STALE_NXD :
							   KNOT_EDNS_EDE_STALE;
		q->ede_text = NULL;
		q->authentic = false;
		resolve_count(RESOLVE_STALE, 1);
		return;
	}
	if (m->rcode == KNOT_RCODE_SERVFAIL && q->ede < 0)
		q->ede = KNOT_EDNS_EDE_CACHED_ERR;
	resolve_count(m->count[0] ? RESOLVE_HITS : RESOLVE_NEGATIVE_HITS, 1);
}

static void refresh(struct resolver *r, const struct query *q, const struct message *m)
{
	pending_refresh(r, q->qname, q->qtype, message_flags(q),
			(m->source + 1) % UPSTREAM_CONTEXTS);
}

/* A failure is asked for again when its time is over: it keeps upstream quiet (RFC 9520). */
static bool worth_refreshing(const struct resolver *r, const struct query *q,
			     const struct message *m)
{
	return r->setup->prefetch && q->rd && !m->bogus && m->rcode != KNOT_RCODE_SERVFAIL;
}

/* From the cache; false: not there, or not to be used yet. */
static bool from_cache(struct resolver *r, struct query *q)
{
	uint64_t now = resolve_now(r);
	struct message_entry *e = message_cache_get(r->cache, q->qname, q->qname_len, q->qtype,
						    message_flags(q));

	if (!e)
		return false;
	switch (message_state(r->cache, e, now)) {
	case MESSAGE_FRESH:
		break;
	case MESSAGE_AGING:
		if (worth_refreshing(r, q, message_of(e)) && message_may_retry(e, now))
			refresh(r, q, message_of(e));
		break;
	case MESSAGE_STALE:
		/* It was tried a moment ago, in vain; or still is. */
		if (!message_may_retry(e, now) || pending_is_late(r, q))
			break;
		return false;
	default:
		return false;
	}
	resolve_from_entry(r, q, e, now);
	return true;
}

/* Without RD only from the cache, and only for this host: others could see who asks for what. */
static enum query_verdict not_recursive(struct resolver *r, struct query *q)
{
	static const struct acl_entry local[] = {
		{ .family = AF_INET, .address = { 127 }, .prefix = 8 },
		{ .family = AF_INET6, .address = { [15] = 1 }, .prefix = 128 },
	};
	const struct acl acl = { .count = 2, .entry = (struct acl_entry *)local };

	if (!acl_allows(&acl, &q->peer, NULL))
		return QUERY_PASS;
	if (!from_cache(r, q)) {
		response_error(q, KNOT_RCODE_REFUSED, KNOT_EDNS_EDE_OTHER,
			       "not in the cache, and recursion was not desired");
		q->ra = true;
	}
	return QUERY_REPLY;
}

enum query_verdict resolve_query(struct query *q)
{
	struct resolver *r = q->worker->resolver;
	enum query_verdict v;

	if (!acl_allows(&r->setup->allow, &q->peer, q->tsig.key)) {
		resolve_count(RESOLVE_REFUSED, 1);
		return QUERY_PASS;
	}
	q->ra = true;
	if (!q->rd)
		return not_recursive(r, q);
	/* A large answer to a forged address: not without knowing who asks (RFC 8482, 7873). */
	if (q->qtype == KNOT_RRTYPE_ANY && !query_is_stream(q) && !q->cookie.valid) {
		response_begin(q);
		q->tc = true;
		q->kind = QUERY_NODATA;
		return QUERY_REPLY;
	}
	if (from_cache(r, q))
		return QUERY_REPLY;
	v = pending_wait(r, q);
	q->ra = true;
	return v;
}

/* --- in a worker --- */

int resolve_start(struct worker *w)
{
	const struct resolve_setup *setup = w->setup->resolve;
	struct resolver *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->worker = w;
	r->setup = setup;
	r->cache = message_cache_new(setup->cache_octets, setup->stale_s);
	if (!r->cache) {
		ln_error("recursion: no memory for the cache");
		free(r);
		return -ENOMEM;
	}
	w->resolver = r;
	err = upstream_start(&r->upstream, w->server, setup);
	return err;
}

int resolve_confine(const struct resolve_setup *r, struct ln_sandbox *sandbox)
{
	(void)r;
	sandbox->connect = true;
	sandbox->bind = true;
	/* With a file there is open(): a new context reads its configuration from memory by it. */
	return ln_sandbox_path(sandbox, "/dev/null", LN_ACCESS_READ);
}

void resolve_stop(struct worker *w)
{
	struct resolver *r = w->resolver;

	/* First, so that it calls back no more. */
	if (r->upstream)
		upstream_stop(r->upstream);
	pending_stop(r);
	resolve_count(RESOLVE_ENTRIES, -(int64_t)message_cache_count(r->cache));
	resolve_count(RESOLVE_OCTETS, -(int64_t)message_cache_octets(r->cache));
	message_cache_free(r->cache);
	w->resolver = NULL;
	free(r);
}
