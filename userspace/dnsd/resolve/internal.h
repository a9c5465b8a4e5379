/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef DNSD_RESOLVE_INTERNAL_H
#define DNSD_RESOLVE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acl.h"
#include "anchors.h"
#include "client.h"
#include "name.h"
#include "setup.h"

/**
 * struct resolve_zone - names that are asked of certain servers
 * @name: the top, text
 * @to: the servers, @count of them, all over one transport
 * @forward: they are resolvers (RD is set); else they have the zone itself
 */
struct resolve_zone {
	const char *name;
	struct dns_endpoint *to;
	unsigned int count;
	bool forward;
};

/**
 * struct resolve_setup - a recursion { } section
 * @allow: who may ask
 * @root_hints: file with the root's servers, or NULL: those that libunbound knows
 * @anchors: keys to trust
 * @follow: let them change by RFC 5011
 * @hold_down_s: how long a new key has to be seen before it is trusted (section 2.4.1)
 * @validate: check signatures
 * @minimise: tell servers no more of the name than they need (RFC 9156)
 * @prefetch: ask again in the last tenth of a TTL
 * @tls_roots: file with the authorities that servers of TLS are checked by, NULL: the
 *	system's
 * @cache_octets: of our cache of messages, per worker
 * @stale_s: how long a message may be used after its TTL (RFC 8767), 0: not at all
 * @stale_ms: how long a client waits before it is given a stale answer
 * @limit_ms: how long a client waits at all
 * @max_queries: questions under way, per worker
 * @max_per_client: the same, of a client's network
 * @private_address, @n_private: networks whose addresses names outside must not have
 * @private_domain, @n_private_domains: whose names may
 * @zone, @n_zones: forwarding and stubs
 */
struct resolve_setup {
	struct acl allow;
	const char *root_hints;
	struct anchors anchors;
	bool follow;
	uint32_t hold_down_s;
	bool validate, minimise, prefetch;
	const char *tls_roots;
	size_t cache_octets;
	uint32_t stale_s;
	uint64_t stale_ms, limit_ms;
	unsigned int max_queries, max_per_client;
	const char **private_address;
	unsigned int n_private;
	const char **private_domain;
	unsigned int n_private_domains;
	struct resolve_zone *zone;
	unsigned int n_zones;
};

#endif
