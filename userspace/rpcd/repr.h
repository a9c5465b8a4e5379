/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPCD_REPR_H
#define RPCD_REPR_H

#include <stdint.h>

#include "buffer.h"
#include "value.h"

/* What Python's repr() gives: fault texts have it. */
void rpc_repr(struct rpc_buffer *b, const struct rpc_value *v);
void rpc_repr_string(struct rpc_buffer *b, const char *s, size_t len);
/* The character at *@s, which moves past it; -1: no UTF-8 (RFC 3629). */
int32_t rpc_utf8_next(const char **s, const char *end);
/* Whether all of it is UTF-8 and can be in a document (XML 1.0, 2.2 Characters). */
bool rpc_utf8_valid(const char *s, size_t len);

#endif
