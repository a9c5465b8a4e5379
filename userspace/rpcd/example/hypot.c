// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A module for linnet-rpcd: one method more.
 *
 *	cc -shared -fPIC -I.. -o hypot.so hypot.c -lm
 *	linnet-rpcd --module ./hypot.so
 */
#include <math.h>
#include "method.h"

const int rpc_module_version = RPC_MODULE_VERSION;

static void hypotenuse(struct rpc_call *c)
{
	double x = rpc_argument(c, 0)->number, y = rpc_argument(c, 1)->number;

	if (isinf(hypot(x, y)))
		rpc_raise(c, "OverflowError", "%g and %g are too large", x, y);
	else
		rpc_return(c, rpc_double(rpc_arena(c), hypot(x, y)));
}

int rpc_module(struct rpc_registry *r)
{
	static const struct rpc_method method = {
		.name = "example.hypot", .parameters = "x y", .call = hypotenuse,
		.signatures = "double double double", .help = "The square root of x*x + y*y.",
	};

	return rpc_register(r, &method);
}
