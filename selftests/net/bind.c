// SPDX-License-Identifier: GPL-2.0-or-later
/* Local addresses and ports: who may have which, and who may share. */
#include <fcntl.h>

#include "lib.h"

static int bound(const char *host, int port, bool reuse)
{
	union address a;
	socklen_t len = address_set(&a, host, port);
	int fd = sk_new(a.sa.sa_family), err;

	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, reuse);
	if (!bind(fd, &a.sa, len))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static int bound6(const char *host, int port, bool v6only)
{
	union address a;
	socklen_t len = address_set(&a, host, port);
	int fd = sk_new(AF_INET6), err;

	sk_set(fd, SOL_IPV6, IPV6_V6ONLY, v6only);
	if (!bind(fd, &a.sa, len))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static void in_use(void)
{
	int fd = OK(bound("127.0.0.1", 6001, false)), other;

	CHECK_ERR(bound("127.0.0.1", 6001, false), EADDRINUSE);
	CHECK_ERR(bound("127.0.0.1", 6001, true), EADDRINUSE);
	CHECK_ERR(bound("0.0.0.0", 6001, false), EADDRINUSE);
	CHECK_ERR(bound("::", 6001, false), EADDRINUSE);
	OK(bound("127.0.0.2", 6001, false));
	OK(bound("::1", 6001, false));
	CHECK_ERR(sk_bind(fd, "127.0.0.1", 6002), EINVAL);
	/* given back when closed */
	close(fd);
	other = OK(bound("127.0.0.1", 6001, false));
	OK(listen(other, 1));
}

static void reuse(void)
{
	int a = OK(bound("127.0.0.1", 6001, true)), b = OK(bound("127.0.0.1", 6001, true));

	/* one of them may listen */
	OK(listen(a, 1));
	CHECK_ERR(listen(b, 1), EADDRINUSE);
	CHECK_ERR(bound("127.0.0.1", 6001, true), EADDRINUSE);
	/* its connections do not keep others from the port when it is gone */
	b = sk_connected("127.0.0.1", 6001);
	b = OK(accept(a, NULL, NULL));
	CHECK_ERR(bound("127.0.0.1", 6001, true), EADDRINUSE);
	close(a);
	CHECK_ERR(bound("127.0.0.1", 6001, false), EADDRINUSE);
	OK(listen(OK(bound("127.0.0.1", 6001, true)), 1));
	sk_connected("127.0.0.1", 6001);
	CHECK(b >= 0);
}

static void reuse_port(void)
{
	int a = sk_new(AF_INET), b = sk_new(AF_INET), n[2] = {}, l[2], i;

	sk_set(a, SOL_SOCKET, SO_REUSEPORT, 1);
	sk_set(b, SOL_SOCKET, SO_REUSEPORT, 1);
	OK(sk_bind(a, "127.0.0.1", 6001));
	CHECK_ERR(bound("127.0.0.1", 6001, false), EADDRINUSE);
	OK(sk_bind(b, "127.0.0.1", 6001));
	OK(listen(a, 64));
	OK(listen(b, 64));
	l[0] = a;
	l[1] = b;
	sk_nonblock(a, true);
	sk_nonblock(b, true);
	for (i = 0; i < 40; i++)
		sk_connected("127.0.0.1", 6001);
	for (i = 0; i < 2; i++)
		while (accept(l[i], NULL, NULL) >= 0)
			n[i]++;
	CHECK_EQ(n[0] + n[1], 40);
}

static void port_zero(void)
{
	int ports[50], i, j;

	for (i = 0; i < 50; i++) {
		ports[i] = sk_port(OK(bound("127.0.0.1", 0, false)));
		CHECK(ports[i] >= 32768 && ports[i] <= 60999);
		for (j = 0; j < i; j++)
			CHECK(ports[j] != ports[i]);
	}
}

static void port_range(void)
{
	int i, fd;

	command("echo 7001 7004 >/proc/sys/net/ipv4/ip_local_port_range");
	for (i = 0; i < 4; i++) {
		fd = OK(bound("127.0.0.1", 0, false));
		CHECK(sk_port(fd) >= 7001 && sk_port(fd) <= 7004);
	}
	CHECK_ERR(bound("127.0.0.1", 0, false), EADDRINUSE);
}

/* Each connection to one place needs a port of its own; other places share them */
static void connect_ports(void)
{
	int l = sk_listen("0.0.0.0", 6001, 100), fd, i;

	command("echo 7001 7008 >/proc/sys/net/ipv4/ip_local_port_range");
	for (i = 0; i < 8; i++)
		sk_connected("127.0.0.1", 6001);
	fd = sk_new(AF_INET);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", 6001), EADDRNOTAVAIL);
	OK(sk_connect(fd, "127.0.0.2", 6001));
	CHECK(l >= 0);
}

static void same_pair(void)
{
	int l = sk_listen("127.0.0.1", 6001, 10), a, b;

	a = OK(bound("127.0.0.1", 6002, true));
	OK(sk_connect(a, "127.0.0.1", 6001));
	b = OK(bound("127.0.0.1", 6002, true));
	CHECK_ERR(sk_connect(b, "127.0.0.1", 6001), EADDRNOTAVAIL);
	close(l);
}

static void foreign(void)
{
	CHECK_ERR(bound("192.0.2.1", 6001, false), EADDRNOTAVAIL);
	CHECK_ERR(bound("2001:db8::1", 6001, false), EADDRNOTAVAIL);
}

static void privileged(void)
{
	OK(bound("127.0.0.1", 80, false));
	OK(setresuid(65534, 65534, 65534));
	CHECK_ERR(bound("127.0.0.1", 81, false), EACCES);
}

static void source_address(void)
{
	int l = sk_listen("127.0.0.1", 6001, 5), fd = OK(bound("127.0.0.9", 6003, false));
	union address a;
	socklen_t len = sizeof(a);

	OK(sk_connect(fd, "127.0.0.1", 6001));
	OK(accept(l, &a.sa, &len));
	CHECK_EQ(ntohl(a.in.sin_addr.s_addr), 0x7f000009);
	CHECK_EQ(address_port(&a), 6003);
	/* one that asks for the address only */
	fd = OK(bound("127.0.0.8", 0, false));
	OK(sk_connect(fd, "127.0.0.1", 6001));
	OK(accept(l, &a.sa, &len));
	CHECK_EQ(ntohl(a.in.sin_addr.s_addr), 0x7f000008);
}

static void mapped(void)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };
	int l = sk_listen("::", 0, 5), c = sk_connected("127.0.0.1", sk_port(l)), s;
	union address a;
	socklen_t len = sizeof(a);

	/* IPv4 in, on an IPv6 listener */
	s = OK(accept(l, &a.sa, &len));
	CHECK_EQ(len, sizeof(a.in6));
	CHECK(!memcmp(&a.in6.sin6_addr, prefix, 12));
	CHECK_EQ(address_port(&a), sk_port(c));
	OK(getsockname(s, &a.sa, &len));
	CHECK(!memcmp(&a.in6.sin6_addr, prefix, 12));
	transfer(c, s, 300000, 300000);
	close(c);
	close(s);
	/* IPv4 out, from an IPv6 socket */
	c = sk_connected("::ffff:127.0.0.1", sk_port(l));
	len = sizeof(a);
	OK(getpeername(c, &a.sa, &len));
	CHECK(!memcmp(&a.in6.sin6_addr, prefix, 12));
	s = OK(accept(l, NULL, NULL));
	transfer(c, s, 300000, 300000);
	/* IPv6 on the same listener */
	c = sk_connected("::1", sk_port(l));
	s = OK(accept(l, NULL, NULL));
	transfer(c, s, 300000, 300000);
}

