// SPDX-License-Identifier: GPL-2.0-or-later
/* What a route asks of a connection, the metrics of "ip route", and its device. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "lib.h"

#define PORT	7000

static const int families[] = { AF_INET, AF_INET6 };
static int here, there;

static const char *address(int family, bool server)
{
	if (family == AF_INET)
		return server ? "192.0.2.2" : "192.0.2.1";
	return server ? "2001:db8::2" : "2001:db8::1";
}

static void have_addresses(int ns, bool server)
{
	ns_enter(ns);
	command("ip addr add %s/24 dev v%d", address(AF_INET, server), server);
	command("ip addr add %s/64 dev v%d nodad", address(AF_INET6, server), server);
	ns_enter(here);
}

/* The client's namespace is the test's own; a veth leads to the server's */
static void two_hosts(void)
{
	here = ns_current();
	there = ns_new();
	ns_join(here, "v0", there, "v1");
	have_addresses(here, false);
	have_addresses(there, true);
}

/* The way from the client to the server, or back, asks for this */
static void metrics(int family, bool server, const char *what)
{
	ns_enter(server ? there : here);
	command("ip -%d route replace %s dev v%d %s", family == AF_INET ? 4 : 6,
		address(family, !server), server, what);
	ns_enter(here);
}

static void both_metrics(int family, const char *what)
{
	metrics(family, false, what);
	metrics(family, true, what);
}

static void sysctl_in(int ns, const char *linnet, const char *tcp, int value)
{
	ns_enter(ns);
	if (proto == PROTO_TCP)
		command("echo %d >/proc/sys/net/ipv4/%s", value, tcp);
	else
		command("echo %d >/proc/sys/net/linnet/%s", value, linnet);
	ns_enter(here);
}

static int listener(int family)
{
	int l;

	ns_enter(there);
	l = sk_listen(address(family, true), PORT, 1);
	ns_enter(here);
	return l;
}

/* [0] is the client's end */
static void open_connection(int family, int fd[2])
{
	int l = listener(family);

	fd[0] = sk_connected(address(family, true), PORT);
	fd[1] = OK(accept(l, NULL, NULL));
	close(l);
}

static void close_both(int fd[2])
{
	close(fd[0]);
	check_eof(fd[1]);
	close(fd[1]);
}

/* TCP looks at some of the metrics only when it begins to remember a host, and
 * that is at the end of the first connection
 */
static void first_connection(int family)
{
	int fd[2];

	open_connection(family, fd);
	transfer(fd[0], fd[1], 100000, 100000);
	close_both(fd);
}

static void initcwnd(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		metrics(families[f], false, "initcwnd 4");
		metrics(families[f], true, "initcwnd 25");
		open_connection(families[f], fd);
		CHECK_EQ(sk_info(fd[0]).tcpi_snd_cwnd, 4);
		CHECK_EQ(sk_info(fd[1]).tcpi_snd_cwnd, 25);
		close_both(fd);
	}
}

/* The first window, in full segments without options */
static void initrwnd(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int full = families[f] == AF_INET ? 1460 : 1440, fd[2];

		both_metrics(families[f], "initrwnd 4");
		open_connection(families[f], fd);
		CHECK_EQ(sk_info(fd[0]).tcpi_rcv_ssthresh, 4 * full);
		CHECK_EQ(sk_info(fd[1]).tcpi_rcv_ssthresh, 4 * (full - 12));
		close_both(fd);
	}
}

/* The largest window, until the buffer grows beyond what it was */
static void window(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "window 20000");
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(sk_int(fd[i], SOL_TCP, TCP_WINDOW_CLAMP), 20000);
		/* without the route it would be three times as much */
		for (int i = 0; i < 2; i++)
			CHECK(sk_info(fd[i]).tcpi_rcv_ssthresh <= 20000);
		transfer(fd[0], fd[1], 300000, 300000);
		close_both(fd);
	}
}

/* What is offered is what the other end sends, less the timestamps */
static void advmss(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		metrics(families[f], false, "advmss 700");
		metrics(families[f], true, "advmss 900");
		open_connection(families[f], fd);
		CHECK_EQ(sk_info(fd[0]).tcpi_snd_mss, 900 - 12);
		CHECK_EQ(sk_info(fd[1]).tcpi_snd_mss, 700 - 12);
		CHECK_EQ(sk_info(fd[0]).tcpi_advmss, 700 - 12);
		close_both(fd);
	}
}

