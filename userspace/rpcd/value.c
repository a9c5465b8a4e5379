// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "value.h"

void *rpc_alloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);

	/* Calls are bounded, so there is no answer that would take less. */
	if (!p) {
		fputs("linnet-rpcd: out of memory\n", stderr);
		abort();
	}
	memset(p, 0, size);
	return p;
}

char *rpc_copy(struct arena *a, const void *data, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (!p)
		return rpc_alloc(a, len + 1);
	if (len)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

static struct rpc_value *new_value(struct arena *a, enum rpc_type type)
{
	struct rpc_value *v = rpc_alloc(a, sizeof(*v));

	v->type = type;
	return v;
}

struct rpc_value *rpc_nil(struct arena *a)
{
	return new_value(a, RPC_NIL);
}

struct rpc_value *rpc_boolean(struct arena *a, bool b)
{
	struct rpc_value *v = new_value(a, RPC_BOOLEAN);

	v->boolean = b;
	return v;
}

struct rpc_value *rpc_int(struct arena *a, int64_t n)
{
	struct rpc_value *v = new_value(a, RPC_INT);

	v->integer = n;
	return v;
}

struct rpc_value *rpc_double(struct arena *a, double d)
{
	struct rpc_value *v = new_value(a, RPC_DOUBLE);

	v->number = d;
	return v;
}

struct rpc_value *rpc_text(struct arena *a, enum rpc_type type, const void *data, size_t len)
{
	struct rpc_value *v = new_value(a, type);

	v->data = rpc_copy(a, data, len);
	v->len = len;
	return v;
}

struct rpc_value *rpc_string(struct arena *a, const char *s)
{
	return rpc_text(a, RPC_STRING, s, strlen(s));
}

struct rpc_value *rpc_array(struct arena *a)
{
	return new_value(a, RPC_ARRAY);
}

struct rpc_value *rpc_struct(struct arena *a)
{
	return new_value(a, RPC_STRUCT);
}

void rpc_append(struct rpc_value *array, struct rpc_value *v)
{
	if (array->last)
		array->last->next = v;
	else
		array->first = v;
	array->last = v;
	array->count++;
}

void rpc_member(struct arena *a, struct rpc_value *structure, const char *name, struct rpc_value *v)
{
	v->name_len = strlen(name);
	v->name = rpc_copy(a, name, v->name_len);
	rpc_append(structure, v);
}

const struct rpc_value *rpc_find(const struct rpc_value *structure, const char *name)
{
	size_t len = strlen(name);

	for (const struct rpc_value *v = structure->first; v; v = v->next)
		if (v->name_len == len && !memcmp(v->name, name, len))
			return v;
	return NULL;
}

static int compare_names(const struct rpc_value *a, const struct rpc_value *b)
{
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = len ? memcmp(a->name, b->name, len) : 0;

	return order ?: (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

bool rpc_same_name(const struct rpc_value *a, const struct rpc_value *b)
{
	return !compare_names(a, b);
}

/* An entry of the sorted table: the member and its place, for a stable order. */
struct placed {
	struct rpc_value *member;
	size_t place;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return compare_names(x->member, y->member) ?: (x->place > y->place) - (x->place < y->place);
}

/* Takes the members whose name is NULL out of the list. */
static void drop_nameless(struct rpc_value *structure)
{
	struct rpc_value *v = structure->first;

	structure->first = structure->last = NULL;
	structure->count = 0;
	for (struct rpc_value *next; v; v = next) {
		next = v->next;
		v->next = NULL;
		if (v->name)
			rpc_append(structure, v);
	}
}

/* The first keeps its place and gets the last one's value. */
static bool unite_equal(struct placed *table, size_t n)
{
	bool found = false;

	for (size_t i = 0, j; i < n; i = j) {
		struct rpc_value *first = table[i].member;

		for (j = i + 1; j < n && rpc_same_name(first, table[j].member); j++)
			;
		if (j > i + 1) {
			struct rpc_value *next = first->next, *last = table[j - 1].member;
			const char *name = first->name;

			*first = *last;
			first->next = next;
			first->name = name;
			for (size_t k = i + 1; k < j; k++)
				table[k].member->name = NULL;
			found = true;
		}
	}
	return found;
}

static bool has_equal(const struct rpc_value *structure)
{
	for (const struct rpc_value *v = structure->first; v; v = v->next)
		for (const struct rpc_value *w = v->next; w; w = w->next)
			if (rpc_same_name(v, w))
				return true;
	return false;
}

void rpc_unite_members(struct rpc_value *structure)
{
	size_t n = structure->count;
	struct placed *table;

	/* Sorted, so that a peer's choice of names cannot make it slow. */
	if (n < 16 && !has_equal(structure))
		return;
	table = malloc(n * sizeof(*table));
	if (!table)
		abort();
	n = 0;
	for (struct rpc_value *v = structure->first; v; v = v->next, n++)
		table[n] = (struct placed){ v, n };
	qsort(table, n, sizeof(*table), compare_placed);
	if (unite_equal(table, n))
		drop_nameless(structure);
	free(table);
}

const char *rpc_type_name(const struct rpc_value *v)
{
	static const char *const names[] = {
		[RPC_NIL] = "NoneType", [RPC_BOOLEAN] = "bool",
		[RPC_INT] = "int", [RPC_DOUBLE] = "float",
		[RPC_STRING] = "str", [RPC_DATETIME] = "DateTime",
		[RPC_BASE64] = "Binary", [RPC_ARRAY] = "list",
		[RPC_STRUCT] = "dict",
	};

	return names[v->type];
}

const char *rpc_xml_type(const struct rpc_value *v)
{
	static const char *const names[] = {
		[RPC_NIL] = "nil",	 [RPC_BOOLEAN] = "boolean",
		[RPC_INT] = "int",	 [RPC_DOUBLE] = "double",
		[RPC_STRING] = "string", [RPC_DATETIME] = "dateTime.iso8601",
		[RPC_BASE64] = "base64", [RPC_ARRAY] = "array",
		[RPC_STRUCT] = "struct",
	};

	return names[v->type];
}
