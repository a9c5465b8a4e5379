// SPDX-License-Identifier: GPL-2.0-or-later
/* The ends of a connection, and the states on the way (RFC 9293, 3.6). */
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib.h"

static int fd[2], port[2];

/* fd[0], port[0] connected; fd[1], port[1] accepted */
static void open_pair(void)
{
	sk_pair(AF_INET, fd);
	port[0] = sk_port(fd[0]);
	port[1] = sk_port(fd[1]);
}

static bool in_states(const char *a, const char *b)
{
	return sk_in_state(port[0], port[1], a) && sk_in_state(port[1], port[0], b);
}

static void orderly(void)
{
	open_pair();
	CHECK(in_states("ESTABLISHED", "ESTABLISHED"));
	close(fd[0]);
	AWAIT(in_states("FIN-WAIT-2", "CLOSE-WAIT"));
	check_eof(fd[1]);
	close(fd[1]);
	AWAIT(in_states("TIME-WAIT", ""));
}

static void passive_first(void)
{
	open_pair();
	close(fd[1]);
	AWAIT(in_states("CLOSE-WAIT", "FIN-WAIT-2"));
	/* data goes on in the other direction, until the peer has no reader */
	close(fd[0]);
	AWAIT(in_states("", "TIME-WAIT"));
}

static void half_close(void)
{
	open_pair();
	send_pattern(fd[0], 0, 100000, 1);
	OK(shutdown(fd[0], SHUT_WR));
	receive_pattern(fd[1], 0, 100000, 1);
	check_eof(fd[1]);
	AWAIT(in_states("FIN-WAIT-2", "CLOSE-WAIT"));
	/* the other half is open still, for a lot of data */
	if (!fork()) {
		send_pattern(fd[1], 0, 4 << 20, 2);
		exit(0);
	}
	receive_pattern(fd[0], 0, 4 << 20, 2);
	AWAIT(in_states("FIN-WAIT-2", "CLOSE-WAIT"));
	OK(shutdown(fd[1], SHUT_WR));
	check_eof(fd[0]);
	AWAIT(in_states("TIME-WAIT", ""));
	check_eof(fd[1]);
	CHECK_ERR(shutdown(fd[1], SHUT_RD), ENOTCONN);
}

static void half_close_passive(void)
{
	open_pair();
	OK(shutdown(fd[1], SHUT_WR));
	check_eof(fd[0]);
	send_pattern(fd[0], 0, 100000, 1);
	receive_pattern(fd[1], 0, 100000, 1);
	OK(shutdown(fd[0], SHUT_WR));
	check_eof(fd[1]);
	AWAIT(in_states("", "TIME-WAIT"));
}

static void shutdown_both(void)
{
	open_pair();
	OK(shutdown(fd[0], SHUT_RDWR));
	check_eof(fd[1]);
	check_eof(fd[0]);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	AWAIT(in_states("FIN-WAIT-2", "CLOSE-WAIT"));
	CHECK_ERR(shutdown(fd[0], 3), EINVAL);
}

static void shutdown_read(void)
{
	open_pair();
	OK(shutdown(fd[0], SHUT_RD));
	check_eof(fd[0]);
	/* nothing tells the peer, and the data comes all the same */
	CHECK(in_states("ESTABLISHED", "ESTABLISHED"));
	send_all(fd[1], "abc", 3);
	AWAIT(sk_inq(fd[0]) == 3);
	CHECK_EQ(recv(fd[0], &(char[4]){ }, 4, 0), 3);
	check_eof(fd[0]);
	send_all(fd[0], "abc", 3);
	CHECK_EQ(recv(fd[1], &(char[3]){ }, 3, MSG_WAITALL), 3);
}

/* RFC 9293, 3.6: the FIN of each is on its way before the other's arrives */
static void simultaneous(void)
{
	int a = ns_current(), b = ns_new(), l;

	ns_join(a, "va", b, "vb");
	command("ip addr add 192.0.2.1/24 dev va");
	if (system("tc qdisc add dev va root netem delay 300ms"))
		skip("this kernel has no netem");
	l = sk_listen("192.0.2.1", 5001, 1);
	ns_enter(b);
	command("ip addr add 192.0.2.2/24 dev vb");
	command("tc qdisc add dev vb root netem delay 300ms");
	fd[0] = sk_connected("192.0.2.1", 5001);
	fd[1] = OK(accept(l, NULL, NULL));
	port[0] = sk_port(fd[0]);
	port[1] = 5001;
	OK(shutdown(fd[0], SHUT_WR));
	OK(shutdown(fd[1], SHUT_WR));
	AWAIT(sk_in_state(port[0], port[1], "CLOSING"));
	AWAIT(sk_in_state(port[0], port[1], "TIME-WAIT"));
	ns_enter(a);
	AWAIT(sk_in_state(port[1], port[0], "TIME-WAIT"));
	check_eof(fd[0]);
	check_eof(fd[1]);
}