static void rto_min(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		metrics(families[f], false, "rto_min 2s");
		metrics(families[f], true, "rto_min 5s");
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++) {
			unsigned int least = i ? 5000000 : 2000000;

			CHECK(sk_info(fd[i]).tcpi_rto >= least);
			CHECK(sk_info(fd[i]).tcpi_rto < least + 900000);
		}
		transfer(fd[0], fd[1], 100000, 100000);
		for (int i = 0; i < 2; i++)
			CHECK(sk_info(fd[i]).tcpi_rto >= (i ? 5000000 : 2000000));
		close_both(fd);

		/* less than Linux's own */
		both_metrics(families[f], "rto_min 20ms");
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++) {
			struct tcp_info info = sk_info(fd[i]);

			CHECK(info.tcpi_rto <= info.tcpi_rtt +
			      (4 * info.tcpi_rttvar > 20000 ?
			       4 * info.tcpi_rttvar : 20000) + 8000);
		}
		close_both(fd);
	}
}

static long delayed_acks(void)
{
	long n;

	ns_enter(there);
	n = counter("DelayedAcks", "DelayedACKs");
	ns_enter(here);
	return n;
}

/* A question and an answer, so often that the server lets its ACKs wait for the
 * answers; then a question without.  Tells how many ACKs were late.
 */
static int late_acks(int family)
{
	long before;
	int fd[2];

	open_connection(family, fd);
	for (int i = 0; i < 40; i++)
		transfer(fd[0], fd[1], 10, 0), transfer(fd[1], fd[0], 10, 0);
	before = delayed_acks();
	for (int i = 0; i < 3; i++) {
		send_pattern(fd[0], i * 10, 10, 1);
		AWAIT(!sk_outq(fd[0]));
	}
	receive_pattern(fd[1], 0, 30, 1);
	close_both(fd);
	return delayed_acks() - before;
}

static void quickack(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		CHECK(late_acks(families[f]) > 0);
		metrics(families[f], true, "quickack 1");
		CHECK_EQ(late_acks(families[f]), 0);
	}
}

static void cwnd_lock(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "cwnd lock 7");
		first_connection(families[f]);
		open_connection(families[f], fd);
		transfer(fd[0], fd[1], 1000000, 1000000);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(sk_info(fd[i]).tcpi_snd_cwnd, 7);
		close_both(fd);
	}
}

static void reordering(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "reordering lock 9");
		first_connection(families[f]);
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(sk_info(fd[i]).tcpi_reordering, 9);
		close_both(fd);
	}
}

/* A first timeout of 3 times the route's round trip, until there is a better one */
static void rtt(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "rtt lock 3s");
		first_connection(families[f]);
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(sk_info(fd[i]).tcpi_rto, 9000000);
		transfer(fd[0], fd[1], 100000, 100000);
		for (int i = 0; i < 2; i++)
			CHECK(sk_info(fd[i]).tcpi_rto < 9000000);
		close_both(fd);
	}
}

static void check_congctl(int fd, const char *name)
{
	char got[16] = "";
	socklen_t len = sizeof(got);

	OK(getsockopt(fd, SOL_TCP, TCP_CONGESTION, got, &len));
	if (strcmp(got, name))
		FAIL("congestion control is %s, not %s", got, name);
}

/* Before the user's choice; locked, he has none */
static void congctl(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int l, fd[2];

		both_metrics(families[f], "congctl reno");
		l = listener(families[f]);
		OK(setsockopt(l, SOL_TCP, TCP_CONGESTION, "cubic", 5));
		fd[0] = sk_new(families[f]);
		OK(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "cubic", 5));
		OK(sk_connect(fd[0], address(families[f], true), PORT));
		fd[1] = OK(accept(l, NULL, NULL));
		for (int i = 0; i < 2; i++) {
			check_congctl(fd[i], "reno");
			transfer(fd[i], fd[!i], 200000, 0);
			OK(setsockopt(fd[i], SOL_TCP, TCP_CONGESTION, "cubic", 5));
			check_congctl(fd[i], "cubic");
			transfer(fd[i], fd[!i], 200000, 0);
		}
		close(l);
		close_both(fd);

		both_metrics(families[f], "congctl lock reno");
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++) {
			check_congctl(fd[i], "reno");
			CHECK_ERR(setsockopt(fd[i], SOL_TCP, TCP_CONGESTION, "cubic", 5),
				  EPERM);
		}
		transfer(fd[0], fd[1], 200000, 200000);
		close_both(fd);
	}
}

