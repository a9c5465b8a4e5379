// SPDX-License-Identifier: GPL-2.0-or-later
/* Listeners: what a SYN brings about, segment by segment; TIME-WAIT and ports. */
#include <poll.h>
#include <sys/resource.h>

#include "segment.h"

#define PORT	5001

static const int families[] = { AF_INET, AF_INET6 };

static void sysctl_set(const char *name, const char *value)
{
	bool ipv4 = proto == PROTO_TCP;

	command("echo %s >/proc/sys/net/%s%s", value, ipv4 ? "ipv4/tcp_" : "linnet/", name);
}

static void syn(struct segment *s, int family, int sport)
{
	segment_init(s, family, sport, PORT, SYN);
	s->seq = 1000;
	segment_option(s, 2, 2, "\5\264");
}

/* The SYN and ACK is repeated after 1 and 3 s, then the request is forgotten */
static void repeated(void)
{
	int tun = tun_open(), l;
	struct segment s, got, first, ack;
	double start;

	sysctl_set("synack_retries", "2");
	for (int i = 0; i < 2; i++) {
		l = sk_listen(here(families[i]), PORT, 5);
		syn(&s, families[i], 7001);
		segment_send(tun, &s);
		segment_expect(tun, &first, 7001, SYN | ACK);
		start = now();
		for (int n = 1; n <= 2; n++) {
			segment_expect(tun, &got, 7001, SYN | ACK);
			CHECK_EQ(got.seq, first.seq);
			CHECK_EQ(got.ack, 1001);
			CHECK(now() - start > (n == 1 ? 0.7 : 2.4));
		}
		/* 7 s after the SYN it is gone: a late ACK is reset */
		AWAIT(now() - start > 7.5);
		segment_answer(&first, &ack, ACK);
		segment_send(tun, &ack);
		segment_expect(tun, &got, 7001, RST);
		close(l);
	}
}

/* The same SYN again is answered at once, but not each time */
static void same_syn(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 5), n = 0;
	struct segment s, got;

	syn(&s, AF_INET, 7001);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	for (int i = 0; i < 20; i++)
		segment_send(tun, &s);
	while (segment_receive(tun, &got, 200))
		n += got.dport == 7001;
	CHECK(n >= 1 && n <= 3);
	/* another SYN of the same ends is not: challenged, or ignored */
	s.seq += 100000;
	segment_send(tun, &s);
	if (segment_receive(tun, &got, 100) && got.flags & SYN)
		CHECK_EQ(got.ack, 1001);
	CHECK(l >= 0);
}

/* RFC 9293, 3.10.7.2: RST is ignored, ACK is reset, SYN with FIN or RST is not a SYN */
static void nonsense(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 5);
	struct segment s, got;

	segment_init(&s, AF_INET, 7001, PORT, RST);
	segment_send(tun, &s);
	s.flags = RST | ACK;
	segment_send(tun, &s);
	s.flags = 0;
	segment_send(tun, &s);
	s.flags = FIN;
	segment_send(tun, &s);
	s.flags = SYN | FIN;
	segment_send(tun, &s);
	s.flags = SYN | RST;
	segment_send(tun, &s);
	CHECK(!segment_receive(tun, &got, 300));
	s.flags = ACK;
	s.ack = 777;
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, RST);
	CHECK_EQ(got.seq, 777);
	s.flags = SYN | ACK;
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, RST);
	CHECK_EQ(sk_count("SYN-RECEIVED"), 0);
	CHECK(l >= 0);
}

/* TCP_DEFER_ACCEPT: a number of timeouts; the ACK alone brings nobody */
static void defer(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 5), fd;
	static const int set[] = { 0, 1, 2, 3, 4, 5, 7, 8, 100, -1 };
	static const int read[] = { 0, 1, 3, 3, 7, 7, 7, 15, 127, 0 };
	struct segment s, got, ack, more;
	double start;

	for (int i = 0; i < 10; i++) {
		sk_set(l, SOL_TCP, TCP_DEFER_ACCEPT, set[i]);
		CHECK_EQ(sk_int(l, SOL_TCP, TCP_DEFER_ACCEPT), read[i]);
	}
	sk_set(l, SOL_TCP, TCP_DEFER_ACCEPT, 3);
	sk_nonblock(l, true);
	/* data after the ACK */
	syn(&s, AF_INET, 7001);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	segment_answer(&got, &ack, ACK);
	segment_send(tun, &ack);
	CHECK_EQ(sk_events(l, POLLIN, 100), 0);
	more = ack;
	more.flags |= PSH;
	segment_data(&more, "abc", 3);
	segment_send(tun, &more);
	CHECK_EQ(sk_events(l, POLLIN, PATIENCE * 1000), POLLIN);
	fd = OK(accept(l, NULL, NULL));
	CHECK_EQ(recv(fd, &(char[3]){ }, 3, MSG_DONTWAIT), 3);
	/* no data: at the end of the time the SYN and ACK gives a last chance */
	syn(&s, AF_INET, 7002);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7002, SYN | ACK);
	start = now();
	segment_answer(&got, &ack, ACK);
	segment_send(tun, &ack);
	segment_expect(tun, &got, 7002, SYN | ACK);
	CHECK(now() - start > 2.4);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	segment_send(tun, &ack);
	CHECK_EQ(sk_events(l, POLLIN, PATIENCE * 1000), POLLIN);
	OK(accept(l, NULL, NULL));
}

