/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where mail for a domain goes (RFC 5321, 5.1; RFC 7505): a list of addresses to try in order,
 * each with the transport to try it by. Protocol 253 comes before TCP where the host's SVCB
 * record _PORT._linnet.HOST has key 65533.
 */
#ifndef RELAY_RESOLVE_H
#define RELAY_RESOLVE_H

#include <stdbool.h>

#include "server.h"
#include "setup.h"

/* MX records, addresses of each, and altogether, that are looked at. */
#define RESOLVE_HOSTS_MAX	10
#define RESOLVE_ADDRESSES_MAX	8
#define RESOLVE_HOPS_MAX	32
#define RESOLVE_NAME		256
#define RESOLVE_WHY		300

/**
 * struct hop - an address to try
 * @addr: with its port
 * @protocol: IPPROTO_TCP or IPPROTO_LINNET
 * @host: name that it was found by, or the address
 */
struct hop {
	union ln_addr addr;
	int protocol;
	char host[RESOLVE_NAME];
};

/**
 * struct hops - what was found
 * @n: how many; 0: none, and then
 * @status: says what kind of failure it is: "4.4.3" or "5.1.2"
 * @why: words
 */
struct hops {
	unsigned int n;
	struct hop hop[RESOLVE_HOPS_MAX];
	const char *status;
	char why[RESOLVE_WHY];
};

struct resolver;
struct resolution;

/* Reads /etc/resolv.conf and our own addresses: before the sandbox. NULL after an error line. */
struct resolver *resolver_new(struct ln_server *server, const struct relay_setup *setup);
void resolver_free(struct resolver *r);

/*
 * done() is called once, and never before this function has returned; what it gets is gone
 * afterwards. NULL: out of memory.
 */
struct resolution *resolve(struct resolver *r, const char *domain, const struct relay_route *route,
			   void (*done)(const struct hops *hops, void *data), void *data);
/* done() is not called. */
void resolve_cancel(struct resolution *l);

#endif
