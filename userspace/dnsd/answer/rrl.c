// SPDX-License-Identifier: GPL-2.0-or-later
#include "rrl.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"

/* After the longest window any credit is whole again. */
#define FULL_AGAIN_MS	(2 * 3600 * 1000)

/**
 * struct bucket - what is left of a network's share of a kind of response
 * @tag: of the hash, so that others do not count here
 * @slip: responses refused since the last that was sent truncated
 * @at: time of the last change in milliseconds
 * @credit: thousandths of responses; negative down to a window's worth
 */
struct bucket {
	uint32_t tag;
	uint16_t slip;
	uint64_t at;
	int64_t credit;
};

struct rrl {
	const struct setup_rate *conf;
	unsigned int workers;
	uint64_t secret[2];
	size_t n;
	struct bucket bucket[];
};

bool rrl_wanted(const struct setup_rate *conf)
{
	return conf->responses || conf->errors || conf->nxdomains || conf->referrals;
}

struct rrl *rrl_new(const struct setup_rate *conf, unsigned int workers)
{
	struct rrl *r = calloc(1, sizeof(*r) + conf->table * sizeof(*r->bucket));

	if (!r)
		return NULL;
	r->conf = conf;
	r->workers = workers;
	r->n = conf->table;
	/* Unknown to others, who could otherwise choose names that share buckets. */
	if (RAND_bytes((unsigned char *)r->secret, sizeof(r->secret)) != 1) {
		free(r);
		return NULL;
	}
	return r;
}

void rrl_free(struct rrl *r)
{
	free(r);
}

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h ^ h >> 31;
}

static size_t network(const struct rrl *r, const union ln_addr *peer, uint8_t out[16])
{
	bool v4 = peer->sa.sa_family == AF_INET;
	unsigned int bits = v4 ? r->conf->ipv4_prefix : r->conf->ipv6_prefix;
	size_t len = v4 ? 4 : 16;

	memcpy(out, v4 ? (void *)&peer->in.sin_addr : (void *)&peer->in6.sin6_addr, len);
	for (unsigned int i = bits; i < 8 * len; i++)
		out[i / 8] &= ~(0x80 >> i % 8);
	return len;
}

/* Errors count together; what is not there counts for the zone, so that random names do
 * not each have a share; what a wildcard makes counts for the wildcard. */
static const uint8_t *name_of(const struct query *q)
{
	static const uint8_t root[1];

	if (q->kind == QUERY_ERROR)
		return root;
	if (q->kind == QUERY_NXDOMAIN || q->kind == QUERY_REFERRAL)
		return q->zone ? q->zone->name : root;
	return q->wildcard ? q->wildcard : q->qname;
}

static unsigned int limit_of(const struct setup_rate *c, enum query_kind kind)
{
	switch (kind) {
	case QUERY_ERROR:
		return c->errors;
	case QUERY_NXDOMAIN:
		return c->nxdomains;
	case QUERY_REFERRAL:
		return c->referrals;
	default:
		return c->responses;
	}
}

static struct bucket *find(struct rrl *r, const struct query *q)
{
	const uint8_t *name = name_of(q);
	uint8_t net[16], kind = q->kind;
	size_t len = network(r, &q->peer, net);
	uint64_t h = mix(r->secret[0], net, len);
	struct bucket *b;

	h = mix(h, name, knot_dname_size(name));
	h = mix(h, &kind, 1);
	h = mix(h, &r->secret[1], sizeof(r->secret[1]));
	b = &r->bucket[h % r->n];
	if (b->tag != (uint32_t)(h >> 32) || !b->at)
		*b = (struct bucket){ .tag = h >> 32 };
	return b;
}

/* In milliseconds, no more than multiplies without overflow. */
static int64_t elapsed_since(uint64_t at, uint64_t now)
{
	return now - at < FULL_AGAIN_MS ? now - at : FULL_AGAIN_MS;
}

enum rrl_verdict rrl_check(struct rrl *r, const struct query *q, uint64_t now)
{
	const struct setup_rate *c = r->conf;
	unsigned int limit = limit_of(c, q->kind);
	int64_t per_second, most;
	struct bucket *b;

	/* Who shows a cookie of ours has the address that it says; who has a key is known. */
	if (!limit || q->cookie.valid || q->tsig.key || acl_allows(&c->exempt, &q->peer, NULL))
		return RRL_SEND;
	/* Each worker sees its part of the queries only. With many workers that is less than one a
	 * second, and has to gather to one all the same.
	 */
	per_second = 1000LL * limit / r->workers ?: 1;
	most = per_second > 1000 ? per_second : 1000;
	b = find(r, q);
	if (!b->at)
		b->credit = most;
	else
		b->credit += elapsed_since(b->at, now) * per_second / 1000;
	b->at = now;
	if (b->credit > most)
		b->credit = most;
	if (b->credit >= 1000) {
		b->credit -= 1000;
		return RRL_SEND;
	}
	/* Who goes on and on has to be quiet for a while, up to the window. */
	if (b->credit > -per_second * (int64_t)c->window)
		b->credit -= 1000;
	counts_limited();
	if (c->log_only)
		return RRL_SEND;
	if (c->slip && ++b->slip >= c->slip) {
		b->slip = 0;
		return RRL_SLIP;
	}
	return RRL_DROP;
}
