// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 10,000 connections at once: all open, data over each in both directions, what
 * they cost at rest, and everything back when they are closed.
 */
#include <sys/epoll.h>
#include <sys/resource.h>

#include "stock.h"

enum { CROWD = 10000, SAMPLE = 2000, MESSAGE = 200, BATCH = 256, LIMIT = 280 };

static int client[CROWD], server[CROWD];

static void allow_descriptors(void)
{
	struct rlimit limit = { 2 * CROWD + 100, 2 * CROWD + 100 };

	OK(setrlimit(RLIMIT_NOFILE, &limit));
}

/* Each server socket stands where its client does */
static void open_all(int n)
{
	int l[2] = { sk_listen("127.0.0.1", 0, 128), sk_listen("::1", 0, 128) };
	int port[2] = { sk_port(l[0]), sk_port(l[1]) };

	for (int i = 0; i < n; i++) {
		int v6 = i % 2;

		client[i] = sk_connected(v6 ? "::1" : "127.0.0.1", port[v6]);
		server[i] = OK(accept(l[v6], NULL, NULL));
		CHECK_EQ(sk_peer_port(server[i]), sk_port(client[i]));
	}
	close(l[0]);
	close(l[1]);
}

static void watch(int epoll, int fd, uint32_t tag)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = tag };

	OK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e));
}

/* A message from each to its server, and another back, all at once.  A message
 * fits into a segment and comes whole.
 */
static void talk(int n)
{
	struct epoll_event events[BATCH];
	int epoll = OK(epoll_create1(0)), questions = 0, answers = 0;
	char buf[MESSAGE];

	sk_set(client[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	for (int i = 0; i < n; i++) {
		watch(epoll, client[i], i);
		watch(epoll, server[i], n + i);
	}
	for (int i = 0; i < n; i++)
		send_pattern(client[i], 0, MESSAGE, i);
	while (answers < n) {
		int got = OK(epoll_wait(epoll, events, BATCH, PATIENCE * 1000));

		if (!got)
			FAIL("%d questions came, and %d answers, of %d", questions, answers, n);
		for (int e = 0; e < got; e++) {
			int i = events[e].data.u32 % n;

			CHECK_EQ(events[e].events, EPOLLIN);
			if (events[e].data.u32 >= (uint32_t)n) {
				CHECK_EQ(recv(server[i], buf, MESSAGE, MSG_DONTWAIT), MESSAGE);
				pattern_check(buf, 0, MESSAGE, i);
				send_pattern(server[i], 0, MESSAGE, n + i);
				questions++;
			} else {
				CHECK_EQ(recv(client[i], buf, MESSAGE, MSG_DONTWAIT), MESSAGE);
				pattern_check(buf, 0, MESSAGE, n + i);
				answers++;
			}
		}
	}
	CHECK_EQ(questions, n);
	close(epoll);
}

/* By the client, by the server, by both at once, and by a reset */
static void close_all(int n)
{
	struct linger hard = { .l_onoff = 1 };

	for (int i = 0; i < n; i++) {
		int first = i % 4 == 1 ? server[i] : client[i];
		int second = i % 4 == 1 ? client[i] : server[i];

		if (i % 4 == 3)
			OK(setsockopt(first, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		close(first);
		if (i % 4 < 2)
			check_eof(second);
		close(second);
	}
}

/* Octets of slab for each connection with both its ends, at rest */
static double cost(int n)
{
	long before = slab_kilobytes();

	open_all(n);
	talk(n);
	return (slab_kilobytes() - before) * 1024. / n;
}

static void crowd(void)
{
	struct stock before, open;
	double start;

	alarm(LIMIT);
	allow_descriptors();
	/* churn waits for TIME-WAIT to end */
	command("echo 0 >/proc/sys/net/%s", proto == PROTO_TCP ? "ipv4/tcp_max_tw_buckets" :
		"linnet/max_tw_buckets");
	stock_take(&before);
	start = now();
	open_all(CROWD);
	CHECK_EQ(sk_count("ESTABLISHED"), 2 * CROWD);
	talk(CROWD);
	stock_take(&open);
	CHECK(open.sockets >= before.sockets + 2 * CROWD);
	/* nothing waits anywhere: what is charged is what processors keep at hand */
	CHECK(open.pages <= before.pages + 2 * sysconf(_SC_NPROCESSORS_ONLN) * 256);
	close_all(CROWD);
	printf("# opened, used and closed in %.0f s\n", now() - start);
	stock_await(&before, 100);
}

/* At rest a connection costs about what TCP's does */
static void memory(void)
{
	double ours, tcp;
	int wanted = proto;

	if (proto == PROTO_TCP)
		skip("it is the measure");
	allow_descriptors();
	/* what the first ones cost once is no part of it */
	cost(SAMPLE / 10);
	close_all(SAMPLE / 10);
	ours = cost(SAMPLE);
	close_all(SAMPLE);
	proto = PROTO_TCP;
	cost(SAMPLE / 10);
	close_all(SAMPLE / 10);
	tcp = cost(SAMPLE);
	close_all(SAMPLE);
	proto = wanted;
	printf("# a connection with both ends: %.0f octets, of TCP %.0f\n", ours, tcp);
	if (ours > 1.25 * tcp)
		FAIL("more than a quarter above TCP");
}

static const struct test tests[] = {
	{ "10000 connections at once", crowd },
	{ "memory of a connection", memory },
};

TEST_MAIN(tests)
