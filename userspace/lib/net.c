// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets to serve on: both transports, both address families, one port.
 */
#include "net.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/linnet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
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

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Returns a descriptor or a negative errno. */
static int open_one(const union ln_addr *addr, int type, int protocol, bool reuseport)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int fd, err;

	fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		goto fail;
	if (reuseport && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1))
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


/**
 * ln_addr_parse() - address and port from text
 * @text: "192.0.2.1:80", "[2001:db8::1]:80", without ":80" for the default port
 * @default_port: port when there is none, in host order
 * @addr: what to fill in
 *
 * Return: 0, or -EINVAL.
 */
int ln_addr_parse(const char *text, uint16_t default_port, union ln_addr *addr)
{
	char host[INET6_ADDRSTRLEN];
	const char *end, *colon;
	unsigned long port = default_port;
	size_t n;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		colon = end[1] ? end + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		/* An IPv6 address without brackets has no port. */
		if (colon && strchr(colon + 1, ':'))
			colon = NULL;
		end = colon ? colon : text + strlen(text);
	}
	n = end - text;
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = 0;
	if (colon) {
		char *rest;

		errno = 0;
		port = strtoul(colon + 1, &rest, 10);
		if (!isdigit((unsigned char)colon[1]) || *rest || errno || port > 65535)
			return -EINVAL;
	}
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, host, &addr->in.sin_addr) == 1)
		addr->in.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &addr->in6.sin6_addr) == 1)
		addr->in6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	set_port(addr, port);
	return 0;
}

static int add_want(struct ln_wanted *w, const char *tag, int type, const union ln_addr *addr,
		    unsigned int transports, bool may_be_absent)
{
	if (w->n == LN_MAX_WANTED) {
		ln_error("more than %d addresses to listen on", LN_MAX_WANTED);
		return -ENOSPC;
	}
	w->want[w->n++] = (struct ln_want){ tag, type, *addr, transports, may_be_absent };
	return 0;
}

/**
 * ln_want() - listen where the options say
 * @w: the list to add to
 * @o: addresses, families and transports
 * @tag: what the sockets are for; must stay
 * @type: SOCK_STREAM for each transport, SOCK_DGRAM for UDP
 * @port: port in host order; 0 lets the kernel pick one, the same for all
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_want(struct ln_wanted *w, const struct ln_options *o, const char *tag, int type,
	    uint16_t port)
{
	static const char *const wildcards[] = { "0.0.0.0", "::" };
	const char *const *texts = o->n_addresses ? o->addresses : wildcards;
	int n_texts = o->n_addresses ? o->n_addresses : 2, before = w->n, err;
	/* A machine may be without one family: no error unless asked for. */
	bool may_be_absent = !o->n_addresses && !o->family_forced;

	for (int i = 0; i < n_texts; i++) {
		union ln_addr addr;

		/* They were checked when they were read. */
		if (ln_addr_parse(texts[i], port, &addr) ||
		    !(addr.sa.sa_family == AF_INET ? o->ipv4 : o->ipv6))
			continue;
		err = add_want(w, tag, type, &addr, o->transports, may_be_absent);
		if (err)
			return err;
	}
	if (w->n == before) {
		ln_error("no --address belongs to the address family asked for");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/**
 * ln_want_text() - listen on an address
 * @w: the list to add to
 * @tag: what the sockets are for; must stay
 * @type: SOCK_STREAM or SOCK_DGRAM
 * @text: "192.0.2.1:80", "[::1]:80", or "*:80" for both wildcards
 * @transports: mask of LN_TRANSPORT_*
 *
 * Return: 0, -EINVAL when the text is none of these, -ENOSPC.
 */
int ln_want_text(struct ln_wanted *w, const char *tag, int type, const char *text,
		 unsigned int transports)
{
	union ln_addr addr;
	char other[32];
	int err;

	if (text[0] != '*' || text[1] != ':') {
		if (ln_addr_parse(text, 0, &addr))
			return -EINVAL;
		return add_want(w, tag, type, &addr, transports, false);
	}
	if (snprintf(other, sizeof(other), "0.0.0.0%s", text + 1) >= (int)sizeof(other) ||
	    ln_addr_parse(other, 0, &addr))
		return -EINVAL;
	err = add_want(w, tag, type, &addr, transports, true);
	if (err)
		return err;
	snprintf(other, sizeof(other), "[::]%s", text + 1);
	ln_addr_parse(other, 0, &addr);
	return add_want(w, tag, type, &addr, transports, true);
}

/* --- opening --- */

static bool same_socket(const struct ln_socket *k, const struct ln_want *want, int protocol)
{
	return k->type == want->type && k->protocol == protocol &&
	       !memcmp(&k->addr, &want->addr, sizeof(k->addr));
}

static int find_old(const struct ln_sockets *old, const struct ln_want *want, int protocol)
{
	for (int i = 0; old && i < old->n; i++)
		if (same_socket(&old->socket[i], want, protocol))
			return old->socket[i].fd;
	return -1;
}

static int index_of(const struct ln_sockets *sockets, int fd)
{
	for (int i = 0; sockets && i < sockets->n; i++)
		if (sockets->socket[i].fd == fd)
			return i;
	return -1;
}

static uint16_t wanted_port(const union ln_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port : addr->in6.sin6_port);
}

