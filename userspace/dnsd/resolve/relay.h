/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upstreams that libunbound cannot speak to: Debian's is built without TLS, and none knows
 * protocol 253.  It asks a socket of ours on the loopback instead, and what it asks there goes
 * on over the transport that is wanted.  So answers are validated and joined as all others.
 */
#ifndef DNSD_RESOLVE_RELAY_H
#define DNSD_RESOLVE_RELAY_H

#include "internal.h"
#include "server.h"

struct relay;

static inline bool relay_needed(const struct resolve_zone *z)
{
	return z->count && (z->to[0].transport == DNS_TLS || z->to[0].transport == DNS_LINNET);
}

/**
 * relay_start() - pass questions on
 * @s: the loop
 * @z: to whom
 *
 * Return: for relay_stop(), or NULL after an error line.
 */
struct relay *relay_start(struct ln_server *s, const struct resolve_zone *z);
/* Of 127.0.0.1, host order. */
uint16_t relay_port(const struct relay *r);
void relay_stop(struct relay *r);

#endif
