// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "call.h"
#include "repr.h"

const struct rpc_value *rpc_argument(const struct rpc_call *c, unsigned int i)
{
	const struct rpc_value *v = c->arguments->first;

	while (v && i--)
		v = v->next;
	return v;
}

void *rpc_data(const struct rpc_call *c)
{
	return c->method->data;
}

struct arena *rpc_arena(struct rpc_call *c)
{
	return c->arena;
}

uv_loop_t *rpc_loop(struct rpc_call *c)
{
	return c->worker->loop;
}

bool rpc_may_load(struct rpc_call *c, size_t octets)
{
	size_t max = c->worker->limits->answer;

	if (octets > max || *c->loaded > max - octets)
		return false;
	*c->loaded += octets;
	return true;
}

void rpc_return(struct rpc_call *c, struct rpc_value *v)
{
	c->result = v;
	c->done(c);
}

/* @exception may be NULL. */
static void fault(struct rpc_call *c, int code, const char *exception, const char *fmt, va_list ap)
{
	va_list again;
	int n = exception ? snprintf(NULL, 0, "<class '%s'>:", exception) : 0, m;
	char *text;

	va_copy(again, ap);
	m = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = rpc_alloc(c->arena, n + (m > 0 ? m : 0) + 1);
	if (exception)
		sprintf(text, "<class '%s'>:", exception);
	if (m > 0)
		vsprintf(text + n, fmt, ap);
	c->result = NULL;
	c->fault_code = code;
	c->fault = text;
	c->done(c);
}

void rpc_fault(struct rpc_call *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fault(c, code, NULL, fmt, ap);
	va_end(ap);
}

void rpc_raise(struct rpc_call *c, const char *exception, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fault(c, 1, exception, fmt, ap);
	va_end(ap);
}

void rpc_raise_unhashable(struct rpc_call *c, const struct rpc_value *v)
{
	rpc_raise(c, "TypeError", "unhashable type: '%s'", rpc_type_name(v));
}

static void raise_not_supported(struct rpc_call *c, const struct rpc_value *name)
{
	struct rpc_buffer b = { .max = 4 * RPC_MAX_NAME };

	if (name->type == RPC_STRING)
		rpc_buffer_add(&b, name->data, name->len);
	else
		rpc_repr(&b, name);
	rpc_buffer_add(&b, "", 1);
	rpc_raise(c, "Exception", "method \"%s\" is not supported", b.failed ? "..." : b.data);
	rpc_buffer_free(&b);
}

void rpc_dispatch(struct rpc_call *c, const struct rpc_value *name,
		  const struct rpc_value *arguments)
{
	c->arguments = arguments;
	c->method = NULL;
	if (name->type > RPC_STRING) {
		rpc_raise_unhashable(c, name);
		return;
	}
	if (name->type == RPC_STRING)
		c->method = rpc_method_find(c->worker->registry, name->data, name->len);
	if (!c->method)
		raise_not_supported(c, name);
	else if (rpc_check_arguments(c))
		c->method->call(c);
}
