// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What poll() and epoll tell, step by step: the same steps run on kernel TCP
 * first, and the two logs have to be the same.
 */
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>

#include "lib.h"

#define ALL	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

struct log {
	char	text[4096];
	size_t	len;
};

static struct log *log_now;

static void note(const char *format, ...)
{
	size_t room = sizeof(log_now->text) - log_now->len;
	va_list args;

	va_start(args, format);
	log_now->len += vsnprintf(log_now->text + log_now->len, room, format, args);
	va_end(args);
	CHECK(log_now->len < sizeof(log_now->text));
}

static void note_events(const char *what, unsigned int events)
{
	static const struct {
		unsigned int	bit;
		const char	*name;
	} names[] = {
		{ EPOLLIN, "IN" }, { EPOLLOUT, "OUT" }, { EPOLLRDHUP, "RDHUP" },
		{ EPOLLPRI, "PRI" }, { EPOLLERR, "ERR" }, { EPOLLHUP, "HUP" },
	};

	note("%s:", what);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (events & names[i].bit)
			note(" %s", names[i].name);
	note("\n");
}

/* What stands now */
static unsigned int level(int fd)
{
	return sk_events(fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0);
}

static void await_level(const char *what, int fd, unsigned int events)
{
	AWAIT((level(fd) & events) == events);
	note_events(what, level(fd));
}

static int watch(int fd, unsigned int flags)
{
	struct epoll_event event = { .events = ALL | flags };
	int ep = OK(epoll_create1(0));

	OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	return ep;
}

/* The events that an epoll has, waiting for the first one */
static void note_edge(const char *what, int ep, bool expected)
{
	struct epoll_event event = {};

	if (!OK(epoll_wait(ep, &event, 1, expected ? PATIENCE * 1000 : 0)))
		note("%s: nothing\n", what);
	else
		note_events(what, event.events);
}

