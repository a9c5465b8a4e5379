// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The events that epoll tells, step by step: edges and levels, once, for one
 * waiter of several.
 */
#include <fcntl.h>
#include <sys/epoll.h>

#include "parity.h"

#define ALL	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLRDNORM | EPOLLWRNORM)
#define WATCHES	4

/* One socket seen by several epolls, each in its way */
struct view {
	int		fd;
	int		ep[WATCHES];
};

static const struct {
	const char	*name;
	unsigned int	events;
} ways[WATCHES] = {
	{ "level", ALL }, { "edge", ALL | EPOLLET }, { "once", ALL | EPOLLONESHOT },
	{ "edge, input", EPOLLIN | EPOLLRDHUP | EPOLLET },
};

static void watch(struct view *v, int fd)
{
	v->fd = fd;
	for (int i = 0; i < WATCHES; i++) {
		struct epoll_event event = { .events = ways[i].events };

		v->ep[i] = OK(epoll_create1(0));
		OK(epoll_ctl(v->ep[i], EPOLL_CTL_ADD, fd, &event));
	}
}

/* What each tells; the time is for a wake-up that should not come */
static void tell(const char *step, const struct view *v)
{
	usleep(30000);
	for (int i = 0; i < WATCHES; i++) {
		struct epoll_event event = { .events = 0 };
		int n = OK(epoll_wait(v->ep[i], &event, 1, 0));

		say(text("%s: %s", step, ways[i].name), "%d %#x", n, n ? event.events : 0);
	}
}

static void rearm(struct view *v)
{
	struct epoll_event event = { .events = ways[2].events };

	OK(epoll_ctl(v->ep[2], EPOLL_CTL_MOD, v->fd, &event));
}

static void stream(void)
{
	char buf[100];
	struct view v;
	int fd[2];

	sk_pair(AF_INET, fd);
	watch(&v, fd[1]);
	tell("connected", &v);
	tell("again", &v);
	send_all(fd[0], "0123456789", 10);
	AWAIT(sk_inq(fd[1]) == 10);
	tell("data", &v);
	rearm(&v);
	tell("rearmed", &v);
	send_all(fd[0], "0123456789", 10);
	AWAIT(sk_inq(fd[1]) == 20);
	tell("more data", &v);
	CHECK_EQ(recv(fd[1], buf, 5, 0), 5);
	tell("some was read", &v);
	CHECK_EQ(recv(fd[1], buf, 100, 0), 15);
	tell("all was read", &v);
	send_all(fd[1], "abc", 3);
	AWAIT(!sk_outq(fd[1]));
	tell("sent, acknowledged", &v);
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(sk_events(fd[1], EPOLLRDHUP, 0));
	rearm(&v);
	tell("half-closed by the peer", &v);
	CHECK_EQ(recv(fd[1], buf, 100, 0), 0);
	tell("the end was read", &v);
	OK(shutdown(fd[1], SHUT_WR));
	AWAIT(sk_events(fd[1], EPOLLHUP, 0));
	rearm(&v);
	tell("closed", &v);
}

static void reset(bool with_data)
{
	struct linger linger = { .l_onoff = 1 };
	char buf[10];
	struct view v;
	int fd[2];

	sk_pair(AF_INET, fd);
	watch(&v, fd[1]);
	tell("connected", &v);
	if (with_data) {
		send_all(fd[0], "abc", 3);
		AWAIT(sk_inq(fd[1]) == 3);
	}
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	close(fd[0]);
	AWAIT(sk_events(fd[1], EPOLLHUP, 0));
	rearm(&v);
	tell("reset", &v);
	errno = 0;
	say_result("recv", recv(fd[1], buf, 10, 0));
	tell("told by recv", &v);
	say("SO_ERROR", "%s", errno_name(sk_error(fd[1])));
	tell("told by SO_ERROR", &v);
}

static void reset_alone(void)
{
	reset(false);
}

static void reset_after_data(void)
{
	reset(true);
}

