/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the key-value server keeps its pairs: octets under octets, in the order in
 * which keys were first set.  What they mean is pack.h's business.
 */
#ifndef RPCD_STORE_H
#define RPCD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum store_kind { STORE_GET, STORE_EXISTS, STORE_KEYS, STORE_SET, STORE_DELETE };

/**
 * struct store_request - what is asked of a store; the asker's until @done
 * @kind: get, exists, keys, set or delete
 * @key: identifies the pair; must stay until @done, as @name and @value
 * @key_len: octets of it
 * @name: set: what keys tells of it, kept as it was first set
 * @name_len: octets of it
 * @value: set: the value
 * @value_len: octets of it
 * @after: keys: only those after this cursor; 0: from the start
 * @limit: keys: how many at most
 * @row: get: called with the value; keys: with each name in order.  Returns false when
 *	it can take no more: then the request fails with -E2BIG.
 * @done: called once, maybe from within store_submit()
 * @owner: the asker's own
 * @status: 0, -ENOENT: no such key, or another negative errno, and @error says why
 * @error: "sqlite3.OperationalError", or what else Python would call it, and the text
 * @cursor: keys: cursor of the last key
 * @more: keys: there are further ones after @cursor
 * @next: the store's own
 * @store: the same
 */
struct store_request {
	enum store_kind kind;
	const char *key, *name, *value;
	size_t key_len, name_len, value_len;
	int64_t after;
	uint32_t limit;
	bool (*row)(struct store_request *r, const char *data, size_t len);
	void (*done)(struct store_request *r);
	void *owner;
	int status;
	struct {
		const char *exception;
		char text[200];
	} error;
	int64_t cursor;
	bool more;
	struct store_request *next;
	struct store *store;
};

/**
 * struct store - a store; each kind has more
 * @submit: see store_submit()
 * @together: see store_together(); NULL: nothing is gained by it
 * @close: finish what is under way, then let it go
 */
struct store {
	void (*submit)(struct store *s, struct store_request *r);
	void (*together)(struct store *s, bool begin);
	void (*close)(struct store *s);
};

/*
 * Does what is asked.  When a set or delete is done it is on the disk, or on most of
 * etcd's machines; a get that is submitted later sees it.
 */
static inline void store_submit(struct store *s, struct store_request *r)
{
	r->store = s;
	s->submit(s, r);
}

/*
 * What is asked between begin and end, which come in pairs within one event of the loop, was
 * all asked for before the begin: it may be read from one and the same state.
 */
static inline void store_together(struct store *s, bool begin)
{
	if (s->together)
		s->together(s, begin);
}

void store_fail(struct store_request *r, int status, const char *exception, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* In memory; @limit: octets of keys and values at most. NULL: no memory */
struct store *store_memory_open(uint64_t limit);

#endif
