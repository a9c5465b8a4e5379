// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual routing and forwarding: hosts in two VRFs may have the same addresses,
 * and connections in both of them the same two ends.
 *
 *	 client --v0--v1-- [red]   host   [blue] --w1--w0-- other
 *	 .1 (port N)          .2           .2           .1 (port N)
 */
#include <net/if.h>

#include "lib.h"

#define PORT	7000

static const int families[] = { AF_INET, AF_INET6 };
static int host, client, other;

static const char *address(int family, bool server)
{
	if (family == AF_INET)
		return server ? "192.0.2.2" : "192.0.2.1";
	return server ? "2001:db8::2" : "2001:db8::1";
}

static void have_addresses(const char *device, bool server)
{
	command("ip addr add %s/24 dev %s", address(AF_INET, server), device);
	command("ip addr add %s/64 dev %s nodad", address(AF_INET6, server), device);
}

/* A VRF on the host, a device in it, and the network behind that */
static void vrf(const char *name, int table, const char *outer, const char *inner, int ns)
{
	ns_join(ns, outer, host, inner);
	command("ip link add %s type vrf table %d", name, table);
	command("ip link set %s up", name);
	command("ip link set %s master %s", inner, name);
	have_addresses(inner, true);
	ns_enter(ns);
	have_addresses(outer, false);
	ns_enter(host);
}

static void accept_from_vrfs(bool on)
{
	if (proto == PROTO_TCP)
		command("echo %d >/proc/sys/net/ipv4/tcp_l3mdev_accept", on);
	else
		command("echo %d >/proc/sys/net/linnet/l3mdev_accept", on);
}

static void set_up(void)
{
	host = ns_current();
	if (system("ip link add probe type vrf table 99 2>/dev/null"))
		skip("this kernel has no VRF");
	command("ip link del probe");
	client = ns_new();
	other = ns_new();
	vrf("red", 10, "v0", "v1", client);
	vrf("blue", 20, "w0", "w1", other);
	accept_from_vrfs(false);
}

static void bind_device(int fd, const char *device)
{
	OK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)));
}

static int bound_device(int fd)
{
	return sk_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
}

static int listener(int family, const char *device)
{
	int fd = sk_new(family);

	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (device)
		bind_device(fd, device);
	OK(sk_bind(fd, family == AF_INET ? "0.0.0.0" : "::", PORT));
	OK(listen(fd, 8));
	return fd;
}

/* From a network, with a port of its own choice or a given one */
static int client_socket(int family, int ns, int port)
{
	int fd;

	ns_enter(ns);
	fd = sk_new(family);
	if (port) {
		sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		OK(sk_bind(fd, address(family, false), port));
	}
	ns_enter(host);
	return fd;
}

static int connected(int family, int ns, int port)
{
	int fd = client_socket(family, ns, port);

	OK(sk_connect(fd, address(family, true), PORT));
	return fd;
}

static void refused(int family, int ns)
{
	int fd = client_socket(family, ns, 0);

	CHECK_ERR(sk_connect(fd, address(family, true), PORT), ECONNREFUSED);
	close(fd);
}

static void serve(int l, int c, const char *bound_to)
{
	int s = OK(accept(l, NULL, NULL));

	CHECK_EQ(bound_device(s), bound_to ? (int)if_nametoindex(bound_to) : 0);
	transfer(c, s, 200000, 200000);
	close(c);
	check_eof(s);
	close(s);
}

/* Who is bound to a VRF, or to a device in it, hears of it and of no other */
static void bound(void)
{
	set_up();
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], "red");

		serve(l, connected(families[f], client, 0), "red");
		refused(families[f], other);
		close(l);
		l = listener(families[f], "w1");
		serve(l, connected(families[f], other, 0), "w1");
		refused(families[f], client);
		close(l);
	}
}

/* Who is bound to nothing hears of VRFs if the administrator wants it, and then
 * his children belong to that
 */
static void unbound(void)
{
	set_up();
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], NULL);

		accept_from_vrfs(false);
		refused(families[f], client);
		refused(families[f], other);
		accept_from_vrfs(true);
		serve(l, connected(families[f], client, 0), "red");
		serve(l, connected(families[f], other, 0), "blue");
		close(l);
	}
}

