// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the network fails: no answer, a dead peer, ICMP errors, a smaller path
 * MTU.  Three namespaces in a row, a - r - b; sockets stay in the one that they
 * were made in.
 */
#include <poll.h>

#include "lib.h"

#define A4	"192.0.2.1"
#define A6	"2001:db8:1::1"
#define B4	"198.51.100.1"
#define B6	"2001:db8:2::1"
#define PORT	5001

static int a, r, b, fd[2];

static void three_in_a_row(void)
{
	a = ns_current();
	r = ns_new();
	b = ns_new();
	ns_join(a, "a0", r, "r0");
	ns_join(b, "b0", r, "r1");
	ns_enter(r);
	command("echo 1 >/proc/sys/net/ipv4/ip_forward");
	command("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	/* Errors are what this is about: as many as there are */
	command("echo 0 >/proc/sys/net/ipv4/icmp_ratelimit");
	command("echo 0 >/proc/sys/net/ipv6/icmp/ratelimit");
	command("ip addr add 192.0.2.254/24 dev r0 && ip addr add 198.51.100.254/24 dev r1");
	command("ip addr add 2001:db8:1::fe/64 dev r0 nodad");
	command("ip addr add 2001:db8:2::fe/64 dev r1 nodad");
	ns_enter(b);
	command("ip addr add " B4 "/24 dev b0 && ip addr add " B6 "/64 dev b0 nodad");
	command("ip route add default via 198.51.100.254");
	command("ip route add default via 2001:db8:2::fe");
	ns_enter(a);
	command("ip addr add " A4 "/24 dev a0 && ip addr add " A6 "/64 dev a0 nodad");
	command("ip route add default via 192.0.2.254");
	command("ip route add default via 2001:db8:1::fe");
}

/* fd[0] in a, fd[1] in b; a is where we stay */
static void connect_through(const char *host)
{
	int l;

	ns_enter(b);
	l = sk_listen(host, PORT, 5);
	ns_enter(a);
	fd[0] = sk_connected(host, PORT);
	fd[1] = OK(accept(l, NULL, NULL));
	close(l);
}

static void sysctl_set(const char *name, int value)
{
	if (proto == PROTO_TCP)
		command("echo %d >/proc/sys/net/ipv4/tcp_%s", value, name);
	else
		command("echo %d >/proc/sys/net/linnet/%s", value, name);
}

static void black_hole(void)
{
	double start;
	int s;

	three_in_a_row();
	ns_enter(r);
	command("ip route add blackhole 203.0.113.0/24");
	ns_enter(a);
	s = sk_new(AF_INET);
	sk_set(s, SOL_TCP, TCP_SYNCNT, 1);
	start = ticks();
	CHECK_ERR(sk_connect(s, "203.0.113.1", PORT), ETIMEDOUT);
	/* RFC 6298: 1 s, then 2 s */
	CHECK(ticks() - start > 2.9 && ticks() - start < 15);
	CHECK_EQ(counter("SynRetrans", "TCPSynRetrans"), 1);
	CHECK_EQ(counter("AttemptFails", "AttemptFails"), 1);
	/* as one who does not wait learns it */
	s = sk_new_nonblock(AF_INET);
	sk_set(s, SOL_TCP, TCP_SYNCNT, 1);
	CHECK_ERR(sk_connect(s, "203.0.113.1", PORT), EINPROGRESS);
	CHECK(sk_events(s, POLLOUT, PATIENCE * 1000) & POLLERR);
	CHECK_EQ(sk_error(s), ETIMEDOUT);
}

static void syn_lost(void)
{
	int s, l;

	three_in_a_row();
	ns_enter(b);
	l = sk_listen(B4, PORT, 5);
	ns_enter(r);
	command("ip route add blackhole " B4);
	ns_enter(a);
	s = sk_new_nonblock(AF_INET);
	CHECK_ERR(sk_connect(s, B4, PORT), EINPROGRESS);
	CHECK_EQ(sk_events(s, POLLOUT, 300), 0);
	ns_enter(r);
	command("ip route del blackhole " B4);
	CHECK_EQ(sk_events(s, POLLOUT, PATIENCE * 1000), POLLOUT);
	transfer(s, OK(accept(l, NULL, NULL)), 1000, 1000);
}

/* The SYN-ACK is lost, more than once */
static void syn_ack_lost(void)
{
	int s, l;

	three_in_a_row();
	ns_enter(b);
	l = sk_listen(B4, PORT, 5);
	ns_enter(r);
	command("ip route add blackhole " A4);
	ns_enter(a);
	s = sk_new_nonblock(AF_INET);
	CHECK_ERR(sk_connect(s, B4, PORT), EINPROGRESS);
	ns_enter(b);
	AWAIT(counter("SynRetrans", "TCPSynRetrans") >= 1 ||
	      counter("RetransSegs", "RetransSegs") >= 1);
	CHECK_EQ(sk_events(s, POLLOUT, 0), 0);
	ns_enter(r);
	command("ip route del blackhole " A4);
	CHECK_EQ(sk_events(s, POLLOUT, PATIENCE * 1000), POLLOUT);
	transfer(s, OK(accept(l, NULL, NULL)), 1000, 1000);
}

/* What connect() says of a route that the router knows to lead nowhere */
static int connect_error(const char *type, const char *host)
{
	union address to;
	socklen_t len = address_set(&to, host, PORT);
	int s, err;

	ns_enter(r);
	command("ip route add %s %s", type, host);
	ns_enter(a);
	s = sk_new(to.sa.sa_family);
	sk_set(s, SOL_TCP, TCP_SYNCNT, 1);
	err = connect(s, &to.sa, len) ? errno : 0;
	close(s);
	ns_enter(r);
	command("ip route del %s %s", type, host);
	ns_enter(a);
	return err;
}

static void icmp_connect(void)
{
	static const char * const types[] = { "unreachable", "prohibit" };
	static const char * const hosts[] = { "203.0.113.1", "2001:db8:3::1" };
	int wanted = proto, tcp, ours;

	three_in_a_row();
	for (int i = 0; i < 2; i++) {
		for (int j = 0; j < 2; j++) {
			proto = PROTO_TCP;
			tcp = connect_error(types[i], hosts[j]);
			proto = wanted;
			ours = connect_error(types[i], hosts[j]);
			if (ours != tcp)
				FAIL("%s %s: %s, not %s", types[i], hosts[j], strerror(ours),
				     strerror(tcp));
			CHECK(ours && ours != ETIMEDOUT);
		}
	}
}

/* RFC 9293, 3.9.2.2: of a connection, an unreachable network is a soft error */
static void icmp_soft(void)
{
	three_in_a_row();
	connect_through(B4);
	transfer(fd[0], fd[1], 10000, 10000);
	ns_enter(r);
	command("ip route add unreachable " B4);
	ns_enter(a);
	send_pattern(fd[0], 0, 5000, 1);
	AWAIT(counter("Timeouts", "TCPTimeouts") >= 1);
	CHECK_EQ(sk_events(fd[0], POLLIN, 0), 0);
	ns_enter(r);
	command("ip route del unreachable " B4);
	receive_pattern(fd[1], 0, 5000, 1);
	AWAIT(!sk_outq(fd[0]));
}

/* The router passes on no more than that, either way.  Its links stay as they
 * are: a veth would drop longer packets on arrival without a word.
 */
static void set_path_mtu(int mtu)
{
	ns_enter(r);
	command("ip route replace 192.0.2.0/24 dev r0 mtu lock %d", mtu);
	command("ip route replace 198.51.100.0/24 dev r1 mtu lock %d", mtu);
	command("ip route replace 2001:db8:1::/64 dev r0 metric 256 mtu lock %d", mtu);
	command("ip route replace 2001:db8:2::/64 dev r1 metric 256 mtu lock %d", mtu);
	ns_enter(a);
}

static void path_mtu(const char *host)
{
	static const int sizes[] = { 1400, 1280 };

	three_in_a_row();
	for (int i = 0; i < 2; i++) {
		long before = proto == PROTO_TCP ? 0 : counter("PmtuReduced", NULL);

		set_path_mtu(sizes[i]);
		/* smaller than the ends know, then smaller still under way */
		if (!i)
			connect_through(host);
		transfer(fd[0], fd[1], 1 << 20, 1 << 20);
		for (int j = 0; j < 2; j++) {
			struct tcp_info info = sk_info(fd[j]);

			CHECK_EQ(info.tcpi_pmtu, sizes[i]);
			CHECK(info.tcpi_snd_mss < (unsigned int)sizes[i]);
		}
		if (proto != PROTO_TCP)
			CHECK(counter("PmtuReduced", NULL) > before);
	}
}

static void path_mtu4(void)
{
	path_mtu(B4);
}

static void path_mtu6(void)
{
	path_mtu(B6);
}

static void peer_dies(void)
{
	double start;

	three_in_a_row();
	connect_through(B4);
	transfer(fd[0], fd[1], 10000, 10000);
	sk_set(fd[0], SOL_TCP, TCP_USER_TIMEOUT, 2000);
	ns_enter(r);
	command("ip route add blackhole " B4);
	ns_enter(a);
	start = ticks();
	send_pattern(fd[0], 0, 5000, 1);
	CHECK(sk_events(fd[0], POLLIN, PATIENCE * 1000) & POLLERR);
	CHECK(ticks() - start > 1.8 && ticks() - start < 20);
	CHECK_EQ(sk_error(fd[0]), ETIMEDOUT);
	CHECK(counter("Timeouts", "TCPTimeouts") >= 2);
	CHECK_EQ(sk_count(NULL), 0);
}

/* RFC 6298, 5.5: each wait is twice the one before */
static void back_off(void)
{
	double start, took;

	three_in_a_row();
	sysctl_set("retries2", 4);
	connect_through(B4);
	transfer(fd[0], fd[1], 10000, 10000);
	ns_enter(r);
	command("ip route add blackhole " B4);
	ns_enter(a);
	start = now();
	send_pattern(fd[0], 0, 5000, 1);
	CHECK(sk_events(fd[0], POLLIN, PATIENCE * 1000) & POLLERR);
	took = now() - start;
	CHECK_EQ(sk_error(fd[0]), ETIMEDOUT);
	/* 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s at least, for an RTO of 0.2 s */
	CHECK(took > 5.5 && took < 40);
	CHECK(counter("AbortOnTimeout", "TCPAbortOnTimeout") >= 1);
}

static void comes_back(void)
{
	three_in_a_row();
	connect_through(B6);
	transfer(fd[0], fd[1], 10000, 10000);
	ns_enter(r);
	command("ip route add blackhole " B6);
	ns_enter(a);
	/* no more than the send buffer takes: nobody acknowledges it yet */
	send_pattern(fd[0], 0, 20000, 1);
	AWAIT(counter("Timeouts", "TCPTimeouts") >= 3);
	ns_enter(r);
	command("ip route del blackhole " B6);
	receive_pattern(fd[1], 0, 20000, 1);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
	ns_enter(a);
	CHECK(counter("RetransSegs", "RetransSegs") >= 3);
}

static void keepalive(void)
{
	three_in_a_row();
	connect_through(B4);
	sk_set(fd[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	sk_set(fd[0], SOL_TCP, TCP_KEEPIDLE, 1);
	sk_set(fd[0], SOL_TCP, TCP_KEEPINTVL, 1);
	sk_set(fd[0], SOL_TCP, TCP_KEEPCNT, 2);
	/* a peer that lives answers, for as long as it takes */
	AWAIT(counter("KeepAlives", "TCPKeepAlive") >= 4);
	CHECK_EQ(sk_events(fd[0], POLLIN, 0), 0);
	CHECK_EQ(sk_inq(fd[1]), 0);
	transfer(fd[0], fd[1], 1000, 1000);
	ns_enter(r);
	command("ip route add blackhole " B4);
	ns_enter(a);
	CHECK(sk_events(fd[0], POLLIN, PATIENCE * 1000) & POLLERR);
	CHECK_EQ(sk_error(fd[0]), ETIMEDOUT);
}

/* RFC 9293, 3.5.1: one side has forgotten the connection */
static void half_open(void)
{
	struct linger hard = { .l_onoff = 1 };

	three_in_a_row();
	connect_through(B4);
	transfer(fd[0], fd[1], 1000, 1000);
	ns_enter(r);
	command("ip route add blackhole " A4);
	OK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(fd[1]);
	command("ip route del blackhole " A4);
	ns_enter(a);
	CHECK(sk_in_state(sk_port(fd[0]), PORT, "ESTABLISHED"));
	send_pattern(fd[0], 0, 100, 1);
	CHECK_ERR(recv(fd[0], &(char){ 0 }, 1, 0), ECONNRESET);
}

/* Probes of a closed window end too, when nobody answers them */
static void probes_unanswered(void)
{
	static char buf[65536];

	three_in_a_row();
	connect_through(B4);
	sk_set(fd[0], SOL_TCP, TCP_USER_TIMEOUT, 3000);
	while (send(fd[0], buf, sizeof(buf), MSG_DONTWAIT) > 0 ||
	       sk_events(fd[0], POLLOUT, 500))
		;
	AWAIT(counter("WindowProbes", "TCPWinProbe") >= 1);
	ns_enter(r);
	command("ip route add blackhole " B4);
	CHECK(sk_events(fd[0], POLLIN, PATIENCE * 1000) & POLLERR);
	CHECK_EQ(sk_error(fd[0]), ETIMEDOUT);
}

/* The interface of a connection goes, with its address */
static void device_goes(void)
{
	three_in_a_row();
	connect_through(B4);
	sk_set(fd[0], SOL_TCP, TCP_USER_TIMEOUT, 2000);
	command("ip link del a0");
	send(fd[0], "abc", 3, MSG_NOSIGNAL);
	CHECK(sk_events(fd[0], POLLIN, PATIENCE * 1000) & POLLERR);
	CHECK(sk_error(fd[0]) != 0);
	CHECK_EQ(sk_count(NULL), 0);
}

static const struct test tests[] = {
	{ "SYN without answer", black_hole, .waits = true },
	{ "SYN lost", syn_lost, .waits = true },
	{ "SYN-ACK lost", syn_ack_lost, .waits = true },
	{ "ICMP errors of connect(), as TCP's", icmp_connect, .waits = true },
	{ "ICMP errors of a connection are soft", icmp_soft, .waits = true },
	{ "path MTU, IPv4", path_mtu4 },
	{ "path MTU, IPv6", path_mtu6 },
	{ "peer dies: TCP_USER_TIMEOUT", peer_dies, .waits = true },
	{ "peer dies: back-off, retries2", back_off, .waits = true },
	{ "peer comes back", comes_back, .waits = true },
	{ "SO_KEEPALIVE", keepalive, .waits = true },
	{ "peer has forgotten the connection", half_open, .waits = true },
	{ "window probes without answer", probes_unanswered, .waits = true },
	{ "interface goes", device_goes, .waits = true },
};

TEST_MAIN(tests)
