/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers as XML, octet by octet as Python's xmlrpc.client writes them. */
#ifndef RPCD_WRITE_H
#define RPCD_WRITE_H

#include "buffer.h"
#include "value.h"

/*
 * 0; -EINVAL: there is something in it that XML cannot carry: a control character,
 * no UTF-8, a number that is not finite; -E2BIG: longer than the buffer may be, or
 * nested deeper than RPC_MAX_DEPTH.
 */
int rpc_write_value(struct rpc_buffer *b, const struct rpc_value *v);
int rpc_write_response(struct rpc_buffer *b, const struct rpc_value *v);
/* Characters of @text that XML cannot carry become U+FFFD. */
int rpc_write_fault(struct rpc_buffer *b, int code, const char *text, size_t len);

#endif