/* One that needs ECN gets it, whatever the sysctl */
static void congctl_ecn(void)
{
	two_hosts();
	sysctl_in(here, "ecn", "tcp_ecn", 0);
	sysctl_in(there, "ecn", "tcp_ecn", 0);
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "congctl dctcp");
		open_connection(families[f], fd);
		for (int i = 0; i < 2; i++) {
			check_congctl(fd[i], "dctcp");
			CHECK(sk_info(fd[i]).tcpi_options & TCPI_OPT_ECN);
		}
		transfer(fd[0], fd[1], 200000, 200000);
		close_both(fd);
	}
}

static bool with_ecn(int family)
{
	bool on[2];
	int fd[2];

	open_connection(family, fd);
	for (int i = 0; i < 2; i++)
		on[i] = sk_info(fd[i]).tcpi_options & TCPI_OPT_ECN;
	CHECK_EQ(on[0], on[1]);
	close_both(fd);
	return on[0];
}

static void feature_ecn(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		/* the client does not ask; asks; the server does not want; wants */
		sysctl_in(here, "ecn", "tcp_ecn", 0);
		sysctl_in(there, "ecn", "tcp_ecn", 2);
		metrics(families[f], true, "");
		CHECK_EQ(with_ecn(families[f]), false);
		metrics(families[f], false, "features ecn");
		CHECK_EQ(with_ecn(families[f]), true);
		sysctl_in(there, "ecn", "tcp_ecn", 0);
		CHECK_EQ(with_ecn(families[f]), false);
		metrics(families[f], true, "features ecn");
		CHECK_EQ(with_ecn(families[f]), true);
	}
}

/* The same when a cookie is all that is left of the SYN */
static void feature_ecn_cookie(void)
{
	two_hosts();
	sysctl_in(there, "syncookies", "tcp_syncookies", 2);
	sysctl_in(there, "ecn", "tcp_ecn", 0);
	for (int f = 0; f < 2; f++) {
		metrics(families[f], false, "features ecn");
		CHECK_EQ(with_ecn(families[f]), false);
		metrics(families[f], true, "features ecn");
		CHECK_EQ(with_ecn(families[f]), true);
	}
}

/* What passes the server's device, from the IP header on */
static int sniff(void)
{
	struct timeval patience = { .tv_sec = PATIENCE * time_factor() };
	int fd;

	ns_enter(there);
	fd = OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC,
		       htons(ETH_P_ALL)));
	OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	ns_enter(here);
	return fd;
}

/**
 * struct seen - a segment that was sniffed
 * @hops: TTL or hop limit
 * @df: it must not be fragmented
 * @flags: of its header
 * @size: octets from the IP header on
 */
struct seen {
	int	hops;
	bool	df;
	int	flags;
	int	size;
};

/* The next segment that the server's host sends, or that it receives */
static struct seen next_segment(int fd, int family, bool from_server)
{
	struct seen seen = {};
	uint8_t packet[65536];
	struct sockaddr_ll from;
	socklen_t len;
	int header;

	for (;;) {
		len = sizeof(from);
		seen.size = OK(recvfrom(fd, packet, sizeof(packet), 0, (void *)&from, &len));
		if ((from.sll_pkttype == PACKET_OUTGOING) != from_server)
			continue;
		if (family == AF_INET && from.sll_protocol == htons(ETH_P_IP)) {
			struct iphdr *ip = (void *)packet;

			if (ip->protocol != proto)
				continue;
			seen.hops = ip->ttl;
			seen.df = ntohs(ip->frag_off) & IP_DF;
			header = ip->ihl * 4;
			break;
		}
		if (family == AF_INET6 && from.sll_protocol == htons(ETH_P_IPV6)) {
			struct ip6_hdr *ip = (void *)packet;

			if (ip->ip6_nxt != proto)
				continue;
			seen.hops = ip->ip6_hlim;
			header = sizeof(*ip);
			break;
		}
	}
	seen.flags = packet[header + 13];
	return seen;
}

