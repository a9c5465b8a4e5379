// SPDX-License-Identifier: GPL-2.0-or-later
/* Many connections: at once, more than the backlog holds, one after another. */
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "stock.h"

#define CLIENTS		100
#define ROUNDS		20
#define MESSAGE		1000

static void reap(int n)
{
	int status;

	while (n--) {
		OK(wait(&status));
		CHECK_EQ(status, 0);
	}
}

static void client(int port, int i)
{
	int fd = sk_connected(i % 2 ? "127.0.0.1" : "::1", port);

	for (int r = 0; r < ROUNDS; r++) {
		send_pattern(fd, r * MESSAGE, MESSAGE, i);
		receive_pattern(fd, r * MESSAGE, MESSAGE, i);
	}
	OK(shutdown(fd, SHUT_WR));
	check_eof(fd);
	exit(0);
}

static void at_once(void)
{
	int l = sk_listen("::", 0, CLIENTS), left = CLIENTS, i;
	struct pollfd p[CLIENTS];
	char buf[MESSAGE];

	for (i = 0; i < CLIENTS; i++)
		if (!fork())
			client(sk_port(l), i);
	for (i = 0; i < CLIENTS; i++) {
		p[i].fd = OK(accept(l, NULL, NULL));
		p[i].events = POLLIN;
	}
	CHECK_EQ(counter("PassiveOpens", "PassiveOpens"), CLIENTS);
	CHECK_EQ(counter("ActiveOpens", "ActiveOpens"), CLIENTS);
	while (left) {
		CHECK(poll(p, CLIENTS, PATIENCE * 1000) > 0);
		for (i = 0; i < CLIENTS; i++) {
			ssize_t n;

			if (!p[i].revents)
				continue;
			n = OK(recv(p[i].fd, buf, sizeof(buf), 0));
			if (n) {
				send_all(p[i].fd, buf, n);
				continue;
			}
			close(p[i].fd);
			p[i].fd = -1;
			left--;
		}
	}
	reap(CLIENTS);
}

/* Those who find the queue full come in when accept() goes on */
static void overflow(void)
{
	enum { BACKLOG = 4, N = 12 };
	int l = sk_listen("127.0.0.1", 0, BACKLOG), c[N], s[N], i, j, waiting = 0;

	/* An ACK of a cookie that finds no room is forgotten, and its sender, who
	 * believes that he is connected, waits for ever
	 */
	command("echo 0 >/proc/sys/net/%s",
		proto == PROTO_TCP ? "ipv4/tcp_syncookies" : "linnet/syncookies");
	for (i = 0; i < N; i++) {
		c[i] = sk_new_nonblock(AF_INET);
		CHECK_ERR(sk_connect(c[i], "127.0.0.1", sk_port(l)), EINPROGRESS);
	}
	AWAIT(counter("ListenOverflows", "ListenOverflows") > 0);
	AWAIT(counter("ListenDrops", "ListenDrops") > 0);
	/* a second after that, they are not all in */
	sleep(1);
	for (i = 0; i < N; i++)
		waiting += !sk_events(c[i], POLLOUT, 0);
	CHECK(waiting > 0);
	for (i = 0; i < N; i++)
		s[i] = OK(accept(l, NULL, NULL));
	for (i = 0; i < N; i++) {
		for (j = 0; j < N; j++)
			if (s[j] >= 0 && sk_peer_port(s[j]) == sk_port(c[i]))
				break;
		CHECK(j < N);
		CHECK_EQ(sk_error(c[i]), 0);
		transfer(c[i], s[j], 3000, 3000);
		close(s[j]);
		s[j] = -1;
	}
	sk_nonblock(l, true);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
}

/* A client writes as soon as it is connected; the server accepts later */
static void early_data(void)
{
	int l = sk_listen("127.0.0.1", 0, 20), c[20], s;

	for (int i = 0; i < 20; i++) {
		c[i] = sk_connected("127.0.0.1", sk_port(l));
		send_pattern(c[i], 0, 5000, 1);
		OK(shutdown(c[i], SHUT_WR));
	}
	for (int i = 0; i < 20; i++) {
		s = OK(accept(l, NULL, NULL));
		receive_pattern(s, 0, 5000, 1);
		check_eof(s);
		send_pattern(s, 0, 5000, 2);
		close(s);
	}
	for (int i = 0; i < 20; i++) {
		receive_pattern(c[i], 0, 5000, 2);
		check_eof(c[i]);
	}
}

