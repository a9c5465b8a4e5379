// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets to serve on: both transports, both address families, one port.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/linnet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define BACKLOG		1024
/* With port 0 the port that the first socket got may be taken for the next. */
#define PORT_TRIES	16

/**
 * ln_socket_protocol() - the IP protocol of a socket
 * @fd: the socket
 *
 * Return: SO_PROTOCOL, or a negative errno.
 */
int ln_socket_protocol(int fd)
{
	int protocol;
	socklen_t len = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len))
		return -errno;
	return protocol;
}

/**
 * ln_protocol_name() - a transport's name for log lines
 * @protocol: as ln_socket_protocol() returns it
 */
const char *ln_protocol_name(int protocol)
{
	switch (protocol) {
	case IPPROTO_LINNET:
	case IPPROTO_LINNET_ALT:
		return "linnet";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return "unknown";
	}
}

/**
 * ln_addr_format() - address and port as text
 * @addr: an IPv4 or IPv6 address
 * @out: where the text goes
 *
 * Return: @out, as in 192.0.2.1:80 or [2001:db8::1]:80.
 */
const char *ln_addr_format(const union ln_addr *addr, char out[LN_ADDR_STRLEN])
{
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1] = "";

	if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in.sin_addr, host, sizeof(host));
		snprintf(out, LN_ADDR_STRLEN, "%s:%u", host, ntohs(addr->in.sin_port));
		return out;
	}
	inet_ntop(AF_INET6, &addr->in6.sin6_addr, host, sizeof(host));
	if (addr->in6.sin6_scope_id && if_indextoname(addr->in6.sin6_scope_id, zone + 1))
		zone[0] = '%';
	snprintf(out, LN_ADDR_STRLEN, "[%s%s]:%u", host, zone, ntohs(addr->in6.sin6_port));
	return out;
}

static void set_port(union ln_addr *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET)
		addr->in.sin_port = htons(port);
	else
		addr->in6.sin6_port = htons(port);
}

static uint16_t bound_port(int fd)
{
	union ln_addr addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.sa, &len))
		return 0;
	return ntohs(addr.sa.sa_family == AF_INET ? addr.in.sin_port : addr.in6.sin6_port);
}

static void parse_address(const char *text, union ln_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &addr->in.sin_addr) == 1) {
		addr->in.sin_family = AF_INET;
		return;
	}
	inet_pton(AF_INET6, text, &addr->in6.sin6_addr);
	addr->in6.sin6_family = AF_INET6;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Returns a descriptor or a negative errno. */
static int open_one(const union ln_addr *addr, int type, int protocol)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int fd, err;

	fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		goto fail;
	/* IPv4 has a socket of its own. */
	if (v6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		goto fail;
	/* A datagram is answered from the address that it was sent to. */
	if (type == SOCK_DGRAM && (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) :
					set_int(fd, IPPROTO_IP, IP_PKTINFO, 1)))
		goto fail;
	if (bind(fd, &addr->sa, v6 ? sizeof(addr->in6) : sizeof(addr->in)))
		goto fail;
	if (type == SOCK_STREAM && listen(fd, BACKLOG))
		goto fail;
	return fd;
fail:
	err = errno;
	close(fd);
	return -err;
}

static int addresses(const struct ln_options *o, union ln_addr addr[LN_MAX_ADDRESSES])
{
	static const char *const wildcards[] = { "0.0.0.0", "::" };
	const char *const *texts = o->n_addresses ? o->addresses : wildcards;
	int n_texts = o->n_addresses ? o->n_addresses : 2, n = 0;

	for (int i = 0; i < n_texts; i++) {
		parse_address(texts[i], &addr[n]);
		if (addr[n].sa.sa_family == AF_INET ? o->ipv4 : o->ipv6)
			n++;
	}
	return n;
}

/* A machine may be without one address family: no error unless asked for. */
static bool family_absent(const struct ln_options *o, int err)
{
	return !o->n_addresses && !o->family_forced &&
	       (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

static void close_all(int *fds, int n)
{
	while (n--)
		close(fds[n]);
}

/**
 * ln_net_open() - bind the sockets that the options ask for
 * @o: addresses, families and transports
 * @type: SOCK_STREAM for listeners on every transport, SOCK_DGRAM for UDP
 * @port: port; 0 lets the kernel pick one, the same for all of them
 * @fds: where the descriptors go
 *
 * The absence of protocol 253 is a notice, unless it is the only transport
 * asked for.  What fails has been logged.
 *
 * Return: number of descriptors, or a negative errno.
 */
int ln_net_open(const struct ln_options *o, int type, uint16_t port, int fds[LN_MAX_SOCKETS])
{
	const struct { unsigned int bit; int protocol; } transports[] = {
		{ LN_TRANSPORT_LINNET, IPPROTO_LINNET },
		{ LN_TRANSPORT_TCP, IPPROTO_TCP },
	};
	union ln_addr addr[LN_MAX_ADDRESSES];
	char text[LN_ADDR_STRLEN];
	bool noticed = false;
	int n_addr, n, fd, tries = 0;
	uint16_t chosen;

	n_addr = addresses(o, addr);
	if (!n_addr) {
		ln_error("no --address belongs to the address family asked for");
		return -EADDRNOTAVAIL;
	}
again:
	n = 0;
	chosen = port;
	for (int t = 0; t < 2; t++) {
		int protocol = type == SOCK_DGRAM ? IPPROTO_UDP : transports[t].protocol;

		if (type == SOCK_DGRAM ? t : !(o->transports & transports[t].bit))
			continue;
		for (int i = 0; i < n_addr; i++) {
			set_port(&addr[i], chosen);
			fd = open_one(&addr[i], type, protocol);
			if (fd >= 0) {
				fds[n++] = fd;
				chosen = bound_port(fd);
				continue;
			}
			if (fd == -EPROTONOSUPPORT && protocol == IPPROTO_LINNET &&
			    (o->transports & LN_TRANSPORT_TCP)) {
				if (!noticed)
					ln_notice("IP protocol %d is not there (is the module "
						  "linnet loaded?): TCP only",
						  protocol);
				noticed = true;
				break;
			}
			if (family_absent(o, fd)) {
				ln_info("no %s here",
					addr[i].sa.sa_family == AF_INET ? "IPv4" : "IPv6");
				continue;
			}
			if (fd == -EADDRINUSE && !port && n && ++tries < PORT_TRIES) {
				close_all(fds, n);
				goto again;
			}
			if (fd == -EPROTONOSUPPORT && protocol == IPPROTO_LINNET)
				ln_error("IP protocol %d is not there: load the module linnet or "
					 "use --transport tcp",
					 protocol);
			else
				ln_error("cannot listen on %s (%s): %s",
					 ln_addr_format(&addr[i], text), ln_protocol_name(protocol),
					 strerror(-fd));
			close_all(fds, n);
			return fd;
		}
	}
	if (!n) {
		ln_error("neither IPv4 nor IPv6 to listen on");
		return -EAFNOSUPPORT;
	}
	return n;
}