/* TCP_SAVE_SYN: the headers of the SYN, octet by octet, once */
static void save_syn(void)
{
	int tun = tun_open();

	for (int i = 0; i < 2; i++) {
		int l = sk_listen(here(families[i]), PORT, 5), fd, value = 3, ip, whole;
		struct segment s, got, ack;
		uint8_t saved[200];
		socklen_t len = sizeof(saved);

		CHECK_ERR(setsockopt(l, SOL_TCP, TCP_SAVE_SYN, &value, sizeof(value)), EINVAL);
		sk_set(l, SOL_TCP, TCP_SAVE_SYN, 1);
		CHECK_EQ(sk_int(l, SOL_TCP, TCP_SAVE_SYN), 1);
		syn(&s, families[i], 7001 + i);
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
		segment_answer(&got, &ack, ACK);
		segment_send(tun, &ack);
		fd = OK(accept(l, NULL, NULL));
		ip = families[i] == AF_INET ? 20 : 40;
		whole = ip + 20 + 4;
		/* too little room tells how much it takes */
		len = 10;
		CHECK_ERR(getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, saved, &len), EINVAL);
		CHECK_EQ(len, whole);
		len = sizeof(saved);
		OK(getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, saved, &len));
		CHECK_EQ(len, whole);
		CHECK_EQ(saved[0] >> 4, families[i] == AF_INET ? 4 : 6);
		CHECK_EQ(segment_number(saved + ip, 2), 7001 + i);
		CHECK_EQ(segment_number(saved + ip + 4, 4), 1000);
		CHECK_EQ(saved[ip + 13], SYN);
		CHECK(!memcmp(saved + ip + 20, "\2\4\5\264", 4));
		len = sizeof(saved);
		OK(getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, saved, &len));
		CHECK_EQ(len, 0);
		close(fd);
		close(l);
	}
}

/* What was set on the listener, its children have */
static void inherited(void)
{
	int l = sk_listen("127.0.0.1", PORT, 5), s, c;

	sk_set(l, SOL_SOCKET, SO_KEEPALIVE, 1);
	sk_set(l, SOL_SOCKET, SO_MARK, 77);
	sk_set(l, SOL_SOCKET, SO_SNDBUF, 30000);
	sk_set(l, SOL_SOCKET, SO_OOBINLINE, 1);
	sk_set(l, SOL_IP, IP_TOS, 0x10);
	sk_set(l, SOL_IP, IP_TTL, 33);
	sk_set(l, SOL_TCP, TCP_NODELAY, 1);
	sk_set(l, SOL_TCP, TCP_KEEPIDLE, 100);
	sk_set(l, SOL_TCP, TCP_KEEPINTVL, 11);
	sk_set(l, SOL_TCP, TCP_KEEPCNT, 4);
	sk_set(l, SOL_TCP, TCP_USER_TIMEOUT, 30000);
	sk_set(l, SOL_TCP, TCP_LINGER2, 20);
	sk_set(l, SOL_TCP, TCP_DEFER_ACCEPT, 0);
	c = sk_connected("127.0.0.1", PORT);
	s = OK(accept(l, NULL, NULL));
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_MARK), 77);
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_SNDBUF), 60000);
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_OOBINLINE), 1);
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_REUSEADDR), 1);
	CHECK_EQ(sk_int(s, SOL_IP, IP_TOS), 0x10);
	CHECK_EQ(sk_int(s, SOL_IP, IP_TTL), 33);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_NODELAY), 1);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_KEEPIDLE), 100);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_KEEPINTVL), 11);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_KEEPCNT), 4);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_USER_TIMEOUT), 30000);
	CHECK_EQ(sk_int(s, SOL_TCP, TCP_LINGER2), 20);
	transfer(c, s, 1000, 1000);
}

