// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counting connections and events by address, in memory that all workers share.
 *
 * The table is a hash with open addressing over a fixed number of entries, twice
 * as many as there may be connections, so that it never fills with addresses that
 * are connected.  An entry without connections stays, for its token bucket, until
 * somebody needs its place.  Beside it each worker has a count for each entry, so
 * that what a worker held can be given back when it dies.
 *
 * The lock is robust: a worker that is killed while it holds the lock leaves
 * counts that are at most one off, and its own are given back by the master.
 */
#include "peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

/* Entries looked at before one without connections has to make room. */
#define MAX_PROBES	32
#define MIN_ENTRIES	4096
#define KEY_BYTES	9

struct ln_peer {
	unsigned char key[KEY_BYTES];
	unsigned int count;
	double tokens;
	uint64_t filled_ms;		/* when @tokens was right */
};

static struct table {
	pthread_mutex_t lock;
	uint64_t seed;
	unsigned int connections;
	unsigned int n_entries, n_workers;
	struct ln_peer entries[];	/* then, worker by worker, a count for each entry */
} *table;

static unsigned int own_slot;

static uint32_t *counts_of(unsigned int slot)
{
	return (uint32_t *)(table->entries + table->n_entries) + (size_t)slot * table->n_entries;
}

static void lock(void)
{
	if (pthread_mutex_lock(&table->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&table->lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&table->lock);
}

/**
 * ln_peers_share() - make the table; before workers are started
 * @max_connections: connections at once, over all workers
 * @max_workers: slots for workers
 *
 * Return: 0 or a negative errno.
 */
int ln_peers_share(unsigned int max_connections, unsigned int max_workers)
{
	unsigned int n = MIN_ENTRIES;
	pthread_mutexattr_t attr;
	size_t size;

	while (n < 2 * max_connections)
		n *= 2;
	size = sizeof(*table) + n * (sizeof(struct ln_peer) + max_workers * sizeof(uint32_t));
	/* Pages that are never touched cost nothing. */
	table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	if (table == MAP_FAILED)
		return -errno;
	if (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		return -errno;
	table->n_entries = n;
	table->n_workers = max_workers;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&table->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return 0;
}

/**
 * ln_peers_worker() - say which worker this process is
 * @slot: its slot
 */
void ln_peers_worker(unsigned int slot)
{
	own_slot = slot;
}

/**
 * ln_peers_worker_gone() - give back what a worker held when it ended
 * @slot: its slot
 */
void ln_peers_worker_gone(unsigned int slot)
{
	uint32_t *counts = counts_of(slot);

	lock();
	for (unsigned int i = 0; i < table->n_entries; i++) {
		if (!counts[i])
			continue;
		table->entries[i].count -= counts[i];
		table->connections -= counts[i];
		counts[i] = 0;
	}
	unlock();
}

/**
 * ln_peers_connections() - connections that all workers have
 */
unsigned int ln_peers_connections(void)
{
	return __atomic_load_n(&table->connections, __ATOMIC_RELAXED);
}

/* One IPv4 address, or the /64 that one IPv6 host usually has to itself. */
static void make_key(const union ln_addr *addr, unsigned char key[KEY_BYTES])
{
	memset(key, 0, KEY_BYTES);
	if (addr->sa.sa_family == AF_INET) {
		key[0] = 4;
		memcpy(key + 1, &addr->in.sin_addr, 4);
	} else {
		key[0] = 6;
		memcpy(key + 1, &addr->in6.sin6_addr, 8);
	}
}

/* Keyed, so that nobody can choose addresses that meet in one place. */
static unsigned int hash(const unsigned char key[KEY_BYTES])
{
	uint64_t h = table->seed;

	for (int i = 0; i < KEY_BYTES; i++) {
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h & (table->n_entries - 1);
}

/* The address's entry, or one that it may have.  NULL: all are in use. */
static struct ln_peer *find(const unsigned char key[KEY_BYTES])
{
	unsigned int at = hash(key), mask = table->n_entries - 1;
	struct ln_peer *place = NULL, *p;

	for (unsigned int i = 0; i < MAX_PROBES; i++) {
		p = &table->entries[(at + i) & mask];
		if (!memcmp(p->key, key, KEY_BYTES))
			return p;
		/* The place of whoever was not heard of for longest. */
		if (!p->count && (!place || !p->key[0] ||
				  (place->key[0] && p->filled_ms < place->filled_ms)))
			place = p;
		if (!p->key[0])
			break;
	}
	if (place) {
		memset(place, 0, sizeof(*place));
		memcpy(place->key, key, KEY_BYTES);
	}
	return place;
}

/**
 * ln_peer_get() - count one more connection from an address
 * @addr: the address
 * @max: connections allowed
 *
 * Return: what ln_peer_put() takes back, or NULL with errno set: EUSERS when
 * the address has @max connections, ENOMEM when the table has no place.
 */
struct ln_peer *ln_peer_get(const union ln_addr *addr, unsigned int max)
{
	unsigned char key[KEY_BYTES];
	struct ln_peer *p;
	int err = 0;

	make_key(addr, key);
	lock();
	p = find(key);
	if (!p) {
		err = ENOMEM;
	} else if (p->count >= max) {
		err = EUSERS;
	} else {
		p->count++;
		counts_of(own_slot)[p - table->entries]++;
		table->connections++;
	}
	unlock();
	errno = err;
	return err ? NULL : p;
}

/**
 * ln_peer_put() - count one connection less
 * @p: from ln_peer_get()
 */
void ln_peer_put(struct ln_peer *p)
{
	lock();
	p->count--;
	counts_of(own_slot)[p - table->entries]--;
	table->connections--;
	unlock();
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/**
 * ln_peer_allow() - take a token from an address's bucket
 * @p: an address with a connection
 * @per_second: tokens that come in a second
 * @burst: tokens that there are at most
 *
 * Return: whether there was one.
 */
bool ln_peer_allow(struct ln_peer *p, double per_second, double burst)
{
	uint64_t now = now_ms();
	bool allowed;

	lock();
	if (!p->filled_ms)
		p->tokens = burst;
	else if (now > p->filled_ms)
		p->tokens += (now - p->filled_ms) * per_second / 1000;
	if (p->tokens > burst)
		p->tokens = burst;
	p->filled_ms = now;
	allowed = p->tokens >= 1;
	if (allowed)
		p->tokens -= 1;
	unlock();
	return allowed;
}