/* The peer reads nothing, then everything */
static void full(void)
{
	static char big[1 << 20];
	struct view v;
	int fd[2];
	ssize_t n;

	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_SOCKET, SO_SNDBUF, 100000);
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 100000);
	watch(&v, fd[0]);
	tell("connected", &v);
	sk_nonblock(fd[0], true);
	sk_nonblock(fd[1], true);
	/* until it stays so: what probes a full window has done it */
	while (sk_events(fd[0], EPOLLOUT, 1000))
		while ((n = send(fd[0], big, sizeof(big), 0)) > 0)
			;
	rearm(&v);
	tell("full", &v);
	while (!sk_events(fd[0], EPOLLOUT, 0))
		if (recv(fd[1], big, sizeof(big), 0) < 0)
			usleep(1000);
	while (sk_outq(fd[0]))
		if (recv(fd[1], big, sizeof(big), 0) < 0)
			usleep(1000);
	tell("drained", &v);
	CHECK_EQ(send(fd[0], big, 10, 0), 10);
	AWAIT(!sk_outq(fd[0]));
	tell("ten more", &v);
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(sk_events(fd[1], EPOLLRDHUP, 0));
	rearm(&v);
	tell("shut for writing", &v);
	OK(shutdown(fd[0], SHUT_RD));
	rearm(&v);
	tell("and for reading", &v);
}

static void listener(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), fd;
	struct view v;

	watch(&v, l);
	tell("nobody", &v);
	sk_connected("127.0.0.1", sk_port(l));
	AWAIT(sk_events(l, EPOLLIN, 0));
	tell("one", &v);
	sk_connected("127.0.0.1", sk_port(l));
	rearm(&v);
	tell("two", &v);
	fd = OK(accept(l, NULL, NULL));
	tell("one is accepted", &v);
	close(fd);
	fd = OK(accept(l, NULL, NULL));
	tell("both are", &v);
	OK(shutdown(l, SHUT_RDWR));
	rearm(&v);
	tell("shut down", &v);
}

static void opening(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), port = sk_port(l), fd, peer;
	struct view v;

	fd = sk_new_nonblock(AF_INET);
	watch(&v, fd);
	tell("fresh", &v);
	rearm(&v);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", port), EINPROGRESS);
	AWAIT(sk_events(fd, EPOLLOUT, 0));
	tell("connected", &v);
	say_result("connect", sk_connect(fd, "127.0.0.1", port));
	errno = 0;
	say_result("connect once more", sk_connect(fd, "127.0.0.1", port));
	close(l);
	fd = sk_new_nonblock(AF_INET);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", port), EINPROGRESS);
	AWAIT(sk_events(fd, EPOLLERR, 0));
	watch(&v, fd);
	tell("refused", &v);
	errno = 0;
	say_result("connect", sk_connect(fd, "127.0.0.1", port));
	tell("told", &v);
	fd = sk_in(CONNECTING, AF_INET, &peer);
	watch(&v, fd);
	tell("under way", &v);
}

/* EPOLLEXCLUSIVE: one of two is woken for each connection */
static void exclusive(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), ep[2], woken = 0;
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLET };

	for (int i = 0; i < 2; i++) {
		ep[i] = OK(epoll_create1(0));
		OK(epoll_ctl(ep[i], EPOLL_CTL_ADD, l, &event));
	}
	sk_connected("127.0.0.1", sk_port(l));
	AWAIT(sk_events(l, EPOLLIN, 0));
	usleep(30000);
	for (int i = 0; i < 2; i++)
		woken += epoll_wait(ep[i], &event, 1, 0);
	say("woken", "%d", woken);
	errno = 0;
	event.events = EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE;
	say_result("with EPOLLONESHOT", epoll_ctl(ep[0], EPOLL_CTL_ADD, sk_new(AF_INET), &event));
}

/* TCP_NOTSENT_LOWAT holds the event back while too much has not been sent */
static void not_sent(void)
{
	static char big[1 << 20];
	struct view v;
	int fd[2];

	sk_pair(AF_INET, fd);
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 20000);
	sk_set(fd[0], SOL_TCP, TCP_NOTSENT_LOWAT, 20000);
	sk_nonblock(fd[0], true);
	watch(&v, fd[0]);
	tell("connected", &v);
	/* until it stays so: what probes a full window has done it */
	while (sk_events(fd[0], EPOLLOUT, 1000))
		send(fd[0], big, 5000, 0);
	rearm(&v);
	tell("enough has not been sent", &v);
	sk_set(fd[0], SOL_TCP, TCP_NOTSENT_LOWAT, 1 << 20);
	rearm(&v);
	tell("the mark is raised", &v);
}

static const struct scenario scenarios[] = {
	{ "a stream and its end", stream },
	{ "reset", reset_alone },
	{ "reset after data", reset_after_data },
	{ "full and drained", full },
	{ "listener", listener },
	{ "opening", opening },
	{ "EPOLLEXCLUSIVE", exclusive },
	{ "TCP_NOTSENT_LOWAT", not_sent },
};

static const struct difference known[] = {
	{ "-", "-", "there is none" },
};

PARITY_MAIN(scenarios, known)
