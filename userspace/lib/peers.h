/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits that hold for all workers of a daemon together: connections at once,
 * connections at once from one address, events a second from one address.
 */
#ifndef LN_PEERS_H
#define LN_PEERS_H

#include <stdbool.h>

#include "net.h"

struct ln_peer;

int ln_peers_share(unsigned int max_connections, unsigned int max_workers);
void ln_peers_worker(unsigned int slot);
void ln_peers_worker_gone(unsigned int slot);
unsigned int ln_peers_connections(void);
struct ln_peer *ln_peer_get(const union ln_addr *addr, unsigned int max);
void ln_peer_put(struct ln_peer *p);
bool ln_peer_allow(struct ln_peer *p, double per_second, double burst);

#endif
