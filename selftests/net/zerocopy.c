// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sending and receiving without a copy: MSG_ZEROCOPY, splice(), sendfile(),
 * vmsplice().
 */
#include <fcntl.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/linnet.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "lib.h"

#ifndef SO_EE_CODE_ZEROCOPY_COPIED
#define SO_EE_CODE_ZEROCOPY_COPIED	1
#endif

static int fd[2];

static void allow(int s)
{
	int one = 1;

	if (!setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return;
	if (proto == PROTO_TCP || errno != EOPNOTSUPP)
		FAIL("SO_ZEROCOPY: %s", strerror(errno));
	/* before 6.7 the kernel asks for TCP by its number */
	OK(setsockopt(s, SOL_LINNET, LINNET_ZEROCOPY, &one, sizeof(one)));
}

/* Notifications: each call has a number, told in ranges, in any order */
static void await_done(int s, unsigned int calls, bool *copied)
{
	static char done[100000];
	unsigned int n = 0;

	memset(done, 0, sizeof(done));
	while (n < calls) {
		char control[256];
		struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
		struct sock_extended_err *err;

		AWAIT(sk_events(s, 0, 0) & POLLERR);
		OK(recvmsg(s, &msg, MSG_ERRQUEUE));
		CHECK(CMSG_FIRSTHDR(&msg));
		err = (void *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
		CHECK_EQ(err->ee_errno, 0);
		CHECK_EQ(err->ee_origin, SO_EE_ORIGIN_ZEROCOPY);
		CHECK(err->ee_info <= err->ee_data && err->ee_data < calls);
		if (copied)
			*copied = err->ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
		for (unsigned int i = err->ee_info; i <= err->ee_data; i++) {
			CHECK(!done[i]);
			done[i] = 1;
			n++;
		}
	}
	CHECK(!(sk_events(s, 0, 0) & POLLERR));
}

static void zerocopy(int family)
{
	size_t len = 1 << 20, sent = 0, got = 0;
	unsigned char *pages = mmap(NULL, len, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static unsigned char buf[65536];
	unsigned int calls = 0;
	bool copied;

	CHECK(pages != MAP_FAILED);
	pattern_fill(pages, 0, len, 1);
	sk_pair(family, fd);
	allow(fd[0]);
	sk_nonblock(fd[0], true);
	while (got < len) {
		size_t part = len - sent < 50000 ? len - sent : 50000;
		ssize_t n = sent < len ? send(fd[0], pages + sent, part, MSG_ZEROCOPY) : 0;

		if (n > 0) {
			sent += n;
			calls++;
			/* copied and not copied in turn */
			if (calls % 4 == 0 && sent < len - 100)
				sent += OK(send(fd[0], pages + sent, 100, 0));
		} else if (n < 0) {
			CHECK(errno == EAGAIN || errno == ENOBUFS);
		}
		n = recv(fd[1], buf, sizeof(buf), sent < len ? MSG_DONTWAIT : 0);
		if (n > 0) {
			pattern_check(buf, got, n, 1);
			got += n;
		}
	}
	await_done(fd[0], calls, &copied);
	/* the loopback interface copies: nobody's pages wait for a reader there */
	CHECK(copied);
	close(fd[0]);
	close(fd[1]);
}

static void zerocopy_both(void)
{
	zerocopy(AF_INET);
	zerocopy(AF_INET6);
}

/* Over a veth pages stay pages until they are received */
static void zerocopy_closed(void)
{
	static unsigned char page[65536];

	/* the socket goes before the data does */
	for (int i = 0; i < 20; i++) {
		sk_pair(AF_INET, fd);
		allow(fd[0]);
		sk_nonblock(fd[0], true);
		for (int n = 0; n < 20; n++)
			if (send(fd[0], page, sizeof(page), MSG_ZEROCOPY) < 0)
				break;
		close(fd[i % 2]);
		close(fd[!(i % 2)]);
	}
	AWAIT(!sk_count("ESTABLISHED") && !sk_count("FIN-WAIT-1") && !sk_count("LAST-ACK"));
}

/* Without the option the flag does nothing; a bad address is an error */
static void zerocopy_errors(void)
{
	sk_pair(AF_INET, fd);
	CHECK_EQ(send(fd[0], "abc", 3, MSG_ZEROCOPY), 3);
	AWAIT(!sk_outq(fd[0]));
	CHECK(!(sk_events(fd[0], 0, 0) & POLLERR));
	allow(fd[0]);
	CHECK_ERR(send(fd[0], (void *)8, 100, MSG_ZEROCOPY), EFAULT);
	CHECK_EQ(send(fd[0], "def", 3, MSG_ZEROCOPY), 3);
	await_done(fd[0], 1, NULL);
	CHECK_EQ(recv(fd[1], &(char[6]){ }, 6, MSG_WAITALL), 6);
}

static int temporary(size_t len)
{
	int file = OK(memfd_create("zerocopy", 0));
	unsigned char buf[65536];

	for (size_t at = 0; at < len; at += sizeof(buf)) {
		size_t n = len - at < sizeof(buf) ? len - at : sizeof(buf);

		pattern_fill(buf, at, n, 1);
		CHECK_EQ(write(file, buf, n), n);
	}
	return file;
}

static void send_file(int family)
{
	size_t len = 3 << 20;
	int file = temporary(len);
	off_t at = 0;
	pid_t child;

	sk_pair(family, fd);
	child = OK(fork());
	if (!child) {
		while ((size_t)at < len)
			CHECK(OK(sendfile(fd[0], file, &at, len - at)) > 0);
		_exit(0);
	}
	close(fd[0]);
	receive_pattern(fd[1], 0, len, 1);
	check_eof(fd[1]);
	close(fd[1]);
	close(file);
}

static void send_file_both(void)
{
	send_file(AF_INET);
	send_file(AF_INET6);
}

/* What is sent is what the page holds when it goes: no page is used after it
 * was given back
 */
static void send_file_changes(void)
{
	int file = temporary(1 << 16), p[2];
	off_t at = 0;
	char c;

	sk_pair(AF_INET, fd);
	OK(pipe(p));
	CHECK_EQ(sendfile(fd[0], file, &at, 1 << 16), 1 << 16);
	OK(ftruncate(file, 0));
	close(file);
	receive_pattern(fd[1], 0, 1 << 16, 1);
	CHECK_ERR(recv(fd[1], &c, 1, MSG_DONTWAIT), EAGAIN);
}

/* From a socket through a pipe into a file, and from a pipe into a socket */
static void splicing(int family)
{
	size_t len = 1 << 20, moved = 0;
	int p[2], file = OK(memfd_create("zerocopy", 0));
	static unsigned char buf[1 << 20];
	loff_t offset = 0;

	sk_pair(family, fd);
	OK(pipe(p));
	sk_nonblock(fd[0], true);
	pattern_fill(buf, 0, len, 1);
	for (size_t sent = 0; moved < len;) {
		ssize_t n = sent < len ? send(fd[0], buf + sent, len - sent, 0) : 0;

		if (n > 0)
			sent += n;
		n = splice(fd[1], NULL, p[1], NULL, 65536, SPLICE_F_MOVE);
		CHECK(n > 0);
		while (n > 0) {
			ssize_t m = OK(splice(p[0], NULL, file, &offset, n, SPLICE_F_MOVE));

			n -= m;
			moved += m;
		}
	}
	CHECK_EQ(pread(file, buf, len, 0), len);
	pattern_check(buf, 0, len, 1);

	/* back again */
	offset = 0;
	sk_nonblock(fd[0], false);
	for (size_t got = 0; got < len;) {
		ssize_t n = OK(splice(file, &offset, p[1], NULL, 30000, 0));

		while (n > 0) {
			ssize_t m = OK(splice(p[0], NULL, fd[1], NULL, n, SPLICE_F_MORE));

			receive_pattern(fd[0], got, m, 1);
			n -= m;
			got += m;
		}
	}
	close(p[0]);
	close(p[1]);
	close(file);
	close(fd[0]);
	close(fd[1]);
}

static void splicing_both(void)
{
	splicing(AF_INET);
	splicing(AF_INET6);
}

static void splice_errors(void)
{
	loff_t offset = 5;
	int p[2], s;

	signal(SIGPIPE, SIG_IGN);
	OK(pipe2(p, O_NONBLOCK));
	sk_pair(AF_INET, fd);
	CHECK_ERR(splice(fd[1], &offset, p[1], NULL, 10, 0), EINVAL);
	sk_nonblock(fd[1], true);
	CHECK_ERR(splice(fd[1], NULL, p[1], NULL, 10, 0), EAGAIN);
	send_all(fd[0], "0123456789", 10);
	AWAIT(sk_inq(fd[1]) == 10);
	CHECK_EQ(splice(fd[1], NULL, p[1], NULL, 4, 0), 4);
	CHECK_EQ(sk_inq(fd[1]), 6);
	CHECK_EQ(splice(fd[1], NULL, p[1], NULL, 100, 0), 6);
	CHECK_EQ(read(p[0], &(char[20]){ }, 20), 10);
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(sk_events(fd[1], POLLRDHUP, 0));
	CHECK_EQ(splice(fd[1], NULL, p[1], NULL, 10, 0), 0);
	s = sk_new(AF_INET);
	CHECK_ERR(splice(s, NULL, p[1], NULL, 10, 0), ENOTCONN);
	s = sk_listen("127.0.0.1", 0, 1);
	CHECK_ERR(splice(s, NULL, p[1], NULL, 10, 0), ENOTCONN);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	s = sk_new(AF_INET);
	CHECK_ERR(splice(p[0], NULL, s, NULL, 3, SPLICE_F_NONBLOCK), EPIPE);
}

/* A full pipe is not an end of the stream */
static void splice_full(void)
{
	int p[2];
	size_t total = 0;
	ssize_t n;

	sk_pair(AF_INET, fd);
	OK(pipe2(p, O_NONBLOCK));
	OK(fcntl(p[1], F_SETPIPE_SZ, 4096));
	send_pattern(fd[0], 0, 30000, 1);
	AWAIT(sk_inq(fd[1]) == 30000);
	while (total < 30000) {
		static unsigned char buf[65536];

		errno = 0;
		n = splice(fd[1], NULL, p[1], NULL, 30000, SPLICE_F_NONBLOCK);
		CHECK(n > 0 || (n < 0 && errno == EAGAIN));
		n = read(p[0], buf, sizeof(buf));
		if (n > 0) {
			pattern_check(buf, total, n, 1);
			total += n;
		}
	}
	CHECK_EQ(sk_inq(fd[1]), 0);
}

/* Zero-copy out of user pages by vmsplice() */
static void from_vmsplice(void)
{
	static unsigned char pages[65536] __attribute__((aligned(4096)));
	struct iovec iov = { pages, sizeof(pages) };
	int p[2];
	ssize_t n;

	sk_pair(AF_INET, fd);
	OK(pipe(p));
	pattern_fill(pages, 0, sizeof(pages), 1);
	n = OK(vmsplice(p[1], &iov, 1, 0));
	while (n > 0)
		n -= OK(splice(p[0], NULL, fd[0], NULL, n, 0));
	receive_pattern(fd[1], 0, sizeof(pages), 1);
}

static const struct test tests[] = {
	{ "MSG_ZEROCOPY", zerocopy_both },
	{ "MSG_ZEROCOPY and close", zerocopy_closed },
	{ "MSG_ZEROCOPY: errors", zerocopy_errors },
	{ "sendfile", send_file_both },
	{ "sendfile of a file that goes", send_file_changes },
	{ "splice", splicing_both },
	{ "splice: errors", splice_errors },
	{ "splice into a full pipe", splice_full },
	{ "vmsplice", from_vmsplice },
};

TEST_MAIN(tests)
