// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counting connections by address.  The table holds only addresses that have
 * a connection, so that the limit on connections bounds it too, and a chain
 * that a hostile choice of addresses makes long is no longer than that.
 */
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ln_peer {
	struct ln_peer *next;
	unsigned int bucket;
	unsigned int count;
	unsigned char key[9];
};

/* One IPv4 address, or the /64 that one IPv6 host usually has to itself. */
static void make_key(const union ln_addr *addr, unsigned char key[9])
{
	memset(key, 0, 9);
	if (addr->sa.sa_family == AF_INET) {
		key[0] = 4;
		memcpy(key + 1, &addr->in.sin_addr, 4);
	} else {
		key[0] = 6;
		memcpy(key + 1, &addr->in6.sin6_addr, 8);
	}
}

static unsigned int hash(const unsigned char key[9])
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (int i = 0; i < 9; i++)
		h = (h ^ key[i]) * 16777619u;
	return (h ^ h >> 16) % LN_PEER_BUCKETS;
}

/**
 * ln_peer_get() - count one more connection from an address
 * @t: the table
 * @addr: the address
 * @max: connections allowed
 *
 * Return: what ln_peer_put() takes back, or NULL with errno set: EUSERS when
 * the address has @max connections, ENOMEM.
 */
struct ln_peer *ln_peer_get(struct ln_peers *t, const union ln_addr *addr, unsigned int max)
{
	unsigned char key[9];
	unsigned int bucket;
	struct ln_peer *p;

	make_key(addr, key);
	bucket = hash(key);
	for (p = t->buckets[bucket]; p; p = p->next)
		if (!memcmp(p->key, key, sizeof(key)))
			break;
	if (p && p->count >= max) {
		errno = EUSERS;
		return NULL;
	}
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return NULL;
		memcpy(p->key, key, sizeof(key));
		p->bucket = bucket;
		p->next = t->buckets[bucket];
		t->buckets[bucket] = p;
	}
	p->count++;
	return p;
}

/**
 * ln_peer_put() - count one connection less
 * @t: the table
 * @p: from ln_peer_get()
 */
void ln_peer_put(struct ln_peers *t, struct ln_peer *p)
{
	struct ln_peer **pp = &t->buckets[p->bucket];

	if (--p->count)
		return;
	while (*pp != p)
		pp = &(*pp)->next;
	*pp = p->next;
	free(p);
}
