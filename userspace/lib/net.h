/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_NET_H
#define LN_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "options.h"

/* "[", an IPv6 address with its zone, "]:65535" */
#define LN_ADDR_STRLEN	(INET6_ADDRSTRLEN + IF_NAMESIZE + 10)
#define LN_MAX_WANTED	64
#define LN_MAX_SOCKETS	(2 * LN_MAX_WANTED)

union ln_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * struct ln_wanted - what a daemon wants to listen on
 * @n: how many
 * @want: a tag of the daemon's own, SOCK_STREAM or SOCK_DGRAM, address and port,
 *	mask of LN_TRANSPORT_*
 */
struct ln_wanted {
	int n;
	struct ln_want {
		const char *tag;
		int type;
		union ln_addr addr;
		unsigned int transports;
		bool may_be_absent;	/* no error when the address family is not there */
	} want[LN_MAX_WANTED];
};

/* What was opened: some of what was wanted, on each of its transports. */
struct ln_sockets {
	int n;
	struct ln_socket {
		const char *tag;
		int fd;
		int type;
		union ln_addr addr;	/* as wanted; port 0 stays 0 */
		int protocol;
	} socket[LN_MAX_SOCKETS];
};

/* On the addresses, families and transports of the options. */
int ln_want(struct ln_wanted *w, const struct ln_options *o, const char *tag, int type,
	    uint16_t port);
/* On one address: "192.0.2.1:80", "[2001:db8::1]:80", "*:80". */
int ln_want_text(struct ln_wanted *w, const char *tag, int type, const char *text,
		 unsigned int transports);
int ln_net_open(const struct ln_wanted *wanted, const struct ln_sockets *old, bool reuseport,
		struct ln_sockets *sockets);
int ln_net_clone(const struct ln_sockets *first, const struct ln_sockets *old_first,
		 const struct ln_sockets *old, struct ln_sockets *sockets);
int ln_net_assign(const struct ln_sockets *inherited, const struct ln_wanted *wanted,
		  struct ln_sockets *sockets);
int ln_net_inherit(struct ln_sockets *sockets);
void ln_net_close(struct ln_sockets *sockets, const struct ln_sockets *keep);
int ln_addr_parse(const char *text, uint16_t default_port, union ln_addr *addr);
const char *ln_addr_format(const union ln_addr *addr, char out[LN_ADDR_STRLEN]);
int ln_socket_protocol(int fd);
const char *ln_protocol_name(int protocol);

#endif
