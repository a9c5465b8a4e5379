// SPDX-License-Identifier: GPL-2.0-or-later
/* Data: every octet, once, in order, whatever the call that moves it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "lib.h"

static int pair[2];

static void sizes(int family)
{
	static const int size[] = { 1, 2, 3, 100, 535, 536, 537, 1447, 1448, 1449, 4096, 16383,
				    65483, 65484, 65535, 65536, 65537, 1000000 };

	for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++) {
		sk_pair(family, pair);
		transfer(pair[0], pair[1], size[i], size[i]);
		close(pair[0]);
		check_eof(pair[1]);
		close(pair[1]);
	}
}

static void sizes4(void)
{
	sizes(AF_INET);
}

static void sizes6(void)
{
	sizes(AF_INET6);
}

static void large4(void)
{
	sk_pair(AF_INET, pair);
	transfer(pair[0], pair[1], 16 << 20, 16 << 20);
}

static void large6(void)
{
	sk_pair(AF_INET6, pair);
	transfer(pair[0], pair[1], 16 << 20, 0);
	transfer(pair[0], pair[1], 0, 16 << 20);
}

/* Over an Ethernet: segments of 1448 octets */
static void veth(void)
{
	int here = ns_current(), there = ns_new(), l, fd;

	ns_join(here, "v0", there, "v1");
	command("ip addr add 192.0.2.1/24 dev v0");
	command("ip addr add 2001:db8::1/64 dev v0 nodad");
	l = sk_listen("::", 6001, 5);
	ns_enter(there);
	command("ip addr add 192.0.2.2/24 dev v1");
	command("ip addr add 2001:db8::2/64 dev v1 nodad");
	fd = sk_connected("192.0.2.1", 6001);
	transfer(fd, OK(accept(l, NULL, NULL)), 8 << 20, 8 << 20);
	fd = sk_connected("2001:db8::1", 6001);
	transfer(fd, OK(accept(l, NULL, NULL)), 8 << 20, 8 << 20);
}

static void small_writes(void)
{
	uint8_t buf[7000];

	sk_pair(AF_INET, pair);
	pattern_fill(buf, 0, sizeof(buf), 1);
	for (size_t i = 0; i < sizeof(buf); i++)
		send_all(pair[0], buf + i, 1);
	receive_pattern(pair[1], 0, sizeof(buf), 1);
}

/* As segments of one octet each: their overhead may not close the window */
static void small_segments(void)
{
	uint8_t buf[7000];

	sk_pair(AF_INET, pair);
	sk_set(pair[0], SOL_TCP, TCP_NODELAY, 1);
	pattern_fill(buf, 0, sizeof(buf), 1);
	for (size_t i = 0; i < sizeof(buf); i++)
		send_all(pair[0], buf + i, 1);
	receive_pattern(pair[1], 0, sizeof(buf), 1);
}