/* The next segment with data */
static struct seen next_data(int fd, int family, bool from_server)
{
	struct seen seen;

	do
		seen = next_segment(fd, family, from_server);
	while (seen.size < 500);
	return seen;
}

static void hoplimit(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int tap, fd[2], l;

		metrics(families[f], false, "hoplimit 17");
		metrics(families[f], true, "hoplimit 23");
		tap = sniff();
		open_connection(families[f], fd);
		CHECK_EQ(next_segment(tap, families[f], false).hops, 17);
		CHECK_EQ(next_segment(tap, families[f], true).hops, 23);
		CHECK_EQ(next_segment(tap, families[f], false).hops, 17);
		send_pattern(fd[1], 0, 1000, 1);
		CHECK_EQ(next_data(tap, families[f], true).hops, 23);
		receive_pattern(fd[0], 0, 1000, 1);
		close_both(fd);
		close(tap);

		/* what the listener says comes before */
		l = listener(families[f]);
		if (families[f] == AF_INET)
			sk_set(l, SOL_IP, IP_TTL, 31);
		else
			sk_set(l, SOL_IPV6, IPV6_UNICAST_HOPS, 31);
		tap = sniff();
		fd[0] = sk_connected(address(families[f], true), PORT);
		CHECK_EQ(next_segment(tap, families[f], true).hops, 31);
		close(fd[0]);
		close(l);
		close(tap);
	}
}

/* A locked MTU: no discovery, so routers may fragment */
static void mtu_lock(void)
{
	struct seen seen;
	int tap, fd[2];

	two_hosts();
	metrics(AF_INET, true, "mtu 1000");
	tap = sniff();
	open_connection(AF_INET, fd);
	send_pattern(fd[1], 0, 3000, 1);
	CHECK(next_data(tap, AF_INET, true).df);
	CHECK_EQ(sk_info(fd[1]).tcpi_snd_mss, 1000 - 52);
	close(tap);
	metrics(AF_INET, true, "mtu lock 1000");
	tap = sniff();
	send_pattern(fd[1], 3000, 3000, 1);
	seen = next_data(tap, AF_INET, true);
	CHECK(!seen.df);
	CHECK_EQ(sk_info(fd[1]).tcpi_snd_mss, 1000 - 52);
	receive_pattern(fd[0], 0, 6000, 1);
	close_both(fd);
}

/* Data on the SYN without a cookie: the client sends them, the server takes them */
static void fastopen_no_cookie(void)
{
	two_hosts();
	sysctl_in(here, "fastopen", "tcp_fastopen", 1);
	sysctl_in(there, "fastopen", "tcp_fastopen", 2);
	for (int f = 0; f < 2; f++) {
		int l = listener(families[f]), c, s;
		union address a;
		socklen_t len = address_set(&a, address(families[f], true), PORT);
		char got[8];

		both_metrics(families[f], "fastopen_no_cookie 1");
		sk_set(l, SOL_TCP, TCP_FASTOPEN, 5);
		c = sk_new(families[f]);
		CHECK_EQ(sendto(c, "hello", 5, MSG_FASTOPEN, &a.sa, len), 5);
		s = OK(accept(l, NULL, NULL));
		CHECK_EQ(read(s, got, sizeof(got)), 5);
		AWAIT(sk_info(c).tcpi_state == 1 /* ESTABLISHED */);
		CHECK(sk_info(c).tcpi_options & TCPI_OPT_SYN_DATA);
		CHECK(sk_info(s).tcpi_options & TCPI_OPT_SYN_DATA);
		close(c);
		close(s);
		close(l);
	}
}

