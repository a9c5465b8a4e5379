// SPDX-License-Identifier: GPL-2.0-or-later
/* Flow control: small buffers, readers that stop, probes of a closed window. */
#include <poll.h>

#include "lib.h"

static int fd[2];

/* A connection of which the accepting side has a small buffer from the start */
static void small_pair(int rcvbuf, int sndbuf)
{
	int l = sk_new(AF_INET);

	sk_set(l, SOL_SOCKET, SO_RCVBUF, rcvbuf);
	OK(sk_bind(l, "127.0.0.1", 0));
	OK(listen(l, 1));
	fd[0] = sk_new(AF_INET);
	if (sndbuf)
		sk_set(fd[0], SOL_SOCKET, SO_SNDBUF, sndbuf);
	OK(sk_connect(fd[0], "127.0.0.1", sk_port(l)));
	fd[1] = OK(accept(l, NULL, NULL));
	close(l);
}

/* Until nothing moves for a while */
static size_t fill(int sender)
{
	size_t sent = 0;
	uint8_t buf[8192];

	for (;;) {
		ssize_t n;

		pattern_fill(buf, sent, sizeof(buf), 1);
		n = send(sender, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			sent += n;
		else if (!sk_events(sender, POLLOUT, 400))
			return sent;
	}
}

static void zero_window(void)
{
	size_t sent;
	int queued;

	small_pair(8192, 0);
	sent = fill(fd[0]);
	queued = sk_inq(fd[1]);
	CHECK(queued > 0 && queued <= 16384);
	CHECK(sk_outq(fd[0]) > 0);
	/* probes are answered: the connection stays (RFC 9293, 3.8.6.1) */
	AWAIT(counter("WindowProbes", "TCPWinProbe") >= 2);
	CHECK(sk_inq(fd[1]) >= queued);
	CHECK_EQ(sk_error(fd[0]), 0);
	receive_pattern(fd[1], 0, sent, 1);
	AWAIT(sk_outq(fd[0]) == 0);
	transfer(fd[0], fd[1], 100000, 100000);
}

/* The window opens without a probe having to ask */
static void opens_at_once(void)
{
	size_t sent;
	double start;

	for (int i = 0; i < 5; i++) {
		small_pair(65536, 0);
		sent = fill(fd[0]);
		start = now();
		receive_pattern(fd[1], 0, sent, 1);
		/* the first probe would come after 0.2 s, those after it later still */
		CHECK(now() - start < 5);
	}
}

static void slow_reader(void)
{
	const int size = 1 << 20;
	uint8_t buf[4000];
	int offset = 0, n;

	small_pair(4096, 0);
	if (!fork()) {
		send_pattern(fd[0], 0, size, 1);
		exit(0);
	}
	close(fd[0]);
	while (offset < size) {
		n = OK(recv(fd[1], buf, 1 + offset % sizeof(buf), 0));
		CHECK(n > 0);
		pattern_check(buf, offset, n, 1);
		offset += n;
		if (offset % 16 == 0)
			usleep(1000);
	}
	check_eof(fd[1]);
}

static void small_buffers(void)
{
	static const int sizes[] = { 1, 2304, 4096, 10000, 65536, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		small_pair(sizes[i], sizes[i]);
		CHECK(sk_int(fd[1], SOL_SOCKET, SO_RCVBUF) >= 2 * sizes[i]);
		CHECK(sk_int(fd[0], SOL_SOCKET, SO_SNDBUF) >= 2 * sizes[i]);
		transfer(fd[0], fd[1], 200000, 200000);
		close(fd[0]);
		check_eof(fd[1]);
		close(fd[1]);
	}
}

/* Nothing is under way: it waits for the window */
static bool held_back(void)
{
	struct tcp_info info = sk_info(fd[0]);

	return !info.tcpi_unacked && info.tcpi_notsent_bytes;
}

/* A peer that sends small segments must not fill the memory with their headers */
static void small_segments(void)
{
	const int size = 200000;
	uint8_t buf[7];
	int offset;

	small_pair(65536, 0);
	sk_set(fd[0], SOL_TCP, TCP_NODELAY, 1);
	if (!fork()) {
		close(fd[1]);
		for (offset = 0; offset < size; offset += 7) {
			pattern_fill(buf, offset, 7, 1);
			send_all(fd[0], buf, size - offset < 7 ? size - offset : 7);
		}
		exit(0);
	}
	AWAIT(held_back());
	close(fd[0]);
	receive_pattern(fd[1], 0, size, 1);
	check_eof(fd[1]);
}

/* FIN behind a closed window */
static void fin_behind(void)
{
	size_t sent;

	small_pair(8192, 0);
	sent = fill(fd[0]);
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(held_back());
	receive_pattern(fd[1], 0, sent, 1);
	check_eof(fd[1]);
	transfer(fd[1], fd[0], 100000, 0);
}

/* The buffer is made smaller with data under way; the window may not shrink */
static void shrinks(void)
{
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 1 << 20, 0);
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 4096);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 200000);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
}

/* The window that the handshake tells */
static void clamp(void)
{
	int l = sk_listen("127.0.0.1", 0, 1);
	struct tcp_info info;

	sk_set(l, SOL_TCP, TCP_WINDOW_CLAMP, 20000);
	fd[0] = sk_connected("127.0.0.1", sk_port(l));
	fd[1] = OK(accept(l, NULL, NULL));
	info = sk_info(fd[0]);
	CHECK(info.tcpi_snd_wnd > 0 && info.tcpi_snd_wnd <= 20000);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
}

static void not_sent(void)
{
	size_t sent;

	small_pair(8192, 0);
	sk_set(fd[0], SOL_TCP, TCP_NOTSENT_LOWAT, 16384);
	sent = fill(fd[0]);
	CHECK(sent < 400000);
	CHECK_EQ(sk_events(fd[0], POLLOUT, 0), 0);
	receive_pattern(fd[1], 0, sent, 1);
	CHECK_EQ(sk_events(fd[0], POLLOUT, PATIENCE * 1000), POLLOUT);
}

static const struct test tests[] = {
	{ "zero window, probes, and on", zero_window, .waits = true },
	{ "a window opens at once", opens_at_once, .waits = true },
	{ "slow reader, small buffer", slow_reader, .waits = true },
	{ "small buffers both ways", small_buffers, .waits = true },
	{ "small segments", small_segments },
	{ "FIN behind a closed window", fin_behind, .waits = true },
	{ "SO_RCVBUF changes under way", shrinks },
	{ "TCP_WINDOW_CLAMP", clamp },
	{ "TCP_NOTSENT_LOWAT", not_sent },
};

TEST_MAIN(tests)
