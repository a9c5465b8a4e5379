// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes, requests and responses, whole short connections, over a veth:
 * processor time and wake-ups, in instructions.
 */
#include <sched.h>

#include "bench.h"

#define ROUNDS		1000
#define HANDSHAKES	300
#define CONNECTIONS	300
#define REPETITIONS	11

static uint8_t buf[16384];

static void await_end(int fd)
{
	while (recv(fd, buf, 1, 0) > 0)
		;
}

/* The client waits for this, so that the accept queue cannot fill up */
static void greet(int fd)
{
	send_all(fd, buf, 1);
	await_end(fd);
}

static void echo_1(int fd)
{
	while (recv(fd, buf, 1, 0) == 1)
		send_all(fd, buf, 1);
}

static void echo_16k(int fd)
{
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, buf + have, sizeof(buf) - have, 0)) > 0) {
		have += n;
		if (have < sizeof(buf))
			continue;
		send_all(fd, buf, sizeof(buf));
		have = 0;
	}
}

static void answer_once(int fd)
{
	if (recv(fd, buf, 1, 0) == 1)
		send_all(fd, buf, 1);
	await_end(fd);
}

/* Microseconds that connect() takes.  Whether the server's accept() wakes up and
 * runs before connect() is back would depend on what else both have done: the
 * client comes first.
 */
static double handshake(const struct pair *pair)
{
	struct sched_param first = { .sched_priority = 1 }, usual = {};
	int before = ns_current(), i;
	uint64_t spent = 0;

	OK(sched_setscheduler(0, SCHED_FIFO, &first));
	ns_enter(pair->client);
	for (i = 0; i < HANDSHAKES; i++) {
		int fd = sk_new(pair->family);
		uint64_t start = now_ns();

		OK(sk_connect(fd, pair->address, PORT));
		spent += now_ns() - start;
		receive_all(fd, buf, 1);
		close(fd);
	}
	ns_enter(before);
	close(before);
	OK(sched_setscheduler(0, SCHED_OTHER, &usual));
	return spent / 1e3 / HANDSHAKES;
}

/* Microseconds from a request to its response */
static double round_trips(const struct pair *pair, size_t len)
{
	int fd = dial(pair), i;
	uint64_t start = 0;
	double took;

	for (i = -ROUNDS / 10; i < ROUNDS; i++) {
		if (!i)
			start = now_ns();
		send_all(fd, buf, len);
		receive_all(fd, buf, len);
	}
	took = (now_ns() - start) / 1e3 / ROUNDS;
	close(fd);
	return took;
}

static double round_trips_1(const struct pair *pair)
{
	return round_trips(pair, 1);
}

static double round_trips_16k(const struct pair *pair)
{
	return round_trips(pair, sizeof(buf));
}

/* Microseconds for connect, request, response and close */
static double connections(const struct pair *pair)
{
	int before = ns_current(), i;
	uint64_t start;
	double took;

	ns_enter(pair->client);
	start = now_ns();
	for (i = 0; i < CONNECTIONS; i++) {
		int fd = sk_new(pair->family);

		OK(sk_connect(fd, pair->address, PORT));
		send_all(fd, buf, 1);
		receive_all(fd, buf, 1);
		close(fd);
	}
	took = (now_ns() - start) / 1e3 / CONNECTIONS;
	ns_enter(before);
	close(before);
	return took;
}

static void measure(int family, const char *name, void (*server)(int fd),
		    double (*client)(const struct pair *pair))
{
	int i, which, n = repetitions(REPETITIONS);
	struct series s[2] = { { .n = 0 } };
	struct pair pair;

	if (!chosen(name))
		return;
	pair_open(&pair, family);
	for (i = -1; i < n; i++) {
		for (which = TCP; which <= LINNET; which++) {
			double figure;
			pid_t pid;

			proto = protocols[which];
			pid = serve(&pair, server);
			figure = client(&pair);
			serve_end(pid);
			if (i >= 0)	/* not the warm-up */
				series_add(&s[which], figure);
		}
	}
	report(name, "us", MEDIAN, s);
	pair_close(&pair);
}

void bench_latency(void)
{
	report_open("latency", "over a veth, median of %d", repetitions(REPETITIONS));
	measure(AF_INET, "connect()", greet, handshake);
	measure(AF_INET6, "connect(), IPv6", greet, handshake);
	measure(AF_INET, "request and response of 1 octet", echo_1, round_trips_1);
	measure(AF_INET6, "request and response of 1 octet, IPv6", echo_1, round_trips_1);
	measure(AF_INET, "request and response of 16 KB", echo_16k, round_trips_16k);
	measure(AF_INET6, "request and response of 16 KB, IPv6", echo_16k, round_trips_16k);
	report_close();
}

void bench_connect(void)
{
	report_open("connect", "over a veth, median of %d", repetitions(REPETITIONS));
	measure(AF_INET, "connect, 1 octet each way, close", answer_once, connections);
	measure(AF_INET6, "connect, 1 octet each way, close, IPv6", answer_once, connections);
	report_close();
}
