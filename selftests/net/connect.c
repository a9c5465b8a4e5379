// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening connections: socket, connect, listen, accept, and their errors. */
#include <poll.h>
#include <sys/syscall.h>

#include "lib.h"

static const int families[] = { AF_INET, AF_INET6 };

static void check_address(int (*get)(int, struct sockaddr *, socklen_t *), int fd,
			  const char *host, int port)
{
	union address got, expected;
	socklen_t len = sizeof(got), expected_len = address_set(&expected, host, port);

	memset(&got, 0, sizeof(got));
	OK(get(fd, &got.sa, &len));
	CHECK_EQ(len, expected_len);
	got.in6.sin6_flowinfo = expected.in6.sin6_flowinfo;
	CHECK(!memcmp(&got, &expected, len));
}

static int get_name(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getsockname(fd, sa, len);
}

static int get_peer(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getpeername(fd, sa, len);
}

static void basic(void)
{
	for (int i = 0; i < 2; i++) {
		const char *host = loopback(families[i]);
		int l = sk_listen(host, 0, 5), port = sk_port(l);
		int c = sk_connected(host, port), s;
		union address from;
		socklen_t len = sizeof(from);

		CHECK(port >= 1024);
		s = OK(accept(l, &from.sa, &len));
		CHECK_EQ(len, families[i] == AF_INET ? sizeof(from.in) : sizeof(from.in6));
		CHECK_EQ(address_port(&from), sk_port(c));
		check_address(get_name, l, host, port);
		check_address(get_name, s, host, port);
		check_address(get_peer, s, host, sk_port(c));
		check_address(get_name, c, host, sk_port(c));
		check_address(get_peer, c, host, port);
		CHECK_ERR(get_peer(l, &from.sa, &len), ENOTCONN);
	}
}

static void names_unconnected(void)
{
	union address a;
	socklen_t len = sizeof(a);
	int fd = sk_new(AF_INET);

	CHECK_ERR(getpeername(fd, &a.sa, &len), ENOTCONN);
	CHECK_EQ(sk_port(fd), 0);
}

static void identity(void)
{
	int fd[2];

	for (int i = 0; i < 2; i++) {
		sk_pair(families[i], fd);
		for (int j = 0; j < 2; j++) {
			CHECK_EQ(sk_int(fd[j], SOL_SOCKET, SO_PROTOCOL), proto);
			CHECK_EQ(sk_int(fd[j], SOL_SOCKET, SO_TYPE), SOCK_STREAM);
			CHECK_EQ(sk_int(fd[j], SOL_SOCKET, SO_DOMAIN), families[i]);
			CHECK_EQ(sk_int(fd[j], SOL_SOCKET, SO_ACCEPTCONN), 0);
			CHECK_EQ(sk_error(fd[j]), 0);
		}
	}
	fd[0] = sk_listen("::1", 0, 1);
	CHECK_EQ(sk_int(fd[0], SOL_SOCKET, SO_ACCEPTCONN), 1);
}

static void wrong_type(void)
{
	CHECK_ERR(socket(AF_INET, SOCK_DGRAM, proto), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET6, SOCK_DGRAM, proto), EPROTONOSUPPORT);
}

static void refused(void)
{
	for (int i = 0; i < 2; i++) {
		const char *host = loopback(families[i]);
		int fd = sk_new(families[i]), port, l;

		/* a port that is bound but not listened on */
		l = sk_new(families[i]);
		OK(sk_bind(l, host, 0));
		port = sk_port(l);
		CHECK_ERR(sk_connect(fd, host, port), ECONNREFUSED);
		CHECK_EQ(sk_error(fd), 0);
		/* and the socket can be used again */
		OK(listen(l, 1));
		OK(sk_connect(fd, host, port));
	}
}