/* The one who closes first is in TIME-WAIT, with this port */
static int leave_timewait(int l)
{
	int fd = sk_connected("127.0.0.1", PORT), s = OK(accept(l, NULL, NULL));
	int port = sk_port(fd);

	close(fd);
	check_eof(s);
	close(s);
	AWAIT(sk_in_state(port, PORT, "TIME-WAIT"));
	return port;
}

/* tw_reuse (RFC 6191): a port in TIME-WAIT serves again, if the timestamps allow */
static void timewait_reuse(void)
{
	int l = sk_listen("127.0.0.1", PORT, 5), fd, port, s;

	command("echo 7001 7001 >/proc/sys/net/ipv4/ip_local_port_range");
	sysctl_set("tw_reuse", "0");
	port = leave_timewait(l);
	CHECK_EQ(port, 7001);
	fd = sk_new(AF_INET);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", PORT), EADDRNOTAVAIL);
	/* on the loopback interface, a second after the last segment */
	sysctl_set("tw_reuse", "2");
	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	AWAIT(!sk_connect(fd, "127.0.0.1", PORT));
	s = OK(accept(l, NULL, NULL));
	CHECK_EQ(sk_port(fd), 7001);
	transfer(fd, s, 100000, 100000);
	close(fd);
	check_eof(s);
	close(s);
	AWAIT(sk_in_state(7001, PORT, "TIME-WAIT"));
	/* who asks for the port gets it at once */
	sysctl_set("tw_reuse", "0");
	fd = sk_new(AF_INET);
	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	OK(sk_bind(fd, "127.0.0.1", 7001));
	OK(sk_connect(fd, "127.0.0.1", PORT));
	s = OK(accept(l, NULL, NULL));
	transfer(fd, s, 100000, 100000);
	close(fd);
	check_eof(s);
	close(s);
	AWAIT(sk_in_state(7001, PORT, "TIME-WAIT"));
	/* without timestamps old segments could not be told from new ones */
	sysctl_set("timestamps", "0");
	command("echo 7002 7002 >/proc/sys/net/ipv4/ip_local_port_range");
	sysctl_set("tw_reuse", "1");
	CHECK_EQ(leave_timewait(l), 7002);
	/* longer than the second that timestamps would have to pass */
	sleep(2);
	fd = sk_new(AF_INET);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", PORT), EADDRNOTAVAIL);
}

/* What TSval of a SYN and ACK to this port starts from; the request is reset */
static uint32_t tsval_for(int tun, int family, int sport)
{
	struct segment s, got, rst;
	const uint8_t *value;

	syn(&s, family, sport);
	segment_timestamp(&s, 1, 0);
	segment_send(tun, &s);
	segment_expect(tun, &got, sport, SYN | ACK);
	CHECK(value = segment_find(&got, 8, NULL));
	segment_answer(&got, &rst, RST);
	rst.seq = got.ack;
	segment_send(tun, &rst);
	return segment_number(value, 4);
}

/* TSval goes on for the same two ends, and for others tells nothing of it: else
 * whoever connects to us could guess at the ports of others by it
 */
static void tsval_start(void)
{
	const uint32_t minute = 60000;
	int tun = tun_open();

	if (proto == PROTO_TCP)
		skip("of newer stable kernels only");
	for (int i = 0; i < 2; i++) {
		int l = sk_listen(here(families[i]), PORT, 5), others = 0;
		uint32_t first = tsval_for(tun, families[i], 7001);

		for (int port = 7002; port < 7010; port++) {
			uint32_t apart = tsval_for(tun, families[i], port) - first;

			others += apart > minute && apart < -minute;
		}
		/* one may be near by chance, once in 36,000 times */
		CHECK(others >= 7);
		CHECK(tsval_for(tun, families[i], 7001) - first < minute);
		close(l);
	}
}

