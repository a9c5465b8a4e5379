/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that others gave, as messages that only need a header and a question.
 *
 * Times are milliseconds of a clock that does not jump.
 */
#ifndef DNSD_RESOLVE_CACHE_H
#define DNSD_RESOLVE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a key: who wants signatures (DO) and who checks them himself (CD) gets other messages. */
#define MESSAGE_DO	1
#define MESSAGE_CD	2

#define MESSAGE_STALE_TTL	30	/* RFC 8767 section 4 */
#define MESSAGE_TTL_MAX		86400
#define MESSAGE_TTLS_MAX	5956	/* records that fit into a message: each has 11 octets or more */

/**
 * struct message - what is kept of an answer
 * @rcode, @aa: of its header
 * @secure: all of it was validated; @bogus: it was, and is forged or broken
 * @count: records of its three sections
 * @body: what follows the question; names in it may point to the question
 * @body_len: octets
 * @ttl_at: where in @body TTLs are, @n_ttls of them
 * @ttl: seconds that it may be used
 * @source: which of the upstream's contexts it is from
 * @ede, @why: extended error (-1: none) and words for it, @why_len octets
 */
struct message {
	uint8_t rcode;
	bool aa, secure, bogus;
	uint16_t count[3];
	const uint8_t *body;
	size_t body_len;
	const uint16_t *ttl_at;
	unsigned int n_ttls;
	uint32_t ttl;
	unsigned int source;
	int ede;
	const char *why;
	size_t why_len;
};

/* What may be done with an entry. */
enum message_state {
	MESSAGE_NONE,
	MESSAGE_FRESH,
	MESSAGE_AGING,		/* fresh, in the last tenth of its TTL */
	MESSAGE_STALE,
};

struct message_cache;
struct message_entry;

/**
 * message_cache_new() - an empty cache
 * @max_octets: of all entries
 * @stale_s: seconds that messages are kept when their TTL is over
 *
 * Return: the cache for message_cache_free(), or NULL without memory.
 */
struct message_cache *message_cache_new(size_t max_octets, uint32_t stale_s);
void message_cache_free(struct message_cache *c);

/**
 * message_cache_get() - look for an answer
 * @c: the cache
 * @name: wire form, lower case
 * @len: octets of it
 * @type: type
 * @flags: MESSAGE_DO, MESSAGE_CD
 *
 * Return: the entry, which stays until something is put, or NULL.
 */
struct message_entry *message_cache_get(struct message_cache *c, const uint8_t *name, size_t len,
					uint16_t type, unsigned int flags);
/**
 * message_cache_put() - keep an answer in the place of what is there
 * @c: the cache
 * @name, @len, @type, @flags: as message_cache_get()
 * @m: is copied
 * @now: milliseconds
 *
 * Return: 0, -ENOMEM, or -ENOSPC when it would be too large a part of the cache.
 */
int message_cache_put(struct message_cache *c, const uint8_t *name, size_t len, uint16_t type,
		      unsigned int flags, const struct message *m, uint64_t now);
/**
 * message_state() - what may be done with an entry
 * @c: its cache
 * @e: the entry
 * @now: milliseconds
 */
enum message_state message_state(const struct message_cache *c, const struct message_entry *e,
				 uint64_t now);
const struct message *message_of(const struct message_entry *e);
/**
 * message_write() - the body, with TTLs as of now
 * @e: a stale one has MESSAGE_STALE_TTL
 * @now: milliseconds
 * @out: has room for body_len octets
 */
void message_write(const struct message_entry *e, uint64_t now, uint8_t *out);
/**
 * message_left() - what is left of the TTL
 * @e: the entry
 * @now: milliseconds
 *
 * Return: seconds.
 */
uint32_t message_left(const struct message_entry *e, uint64_t now);
/**
 * message_failed() - it could not be replaced
 * @e: the entry
 * @retry_at: milliseconds: when somebody may try again; until then a stale one is used at once
 */
void message_failed(struct message_entry *e, uint64_t retry_at);
bool message_may_retry(const struct message_entry *e, uint64_t now);
size_t message_cache_octets(const struct message_cache *c);
unsigned int message_cache_count(const struct message_cache *c);

#endif