static void refused_nonblocking(void)
{
	int l = sk_new(AF_INET), fd = sk_new_nonblock(AF_INET), revents;

	OK(sk_bind(l, "127.0.0.1", 0));
	CHECK_ERR(sk_connect(fd, "127.0.0.1", sk_port(l)), EINPROGRESS);
	revents = sk_events(fd, POLLIN | POLLOUT, PATIENCE * 1000);
	CHECK_EQ(revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
	CHECK_EQ(sk_error(fd), ECONNREFUSED);
	CHECK_EQ(sk_error(fd), 0);
}

static void nonblocking(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), fd = sk_new_nonblock(AF_INET), s;

	CHECK_ERR(sk_connect(fd, "127.0.0.1", sk_port(l)), EINPROGRESS);
	CHECK_EQ(sk_events(fd, POLLIN | POLLOUT, PATIENCE * 1000), POLLOUT);
	CHECK_EQ(sk_error(fd), 0);
	/* the first connect() after the end of the handshake tells of it */
	OK(sk_connect(fd, "127.0.0.1", sk_port(l)));
	CHECK_ERR(sk_connect(fd, "127.0.0.1", sk_port(l)), EISCONN);
	s = OK(accept(l, NULL, NULL));
	CHECK_ERR(sk_connect(s, "127.0.0.1", sk_port(l)), EISCONN);
	transfer(fd, s, 1000, 1000);
}

/* A SYN that gets no answer */
static void in_progress(void)
{
	int fd = sk_new_nonblock(AF_INET);

	/* that link-layer address is nobody's */
	ns_join(ns_current(), "v0", ns_new(), "v1");
	command("ip addr add 192.0.2.1/24 dev v0");
	command("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0");
	CHECK_ERR(sk_connect(fd, "192.0.2.2", 99), EINPROGRESS);
	CHECK_ERR(sk_connect(fd, "192.0.2.2", 99), EALREADY);
	CHECK_EQ(sk_events(fd, POLLIN | POLLOUT, 50), 0);
	CHECK(sk_in_state(sk_port(fd), 99, "SYN-SENT"));
	CHECK_ERR(send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL), EAGAIN);
	CHECK_ERR(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(listen(fd, 1), EINVAL);
}

static void unroutable(void)
{
	int fd = sk_new(AF_INET), fd6 = sk_new(AF_INET6);

	CHECK_ERR(sk_connect(fd, "192.0.2.2", 99), ENETUNREACH);
	CHECK_ERR(sk_connect(fd6, "2001:db8::2", 99), ENETUNREACH);
	CHECK_ERR(sk_connect(fd, "224.0.0.1", 99), ENETUNREACH);
}

static void bad_addresses(void)
{
	union address a;
	socklen_t len;
	int fd = sk_new(AF_INET), fd6 = sk_new(AF_INET6);

	len = address_set(&a, "127.0.0.1", 99);
	CHECK_ERR(connect(fd, &a.sa, len - 9), EINVAL);
	a.sa.sa_family = AF_UNIX;
	CHECK_ERR(connect(fd, &a.sa, len), EAFNOSUPPORT);
	len = address_set(&a, "::1", 99);
	CHECK_ERR(connect(fd6, &a.sa, len - 9), EINVAL);
	CHECK_ERR(connect(fd, &a.sa, len), EAFNOSUPPORT);
	CHECK_ERR(bind(fd, &a.sa, 3), EINVAL);
}

static void accept_nonblocking(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), c, s;

	sk_nonblock(l, true);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	CHECK_EQ(sk_events(l, POLLIN, 0), 0);
	c = sk_connected("127.0.0.1", sk_port(l));
	CHECK_EQ(sk_events(l, POLLIN | POLLOUT, PATIENCE * 1000), POLLIN);
	s = OK(accept(l, NULL, NULL));
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	transfer(c, s, 100, 100);
}

static void accept_timeout(void)
{
	struct timeval t = { .tv_usec = 50000 };
	int l = sk_listen("127.0.0.1", 0, 5), fd = sk_new(AF_INET);
	double start = ticks();

	OK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	CHECK(ticks() - start >= 0.045);
	CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
}

