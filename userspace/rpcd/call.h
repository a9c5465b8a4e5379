/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call under way, and where methods are found. */
#ifndef RPCD_CALL_H
#define RPCD_CALL_H

#include "arena.h"
#include "method.h"
#include "parse.h"
#include "store.h"

/**
 * struct rpc_worker - what all calls of a worker share
 * @loop: the event loop
 * @registry: the methods
 * @store: the key-value server's
 * @limits: bounds
 */
struct rpc_worker {
	uv_loop_t *loop;
	const struct rpc_registry *registry;
	struct store *store;
	const struct rpc_limits *limits;
};

/**
 * struct rpc_call - a call, or one of those within system.multicall
 * @worker: where it runs
 * @arena: where its values are; shared by the calls of a multicall
 * @loaded: octets of values that came from the store, shared likewise
 * @method: the method
 * @arguments: an array or struct of the arguments
 * @done: called when @result or @fault is there; the last thing that is done with it
 * @owner: who has made the call
 * @result: what it returned, or NULL: a fault
 * @fault_code: number of the fault
 * @fault: its text, in @arena
 */
struct rpc_call {
	struct rpc_worker *worker;
	struct arena *arena;
	size_t *loaded;
	const struct rpc_method *method;
	const struct rpc_value *arguments;
	void (*done)(struct rpc_call *c);
	void *owner;
	struct rpc_value *result;
	int fault_code;
	const char *fault;
};

/* Find the method @name and call it: a fault when there is none or arguments are wrong. */
void rpc_dispatch(struct rpc_call *c, const struct rpc_value *name,
		  const struct rpc_value *arguments);
/* Whether so much more from the store fits in an answer. */
bool rpc_may_load(struct rpc_call *c, size_t octets);
/* TypeError: unhashable type: 'list' */
void rpc_raise_unhashable(struct rpc_call *c, const struct rpc_value *v);

struct rpc_registry *rpc_registry_new(void);
void rpc_registry_free(struct rpc_registry *r);
const struct rpc_method *rpc_method_find(const struct rpc_registry *r, const char *name,
					 size_t len);
/* In the order of their names; NULL after the last. */
const struct rpc_method *rpc_method_at(const struct rpc_registry *r, size_t i);
/* Types are told as system.methodSignature has it: arrays of names in @a. */
struct rpc_value *rpc_method_signatures(struct arena *a, const struct rpc_method *m);
/* False after a fault: number and types of arguments are none the method takes. */
bool rpc_check_arguments(struct rpc_call *c);

void rpc_register_key_value(struct rpc_registry *r);
void rpc_register_system(struct rpc_registry *r);
void rpc_register_multicall(struct rpc_registry *r);
void rpc_register_validator(struct rpc_registry *r);

#endif
