// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many requests an address may make, counted by all workers together.
 *
 * The table is in memory that the workers share, and of a fixed size.  For each
 * address it has one number: the time at which its bucket will be full again (the
 * "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371), so
 * that one atomic exchange is all that a request costs.  Closing a connection and
 * making another does not help.
 */
#include "rate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define SETS	1024
#define WAYS	8

/* @full: CLOCK_MONOTONIC, ns */
struct slot {
	_Atomic uint64_t key;
	_Atomic uint64_t full;
};

/**
 * struct rate - a limit
 * @interval: ns that one request costs
 * @tolerance: ns that may be owed
 * @secret: keeps peers from choosing addresses that share a slot
 * @slot: the table, in shared memory
 */
struct rate {
	uint64_t interval;
	uint64_t tolerance;
	uint64_t secret[2];
	struct slot *slot;
};

/**
 * rate_new() - a limit; in the master, so that workers share it
 * @per_second: requests in a second that may go on for ever; more than 0
 * @burst: requests at once after a rest; at least 1
 *
 * Return: the limit, or NULL with errno set.
 */
struct rate *rate_new(double per_second, double burst)
{
	struct rate *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->interval = 1e9 / per_second;
	r->tolerance = (burst - 1) * 1e9 / per_second;
	r->slot = mmap(NULL, SETS * WAYS * sizeof(*r->slot), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->slot == MAP_FAILED) {
		free(r);
		return NULL;
	}
	if (getrandom(r->secret, sizeof(r->secret), 0) != sizeof(r->secret)) {
		rate_free(r);
		return NULL;
	}
	return r;
}

/**
 * rate_free() - let a limit go
 * @r: the limit, or NULL
 */
void rate_free(struct rate *r)
{
	if (!r)
		return;
	munmap(r->slot, SETS * WAYS * sizeof(*r->slot));
	free(r);
}

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

/* An IPv4 address, or the /64 that an IPv6 host usually has to itself; never 0. */
static uint64_t make_key(const struct rate *r, const union ln_addr *addr)
{
	uint64_t net = 0;

	if (addr->sa.sa_family == AF_INET) {
		net = (uint64_t)0xffff << 32 | ntohl(addr->in.sin_addr.s_addr);
	} else if (IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr)) {
		memcpy(&net, addr->in6.sin6_addr.s6_addr + 12, 4);
		net = (uint64_t)0xffff << 32 | ntohl((uint32_t)net);
	} else {
		memcpy(&net, &addr->in6.sin6_addr, 8);
	}
	return mix(mix(net ^ r->secret[0]) ^ r->secret[1]) | 1;
}

/* The address's slot, or else the one that is full first: it knows the least. */
static struct slot *find(struct rate *r, uint64_t key)
{
	struct slot *set = r->slot + (key >> 32) % SETS * WAYS, *oldest = set;
	uint64_t was;

	for (struct slot *s = set; s < set + WAYS; s++) {
		if (atomic_load(&s->key) == key)
			return s;
		if (atomic_load(&s->full) < atomic_load(&oldest->full))
			oldest = s;
	}
	was = atomic_load(&oldest->key);
	if (atomic_compare_exchange_strong(&oldest->key, &was, key))
		atomic_store(&oldest->full, 0);
	return oldest;
}

/**
 * rate_take() - count a request
 * @r: the limit
 * @addr: who makes it
 * @now: CLOCK_MONOTONIC, ns
 *
 * Return: 0, or the time in ns after which there would be room for it.
 */
uint64_t rate_take(struct rate *r, const union ln_addr *addr, uint64_t now)
{
	struct slot *s = find(r, make_key(r, addr));
	uint64_t full = atomic_load(&s->full), start;

	do {
		start = full > now ? full : now;
		if (start - now > r->tolerance)
			return start - now - r->tolerance;
	} while (!atomic_compare_exchange_weak(&s->full, &full, start + r->interval));
	return 0;
}
