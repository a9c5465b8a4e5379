// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key-value server: a Python dictionary, in what it returns and how it fails.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "number.h"
#include "pack.h"
#include "repr.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 100000

/**
 * struct operation - a store's request for a call
 * @request: the request
 * @call: the call
 * @key: octets that the request points to
 * @name: likewise
 * @value: likewise
 * @result: what was found, so far
 */
struct operation {
	struct store_request request;
	struct rpc_call *call;
	struct rpc_buffer key, name, value;
	struct rpc_value *result;
};

static void free_buffers(struct operation *o)
{
	rpc_buffer_free(&o->key);
	rpc_buffer_free(&o->name);
	rpc_buffer_free(&o->value);
}

static void raise_key_error(struct operation *o)
{
	struct rpc_buffer b = { 0 };

	rpc_repr(&b, rpc_argument(o->call, 0));
	rpc_raise(o->call, "KeyError", "%.*s", (int)b.len, b.data ?: "");
	rpc_buffer_free(&b);
}

/* Ends the call after a failure; otherwise returns true. */
static bool good(struct operation *o)
{
	struct store_request *r = &o->request;

	free_buffers(o);
	switch (r->status) {
	case 0:
		return true;
	case -ENOENT:
		if (r->kind == STORE_EXISTS)
			return true;
		raise_key_error(o);
		return false;
	case -E2BIG:
		rpc_raise(o->call, "OverflowError", "the answer would exceed %zu octets%s",
			  o->call->worker->limits->answer,
			  r->kind == STORE_KEYS ? ": ask for fewer keys with keysPage()" : "");
		return false;
	default:
		rpc_raise(o->call, r->error.exception, "%s", r->error.text);
		return false;
	}
}

static struct operation *prepare(struct rpc_call *c, enum store_kind kind,
				 void (*done)(struct store_request *r))
{
	struct operation *o = rpc_alloc(c->arena, sizeof(*o));

	o->call = c;
	o->request.kind = kind;
	o->request.done = done;
	o->request.owner = o;
	return o;
}

static struct operation *prepare_key(struct rpc_call *c, enum store_kind kind,
				     void (*done)(struct store_request *r))
{
	const struct rpc_value *key = rpc_argument(c, 0);
	struct operation *o = prepare(c, kind, done);

	if (!rpc_pack_key(&o->key, key)) {
		free_buffers(o);
		rpc_raise_unhashable(c, key);
		return NULL;
	}
	o->request.key = o->key.data;
	o->request.key_len = o->key.len;
	return o;
}

static void submit(struct operation *o)
{
	if (o->key.failed || o->name.failed || o->value.failed) {
		free_buffers(o);
		rpc_raise(o->call, "MemoryError", "%s", "");
		return;
	}
	store_submit(o->call->worker->store, &o->request);
}

static bool value_found(struct store_request *r, const char *data, size_t len)
{
	struct operation *o = r->owner;

	if (!rpc_may_load(o->call, len))
		return false;
	o->result = rpc_unpack(o->call->arena, data, len);
	return true;
}

static void get_done(struct store_request *r)
{
	struct operation *o = r->owner;

	if (!good(o))
		return;
	if (o->result)
		rpc_return(o->call, o->result);
	else
		rpc_raise(o->call, "ValueError", "%s", "what the store holds is no value");
}

static void get(struct rpc_call *c)
{
	struct operation *o = prepare_key(c, STORE_GET, get_done);

	if (!o)
		return;
	o->request.row = value_found;
	submit(o);
}

static void nothing_done(struct store_request *r)
{
	struct operation *o = r->owner;

	if (good(o))
		rpc_return(o->call, rpc_nil(o->call->arena));
}

static void set(struct rpc_call *c)
{
	struct operation *o = prepare_key(c, STORE_SET, nothing_done);

	if (!o)
		return;
	rpc_pack(&o->name, rpc_argument(c, 0));
	rpc_pack(&o->value, rpc_argument(c, 1));
	o->request.name = o->name.data;
	o->request.name_len = o->name.len;
	o->request.value = o->value.data;
	o->request.value_len = o->value.len;
	submit(o);
}

static void delete (struct rpc_call *c)
{
	struct operation *o = prepare_key(c, STORE_DELETE, nothing_done);

	if (o)
		submit(o);
}