/* A route that changes under a connection */
static void changes(void)
{
	two_hosts();
	for (int f = 0; f < 2; f++) {
		int fd[2];

		both_metrics(families[f], "rto_min 2s");
		open_connection(families[f], fd);
		transfer(fd[0], fd[1], 1000, 1000);
		CHECK(sk_info(fd[0]).tcpi_rto >= 2000000);
		both_metrics(families[f], "rto_min 300ms");
		for (int i = 0; i < 100; i++)
			transfer(fd[0], fd[1], 1000, 1000);
		CHECK(sk_info(fd[0]).tcpi_rto < 2000000);
		close_both(fd);
	}
}

/* Of a device here: how much may be handed to it at once */
#define GSO_MAX_SIZE		41
#define GSO_IPV4_MAX_SIZE	63	/* from Linux 6.3 on */

static void set_device(const char *name, int attribute, uint32_t value)
{
	struct {
		struct nlmsghdr		h;
		struct ifinfomsg	link;
		struct rtattr		attr;
		uint32_t		value;
	} m = {
		.h.nlmsg_len	= sizeof(m),
		.h.nlmsg_type	= RTM_SETLINK,
		.h.nlmsg_flags	= NLM_F_REQUEST | NLM_F_ACK,
		.link.ifi_index	= if_nametoindex(name),
		.attr.rta_len	= RTA_LENGTH(sizeof(value)),
		.attr.rta_type	= attribute,
		.value		= value,
	};
	struct {
		struct nlmsghdr	h;
		struct nlmsgerr	err;
	} answer;
	int nl = OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

	CHECK_EQ(send(nl, &m, sizeof(m), 0), sizeof(m));
	CHECK(recv(nl, &answer, sizeof(answer), 0) >= (int)sizeof(answer.h));
	CHECK_EQ(answer.h.nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(answer.err.error, 0);
	close(nl);
}

/* The largest packet that a transfer sends, as it leaves for the device */
static int largest_packet(int family)
{
	int tap = OK(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    htons(ETH_P_ALL)));
	int most = 0, len, fd[2];
	struct sockaddr_ll from;
	socklen_t from_len;
	char some[64];

	sk_set(tap, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24);
	open_connection(family, fd);
	transfer(fd[0], fd[1], 1000000, 0);
	close_both(fd);
	for (;;) {
		from_len = sizeof(from);
		len = recvfrom(tap, some, sizeof(some), MSG_TRUNC, (void *)&from, &from_len);
		if (len < 0)
			break;
		if (from.sll_pkttype == PACKET_OUTGOING && len > most)
			most = len;
	}
	CHECK_EQ(errno, EAGAIN);
	close(tap);
	return most;
}

static void check_limit(int family, int limit)
{
	int most = largest_packet(family);

	if (most > limit || most <= limit / 2)
		FAIL("the largest of IPv%d has %d octets, of at most %d",
		     family == AF_INET ? 4 : 6, most, limit);
}

/* What a device takes at once bounds super-segments; IPv4 has a bound of its own,
 * which goes along when the other is set
 */
static void gso_max_size(void)
{
	two_hosts();
	/* so much that the window is no bound */
	for (int f = 0; f < 2; f++)
		metrics(families[f], false, "initcwnd 200");
	set_device("v0", GSO_MAX_SIZE, 20000);
	for (int f = 0; f < 2; f++)
		check_limit(families[f], 20000);
	if (!kernel_from(6, 3))
		return;
	set_device("v0", GSO_IPV4_MAX_SIZE, 9000);
	check_limit(AF_INET, 9000);
	check_limit(AF_INET6, 20000);
}

static const struct test tests[] = {
	{ "initcwnd", initcwnd },
	{ "initrwnd", initrwnd },
	{ "window", window },
	{ "advmss", advmss },
	{ "rto_min", rto_min },
	{ "quickack", quickack },
	{ "cwnd lock", cwnd_lock },
	{ "reordering", reordering },
	{ "rtt", rtt },
	{ "congctl", congctl },
	{ "congctl that needs ECN", congctl_ecn },
	{ "features ecn", feature_ecn },
	{ "features ecn and SYN cookies", feature_ecn_cookie },
	{ "hoplimit", hoplimit },
	{ "mtu lock", mtu_lock },
	{ "fastopen_no_cookie", fastopen_no_cookie },
	{ "a route that changes", changes },
	{ "gso_max_size, gso_ipv4_max_size", gso_max_size },
};

TEST_MAIN(tests)
