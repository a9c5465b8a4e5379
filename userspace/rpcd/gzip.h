/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content coded by gzip (RFC 1952, RFC 9110 8.4.1.3). */
#ifndef RPCD_GZIP_H
#define RPCD_GZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

struct rpc_gunzip;

/* NULL: no memory.  @max: octets that may come out, so that little cannot become much. */
struct rpc_gunzip *rpc_gunzip_new(uint64_t max);
void rpc_gunzip_free(struct rpc_gunzip *g);
/*
 * Hands what comes out to @out.  0, -EINVAL: no gzip, -E2BIG: more than may come out.
 */
int rpc_gunzip_feed(struct rpc_gunzip *g, const char *data, size_t len,
		    void (*out)(void *user, const char *data, size_t len), void *user);
/* Whether what was fed is complete. */
bool rpc_gunzip_complete(const struct rpc_gunzip *g);

/* All of @data as gzip at the fastest level, as Python's server does; false: no memory. */
bool rpc_gzip(struct rpc_buffer *b, const char *data, size_t len);

#endif