static void exists_done(struct store_request *r)
{
	struct operation *o = r->owner;

	if (good(o))
		rpc_return(o->call, rpc_boolean(o->call->arena, !r->status));
}

static void exists(struct rpc_call *c)
{
	struct operation *o = prepare_key(c, STORE_EXISTS, exists_done);

	if (o)
		submit(o);
}

static bool key_found(struct store_request *r, const char *data, size_t len)
{
	struct operation *o = r->owner;
	struct rpc_value *v;

	if (!rpc_may_load(o->call, len + sizeof(*v)))
		return false;
	v = rpc_unpack(o->call->arena, data, len);
	/* A damaged one is shown as such, so that the others can be had. */
	rpc_append(o->result, v ?: rpc_nil(o->call->arena));
	return true;
}

static void keys_done(struct store_request *r)
{
	struct operation *o = r->owner;

	if (good(o))
		rpc_return(o->call, o->result);
}

static void keys(struct rpc_call *c)
{
	struct operation *o = prepare(c, STORE_KEYS, keys_done);

	o->result = rpc_array(c->arena);
	o->request.limit = UINT32_MAX;
	o->request.row = key_found;
	submit(o);
}

static void page_done(struct store_request *r)
{
	struct operation *o = r->owner;
	struct arena *a = o->call->arena;
	struct rpc_value *page, *next;
	char text[24];

	if (!good(o))
		return;
	snprintf(text, sizeof(text), "%" PRId64, r->cursor);
	next = r->more ? rpc_string(a, text) : rpc_nil(a);
	page = rpc_struct(a);
	rpc_member(a, page, "keys", o->result);
	rpc_member(a, page, "next", next);
	rpc_return(o->call, page);
}

static void keys_page(struct rpc_call *c)
{
	const struct rpc_value *after = rpc_argument(c, 0);
	const struct rpc_value *limit = after ? rpc_argument(c, 1) : NULL;
	struct operation *o = prepare(c, STORE_KEYS, page_done);

	if (limit && (limit->integer < 1 || limit->integer > PAGE_MAX)) {
		rpc_raise(c, "ValueError", "limit must be from 1 to %d", PAGE_MAX);
		return;
	}
	if (after && after->type == RPC_STRING &&
	    rpc_parse_int(after->data, after->len, 0, INT64_MAX, &o->request.after)) {
		rpc_raise(c, "ValueError", "%s",
			  "after must be the 'next' of the page before, or nil");
		return;
	}
	o->result = rpc_array(c->arena);
	o->request.limit = limit ? limit->integer : PAGE_DEFAULT;
	o->request.row = key_found;
	submit(o);
}

void rpc_register_key_value(struct rpc_registry *r)
{
	static const struct rpc_method methods[] = {
		{
			.name = "get",
			.parameters = "name",
			.help = "The value of the key name. KeyError when there is none.",
			.python = "KeyValueServer.get",
			.call = get,
		},
		{
			.name = "set",
			.parameters = "name value",
			.help = "Give the key name a value of any type. When this has returned, "
				"the store has it for good.",
			.python = "KeyValueServer.set",
			.call = set,
		},
		{
			.name = "delete",
			.parameters = "name",
			.help = "Forget the key name and its value. KeyError when there is none.",
			.python = "KeyValueServer.delete",
			.call = delete,
		},
		{
			.name = "exists",
			.parameters = "name",
			.signatures = "boolean any",
			.help = "Whether the key name has a value.",
			.python = "KeyValueServer.exists",
			.call = exists,
		},
		{
			.name = "keys",
			.parameters = "",
			.signatures = "array",
			.help = "All keys, in the order in which they were first set.",
			.python = "KeyValueServer.keys",
			.call = keys,
		},
		{
			.name = "keysPage",
			.parameters = "[after] [limit]",
			.signatures = "struct, struct nil, struct string, struct nil int, "
				      "struct string int",
			.help = "Some of the keys: a struct of 'keys', at most limit (default "
				"1000), "
				"and 'next', which asks for the page that follows when given as "
				"after, or nil: these were the last.",
			.call = keys_page,
		},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		rpc_register(r, &methods[i]);
}