static void mapped_refused(void)
{
	int fd = sk_new(AF_INET6), l = bound6("::1", 0, true);

	CHECK_ERR(sk_connect(fd, "::ffff:127.0.0.1", sk_port(l)), ECONNREFUSED);
	fd = sk_new(AF_INET6);
	sk_set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	CHECK_ERR(sk_connect(fd, "::ffff:127.0.0.1", sk_port(l)), ENETUNREACH);
}

static void v6only(void)
{
	int l = OK(bound6("::", 6001, true)), l4;

	OK(listen(l, 5));
	CHECK_ERR(sk_connect(sk_new(AF_INET), "127.0.0.1", 6001), ECONNREFUSED);
	l4 = OK(bound("0.0.0.0", 6001, false));
	OK(listen(l4, 5));
	sk_nonblock(l, true);
	sk_nonblock(l4, true);
	sk_connected("127.0.0.1", 6001);
	OK(accept(l4, NULL, NULL));
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	sk_connected("::1", 6001);
	OK(accept(l, NULL, NULL));
	CHECK_ERR(accept(l4, NULL, NULL), EAGAIN);
	/* a listener for both has no place here */
	CHECK_ERR(bound6("::", 6001, false), EADDRINUSE);
	close(l4);
	CHECK_ERR(bound6("::", 6001, false), EADDRINUSE);
	OK(bound6("::", 6002, false));
	CHECK_ERR(bound("0.0.0.0", 6002, false), EADDRINUSE);
	CHECK_ERR(bound("127.0.0.1", 6002, false), EADDRINUSE);
}

