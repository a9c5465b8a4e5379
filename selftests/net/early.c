// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The route of what comes in, which a socket keeps: what it must not outlive.
 */
#include "lib.h"

static int here, there, c, s;
static uint64_t sent;

static const char *address(int family, bool server)
{
	if (family == AF_INET)
		return server ? "192.0.2.2" : "192.0.2.1";
	return server ? "2001:db8::2" : "2001:db8::1";
}

static void have(int ns, int family, bool server, const char *what)
{
	ns_enter(ns);
	command("ip addr %s %s/%d dev v%d%s", what, address(family, server),
		family == AF_INET ? 24 : 64, server,
		family == AF_INET6 && !strcmp(what, "add") ? " nodad" : "");
	ns_enter(here);
}

static void early_demux(int ns, bool on)
{
	ns_enter(ns);
	command("echo %d >/proc/sys/net/ipv4/ip_early_demux", on);
	ns_enter(here);
}

/* A connection from here to there; both ends have had segments of it */
static void open_connection(int family)
{
	int l;

	here = ns_current();
	there = ns_new();
	ns_join(here, "v0", there, "v1");
	have(here, family, false, "add");
	have(there, family, true, "add");
	ns_enter(there);
	l = sk_listen(address(family, true), 7000, 1);
	ns_enter(here);
	c = sk_connected(address(family, true), 7000);
	s = OK(accept(l, NULL, NULL));
	close(l);
	sent = 0;
}

static void some(uint64_t octets)
{
	send_pattern(c, sent, octets, 1);
	receive_pattern(s, sent, octets, 1);
	sent += octets;
}

/* Octets that have come by the device there */
static long arrived(void)
{
	char line[256];
	long octets = 0;
	FILE *f;

	ns_enter(there);
	f = fopen("/proc/thread-self/net/dev", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "v1:"))
			octets = strtol(strchr(line, ':') + 1, NULL, 10);
	fclose(f);
	ns_enter(here);
	return octets;
}

/* The address goes: what still comes for it is not for this host, whatever the
 * socket remembers.  It comes back, and all goes on.
 */
static void address_goes(int family)
{
	long before;

	open_connection(family);
	some(50000);
	have(there, family, true, "del");
	before = arrived();
	send_pattern(c, sent, 1000, 1);
	/* it and two repetitions have come, and not been taken */
	AWAIT(arrived() > before + 3000);
	CHECK_EQ(sk_inq(s), 0);
	have(there, family, true, "add");
	receive_pattern(s, sent, 1000, 1);
	sent += 1000;
	some(50000);
	transfer(c, s, 300000, 300000);
	close(c);
	check_eof(s);
	close(s);
}

static void address4_goes(void)
{
	address_goes(AF_INET);
}

static void address6_goes(void)
{
	address_goes(AF_INET6);
}

/* Switched off and on again in the middle */
static void switched(int family)
{
	open_connection(family);
	for (int i = 0; i < 4; i++) {
		early_demux(there, i & 1);
		early_demux(here, i & 1);
		some(20000);
		transfer(s, c, 20000, 20000);
	}
	close(c);
	close(s);
}

static void switched4(void)
{
	switched(AF_INET);
}

static void switched6(void)
{
	switched(AF_INET6);
}

/* The device goes, and the namespace of a peer with segments on their way */
static void device_goes(void)
{
	open_connection(AF_INET);
	some(50000);
	command("ip link del v0");
	send_pattern(c, sent, 1000, 1);
	close(c);
	close(s);
}

static const struct test tests[] = {
	{ "the address goes and comes back", address4_goes },
	{ "the address goes and comes back, IPv6", address6_goes },
	{ "ip_early_demux off and on", switched4 },
	{ "ip_early_demux off and on, IPv6", switched6 },
	{ "the device goes", device_goes },
};

TEST_MAIN(tests)
