// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The validation suite of xmlrpc.com ("validator1"): eight methods, and whichToolkit,
 * which came with the client that calls them.
 */
#include <string.h>
#include <sys/utsname.h>

#include "call.h"

static const char *const stooges[] = { "moe", "larry", "curly" };

/* An int member's value; false after a fault. */
static bool member_int(struct rpc_call *c, const struct rpc_value *v, const char *name, int64_t *n)
{
	const struct rpc_value *m = v->type == RPC_STRUCT ? rpc_find(v, name) : NULL;

	if (!m) {
		rpc_raise(c, "KeyError", "'%s'", name);
		return false;
	}
	if (m->type != RPC_INT || __builtin_add_overflow(*n, m->integer, n)) {
		rpc_raise(c, m->type == RPC_INT ? "OverflowError" : "TypeError",
			  "the sum of '%s' must be an int", name);
		return false;
	}
	return true;
}

static void array_of_structs(struct rpc_call *c)
{
	int64_t sum = 0;

	for (const struct rpc_value *v = rpc_argument(c, 0)->first; v; v = v->next)
		if (!member_int(c, v, "curly", &sum))
			return;
	rpc_return(c, rpc_int(c->arena, sum));
}

static void count_entities(struct rpc_call *c)
{
	static const struct {
		char character;
		const char *name;
	} counted[] = {
		{ '<', "ctLeftAngleBrackets" },
		{ '>', "ctRightAngleBrackets" },
		{ '&', "ctAmpersands" },
		{ '\'', "ctApostrophes" },
		{ '"', "ctQuotes" },
	};
	const struct rpc_value *v = rpc_argument(c, 0);
	struct rpc_value *result = rpc_struct(c->arena);

	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++) {
		int64_t n = 0;

		for (size_t j = 0; j < v->len; j++)
			n += v->data[j] == counted[i].character;
		rpc_member(c->arena, result, counted[i].name, rpc_int(c->arena, n));
	}
	rpc_return(c, result);
}

static void sum_of_stooges(struct rpc_call *c, const struct rpc_value *v)
{
	int64_t sum = 0;

	for (size_t i = 0; i < sizeof(stooges) / sizeof(*stooges); i++)
		if (!member_int(c, v, stooges[i], &sum))
			return;
	rpc_return(c, rpc_int(c->arena, sum));
}

static void easy_struct(struct rpc_call *c)
{
	sum_of_stooges(c, rpc_argument(c, 0));
}

static void echo_struct(struct rpc_call *c)
{
	struct rpc_value *v = rpc_alloc(c->arena, sizeof(*v));

	*v = *rpc_argument(c, 0);
	v->next = NULL;
	rpc_return(c, v);
}

static void many_types(struct rpc_call *c)
{
	struct rpc_value *v = rpc_alloc(c->arena, sizeof(*v));

	*v = *c->arguments;
	v->next = NULL;
	rpc_return(c, v);
}

static void moderate_size_array(struct rpc_call *c)
{
	const struct rpc_value *v = rpc_argument(c, 0), *first = v->first, *last = v->last;
	char *text;

	if (!first || first->type != RPC_STRING || last->type != RPC_STRING) {
		rpc_raise(c, "TypeError", "%s",
			  "an array that starts and ends with strings is needed");
		return;
	}
	text = rpc_alloc(c->arena, first->len + last->len + 1);
	memcpy(text, first->data, first->len);
	memcpy(text + first->len, last->data, last->len);
	rpc_return(c, rpc_text(c->arena, RPC_STRING, text, first->len + last->len));
}

static void nested_struct(struct rpc_call *c)
{
	static const char *const path[] = { "2000", "04", "01" };
	const struct rpc_value *v = rpc_argument(c, 0);

	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++) {
		v = v->type == RPC_STRUCT ? rpc_find(v, path[i]) : NULL;
		if (!v) {
			rpc_raise(c, "KeyError", "'%s'", path[i]);
			return;
		}
	}
	sum_of_stooges(c, v);
}

static void simple_struct_return(struct rpc_call *c)
{
	static const char *const names[] = { "times10", "times100", "times1000" };
	const struct rpc_value *v = rpc_argument(c, 0);
	struct rpc_value *result = rpc_struct(c->arena);
	int64_t n = v->type == RPC_INT ? v->integer : 0;
	double d = v->type == RPC_DOUBLE ? v->number : 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		d *= 10;
		if (__builtin_mul_overflow(n, 10, &n)) {
			rpc_raise(c, "OverflowError", "int exceeds XML-RPC limits");
			return;
		}
		rpc_member(c->arena, result, names[i],
			   v->type == RPC_INT ? rpc_int(c->arena, n) : rpc_double(c->arena, d));
	}
	rpc_return(c, result);
}

static void which_toolkit(struct rpc_call *c)
{
	struct rpc_value *result = rpc_struct(c->arena);
	struct utsname u;

	uname(&u);
	rpc_member(c->arena, result, "toolkitDocsUrl", rpc_string(c->arena, "man:linnet-rpcd(8)"));
	rpc_member(c->arena, result, "toolkitName", rpc_string(c->arena, "linnet-rpcd"));
	rpc_member(c->arena, result, "toolkitVersion", rpc_string(c->arena, LINNET_VERSION));
	rpc_member(c->arena, result, "toolkitOperatingSystem", rpc_string(c->arena, u.sysname));
	rpc_return(c, result);
}

void rpc_register_validator(struct rpc_registry *r)
{
	static const struct rpc_method methods[] = {
		{ "validator1.arrayOfStructsTest", "array", "int array",
		  "The sum of the members 'curly' of an array of structs.", NULL, array_of_structs,
		  NULL },
		{ "validator1.countTheEntities", "string", "struct string",
		  "How many of the characters <, >, &, ' and \" there are.", NULL, count_entities,
		  NULL },
		{ "validator1.easyStructTest", "struct", "int struct",
		  "The sum of the members 'moe', 'larry' and 'curly'.", NULL, easy_struct, NULL },
		{ "validator1.echoStructTest", "struct", "struct struct", "The same struct.", NULL,
		  echo_struct, NULL },
		{ "validator1.manyTypesTest", "number boolean string double dateTime base64",
		  "array int boolean string double dateTime.iso8601 base64",
		  "An array of the six arguments.", NULL, many_types, NULL },
		{ "validator1.moderateSizeArrayCheck", "array", "string array",
		  "The first and the last string of an array, joined.", NULL, moderate_size_array,
		  NULL },
		{ "validator1.nestedStructTest", "struct", "int struct",
		  "Like easyStructTest for 1 April 2000 in a struct of years, months and days.",
		  NULL, nested_struct, NULL },
		{ "validator1.simpleStructReturnTest", "number", "struct int, struct double",
		  "The number times 10, 100 and 1000.", NULL, simple_struct_return, NULL },
		{ "validator1.whichToolkit", "", "struct", "What the server is made of.", NULL,
		  which_toolkit, NULL },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		rpc_register(r, &methods[i]);
}