/* The same two ends, twice */
static void same_ends(void)
{
	set_up();
	accept_from_vrfs(true);
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], NULL), c[2], s[2];

		for (int i = 0; i < 2; i++) {
			c[i] = connected(families[f], i ? other : client, 4000);
			s[i] = OK(accept(l, NULL, NULL));
			CHECK_EQ(sk_peer_port(s[i]), 4000);
		}
		CHECK(bound_device(s[0]) != bound_device(s[1]));
		for (int round = 0; round < 3; round++)
			for (int i = 0; i < 2; i++)
				transfer(c[i], s[i], 100000, 100000);
		for (int i = 0; i < 2; i++) {
			send_pattern(c[i], 0, 5000, i + 1);
			send_pattern(s[i], 0, 5000, i + 3);
		}
		for (int i = 1; i >= 0; i--) {
			receive_pattern(s[i], 0, 5000, i + 1);
			receive_pattern(c[i], 0, 5000, i + 3);
		}
		/* one ends, the other lives */
		close(s[0]);
		check_eof(c[0]);
		transfer(c[1], s[1], 100000, 100000);
		for (int i = 0; i < 2; i++)
			close(c[i]);
		close(s[1]);
		close(l);
	}
}

/* The same listener twice, once for each VRF, and a third for what is in none */
static void same_listeners(void)
{
	set_up();
	for (int f = 0; f < 2; f++) {
		int red = listener(families[f], "red"), none, c;
		int blue = listener(families[f], "blue");

		none = listener(families[f], NULL);
		c = connected(families[f], client, 0);
		serve(red, c, "red");
		c = connected(families[f], other, 0);
		serve(blue, c, "blue");
		serve(none, sk_connected(loopback(families[f]), PORT), NULL);
		close(red);
		close(blue);
		close(none);
	}
}

/* Out of a VRF */
static void outward(void)
{
	set_up();
	for (int f = 0; f < 2; f++) {
		int l, c, s;

		ns_enter(client);
		l = sk_listen(address(families[f], false), PORT, 1);
		ns_enter(host);
		/* the main table has no way there */
		c = sk_new(families[f]);
		CHECK_ERR(sk_connect(c, address(families[f], false), PORT), ENETUNREACH);
		close(c);
		for (int i = 0; i < 2; i++) {
			c = sk_new(families[f]);
			bind_device(c, i ? "v1" : "red");
			OK(sk_connect(c, address(families[f], false), PORT));
			s = OK(accept(l, NULL, NULL));
			transfer(c, s, 200000, 200000);
			close(c);
			check_eof(s);
			close(s);
		}
		/* blue has an address like that, too, and nobody listens */
		c = sk_new(families[f]);
		bind_device(c, "blue");
		CHECK_ERR(sk_connect(c, address(families[f], false), PORT), ECONNREFUSED);
		close(c);
		close(l);
	}
}

/* Within one, from an address of the host to itself */
static void within(void)
{
	set_up();
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], "red"), c = sk_new(families[f]);

		bind_device(c, "red");
		OK(sk_connect(c, address(families[f], true), PORT));
		serve(l, c, "red");
		close(l);
	}
}

/* A cookie is answered through the VRF that it came by, too */
static void cookies(void)
{
	set_up();
	accept_from_vrfs(true);
	command("echo 2 >/proc/sys/net/%s",
		proto == PROTO_TCP ? "ipv4/tcp_syncookies" : "linnet/syncookies");
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], NULL);

		serve(l, connected(families[f], client, 0), "red");
		serve(l, connected(families[f], other, 0), "blue");
		close(l);
	}
}

/* Over a bridge: the segments come by the bridge, whatever its ports are */
static void bridge(void)
{
	host = ns_current();
	client = ns_new();
	ns_join(client, "v0", host, "v1");
	command("ip link add br0 type bridge");
	command("ip link set br0 up");
	command("ip link set v1 master br0");
	have_addresses("br0", true);
	ns_enter(client);
	have_addresses("v0", false);
	ns_enter(host);
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f], NULL);

		serve(l, connected(families[f], client, 0), NULL);
		close(l);
		l = listener(families[f], "br0");
		serve(l, connected(families[f], client, 0), "br0");
		close(l);
		l = listener(families[f], "v1");
		refused(families[f], client);
		close(l);
	}
}

static const struct test tests[] = {
	{ "bound to a VRF, or to a device in it", bound },
	{ "bound to nothing", unbound },
	{ "the same two ends in two VRFs", same_ends },
	{ "a listener for each", same_listeners },
	{ "out of a VRF", outward },
	{ "within a VRF", within },
	{ "SYN cookies", cookies },
	{ "over a bridge", bridge },
};

TEST_MAIN(tests)
