// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs in memory.  A tree finds them (balanced, so that no choice of keys makes it
 * slow), an array has their order; places of deleted ones stay empty there until they
 * are half of it.
 */
#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

/* What the tree and the array take for a pair, about. */
#define OVERHEAD 128

struct pair {
	const char *key;
	size_t key_len;
	char *value;
	size_t value_len;
	size_t name_len;
	int64_t serial;
	size_t place;
	char octets[]; /* key, then name */
};

struct store_memory {
	struct store store;
	void *tree;
	struct pair **order;
	size_t n, size; /* places used, places there */
	size_t pairs;
	int64_t serial;
	uint64_t octets, limit;
};

void store_fail(struct store_request *r, int status, const char *exception, const char *fmt, ...)
{
	va_list ap;

	r->status = status;
	r->error.exception = exception;
	va_start(ap, fmt);
	vsnprintf(r->error.text, sizeof(r->error.text), fmt, ap);
	va_end(ap);
}

static int compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;

	return memcmp(x->key, y->key, len) ?: (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static struct pair *find(struct store_memory *m, const struct store_request *r)
{
	struct pair wanted = { .key = r->key, .key_len = r->key_len };
	void *found = tfind(&wanted, &m->tree, compare);

	return found ? *(struct pair **)found : NULL;
}

static void get(struct store_memory *m, struct store_request *r)
{
	struct pair *p = find(m, r);

	r->status = p ? 0 : -ENOENT;
	if (p && r->kind == STORE_GET && !r->row(r, p->value, p->value_len))
		r->status = -E2BIG;
}

/* The first place whose pair came after @serial, or where it would be. */
static size_t place_after(const struct store_memory *m, int64_t serial)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = (low + high) / 2, i = middle;

		while (i < high && !m->order[i])
			i++;
		if (i == high)
			high = middle;
		else if (m->order[i]->serial <= serial)
			low = i + 1;
		else
			high = middle;
	}
	return low;
}

static void keys(struct store_memory *m, struct store_request *r)
{
	uint32_t left = r->limit;

	r->status = 0;
	r->cursor = r->after;
	r->more = false;
	for (size_t i = place_after(m, r->after); i < m->n; i++) {
		struct pair *p = m->order[i];

		if (!p)
			continue;
		if (!left--) {
			r->more = true;
			return;
		}
		if (!r->row(r, p->octets + p->key_len, p->name_len)) {
			r->status = -E2BIG;
			return;
		}
		r->cursor = p->serial;
	}
}

static bool fits(struct store_memory *m, uint64_t octets, uint64_t instead_of)
{
	return m->octets - instead_of + octets <= m->limit;
}

static void fail_memory(struct store_request *r)
{
	store_fail(r, -ENOMEM, "MemoryError", "the store is full");
}

static bool add_place(struct store_memory *m, struct pair *p)
{
	if (m->n == m->size) {
		size_t size = m->size ? 2 * m->size : 64;
		struct pair **order = realloc(m->order, size * sizeof(*order));

		if (!order)
			return false;
		m->order = order;
		m->size = size;
	}
	p->place = m->n;
	m->order[m->n++] = p;
	return true;
}

static void add(struct store_memory *m, struct store_request *r, char *value)
{
	uint64_t octets = r->key_len + r->name_len + r->value_len + OVERHEAD;
	struct pair *p = fits(m, octets, 0) ? malloc(sizeof(*p) + r->key_len + r->name_len) : NULL;

	if (!p || !add_place(m, p)) {
		free(p);
		free(value);
		fail_memory(r);
		return;
	}
	memcpy(p->octets, r->key, r->key_len);
	memcpy(p->octets + r->key_len, r->name, r->name_len);
	p->key = p->octets;
	p->key_len = r->key_len;
	p->name_len = r->name_len;
	p->value = value;
	p->value_len = r->value_len;
	p->serial = ++m->serial;
	if (!tsearch(p, &m->tree, compare)) {
		m->n--;
		free(p);
		free(value);
		fail_memory(r);
		return;
	}
	m->octets += octets;
	m->pairs++;
}

static void set(struct store_memory *m, struct store_request *r)
{
	struct pair *p = find(m, r);
	char *value = malloc(r->value_len + 1);

	r->status = 0;
	if (!value || (p && !fits(m, r->value_len, p->value_len))) {
		free(value);
		fail_memory(r);
		return;
	}
	memcpy(value, r->value, r->value_len);
	if (!p) {
		add(m, r, value);
		return;
	}
	m->octets += r->value_len;
	m->octets -= p->value_len;
	free(p->value);
	p->value = value;
	p->value_len = r->value_len;
}

static void close_ranks(struct store_memory *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (!m->order[i])
			continue;
		m->order[i]->place = n;
		m->order[n++] = m->order[i];
	}
	m->n = n;
}

static void delete (struct store_memory *m, struct store_request *r)
{
	struct pair *p = find(m, r);

	r->status = p ? 0 : -ENOENT;
	if (!p)
		return;
	tdelete(p, &m->tree, compare);
	m->order[p->place] = NULL;
	m->octets -= p->key_len + p->name_len + p->value_len + OVERHEAD;
	m->pairs--;
	free(p->value);
	free(p);
	if (m->n > 64 && m->pairs < m->n / 2)
		close_ranks(m);
}

static void submit(struct store *s, struct store_request *r)
{
	struct store_memory *m = (struct store_memory *)s;

	switch (r->kind) {
	case STORE_GET:
	case STORE_EXISTS:
		get(m, r);
		break;
	case STORE_KEYS:
		keys(m, r);
		break;
	case STORE_SET:
		set(m, r);
		break;
	case STORE_DELETE:
		delete (m, r);
		break;
	}
	r->done(r);
}

static void close_memory(struct store *s)
{
	struct store_memory *m = (struct store_memory *)s;

	for (size_t i = 0; i < m->n; i++) {
		if (!m->order[i])
			continue;
		tdelete(m->order[i], &m->tree, compare);
		free(m->order[i]->value);
		free(m->order[i]);
	}
	free(m->order);
	free(m);
}

struct store *store_memory_open(uint64_t limit)
{
	struct store_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->store = (struct store){ .submit = submit, .close = close_memory };
	m->limit = limit;
	return &m->store;
}