/* RFC 9293, 3.6.1 and RFC 2525, 2.17: data that nobody will read is told of */
static void unread_data(void)
{
	open_pair();
	send_all(fd[0], "abc", 3);
	AWAIT(sk_inq(fd[1]) == 3);
	close(fd[1]);
	AWAIT(in_states("", ""));
	CHECK_ERR(recv(fd[0], &(char){ 0 }, 1, 0), ECONNRESET);
	check_eof(fd[0]);
	CHECK(counter("AbortOnClose", "TCPAbortOnClose") == 1);
}

static void data_after_close(void)
{
	open_pair();
	close(fd[1]);
	check_eof(fd[0]);
	send_all(fd[0], "abc", 3);
	AWAIT(sk_events(fd[0], 0, 0) & POLLERR);
	CHECK_EQ(sk_error(fd[0]), EPIPE);
	AWAIT(in_states("", ""));
	CHECK(counter("AbortOnData", "TCPAbortOnData") == 1);
}

static void linger_zero(void)
{
	struct linger hard = { .l_onoff = 1 };

	open_pair();
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(fd[0]);
	CHECK_ERR(recv(fd[1], &(char){ 0 }, 1, 0), ECONNRESET);
	AWAIT(in_states("", ""));
	CHECK(counter("OutRsts", "OutRsts") >= 1);
}

