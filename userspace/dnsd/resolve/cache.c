// SPDX-License-Identifier: GPL-2.0-or-later
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#define BUCKETS_MIN	1024
#define OCTETS_PER_BUCKET	512

/**
 * struct message_entry - an answer and where it is
 * @chain: of its bucket
 * @turn: of the clock, by which it is evicted
 * @hash: of its key
 * @used: since the clock's hand came by
 * @born: when it was put
 * @retry_at: when it may be asked for again
 * @octets: all of it
 * @name, @name_len, @type, @flags: the key
 */
struct message_entry {
	LIST_ENTRY(message_entry) chain;
	TAILQ_ENTRY(message_entry) turn;
	uint64_t hash;
	bool used;
	uint64_t born, retry_at;
	size_t octets;
	struct message m;
	const uint8_t *name;
	size_t name_len;
	uint16_t type;
	uint8_t flags;
};

LIST_HEAD(bucket, message_entry);

struct message_cache {
	struct bucket *bucket;
	size_t mask;
	uint64_t key[2];
	TAILQ_HEAD(, message_entry) clock;
	size_t octets, max_octets;
	unsigned int count;
	uint64_t stale_ms;
};

/* --- SipHash-1-3: names are chosen by others, who shall not be able to fill one bucket --- */

static inline uint64_t turn_left(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = turn_left(v[1], 13) ^ v[0]; v[0] = turn_left(v[0], 32);
	v[2] += v[3]; v[3] = turn_left(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = turn_left(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = turn_left(v[1], 17) ^ v[2]; v[2] = turn_left(v[2], 32);
}

static uint64_t hash_key(const struct message_cache *c, const uint8_t *name, size_t len,
			 uint32_t type_and_flags)
{
	uint64_t v[4] = {
		c->key[0] ^ 0x736f6d6570736575, c->key[1] ^ 0x646f72616e646f6d,
		c->key[0] ^ 0x6c7967656e657261, c->key[1] ^ 0x7465646279746573,
	};
	uint64_t word;

	for (size_t i = 0; i < len; i += 8) {
		word = 0;
		memcpy(&word, name + i, len - i < 8 ? len - i : 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)len << 56 | type_and_flags;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- the table --- */

struct message_cache *message_cache_new(size_t max_octets, uint32_t stale_s)
{
	struct message_cache *c = calloc(1, sizeof(*c));
	size_t n = BUCKETS_MIN;

	if (!c)
		return NULL;
	while (n < max_octets / OCTETS_PER_BUCKET && n < 1 << 24)
		n *= 2;
	c->bucket = calloc(n, sizeof(*c->bucket));
	if (!c->bucket || getrandom(c->key, sizeof(c->key), 0) != sizeof(c->key)) {
		free(c->bucket);
		free(c);
		return NULL;
	}
	c->mask = n - 1;
	c->max_octets = max_octets;
	c->stale_ms = stale_s * 1000ULL;
	TAILQ_INIT(&c->clock);
	return c;
}

static void drop(struct message_cache *c, struct message_entry *e)
{
	LIST_REMOVE(e, chain);
	TAILQ_REMOVE(&c->clock, e, turn);
	c->octets -= e->octets;
	c->count--;
	free(e);
}

void message_cache_free(struct message_cache *c)
{
	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->clock))
		drop(c, TAILQ_FIRST(&c->clock));
	free(c->bucket);
	free(c);
}

static struct message_entry *find(struct message_cache *c, uint64_t hash, const uint8_t *name,
				  size_t len, uint16_t type, unsigned int flags)
{
	struct message_entry *e;

	LIST_FOREACH(e, &c->bucket[hash & c->mask], chain)
		if (e->hash == hash && e->type == type && e->flags == flags &&
		    e->name_len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

struct message_entry *message_cache_get(struct message_cache *c, const uint8_t *name, size_t len,
					uint16_t type, unsigned int flags)
{
	uint64_t hash = hash_key(c, name, len, (uint32_t)type << 8 | flags);
	struct message_entry *e = find(c, hash, name, len, type, flags);

	if (e)
		e->used = true;
	return e;
}

/* What was not used since the hand came by last goes first. */
static void make_room(struct message_cache *c, size_t octets)
{
	while (c->octets + octets > c->max_octets && !TAILQ_EMPTY(&c->clock)) {
		struct message_entry *e = TAILQ_FIRST(&c->clock);

		if (e->used) {
			e->used = false;
			TAILQ_REMOVE(&c->clock, e, turn);
			TAILQ_INSERT_TAIL(&c->clock, e, turn);
		} else {
			drop(c, e);
		}
	}
}

static struct message_entry *make_entry(const struct message *m, const uint8_t *name, size_t len)
{
	size_t ttls = m->n_ttls * sizeof(*m->ttl_at);
	size_t octets = sizeof(struct message_entry) + ttls + len + m->body_len + m->why_len + 1;
	struct message_entry *e = malloc(octets);
	uint8_t *p = (uint8_t *)(e + 1);

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->octets = octets;
	e->m = *m;
	e->m.ttl_at = memcpy(p, m->n_ttls ? (void *)m->ttl_at : p, ttls);
	p += ttls;
	e->name = memcpy(p, name, len);
	e->name_len = len;
	p += len;
	e->m.body = memcpy(p, m->body_len ? m->body : p, m->body_len);
	p += m->body_len;
	memcpy(p, m->why_len ? m->why : (char *)p, m->why_len);
	p[m->why_len] = '\0';
	e->m.why = m->why_len ? (char *)p : NULL;
	return e;
}

int message_cache_put(struct message_cache *c, const uint8_t *name, size_t len, uint16_t type,
		      unsigned int flags, const struct message *m, uint64_t now)
{
	uint64_t hash = hash_key(c, name, len, (uint32_t)type << 8 | flags);
	struct message_entry *old = find(c, hash, name, len, type, flags), *e;

	if (old)
		drop(c, old);
	/* One answer shall not push out all others. */
	if (m->body_len > c->max_octets / 16)
		return -ENOSPC;
	e = make_entry(m, name, len);
	if (!e)
		return -ENOMEM;
	if (e->m.ttl > MESSAGE_TTL_MAX)
		e->m.ttl = MESSAGE_TTL_MAX;
	e->hash = hash;
	e->born = now;
	e->type = type;
	e->flags = flags;
	make_room(c, e->octets);
	LIST_INSERT_HEAD(&c->bucket[hash & c->mask], e, chain);
	TAILQ_INSERT_TAIL(&c->clock, e, turn);
	c->octets += e->octets;
	c->count++;
	return 0;
}

/* --- an entry --- */

const struct message *message_of(const struct message_entry *e)
{
	return &e->m;
}

enum message_state message_state(const struct message_cache *c, const struct message_entry *e,
				 uint64_t now)
{
	uint64_t age = now - e->born, ttl = e->m.ttl * 1000ULL;

	if (age < ttl - ttl / 10)
		return MESSAGE_FRESH;
	if (age < ttl)
		return MESSAGE_AGING;
	/* An error is not worth keeping (RFC 8767 section 4). */
	if (age < ttl + c->stale_ms && (e->m.rcode == 0 || e->m.rcode == 3))
		return MESSAGE_STALE;
	return MESSAGE_NONE;
}

uint32_t message_left(const struct message_entry *e, uint64_t now)
{
	uint64_t age = (now - e->born) / 1000;

	return age < e->m.ttl ? e->m.ttl - age : 0;
}

static inline uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

void message_write(const struct message_entry *e, uint64_t now, uint8_t *out)
{
	uint64_t age = (now - e->born) / 1000;
	bool stale = now - e->born >= e->m.ttl * 1000ULL;

	memcpy(out, e->m.body, e->m.body_len);
	for (unsigned int i = 0; i < e->m.n_ttls; i++) {
		uint8_t *p = out + e->m.ttl_at[i];
		uint32_t ttl = get_u32(p);

		if (ttl > MESSAGE_TTL_MAX)
			ttl = MESSAGE_TTL_MAX;
		put_u32(p, stale ? MESSAGE_STALE_TTL : ttl > age ? ttl - age : 0);
	}
}

void message_failed(struct message_entry *e, uint64_t retry_at)
{
	e->retry_at = retry_at;
}

bool message_may_retry(const struct message_entry *e, uint64_t now)
{
	return now >= e->retry_at;
}

size_t message_cache_octets(const struct message_cache *c)
{
	return c->octets;
}

unsigned int message_cache_count(const struct message_cache *c)
{
	return c->count;
}