static void listen_states(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), port = sk_port(l), fd, c, s;

	/* twice only changes the backlog */
	OK(listen(l, 7));
	CHECK_ERR(sk_connect(l, "127.0.0.1", port), EISCONN);
	CHECK_ERR(send(l, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(recv(l, &(char){ 0 }, 1, 0), ENOTCONN);
	c = sk_connected("127.0.0.1", port);
	s = OK(accept(l, NULL, NULL));
	CHECK_ERR(listen(c, 1), EINVAL);
	/* listen() without bind() takes any port */
	fd = sk_new(AF_INET);
	OK(listen(fd, 1));
	CHECK(sk_port(fd) != 0);
	sk_connected("127.0.0.1", sk_port(fd));
	transfer(c, s, 1, 1);
}

/* shutdown() of a listener ends it; those who wait in accept() learn of it */
static void listen_shutdown(void)
{
	int l = sk_listen("127.0.0.1", 5004, 5), port = 5004, fd = sk_new(AF_INET);

	OK(shutdown(l, SHUT_RD));
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", port), ECONNREFUSED);
	/* and it can listen again, on the same port */
	OK(listen(l, 5));
	CHECK_EQ(sk_port(l), port);
	OK(sk_connect(fd, "127.0.0.1", port));
}

/* The listener goes: who waits to be accepted is reset */
static void listen_close(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), c = sk_connected("127.0.0.1", sk_port(l));

	close(l);
	CHECK_EQ(sk_events(c, POLLIN, PATIENCE * 1000) & POLLERR, POLLERR);
	CHECK_ERR(recv(c, &(char){ 0 }, 1, 0), ECONNRESET);
}

static void unconnected(void)
{
	int fd = sk_new(AF_INET);

	CHECK_ERR(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(recv(fd, &(char){ 0 }, 1, 0), ENOTCONN);
	CHECK_ERR(shutdown(fd, SHUT_WR), ENOTCONN);
	CHECK_EQ(sk_events(fd, POLLIN | POLLOUT, 0), POLLOUT | POLLHUP);
}

/* RFC 9293, 3.5: both sides send a SYN, one connection comes of it */
static void simultaneous(void)
{
	int a = ns_current(), b = ns_new(), fd[2], revents;

	ns_join(a, "va", b, "vb");
	command("ip addr add 192.0.2.1/24 dev va");
	if (system("tc qdisc add dev va root netem delay 300ms"))
		skip("this kernel has no netem");
	fd[0] = sk_new_nonblock(AF_INET);
	OK(sk_bind(fd[0], "192.0.2.1", 5001));
	ns_enter(b);
	command("ip addr add 192.0.2.2/24 dev vb");
	fd[1] = sk_new_nonblock(AF_INET);
	OK(sk_bind(fd[1], "192.0.2.2", 5002));
	/* the address of the other end is known beforehand, so that only SYNs pass */
	command("ping -c 1 -W 20 192.0.2.1 >/dev/null");
	/* A's SYN is under way when B sends its own */
	CHECK_ERR(sk_connect(fd[0], "192.0.2.2", 5002), EINPROGRESS);
	CHECK_ERR(sk_connect(fd[1], "192.0.2.1", 5001), EINPROGRESS);
	for (int i = 0; i < 2; i++) {
		revents = sk_events(fd[i], POLLOUT, PATIENCE * 1000);
		CHECK_EQ(revents, POLLOUT);
		CHECK_EQ(sk_error(fd[i]), 0);
	}
	transfer(fd[0], fd[1], 2000, 2000);
}

/* RFC 9293, 3.5: to itself */
static void self_connect(void)
{
	int fd = sk_new(AF_INET);
	char buf[10];

	OK(sk_bind(fd, "127.0.0.1", 5003));
	OK(sk_connect(fd, "127.0.0.1", 5003));
	send_all(fd, "0123456789", 10);
	CHECK_EQ(recv(fd, buf, 10, MSG_WAITALL), 10);
	CHECK(!memcmp(buf, "0123456789", 10));
}

/* connect() to AF_UNSPEC gives the socket back as new */
static void disconnect(void)
{
	union address a = { .sa.sa_family = AF_UNSPEC };
	int l = sk_listen("127.0.0.1", 0, 5), c = sk_connected("127.0.0.1", sk_port(l));
	int s = OK(accept(l, NULL, NULL));

	OK(connect(c, &a.sa, sizeof(a.sa)));
	CHECK_ERR(recv(s, &(char){ 0 }, 1, 0), ECONNRESET);
	OK(sk_connect(c, "127.0.0.1", sk_port(l)));
	s = OK(accept(l, NULL, NULL));
	transfer(c, s, 100000, 100000);
}

/* With the one port taken there is no way to the listener, but one to others, and
 * the source address is chosen anew
 */
static void failed(void)
{
	static const char * const hosts[][2] = { { "127.0.0.1", "192.0.2.1" }, { "::1", "2001:db8::1" } };

	command("ip addr add 192.0.2.1/32 dev lo && ip addr add 2001:db8::1/128 dev lo nodad && "
		"echo 60000 60000 >/proc/sys/net/ipv4/ip_local_port_range");
	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET, l[2], c, fd = sk_new(family);

		for (int j = 0; j < 2; j++)
			l[j] = sk_listen(hosts[i][j], 5001, 5);
		c = sk_connected(hosts[i][0], 5001);
		CHECK_ERR(sk_connect(fd, hosts[i][0], 5001), EADDRNOTAVAIL);
		check_address(get_name, fd, family == AF_INET ? "0.0.0.0" : "::", 0);
		OK(sk_connect(fd, hosts[i][1], 5001));
		check_address(get_name, fd, hosts[i][1], 60000);
		close(fd);
		close(c);
		close(l[0]);
		close(l[1]);
	}
}