/* The closer match gets the connection */
static void specific(void)
{
	int any = sk_listen("0.0.0.0", 6001, 5), one, fd = sk_new(AF_INET);

	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_ERR(sk_bind(fd, "127.0.0.2", 6001), EADDRINUSE);
	close(any);
	sk_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	OK(sk_bind(fd, "127.0.0.2", 6001));
	OK(listen(fd, 5));
	one = fd;
	any = sk_new(AF_INET);
	sk_set(any, SOL_SOCKET, SO_REUSEPORT, 1);
	OK(sk_bind(any, "0.0.0.0", 6001));
	OK(listen(any, 5));
	sk_nonblock(any, true);
	sk_nonblock(one, true);
	sk_connected("127.0.0.2", 6001);
	OK(accept(one, NULL, NULL));
	sk_connected("127.0.0.1", 6001);
	OK(accept(any, NULL, NULL));
	CHECK_ERR(accept(one, NULL, NULL), EAGAIN);
	CHECK_ERR(accept(any, NULL, NULL), EAGAIN);
}

static void device(void)
{
	int here = ns_current(), there = ns_new(), l, fd;

	ns_join(here, "v0", there, "v1");
	command("ip addr add 192.0.2.1/24 dev v0");
	l = sk_new(AF_INET);
	OK(setsockopt(l, SOL_SOCKET, SO_BINDTODEVICE, "v0", 3));
	OK(sk_bind(l, "0.0.0.0", 6001));
	OK(listen(l, 5));
	/* by the loopback interface, that listener is not seen */
	CHECK_ERR(sk_connect(sk_new(AF_INET), "127.0.0.1", 6001), ECONNREFUSED);
	ns_enter(there);
	command("ip addr add 192.0.2.2/24 dev v1");
	fd = sk_connected("192.0.2.1", 6001);
	transfer(fd, OK(accept(l, NULL, NULL)), 1000, 1000);
}

/* Link-local addresses need their interface */
static void link_local(void)
{
	int here = ns_current(), there = ns_new(), l, fd;
	union address a;
	socklen_t len;

	ns_join(here, "v0", there, "v1");
	command("ip addr add fe80::1/64 dev v0 nodad");
	l = sk_listen("::", 6001, 5);
	ns_enter(there);
	command("ip addr add fe80::2/64 dev v1 nodad");
	fd = sk_new(AF_INET6);
	CHECK_ERR(sk_connect(fd, "fe80::1", 6001), EINVAL);
	len = address_set(&a, "fe80::1", 6001);
	OK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "v1", 3));
	OK(connect(fd, &a.sa, len));
	transfer(fd, OK(accept(l, &a.sa, &len)), 1000, 1000);
	CHECK(a.in6.sin6_scope_id != 0);
}

static const struct test tests[] = {
	{ "address in use", in_use },
	{ "SO_REUSEADDR", reuse },
	{ "SO_REUSEPORT", reuse_port },
	{ "port 0", port_zero },
	{ "ip_local_port_range", port_range },
	{ "ports of connect()", connect_ports },
	{ "one connection for a pair of addresses", same_pair },
	{ "addresses of others", foreign },
	{ "ports below 1024", privileged },
	{ "source address", source_address },
	{ "IPv4 on IPv6 sockets", mapped },
	{ "IPv4 on IPv6 sockets, refused", mapped_refused },
	{ "IPV6_V6ONLY", v6only },
	{ "specific before wildcard", specific },
	{ "SO_BINDTODEVICE", device },
	{ "IPv6 link-local", link_local },
};

TEST_MAIN(tests)