/* The server resets some of them, so that calls may fail here */
static void churn_some(int port, int n)
{
	struct linger hard = { .l_onoff = 1 };
	static char buf[5000];

	for (int i = 0; i < n; i++) {
		int fd = sk_connected("127.0.0.1", port);

		if (i % 4 != 3)
			send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
		if (i % 4 == 0 && !shutdown(fd, SHUT_WR))
			while (recv(fd, buf, sizeof(buf), 0) > 0)
				;
		if (i % 4 == 2)
			OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		close(fd);
	}
	exit(0);
}

/* Is there one more?  No, when nobody is left to come and nobody comes */
static bool another(int l, int *churners)
{
	int status;

	while (!sk_events(l, POLLIN, 1000)) {
		if (!*churners)
			return false;
		while (*churners && waitpid(-1, &status, WNOHANG) > 0) {
			CHECK_EQ(status, 0);
			--*churners;
		}
	}
	return true;
}

static void churn(void)
{
	enum { CHURNERS = 4, EACH = 1000, ALL = CHURNERS * EACH };
	int l = sk_listen("127.0.0.1", 0, 64), churners = CHURNERS, i, fd;
	static char buf[8192];
	struct stock before;

	stock_take_sockets(&before);
	for (i = 0; i < CHURNERS; i++)
		if (!fork())
			churn_some(sk_port(l), EACH);
	for (i = 0; i < ALL && another(l, &churners); i++) {
		fd = OK(accept(l, NULL, NULL));
		/* some are not read to the end */
		if (i % 5)
			while (recv(fd, buf, sizeof(buf), 0) > 0)
				;
		close(fd);
	}
	/* a reset that overtakes the ACK before it leaves nothing to accept */
	if (i < ALL)
		printf("# %d came to nothing\n", ALL - i);
	CHECK(i >= ALL - ALL / 4);
	reap(churners);
	stock_await_sockets(&before, PATIENCE);
	CHECK_EQ(sk_count("LISTEN"), 1);
}

/* Half-finished: connections that nobody accepted, accepted or read */
static void abandoned(void)
{
	struct stock before;

	stock_take_sockets(&before);
	for (int i = 0; i < 20; i++) {
		if (!fork()) {
			int l = sk_listen("127.0.0.1", 0, 64), c = -1, s;

			for (int j = 0; j < 30; j++) {
				c = sk_connected("127.0.0.1", sk_port(l));
				send_pattern(c, 0, 20000, 1);
				if (j % 3 == 0) {
					s = OK(accept(l, NULL, NULL));
					send_pattern(s, 0, 20000, 1);
				}
			}
			exit(0);
		}
		reap(1);
	}
	stock_await_sockets(&before, PATIENCE);
}

static void time_wait_limit(void)
{
	int i, fd[2];

	if (proto == PROTO_TCP)
		command("echo 10 >/proc/sys/net/ipv4/tcp_max_tw_buckets");
	else
		command("echo 10 >/proc/sys/net/linnet/max_tw_buckets");
	for (i = 0; i < 40; i++) {
		sk_pair(AF_INET, fd);
		OK(shutdown(fd[0], SHUT_WR));
		check_eof(fd[1]);
		close(fd[1]);
		check_eof(fd[0]);
		close(fd[0]);
	}
	CHECK(sk_count("TIME-WAIT") >= 9 && sk_count("TIME-WAIT") <= 11);
	CHECK(counter("TimeWaitOverflow", "TCPTimeWaitOverflow") >= 28);
}

static void descriptors(void)
{
	struct rlimit limit = { 20, 20 };
	int l = sk_listen("127.0.0.1", 0, 5), c = sk_connected("127.0.0.1", sk_port(l)), s;

	OK(setrlimit(RLIMIT_NOFILE, &limit));
	while (dup(0) >= 0)
		;
	CHECK_ERR(accept(l, NULL, NULL), EMFILE);
	/* the connection was not lost */
	close(0);
	s = OK(accept(l, NULL, NULL));
	transfer(c, s, 1000, 1000);
}

static const struct test tests[] = {
	{ "100 connections at once, IPv4 and IPv6", at_once },
	{ "more connections than the backlog holds", overflow },
	{ "data before accept", early_data },
	{ "4000 connections one after another", churn },
	{ "connections left to themselves", abandoned },
	{ "limit of TIME-WAIT", time_wait_limit },
	{ "accept without a free descriptor", descriptors },
};

TEST_MAIN(tests)
