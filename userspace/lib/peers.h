/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_PEERS_H
#define LN_PEERS_H

#include "net.h"

#define LN_PEER_BUCKETS	1024

struct ln_peer;

/**
 * struct ln_peers - how many connections each address has
 * @buckets: chains of addresses with at least one connection
 */
struct ln_peers {
	struct ln_peer *buckets[LN_PEER_BUCKETS];
};

struct ln_peer *ln_peer_get(struct ln_peers *t, const union ln_addr *addr, unsigned int max);
void ln_peer_put(struct ln_peers *t, struct ln_peer *p);

#endif