static void accept_waits(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), s, c;

	if (!fork()) {
		AWAIT(in_call(getppid(), SYS_accept));
		sk_connected("127.0.0.1", sk_port(l));
		exit(0);
	}
	s = OK(accept(l, NULL, NULL));
	check_eof(s);
	close(s);
	/* options that the child has from its listener */
	sk_set(l, SOL_SOCKET, SO_KEEPALIVE, 1);
	sk_set(l, SOL_SOCKET, SO_RCVBUF, 30000);
	c = sk_connected("127.0.0.1", sk_port(l));
	s = OK(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(sk_int(s, SOL_SOCKET, SO_RCVBUF), 60000);
	CHECK_ERR(recv(s, &(char){ 0 }, 1, 0), EAGAIN);
	close(c);
}

static const struct test tests[] = {
	{ "connection with its addresses, IPv4 and IPv6", basic },
	{ "addresses of a socket without connection", names_unconnected },
	{ "SO_PROTOCOL, SO_TYPE, SO_DOMAIN, SO_ACCEPTCONN", identity },
	{ "other socket types are refused", wrong_type },
	{ "connection refused", refused },
	{ "connection refused, nonblocking", refused_nonblocking },
	{ "nonblocking connect", nonblocking },
	{ "connect under way: EALREADY, EAGAIN", in_progress },
	{ "no route", unroutable },
	{ "no port left, but for another peer", failed },
	{ "bad addresses", bad_addresses },
	{ "accept nonblocking", accept_nonblocking },
	{ "accept with a time limit", accept_timeout },
	{ "accept waits; children inherit", accept_waits },
	{ "listen twice, unbound, when connected", listen_states },
	{ "shutdown of a listener", listen_shutdown },
	{ "close of a listener with connections to accept", listen_close },
	{ "calls on a socket without connection", unconnected },
	{ "simultaneous open", simultaneous },
	{ "connection to itself", self_connect },
	{ "disconnect", disconnect },
};

TEST_MAIN(tests)
