/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_NET_H
#define LN_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "options.h"

/* "[", an IPv6 address with its zone, "]:65535" */
#define LN_ADDR_STRLEN	(INET6_ADDRSTRLEN + IF_NAMESIZE + 10)
#define LN_MAX_SOCKETS	(2 * LN_MAX_ADDRESSES)

union ln_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Without --address: the two wildcards, each on both transports. */
_Static_assert(LN_MAX_SOCKETS >= 4, "room for the default listeners");

int ln_net_open(const struct ln_options *o, int type, uint16_t port, int fds[LN_MAX_SOCKETS]);
const char *ln_addr_format(const union ln_addr *addr, char out[LN_ADDR_STRLEN]);
int ln_socket_protocol(int fd);
const char *ln_protocol_name(int protocol);

#endif