/*
 * The wants of a tag that leave the port to the kernel get one port together: the
 * one that the first of them got.
 */
static uint16_t port_of_tag(const struct ln_sockets *sockets, const struct ln_want *want)
{
	for (int i = 0; i < sockets->n; i++)
		if (!strcmp(sockets->socket[i].tag, want->tag) &&
		    sockets->socket[i].type == want->type && !wanted_port(&sockets->socket[i].addr))
			return bound_port(sockets->socket[i].fd);
	return 0;
}

static void say_listening(int fd)
{
	union ln_addr addr = { 0 };
	socklen_t len = sizeof(addr);
	char text[LN_ADDR_STRLEN];

	getsockname(fd, &addr.sa, &len);
	ln_notice("listening on %s (%s)", ln_addr_format(&addr, text),
		  ln_protocol_name(ln_socket_protocol(fd)));
}

/* Returns a descriptor, -ENOENT when it is absent and may be, -EAGAIN when another
 * port may do, or another errno.
 */
static int open_wanted(const struct ln_want *want, int protocol, bool reuseport, uint16_t port,
		       bool *noticed)
{
	union ln_addr addr = want->addr;
	char text[LN_ADDR_STRLEN];
	int fd;

	if (port)
		set_port(&addr, port);
	fd = open_one(&addr, want->type, protocol, reuseport);
	if (fd >= 0)
		return fd;
	if (fd == -EPROTONOSUPPORT && protocol == IPPROTO_LINNET) {
		if (want->transports & LN_TRANSPORT_TCP) {
			if (!*noticed)
				ln_notice("IP protocol %d is not there (is the module linnet "
					  "loaded?): TCP only",
					  protocol);
			*noticed = true;
			return -ENOENT;
		}
		ln_error("IP protocol %d is not there: load the module linnet or use "
			 "--transport tcp",
			 protocol);
		return fd;
	}
	if (want->may_be_absent && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
		ln_info("no %s here", addr.sa.sa_family == AF_INET ? "IPv4" : "IPv6");
		return -ENOENT;
	}
	/* A port that the kernel picked for another socket: try with another. */
	if (fd == -EADDRINUSE && port)
		return -EAGAIN;
	ln_error("cannot listen on %s (%s): %s", ln_addr_format(&addr, text),
		 ln_protocol_name(protocol), strerror(-fd));
	return fd;
}

static int open_all(const struct ln_wanted *wanted, const struct ln_sockets *old, bool reuseport,
		    bool *noticed, struct ln_sockets *sockets)
{
	const struct { unsigned int bit; int protocol; } transports[] = {
		{ LN_TRANSPORT_LINNET, IPPROTO_LINNET },
		{ LN_TRANSPORT_TCP, IPPROTO_TCP },
	};

	for (int t = 0; t < 2; t++) {
		for (int i = 0; i < wanted->n; i++) {
			const struct ln_want *want = &wanted->want[i];
			bool dgram = want->type == SOCK_DGRAM;
			int protocol = dgram ? IPPROTO_UDP : transports[t].protocol, fd;

			if (dgram ? t : !(want->transports & transports[t].bit))
				continue;
			fd = find_old(old, want, protocol);
			if (fd < 0)
				fd = open_wanted(want, protocol, reuseport,
						 wanted_port(&want->addr) ? 0 :
							 port_of_tag(sockets, want),
						 noticed);
			if (fd == -ENOENT)
				continue;
			if (fd < 0)
				return fd;
			sockets->socket[sockets->n++] = (struct ln_socket){
				want->tag, fd, want->type, want->addr, protocol,
			};
		}
	}
	return 0;
}

/**
 * ln_net_open() - open what is wanted
 * @wanted: addresses
 * @old: sockets that are open already and are kept where they are wanted, or NULL
 * @reuseport: others may share the address (SO_REUSEPORT)
 * @sockets: what to fill in
 *
 * The absence of protocol 253 is a notice, unless it is the only transport
 * asked for.
 *
 * Return: 0, or a negative errno after an error line; nothing is open then that
 * was not before.
 */
int ln_net_open(const struct ln_wanted *wanted, const struct ln_sockets *old, bool reuseport,
		struct ln_sockets *sockets)
{
	bool noticed = false;
	int err, tries = 0;

