// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * system.multicall: many calls in one, done one after the other.  As in Python's
 * server it may be among them; the bound for nesting bounds that too.
 */
#include <string.h>

#include "call.h"

/**
 * struct multicall - a multicall under way
 * @call: its own call
 * @next: the next one that it asks for
 * @results: of those that are done
 * @busy: one is under way
 * @running: the loop that starts them is on the stack
 * @current: the one that is under way
 */
struct multicall {
	struct rpc_call *call;
	const struct rpc_value *next;
	struct rpc_value *results;
	bool busy, running;
	struct rpc_call current;
};

static void run(struct multicall *m);

static void one_done(struct rpc_call *c)
{
	struct multicall *m = c->owner;
	struct arena *a = c->arena;
	struct rpc_value *result;

	if (c->result) {
		/* The arguments it may have been taken from belong to another list. */
		struct rpc_value *v = rpc_alloc(a, sizeof(*v));

		*v = *c->result;
		v->next = NULL;
		result = rpc_array(a);
		rpc_append(result, v);
	} else {
		result = rpc_struct(a);
		rpc_member(a, result, "faultCode", rpc_int(a, c->fault_code));
		rpc_member(a, result, "faultString", rpc_string(a, c->fault));
	}
	rpc_append(m->results, result);
	m->busy = false;
	run(m);
}

/* Python's words for what cannot be subscripted by a name. */
static void raise_subscript(struct rpc_call *c, const struct rpc_value *v)
{
	switch (v->type) {
	case RPC_STRING:
		rpc_raise(c, "TypeError", "string indices must be integers, not 'str'");
		break;
	case RPC_ARRAY:
		rpc_raise(c, "TypeError", "list indices must be integers or slices, not str");
		break;
	default:
		rpc_raise(c, "TypeError", "'%s' object is not subscriptable", rpc_type_name(v));
	}
}

/* What Python makes of "*params": a list's elements, a string's letters, a dict's names. */
static const struct rpc_value *as_arguments(struct arena *a, const struct rpc_value *params)
{
	struct rpc_value *list;

	if (params->type == RPC_ARRAY)
		return params;
	list = rpc_array(a);
	if (params->type == RPC_STRUCT) {
		for (const struct rpc_value *v = params->first; v; v = v->next)
			rpc_append(list, rpc_text(a, RPC_STRING, v->name, v->name_len));
		return list;
	}
	for (size_t i = 0, n; i < params->len; i += n) {
		for (n = 1; i + n < params->len && (params->data[i + n] & 0xc0) == 0x80; n++)
			;
		rpc_append(list, rpc_text(a, RPC_STRING, params->data + i, n));
	}
	return list;
}

/* Starts the call that @what asks for; false: the whole multicall has failed. */
static bool start(struct multicall *m, const struct rpc_value *what)
{
	const struct rpc_value *name, *params;
	struct rpc_call *c = &m->current;

	if (what->type != RPC_STRUCT) {
		raise_subscript(m->call, what);
		return false;
	}
	name = rpc_find(what, "methodName");
	params = rpc_find(what, "params");
	if (!name || !params) {
		rpc_raise(m->call, "KeyError", "'%s'", name ? "params" : "methodName");
		return false;
	}
	*c = (struct rpc_call){
		.worker = m->call->worker,
		.arena = m->call->arena,
		.loaded = m->call->loaded,
		.done = one_done,
		.owner = m,
	};
	m->busy = true;
	if (params->type != RPC_ARRAY && params->type != RPC_STRUCT && params->type != RPC_STRING)
		rpc_raise(c, "TypeError", "argument after * must be an iterable, not %s",
			  rpc_type_name(params));
	else
		rpc_dispatch(c, name, as_arguments(c->arena, params));
	return true;
}

static void run(struct multicall *m)
{
	struct store *store = m->call->worker->store;

	/* A call that is done at once comes back here by one_done(). */
	if (m->running)
		return;
	m->running = true;
	store_together(store, true);
	while (m->next && !m->busy) {
		const struct rpc_value *what = m->next;

		m->next = what->next;
		if (!start(m, what)) {
			store_together(store, false);
			return;
		}
	}
	store_together(store, false);
	m->running = false;
	if (!m->busy)
		rpc_return(m->call, m->results);
}

static void multicall(struct rpc_call *c)
{
	const struct rpc_value *calls = rpc_argument(c, 0);
	struct multicall *m;

	switch (calls->type) {
	case RPC_ARRAY:
		m = rpc_alloc(c->arena, sizeof(*m));
		m->call = c;
		m->next = calls->first;
		m->results = rpc_array(c->arena);
		run(m);
		break;
	case RPC_STRING:
	case RPC_STRUCT:
		/* Their letters, or names, are what it is repeated for. */
		if (calls->type == RPC_STRING ? calls->len : calls->count)
			rpc_raise(c, "TypeError", "string indices must be integers, not 'str'");
		else
			rpc_return(c, rpc_array(c->arena));
		break;
	default:
		rpc_raise(c, "TypeError", "'%s' object is not iterable", rpc_type_name(calls));
	}
}

void rpc_register_multicall(struct rpc_registry *r)
{
	static const struct rpc_method method = {
		.name = "system.multicall",
		.parameters = "call_list",
		.help = "Do several calls, one after the other: an array of structs of "
			"'methodName' and 'params'. Returns an array with, for each, an array of its result or "
			"a struct of 'faultCode' and 'faultString'.",
		.python = "SimpleXMLRPCDispatcher.system_multicall",
		.call = multicall,
	};

	rpc_register(r, &method);
}