static size_t fill(int fd)
{
	static char buf[65536];
	size_t sent = 0;
	ssize_t n;

	while ((n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		sent += n;
	CHECK_EQ(errno, EAGAIN);
	return sent;
}

static void drain(int fd, size_t len)
{
	static char buf[65536];

	while (len)
		len -= OK(recv(fd, buf, sizeof(buf), 0));
}

static void steps_connect(void)
{
	int fd = sk_new_nonblock(AF_INET), l = sk_listen("127.0.0.1", 0, 5), s;

	note_events("new", level(fd));
	note_events("listening", level(l));
	CHECK_ERR(sk_connect(fd, "127.0.0.1", sk_port(l)), EINPROGRESS);
	await_level("connected", fd, POLLOUT);
	await_level("to accept", l, POLLIN);
	s = OK(accept(l, NULL, NULL));
	note_events("accepted", level(s));
	note_events("nobody to accept", level(l));
	close(l);
	/* refused */
	l = sk_new(AF_INET);
	OK(sk_bind(l, "127.0.0.1", 0));
	fd = sk_new_nonblock(AF_INET);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", sk_port(l)), EINPROGRESS);
	await_level("refused", fd, POLLERR);
	note("error %d\n", sk_error(fd));
	note_events("error taken", level(fd));
	OK(listen(l, 1));
	OK(shutdown(l, SHUT_RDWR));
	note_events("listener shut down", level(l));
}

static void steps_close(void)
{
	int fd[2];

	sk_pair(AF_INET, fd);
	send_all(fd[0], "abc", 3);
	await_level("data", fd[1], POLLIN);
	OK(shutdown(fd[0], SHUT_WR));
	note_events("own FIN sent", level(fd[0]));
	await_level("FIN behind data", fd[1], POLLRDHUP);
	note("%zd octets\n", recv(fd[1], &(char[4]){ }, 4, 0));
	note_events("data read", level(fd[1]));
	note("%zd octets\n", recv(fd[1], &(char){ 0 }, 1, 0));
	close(fd[1]);
	await_level("both closed", fd[0], POLLHUP);
	note("error %d\n", sk_error(fd[0]));

	sk_pair(AF_INET, fd);
	OK(shutdown(fd[0], SHUT_RD));
	note_events("no reading", level(fd[0]));
	send_all(fd[1], "x", 1);
	await_level("data all the same", fd[0], POLLIN);
	OK(shutdown(fd[0], SHUT_WR));
	note_events("no writing either", level(fd[0]));
}

static void steps_reset(void)
{
	struct linger hard = { .l_onoff = 1 };
	int fd[2];

	sk_pair(AF_INET, fd);
	OK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(fd[1]);
	await_level("reset", fd[0], POLLERR);
	note("error %d\n", sk_error(fd[0]));
	note_events("error taken", level(fd[0]));
	note("%zd octets\n", recv(fd[0], &(char){ 0 }, 1, 0));

	/* with data before it, not read yet */
	sk_pair(AF_INET, fd);
	send_all(fd[1], "abc", 3);
	await_level("data", fd[0], POLLIN);
	OK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(fd[1]);
	await_level("reset", fd[0], POLLERR);
	note("%zd octets\n", recv(fd[0], &(char[4]){ }, 4, 0));
	note("error %d\n", errno);
	note("%zd octets\n", recv(fd[0], &(char[4]){ }, 4, 0));
}

static void steps_full(void)
{
	size_t sent;
	int fd[2];

	sk_pair(AF_INET, fd);
	sent = fill(fd[0]);
	note_events("full", level(fd[0]));
	await_level("data", fd[1], POLLIN);
	drain(fd[1], sent);
	await_level("room", fd[0], POLLOUT);
	note_events("empty", level(fd[1]));
}

static void steps_edge(void)
{
	int fd[2], ep[2];
	size_t sent;

	sk_pair(AF_INET, fd);
	ep[0] = watch(fd[0], EPOLLET);
	ep[1] = watch(fd[1], EPOLLET);
	note_edge("first", ep[0], true);
	note_edge("no change", ep[0], false);
	note_edge("first", ep[1], true);
	send_all(fd[0], "abc", 3);
	note_edge("data", ep[1], true);
	note_edge("no change", ep[1], false);
	CHECK_EQ(recv(fd[1], &(char){ 0 }, 1, 0), 1);
	note_edge("some read", ep[1], false);
	send_all(fd[0], "d", 1);
	note_edge("more data", ep[1], true);
	CHECK_EQ(recv(fd[1], &(char[3]){ }, 3, 0), 3);
	note_edge("all read", ep[1], false);
	AWAIT(!sk_outq(fd[0]));
	note_edge("ACKs only", ep[0], false);
	sent = fill(fd[0]);
	note_edge("full", ep[0], false);
	drain(fd[1], sent);
	note_edge("room", ep[0], true);
	/* the reader saw the data come */
	note_edge("drained", ep[1], true);
	OK(shutdown(fd[0], SHUT_WR));
	note_edge("FIN", ep[1], true);
	close(fd[1]);
	note_edge("FIN back", ep[0], true);
}

static void steps_level(void)
{
	int fd[2], ep[2];

	sk_pair(AF_INET, fd);
	ep[0] = watch(fd[0], 0);
	ep[1] = watch(fd[1], EPOLLONESHOT);
	note_edge("writable", ep[0], true);
	note_edge("still", ep[0], true);
	note_edge("once", ep[1], true);
	send_all(fd[0], "abc", 3);
	AWAIT(sk_inq(fd[1]) == 3);
	note_edge("once only", ep[1], false);
	fill(fd[0]);
	note_edge("full", ep[0], false);
	close(fd[1]);
	note_edge("reset", ep[0], true);
	note("error %d\n", sk_error(fd[0]));
	note_edge("error taken", ep[0], true);
}

static void compare(void (*steps)(void))
{
	struct log logs[2] = {};
	int wanted = proto;

	proto = PROTO_TCP;
	log_now = &logs[0];
	steps();
	proto = wanted;
	log_now = &logs[1];
	steps();
	if (!strcmp(logs[0].text, logs[1].text))
		return;
	for (int i = 0; i < 2; i++) {
		char *line, *save;

		printf("# on protocol %d:\n", i ? proto : PROTO_TCP);
		for (line = strtok_r(logs[i].text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			printf("#   %s\n", line);
	}
	FAIL("the logs differ");
}

#define COMPARED(name)				\
	static void test_##name(void)		\
	{					\
		compare(steps_##name);		\
	}

COMPARED(connect)
COMPARED(close)
COMPARED(reset)
COMPARED(full)
COMPARED(edge)
COMPARED(level)

static const struct test tests[] = {
	{ "poll: connect, listen, accept, refused", test_connect },
	{ "poll: half-close, close", test_close },
	{ "poll: reset", test_reset },
	{ "poll: full and empty", test_full },
	{ "epoll: edge-triggered", test_edge },
	{ "epoll: level-triggered, one shot", test_level },
};

TEST_MAIN(tests)
