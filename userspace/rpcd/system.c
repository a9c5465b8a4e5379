// SPDX-License-Identifier: GPL-2.0-or-later
/* What a server tells of itself (introspection, getCapabilities). */
#include "call.h"

static void list_methods(struct rpc_call *c)
{
	struct rpc_value *list = rpc_array(c->arena);
	const struct rpc_method *m;

	for (size_t i = 0; (m = rpc_method_at(c->worker->registry, i)); i++)
		rpc_append(list, rpc_string(c->arena, m->name));
	rpc_return(c, list);
}

/* The method that the first argument names, or NULL. */
static const struct rpc_method *named(struct rpc_call *c)
{
	const struct rpc_value *name = rpc_argument(c, 0);

	if (name->type != RPC_STRING)
		return NULL;
	return rpc_method_find(c->worker->registry, name->data, name->len);
}

static void method_help(struct rpc_call *c)
{
	const struct rpc_value *name = rpc_argument(c, 0);
	const struct rpc_method *m = named(c);

	if (name->type > RPC_STRING)
		rpc_raise_unhashable(c, name);
	else
		rpc_return(c, rpc_string(c->arena, m && m->help ? m->help : ""));
}

static void method_signature(struct rpc_call *c)
{
	const struct rpc_method *m = named(c);

	/* Anything that is no array says that the signature is not known. */
	if (m && m->signatures)
		rpc_return(c, rpc_method_signatures(c->arena, m));
	else
		rpc_return(c, rpc_string(c->arena, "signatures not supported"));
}

static void add_capability(struct arena *a, struct rpc_value *all, const char *name,
			   const char *url, int version)
{
	struct rpc_value *one = rpc_struct(a);

	rpc_member(a, one, "specUrl", rpc_string(a, url));
	rpc_member(a, one, "specVersion", rpc_int(a, version));
	rpc_member(a, all, name, one);
}

static void get_capabilities(struct rpc_call *c)
{
	struct rpc_value *all = rpc_struct(c->arena);

	add_capability(c->arena, all, "xmlrpc", "http://www.xmlrpc.com/spec", 1);
	add_capability(c->arena, all, "introspection",
		       "http://xmlrpc.usefulinc.com/doc/reserved.html", 1);
	add_capability(c->arena, all, "system.multicall",
		       "http://www.xmlrpc.com/discuss/msgReader$1208", 1);
	add_capability(c->arena, all, "nil", "http://www.ontosys.com/xml-rpc/extensions.html",
		       20010518);
	add_capability(c->arena, all, "i8", "http://ws.apache.org/xmlrpc/types.html", 1);
	rpc_return(c, all);
}

void rpc_register_system(struct rpc_registry *r)
{
	static const struct rpc_method methods[] = {
		{
			.name = "system.listMethods",
			.parameters = "",
			.signatures = "array",
			.help = "The names of all methods, sorted.",
			.python = "SimpleXMLRPCDispatcher.system_listMethods",
			.call = list_methods,
		},
		{
			.name = "system.methodHelp",
			.parameters = "method_name",
			.help = "What a method does; an empty string when there is no such method.",
			.python = "SimpleXMLRPCDispatcher.system_methodHelp",
			.call = method_help,
		},
		{
			.name = "system.methodSignature",
			.parameters = "method_name",
			.help = "An array of signatures, each an array of the types of the result "
				"and the parameters; a string when they are not known.",
			.python = "SimpleXMLRPCDispatcher.system_methodSignature",
			.call = method_signature,
		},
		{
			.name = "system.getCapabilities",
			.parameters = "",
			.signatures = "struct",
			.help = "The specifications that this server follows.",
			.call = get_capabilities,
		},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		rpc_register(r, &methods[i]);
}
