/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C interface for methods, linnet-rpcd's own and those of modules.
 *
 * A module is a shared object that linnet-rpcd loads with --module FILE.so.  It
 * has a rpc_module_version and a rpc_module(), which registers methods:
 *
 *	static void add(struct rpc_call *c)
 *	{
 *		rpc_return(c, rpc_int(rpc_arena(c), rpc_argument(c, 0)->integer +
 *						    rpc_argument(c, 1)->integer));
 *	}
 *
 * A method is called in the worker's event loop, so it must not wait.  It ends by one
 * call of rpc_return(), rpc_fault() or rpc_raise(), at once or, when it has to wait for
 * something, later from the loop; after that the call is gone.  Values it makes, and
 * those it was given, belong to the call.
 */
#ifndef RPCD_METHOD_H
#define RPCD_METHOD_H

#include <uv.h>

#include "value.h"

#define RPC_MODULE_VERSION 1

struct rpc_call;
struct rpc_registry;

/**
 * struct rpc_method - a method; must live as long as the registry
 * @name: its name: letters, digits and "_.:/"
 * @parameters: names of the parameters, separated by blanks; those in brackets may be
 *	left out: "name value", "after [limit]".  A call with another number of
 *	arguments is refused.
 * @signatures: types of the result and of the parameters, "array int int"; several
 *	are separated by commas.  A call whose arguments match none is refused.  "any"
 *	is any type.  NULL: any arguments, and the signature is not told.
 * @help: what system.methodHelp says
 * @python: name that faults give it, where the method stands in for a Python object's:
 *	"KeyValueServer.get"; NULL: @name
 * @call: does it
 * @data: the method's own, rpc_data()
 */
struct rpc_method {
	const char *name;
	const char *parameters;
	const char *signatures;
	const char *help;
	const char *python;
	void (*call)(struct rpc_call *c);
	void *data;
};

/* 0, -EEXIST: there is one of this name, -EINVAL: name or signatures are wrong */
int rpc_register(struct rpc_registry *r, const struct rpc_method *m);

/* What a module has: */
extern const int rpc_module_version; /* RPC_MODULE_VERSION */
int rpc_module(struct rpc_registry *r); /* 0 or a negative errno */

/* --- in a call --- */

/* Argument number @i from 0; NULL: it may be left out and was. */
const struct rpc_value *rpc_argument(const struct rpc_call *c, unsigned int i);
void *rpc_data(const struct rpc_call *c);
struct arena *rpc_arena(struct rpc_call *c);
uv_loop_t *rpc_loop(struct rpc_call *c);

void rpc_return(struct rpc_call *c, struct rpc_value *v);
void rpc_fault(struct rpc_call *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Fault 1 in the form of Python's servers: "<class 'ValueError'>:text". */
void rpc_raise(struct rpc_call *c, const char *exception, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