static void small_reads(void)
{
	uint8_t buf[7000];

	sk_pair(AF_INET, pair);
	pattern_fill(buf, 0, sizeof(buf), 1);
	send_all(pair[0], buf, sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		receive_pattern(pair[1], i, 1, 1);
}

/* The answer to each question comes before the next one is asked */
static void ping_pong(void)
{
	double start;

	sk_pair(AF_INET, pair);
	start = now();
	for (int i = 0; i < 500; i++) {
		send_pattern(pair[0], i * 10, 10, 1);
		receive_pattern(pair[1], i * 10, 10, 1);
		send_pattern(pair[1], i * 3000, 3000, 2);
		receive_pattern(pair[0], i * 3000, 3000, 2);
	}
	/* no turn may wait for a delayed ACK: 500 of them are 20 s */
	CHECK(now() - start < 10);
}

static void vectors(void)
{
	uint8_t buf[3000], in[3000];
	struct iovec out[3] = { { buf, 1 }, { buf + 1, 1999 }, { buf + 2000, 1000 } };
	struct iovec back[3] = { { in, 1500 }, { in + 1500, 1 }, { in + 1501, 1499 } };
	struct msghdr msg = { .msg_iov = back, .msg_iovlen = 3 };

	sk_pair(AF_INET, pair);
	pattern_fill(buf, 0, sizeof(buf), 1);
	CHECK_EQ(writev(pair[0], out, 3), 3000);
	CHECK_EQ(recvmsg(pair[1], &msg, MSG_WAITALL), 3000);
	CHECK_EQ(msg.msg_flags & ~MSG_WAITALL, 0);
	CHECK(!memcmp(buf, in, sizeof(buf)));
	/* a stream tells no sender's address */
	CHECK_EQ(msg.msg_namelen, 0);
}

static void peek(void)
{
	uint8_t buf[5000], in[5000];

	sk_pair(AF_INET, pair);
	pattern_fill(buf, 0, sizeof(buf), 1);
	send_all(pair[0], buf, 100);
	CHECK_EQ(recv(pair[1], in, 10, MSG_PEEK), 10);
	CHECK_EQ(recv(pair[1], in, 200, MSG_PEEK), 100);
	CHECK(!memcmp(in, buf, 100));
	CHECK_EQ(sk_inq(pair[1]), 100);
	/* across segments */
	for (int i = 100; i < 5000; i += 700)
		send_all(pair[0], buf + i, 700);
	CHECK_EQ(recv(pair[1], in, 5000, MSG_PEEK | MSG_WAITALL), 5000);
	CHECK(!memcmp(in, buf, 5000));
	receive_pattern(pair[1], 0, 5000, 1);
	CHECK_ERR(recv(pair[1], in, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	close(pair[0]);
	CHECK_EQ(recv(pair[1], in, 1, MSG_PEEK), 0);
	CHECK_EQ(recv(pair[1], in, 1, MSG_PEEK), 0);
	check_eof(pair[1]);
}

static void dont_wait(void)
{
	static char buf[1 << 20];
	size_t sent = 0;
	ssize_t n;

	sk_pair(AF_INET, pair);
	CHECK_ERR(recv(pair[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	while ((n = send(pair[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		sent += n;
		CHECK(sent < 100 << 20);
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent > 0);
	CHECK_EQ(sk_events(pair[0], POLLOUT, 0), 0);
	while (sent)
		sent -= OK(recv(pair[1], buf, sizeof(buf), 0));
	CHECK_ERR(recv(pair[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(sk_events(pair[0], POLLOUT, PATIENCE * 1000), POLLOUT);
}

static void wait_all(void)
{
	static uint8_t buf[200000];

	sk_pair(AF_INET, pair);
	if (!fork()) {
		for (int i = 0; i < 100; i++) {
			send_pattern(pair[0], i * 2000, 2000, 1);
			AWAIT(!sk_outq(pair[0]));
		}
		exit(0);
	}
	CHECK_EQ(recv(pair[1], buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	pattern_check(buf, 0, sizeof(buf), 1);
	/* the end of the stream ends the waiting */
	send_all(pair[0], "abc", 3);
	close(pair[0]);
	CHECK_EQ(recv(pair[1], buf, 10, MSG_WAITALL), 3);
}

/* On a TCP stream MSG_TRUNC throws the data away */
static void truncate_flag(void)
{
	uint8_t guard[4] = "abc";

	sk_pair(AF_INET, pair);
	send_pattern(pair[0], 0, 3000, 1);
	AWAIT(sk_inq(pair[1]) == 3000);
	CHECK_EQ(recv(pair[1], guard, 1000, MSG_TRUNC), 1000);
	CHECK(!memcmp(guard, "abc", 4));
	receive_pattern(pair[1], 1000, 2000, 1);
}

static void out_of_band(void)
{
	char c;

	sk_pair(AF_INET, pair);
	CHECK_ERR(recv(pair[1], &c, 1, MSG_OOB), EINVAL);
	CHECK_ERR(recv(pair[1], &c, 1, MSG_ERRQUEUE), EAGAIN);
}

static volatile sig_atomic_t got_pipe;

static void on_pipe(int sig)
{
	got_pipe += sig == SIGPIPE;
}

static void broken_pipe(void)
{
	sk_pair(AF_INET, pair);
	signal(SIGPIPE, on_pipe);
	OK(shutdown(pair[0], SHUT_WR));
	CHECK_ERR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(got_pipe, 0);
	CHECK_ERR(send(pair[0], "x", 1, 0), EPIPE);
	CHECK_EQ(got_pipe, 1);
	CHECK_ERR(write(pair[0], "x", 1), EPIPE);
	CHECK_EQ(got_pipe, 2);
	/* the peer is gone altogether */
	sk_pair(AF_INET, pair);
	close(pair[1]);
	send_all(pair[0], "x", 1);
	AWAIT(sk_events(pair[0], POLLIN, 0) & POLLERR);
	CHECK_ERR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	/* the error had been taken; a reset stream reads as ended */
	check_eof(pair[0]);
}

static void queues(void)
{
	uint8_t buf[3000];

	sk_pair(AF_INET, pair);
	CHECK_EQ(sk_inq(pair[0]), 0);
	CHECK_EQ(sk_outq(pair[0]), 0);
	send_pattern(pair[0], 0, sizeof(buf), 1);
	AWAIT(sk_inq(pair[1]) == sizeof(buf));
	AWAIT(sk_outq(pair[0]) == 0);
	CHECK_EQ(recv(pair[1], buf, 1000, 0), 1000);
	CHECK_EQ(sk_inq(pair[1]), 2000);
	receive_pattern(pair[1], 1000, 2000, 1);
	CHECK_EQ(sk_inq(pair[1]), 0);
	close(pair[0]);
	check_eof(pair[1]);
	CHECK_EQ(sk_inq(pair[1]), 0);
}

static void receive_timeout(void)
{
	struct timeval t = { .tv_usec = 100000 };
	double start;
	char buf[10];

	sk_pair(AF_INET, pair);
	OK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	start = ticks();
	CHECK_ERR(recv(pair[1], buf, 10, 0), EAGAIN);
	CHECK(ticks() - start >= 0.09);
	send_all(pair[0], "abc", 3);
	/* what is there comes when the time is over */
	CHECK_EQ(recv(pair[1], buf, 10, MSG_WAITALL), 3);
}

static void send_timeout(void)
{
	struct timeval t = { .tv_usec = 100000 };
	static char buf[1 << 20];
	ssize_t n;

	sk_pair(AF_INET, pair);
	OK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	while ((n = send(pair[0], buf, sizeof(buf), 0)) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	char c;

	sk_pair(AF_INET, pair);
	sigaction(SIGUSR1, &action, NULL);
	if (!fork()) {
		AWAIT(in_call(getppid(), SYS_recvfrom));
		kill(getppid(), SIGUSR1);
		exit(0);
	}
	CHECK_ERR(recv(pair[1], &c, 1, 0), EINTR);
}

static void low_water(void)
{
	sk_pair(AF_INET, pair);
	sk_set(pair[1], SOL_SOCKET, SO_RCVLOWAT, 100);
	send_pattern(pair[0], 0, 99, 1);
	AWAIT(sk_inq(pair[1]) == 99);
	CHECK_EQ(sk_events(pair[1], POLLIN, 0), 0);
	send_pattern(pair[0], 99, 1, 1);
	CHECK_EQ(sk_events(pair[1], POLLIN, PATIENCE * 1000), POLLIN);
	receive_pattern(pair[1], 0, 100, 1);
}

static int pattern_file(size_t size)
{
	int fd = OK(memfd_create("pattern", 0));
	uint8_t *map;

	OK(ftruncate(fd, size));
	map = mmap(NULL, size, PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	pattern_fill(map, 0, size, 1);
	munmap(map, size);
	return fd;
}

static void send_file(void)
{
	const size_t size = 1234567;
	int file = pattern_file(size), status;
	size_t sent = 0;

	sk_pair(AF_INET, pair);
	if (!fork()) {
		receive_pattern(pair[1], 0, size, 1);
		exit(0);
	}
	while (sent < size)
		sent += OK(sendfile(pair[0], file, NULL, size - sent));
	OK(wait(&status));
	CHECK_EQ(status, 0);
}

static void splice_both(void)
{
	const size_t size = 1234567;
	int file = pattern_file(size), out = OK(memfd_create("out", 0)), in_pipe[2], status;
	size_t moved = 0;
	ssize_t n;
	uint8_t *map;

	sk_pair(AF_INET, pair);
	if (!fork()) {
		OK(pipe(in_pipe));
		while (moved < size) {
			n = OK(splice(file, NULL, in_pipe[1], NULL, 60000, 0));
			for (moved += n; n; )
				n -= OK(splice(in_pipe[0], NULL, pair[0], NULL, n,
					       moved < size ? SPLICE_F_MORE : 0));
		}
		exit(0);
	}
	OK(pipe(in_pipe));
	while (moved < size) {
		n = OK(splice(pair[1], NULL, in_pipe[1], NULL, 30000, SPLICE_F_MOVE));
		CHECK(n > 0);
		for (moved += n; n; )
			n -= OK(splice(in_pipe[0], NULL, out, NULL, n, 0));
	}
	OK(wait(&status));
	CHECK_EQ(status, 0);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, out, 0);
	pattern_check(map, 0, size, 1);
	sk_nonblock(pair[1], true);
	CHECK_ERR(splice(pair[1], NULL, in_pipe[1], NULL, 1, 0), EAGAIN);
	close(pair[0]);
	AWAIT(sk_events(pair[1], POLLIN, 0));
	CHECK_EQ(splice(pair[1], NULL, in_pipe[1], NULL, 1, 0), 0);
}

/* Memory that is not there */
static void faults(void)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	OK(mprotect(map + 4096, 4096, PROT_NONE));
	sk_pair(AF_INET, pair);
	pattern_fill(map, 0, 4096, 1);
	CHECK_ERR(send(pair[0], map + 4096, 10, 0), EFAULT);
	/* as much as there is, or none of it: never something else */
	n = send(pair[0], map, 8192, 0);
	if (n < 0)
		CHECK_EQ(errno, EFAULT);
	else
		receive_pattern(pair[1], 0, n, 1);
	send_pattern(pair[0], 0, 1000, 1);
	AWAIT(sk_inq(pair[1]) == 1000);
	CHECK_ERR(recv(pair[1], map + 4096, 10, 0), EFAULT);
	receive_pattern(pair[1], 0, 1000, 1);
	transfer(pair[0], pair[1], 10000, 10000);
}

/* Four writers and four readers of one connection */
static void shared(void)
{
	const int each = 200000;
	static uint8_t buf[10000];
	int status, i;

	sk_pair(AF_INET, pair);
	for (i = 0; i < 4; i++) {
		if (!fork()) {
			for (int j = 0; j < each / 1000; j++)
				send_all(pair[0], buf, 1000);
			exit(0);
		}
	}
	for (i = 0; i < 4; i++) {
		if (!fork()) {
			for (int left = each, n; left; left -= n)
				n = OK(recv(pair[1], buf, left < 10000 ? left : 10000, 0));
			exit(0);
		}
	}
	for (i = 0; i < 8; i++) {
		OK(wait(&status));
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(sk_inq(pair[1]), 0);
}

static const struct test tests[] = {
	{ "1 octet to 1 MB both ways, IPv4", sizes4 },
	{ "1 octet to 1 MB both ways, IPv6", sizes6 },
	{ "16 MB both ways at once, IPv4", large4 },
	{ "16 MB each way, IPv6", large6 },
	{ "8 MB both ways on an Ethernet", veth },
	{ "octet by octet out", small_writes },
	{ "octet by octet out, at once", small_segments },
	{ "octet by octet in", small_reads },
	{ "question and answer", ping_pong },
	{ "writev, recvmsg", vectors },
	{ "MSG_PEEK", peek },
	{ "MSG_DONTWAIT", dont_wait },
	{ "MSG_WAITALL", wait_all },
	{ "MSG_TRUNC", truncate_flag },
	{ "MSG_OOB, MSG_ERRQUEUE with nothing there", out_of_band },
	{ "EPIPE and SIGPIPE", broken_pipe },
	{ "FIONREAD, SIOCOUTQ", queues },
	{ "SO_RCVTIMEO", receive_timeout },
	{ "SO_SNDTIMEO", send_timeout },
	{ "EINTR", interrupted },
	{ "SO_RCVLOWAT", low_water },
	{ "sendfile", send_file },
	{ "splice in and out", splice_both },
	{ "EFAULT", faults },
	{ "several processes on one connection", shared },
};

TEST_MAIN(tests)