/* close() waits until the data has arrived, or the time is over */
static void linger_wait(void)
{
	struct linger wait_for = { .l_onoff = 1, .l_linger = PATIENCE };
	static char buf[65536];
	int i, closed[2];
	double start;

	open_pair();
	OK(pipe(closed));
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &wait_for, sizeof(wait_for)));
	send_pattern(fd[0], 0, 100000, 1);
	if (!fork()) {
		/* the last one to close it is to be the parent */
		close(fd[0]);
		CHECK_EQ(write(closed[1], "", 1), 1);
		AWAIT(!sk_in_state(port[0], port[1], "ESTABLISHED"));
		receive_pattern(fd[1], 0, 100000, 1);
		check_eof(fd[1]);
		exit(0);
	}
	close(fd[1]);
	CHECK_EQ(read(closed[0], &(char){ 0 }, 1), 1);
	start = now();
	close(fd[0]);
	OK(wait(&i));
	CHECK_EQ(i, 0);
	CHECK(now() - start < PATIENCE / 2);
	/* the peer reads nothing and its buffer is full */
	open_pair();
	wait_for.l_linger = 1;
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &wait_for, sizeof(wait_for)));
	while (send(fd[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	start = ticks();
	close(fd[0]);
	CHECK(ticks() - start >= 0.95);
	CHECK(sk_in_state(port[0], port[1], "FIN-WAIT-1"));
}

/* What was written before close() arrives, however late it is read */
static void close_delivers(void)
{
	static uint8_t buf[65536];
	uint64_t sent = 0;
	ssize_t n;

	open_pair();
	sk_nonblock(fd[0], true);
	do {
		pattern_fill(buf, sent, sizeof(buf), 1);
		n = send(fd[0], buf, sizeof(buf), 0);
		sent += n > 0 ? n : 0;
	} while (n > 0);
	CHECK(sent > 1 << 20);
	close(fd[0]);
	AWAIT(in_states("FIN-WAIT-1", "ESTABLISHED"));
	receive_pattern(fd[1], 0, sent, 1);
	check_eof(fd[1]);
}

/* An orphan in FIN-WAIT-2 does not wait for ever */
static void fin_timeout(void)
{
	open_pair();
	sk_set(fd[0], SOL_TCP, TCP_LINGER2, 2);
	close(fd[0]);
	AWAIT(in_states("FIN-WAIT-2", "CLOSE-WAIT"));
	AWAIT(in_states("", "CLOSE-WAIT"));
	/* then the peer hears that there is nobody */
	send_all(fd[1], "x", 1);
	AWAIT(sk_events(fd[1], 0, 0) & POLLERR);
}

static void time_wait_port(void)
{
	int other;

	open_pair();
	close(fd[1]);
	check_eof(fd[0]);
	close(fd[0]);
	AWAIT(in_states("", "TIME-WAIT"));
	other = sk_new(AF_INET);
	CHECK_ERR(sk_bind(other, "127.0.0.1", port[1]), EADDRINUSE);
	sk_set(other, SOL_SOCKET, SO_REUSEADDR, 1);
	OK(sk_bind(other, "127.0.0.1", port[1]));
	OK(listen(other, 5));
	/* RFC 6191: a newer SYN may take the place of TIME-WAIT */
	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_SOCKET, SO_REUSEADDR, 1);
	OK(sk_bind(fd[0], "127.0.0.1", port[0]));
	/* newer by its timestamp: that has to tick first */
	usleep(20000);
	OK(sk_connect(fd[0], "127.0.0.1", port[1]));
	fd[1] = OK(accept(other, NULL, NULL));
	CHECK(in_states("ESTABLISHED", "ESTABLISHED"));
	transfer(fd[0], fd[1], 100000, 100000);
}

/* RFC 9293, 3.6.1: 2 MSL; Linux takes 60 s for them, and so does Linnet */
static void time_wait_ends(void)
{
	double start;

	open_pair();
	close(fd[0]);
	close(fd[1]);
	AWAIT(in_states("TIME-WAIT", ""));
	start = now();
	while (now() - start < 55) {
		CHECK(in_states("TIME-WAIT", ""));
		usleep(500000);
	}
	AWAIT(in_states("", ""));
	OK(sk_bind(sk_new(AF_INET), "127.0.0.1", port[0]));
}

static void reset_while_sending(void)
{
	struct linger hard = { .l_onoff = 1 };
	static char buf[65536];
	ssize_t n;
	int err;

	open_pair();
	if (!fork()) {
		AWAIT(!sk_events(fd[0], POLLOUT, 0) && in_call(getppid(), SYS_sendto));
		close(fd[0]);
		OK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		exit(0);
	}
	close(fd[1]);
	/* it waits for room when the reset comes */
	while ((n = send(fd[0], buf, sizeof(buf), MSG_NOSIGNAL)) > 0)
		;
	err = errno;
	CHECK_EQ(n, -1);
	CHECK(err == ECONNRESET || err == EPIPE);
}

static void close_in_handshake(void)
{
	int s;

	ns_join(ns_current(), "v0", ns_new(), "v1");
	command("ip addr add 192.0.2.1/24 dev v0");
	command("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0");
	s = sk_new_nonblock(AF_INET);
	CHECK_ERR(sk_connect(s, "192.0.2.2", 99), EINPROGRESS);
	CHECK_EQ(sk_count("SYN-SENT"), 1);
	close(s);
	AWAIT(sk_count(NULL) == 0);
}

/* A FIN that finds no way does not wait for one for ever */
static void close_without_route(void)
{
	open_pair();
	command("echo 1 >/proc/sys/net/%s", proto == PROTO_TCP ? "ipv4/tcp_orphan_retries" :
		"linnet/orphan_retries");
	/* there is no such device */
	sk_set(fd[0], SOL_SOCKET, SO_BINDTOIFINDEX, 0x7fffffff);
	close(fd[0]);
	CHECK(sk_count("FIN-WAIT-1") == 1);
	AWAIT(sk_count(NULL) == 1);
}

static const struct test tests[] = {
	{ "FIN-WAIT-2, CLOSE-WAIT, TIME-WAIT", orderly },
	{ "the accepting side closes first", passive_first },
	{ "half-close by the active side", half_close },
	{ "half-close by the passive side", half_close_passive },
	{ "shutdown of both", shutdown_both },
	{ "shutdown of reading", shutdown_read },
	{ "simultaneous close", simultaneous },
	{ "reset when data is left unread", unread_data },
	{ "reset when data comes after close", data_after_close },
	{ "SO_LINGER 0", linger_zero },
	{ "SO_LINGER with time", linger_wait },
	{ "close delivers what was written", close_delivers },
	{ "TCP_LINGER2", fin_timeout, .waits = true },
	{ "TIME-WAIT and the port", time_wait_port },
	{ "reset while sending", reset_while_sending },
	{ "close before the handshake ends", close_in_handshake },
	{ "close without a route", close_without_route },
	{ "TIME-WAIT ends after 60 s", time_wait_ends, .waits = true },
};

TEST_MAIN(tests)