	do {
		sockets->n = 0;
		err = open_all(wanted, old, reuseport, &noticed, sockets);
		if (!err && sockets->n) {
			for (int i = 0; i < sockets->n; i++)
				if (index_of(old, sockets->socket[i].fd) < 0)
					say_listening(sockets->socket[i].fd);
			return 0;
		}
		ln_net_close(sockets, old);
	} while (err == -EAGAIN && ++tries < PORT_TRIES);
	if (err == -EAGAIN) {
		ln_error("found no port that is free on all addresses and transports");
		err = -EADDRINUSE;
	} else if (!err) {
		ln_error("neither IPv4 nor IPv6 to listen on");
		err = -EAFNOSUPPORT;
	}
	return err;
}

/**
 * ln_net_close() - close sockets
 * @sockets: which
 * @keep: those that stay open, or NULL
 */
void ln_net_close(struct ln_sockets *sockets, const struct ln_sockets *keep)
{
	for (int i = 0; i < sockets->n; i++)
		if (index_of(keep, sockets->socket[i].fd) < 0)
			close(sockets->socket[i].fd);
	sockets->n = 0;
}

/**
 * ln_net_clone() - the same addresses for one worker more (SO_REUSEPORT)
 * @first: the first worker's sockets
 * @old_first: the first worker's sockets before, or NULL
 * @old: the worker's own sockets before, kept where the first one's were, or NULL
 * @sockets: what to fill in
 *
 * Return: 0, or a negative errno after an error line; nothing is open then that
 * was not before.
 */
int ln_net_clone(const struct ln_sockets *first, const struct ln_sockets *old_first,
		 const struct ln_sockets *old, struct ln_sockets *sockets)
{
	char text[LN_ADDR_STRLEN];

	sockets->n = 0;
	for (int i = 0; i < first->n; i++) {
		const struct ln_socket *k = &first->socket[i];
		int was = old ? index_of(old_first, k->fd) : -1, fd;
		union ln_addr addr = { 0 };
		socklen_t len = sizeof(addr);

		if (was >= 0) {
			fd = old->socket[was].fd;
		} else {
			getsockname(k->fd, &addr.sa, &len);
			fd = open_one(&addr, k->type, k->protocol, true);
		}
		if (fd < 0) {
			ln_error("cannot listen on %s once more (%s): %s",
				 ln_addr_format(&addr, text), ln_protocol_name(k->protocol),
				 strerror(-fd));
			ln_net_close(sockets, old);
			return fd;
		}
		sockets->socket[sockets->n] = *k;
		sockets->socket[sockets->n++].fd = fd;
	}
	return 0;
}

/**
 * ln_net_assign() - give sockets that were passed to what is wanted
 * @inherited: from ln_net_inherit()
 * @wanted: what is wanted
 * @sockets: what to fill in: all of @inherited, each with a tag
 *
 * A socket goes to what wants its address, or else to the first that wants one of
 * its type.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_net_assign(const struct ln_sockets *inherited, const struct ln_wanted *wanted,
		  struct ln_sockets *sockets)
{
	*sockets = *inherited;
	for (int i = 0; i < sockets->n; i++) {
		struct ln_socket *k = &sockets->socket[i];
		const char *tag = NULL;

		for (int j = 0; j < wanted->n; j++)
			if (same_socket(k, &wanted->want[j], k->protocol))
				tag = wanted->want[j].tag;
		for (int j = 0; !tag && j < wanted->n; j++)
			if (wanted->want[j].type == k->type)
				tag = wanted->want[j].tag;
		if (!tag) {
			ln_error("descriptor %d, passed by LISTEN_FDS, is of a type that is not "
				 "wanted",
				 k->fd);
			return -EINVAL;
		}
		k->tag = tag;
	}
	return 0;
}

/**
 * ln_net_inherit() - sockets that were passed by socket activation
 * @sockets: what to fill in: as if they had been opened before
 *
 * Return: how many, or a negative errno after an error line.
 */
int ln_net_inherit(struct ln_sockets *sockets)
{
	int n = sd_listen_fds(1);

	sockets->n = 0;
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i, type;
		socklen_t len = sizeof(type), addr_len = sizeof(union ln_addr);
		struct ln_socket *k = &sockets->socket[sockets->n];

		if (sockets->n == LN_MAX_SOCKETS) {
			ln_error("more than %d sockets were passed", LN_MAX_SOCKETS);
			return -ENOSPC;
		}
		*k = (struct ln_socket){ .tag = "", .fd = fd };
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
		    getsockname(fd, &k->addr.sa, &addr_len) ||
		    (k->addr.sa.sa_family != AF_INET && k->addr.sa.sa_family != AF_INET6)) {
			ln_error("descriptor %d, passed by LISTEN_FDS, is no IPv4 or IPv6 socket",
				 fd);
			return -EINVAL;
		}
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		k->type = type;
		k->protocol = ln_socket_protocol(fd);
		sockets->n++;
		say_listening(fd);
	}
	return n < 0 ? n : sockets->n;
}