/* A thousand ports are bound without one, and connect() shares them */
static void no_port(void)
{
	int l = sk_listen("0.0.0.0", PORT, 100), fd[40], other;

	command("echo 7001 7040 >/proc/sys/net/ipv4/ip_local_port_range");
	for (int i = 0; i < 40; i++) {
		fd[i] = sk_new(AF_INET);
		sk_set(fd[i], SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		OK(sk_bind(fd[i], "127.0.0.3", 0));
		CHECK_EQ(sk_port(fd[i]), 0);
		OK(sk_connect(fd[i], "127.0.0.1", PORT));
	}
	other = sk_new(AF_INET);
	sk_set(other, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	OK(sk_bind(other, "127.0.0.3", 0));
	CHECK_ERR(sk_connect(other, "127.0.0.1", PORT), EADDRNOTAVAIL);
	OK(sk_connect(other, "127.0.0.2", PORT));
	CHECK(l >= 0);
}

/* An address that is not ours yet: IP_FREEBIND, IP_TRANSPARENT */
static void foreign_address(void)
{
	static const int option[] = { IP_FREEBIND, IP_TRANSPARENT };

	for (int i = 0; i < 2; i++) {
		int l = sk_new(AF_INET), s, c;

		CHECK_ERR(sk_bind(l, "198.51.100.7", PORT + i), EADDRNOTAVAIL);
		sk_set(l, SOL_IP, option[i], 1);
		OK(sk_bind(l, "198.51.100.7", PORT + i));
		OK(listen(l, 5));
		/* now it is */
		command("ip route add local 198.51.100.7/32 dev lo");
		c = sk_connected("198.51.100.7", PORT + i);
		s = OK(accept(l, NULL, NULL));
		transfer(c, s, 10000, 10000);
		command("ip route del local 198.51.100.7/32 dev lo");
	}
}

/* A VRF: who listens in it, or in all of them */
static void vrf(void)
{
	int here_ns = ns_current(), there_ns = ns_new(), l, fd, s;

	if (system("modprobe -q vrf; ip link add red type vrf table 10 2>/dev/null"))
		skip("no VRF");
	ns_join(here_ns, "v0", there_ns, "v1");
	command("ip link set red up");
	command("ip link set v0 master red");
	command("ip addr add 192.0.2.1/24 dev v0");
	l = sk_listen("0.0.0.0", PORT, 5);
	ns_enter(there_ns);
	command("ip addr add 192.0.2.2/24 dev v1");
	/* a listener without a device does not see it */
	CHECK_ERR(sk_connect(sk_new(AF_INET), "192.0.2.1", PORT), ECONNREFUSED);
	ns_enter(here_ns);
	sysctl_set("l3mdev_accept", "1");
	ns_enter(there_ns);
	fd = sk_connected("192.0.2.1", PORT);
	s = OK(accept(l, NULL, NULL));
	transfer(fd, s, 100000, 100000);
	close(fd);
	close(s);
	ns_enter(here_ns);
	sysctl_set("l3mdev_accept", "0");
	close(l);
	l = sk_new(AF_INET);
	OK(setsockopt(l, SOL_SOCKET, SO_BINDTODEVICE, "red", 4));
	OK(sk_bind(l, "0.0.0.0", PORT));
	OK(listen(l, 5));
	ns_enter(there_ns);
	fd = sk_connected("192.0.2.1", PORT);
	s = OK(accept(l, NULL, NULL));
	transfer(fd, s, 100000, 100000);
}

/* A thousand listeners on one port, each on its own address */
static void many_addresses(void)
{
	struct rlimit limit = { 2000, 2000 };
	int l[1000], fd, i;
	char host[32];

	OK(setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "127.1.%d.%d", i / 250, 1 + i % 250);
		l[i] = sk_listen(host, PORT, 5);
	}
	for (i = 0; i < 1000; i += 111) {
		snprintf(host, sizeof(host), "127.1.%d.%d", i / 250, 1 + i % 250);
		fd = sk_connected(host, PORT);
		transfer(fd, OK(accept(l[i], NULL, NULL)), 100, 100);
	}
	CHECK_ERR(sk_connect(sk_new(AF_INET), "127.2.0.1", PORT), ECONNREFUSED);
}

static const struct test tests[] = {
	{ "SYN and ACK is repeated, and given up", repeated, .waits = true },
	{ "the same SYN again", same_syn },
	{ "segments that are no SYN", nonsense },
	{ "TCP_DEFER_ACCEPT", defer, .waits = true },
	{ "TCP_SAVE_SYN", save_syn },
	{ "what children have from their listener", inherited },
	{ "tw_reuse", timewait_reuse, .waits = true },
	{ "where TSval starts", tsval_start },
	{ "IP_BIND_ADDRESS_NO_PORT", no_port },
	{ "IP_FREEBIND, IP_TRANSPARENT", foreign_address },
	{ "VRF", vrf },
	{ "a thousand listeners on one port", many_addresses },
};

TEST_MAIN(tests)
