/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values as octets for a store: a version, then for each value its type and what
 * belongs to it, numbers in big-endian order.
 */
#ifndef RPCD_PACK_H
#define RPCD_PACK_H

#include "arena.h"
#include "buffer.h"
#include "value.h"

#define RPC_PACK_VERSION 1

void rpc_pack(struct rpc_buffer *b, const struct rpc_value *v);

/**
 * rpc_unpack() - a value from a store, of which nothing is taken on trust
 * @a: where the value goes
 * @data: octets
 * @len: how many
 *
 * Returns NULL when they are not what rpc_pack() makes.
 */
struct rpc_value *rpc_unpack(struct arena *a, const char *data, size_t len);

/**
 * rpc_pack_key() - the octets that are the same for keys that Python holds for equal
 * @b: gets them
 * @v: the key: 1, 1.0 and True are one key, 0, 0.0, -0.0 and False another
 *
 * Returns false when the type has no hash in Python: arrays, structs, dates, base64.
 */
bool rpc_pack_key(struct rpc_buffer *b, const struct rpc_value *v);

#endif
