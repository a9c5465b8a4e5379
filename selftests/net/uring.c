// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket under io_uring: connect, accept, send, receive, poll, and sending
 * without a copy, by the system calls themselves.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/linnet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib.h"

#define ENTRIES	16

static struct {
	int			fd;
	unsigned int		*sq_tail, *sq_mask, *sq_array;
	unsigned int		*cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe	*sqes;
	struct io_uring_cqe	*cqes;
} ring;

static int fd[2];

static void *map(size_t len, off_t offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
		       offset);

	CHECK(p != MAP_FAILED);
	return p;
}

static void ring_open(void)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	ring.fd = syscall(__NR_io_uring_setup, ENTRIES, &p);
	if (ring.fd < 0)
		skip("io_uring: %s", strerror(errno));
	sq = map(p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map(p.cq_off.cqes + p.cq_entries * sizeof(*ring.cqes), IORING_OFF_CQ_RING);
	ring.sqes = map(p.sq_entries * sizeof(*ring.sqes), IORING_OFF_SQES);
	ring.sq_tail = (void *)(sq + p.sq_off.tail);
	ring.sq_mask = (void *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (void *)(sq + p.sq_off.array);
	ring.cq_head = (void *)(cq + p.cq_off.head);
	ring.cq_tail = (void *)(cq + p.cq_off.tail);
	ring.cq_mask = (void *)(cq + p.cq_off.ring_mask);
	ring.cqes = (void *)(cq + p.cq_off.cqes);
}

/* Submit one; its completion carries @tag */
static struct io_uring_sqe *prepare(int op, int s, const void *address, unsigned int len,
				    unsigned long long offset, int tag)
{
	unsigned int tail = *ring.sq_tail, i = tail & *ring.sq_mask;
	struct io_uring_sqe *sqe = &ring.sqes[i];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = s;
	sqe->addr = (unsigned long)address;
	sqe->len = len;
	sqe->off = offset;
	sqe->user_data = tag;
	ring.sq_array[i] = i;
	return sqe;
}

static void submit(void)
{
	__atomic_store_n(ring.sq_tail, *ring.sq_tail + 1, __ATOMIC_RELEASE);
	CHECK_EQ(OK(syscall(__NR_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0)), 1);
}

static bool completed(void)
{
	return *ring.cq_head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
}

/* The result of the next completion, which must be that of @tag */
static int result_of(int tag, unsigned int *flags)
{
	struct io_uring_cqe *cqe;
	int res;

	if (!completed())
		OK(syscall(__NR_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	AWAIT(completed());
	cqe = &ring.cqes[*ring.cq_head & *ring.cq_mask];
	CHECK_EQ(cqe->user_data, tag);
	res = cqe->res;
	if (flags)
		*flags = cqe->flags;
	__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

static int run(int op, int s, const void *address, unsigned int len, unsigned long long offset,
	       unsigned int flags)
{
	prepare(op, s, address, len, offset, 7)->msg_flags = flags;
	submit();
	return result_of(7, NULL);
}

/* fd[0] connects, fd[1] is accepted, both by the ring */
static void pair(int family)
{
	int l = sk_listen(loopback(family), 0, 5), port = sk_port(l);
	union address a;
	socklen_t len = address_set(&a, loopback(family), port);

	fd[0] = sk_new(family);
	/* the accept waits already as the connection comes */
	prepare(IORING_OP_ACCEPT, l, NULL, 0, 0, 1);
	submit();
	CHECK(!completed());
	CHECK_EQ(run(IORING_OP_CONNECT, sk_new(family), (void *)8, len, len, 0) == 0, 0);
	prepare(IORING_OP_CONNECT, fd[0], &a, 0, len, 2);
	submit();
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		AWAIT(completed());
		cqe = &ring.cqes[*ring.cq_head & *ring.cq_mask];
		if (cqe->user_data == 1)
			fd[1] = result_of(1, NULL);
		else
			CHECK_EQ(result_of(2, NULL), 0);
	}
	CHECK(fd[1] > 0);
	close(l);
}

static void basic(int family)
{
	char buf[100];

	pair(family);
	/* a receive that waits for data */
	prepare(IORING_OP_RECV, fd[1], buf, sizeof(buf), 0, 3);
	submit();
	CHECK(!completed());
	CHECK_EQ(run(IORING_OP_NOP, -1, NULL, 0, 0, 0), 0);
	send_all(fd[0], "0123456789", 10);
	CHECK_EQ(result_of(3, NULL), 10);
	CHECK(!memcmp(buf, "0123456789", 10));
	CHECK_EQ(run(IORING_OP_SEND, fd[1], "abc", 3, 0, 0), 3);
	CHECK_EQ(run(IORING_OP_RECV, fd[0], buf, 3, 0, MSG_WAITALL), 3);
	CHECK_EQ(run(IORING_OP_RECV, fd[0], buf, 3, 0, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(run(IORING_OP_WRITE, fd[0], "abcd", 4, -1ULL, 0), 4);
	CHECK_EQ(run(IORING_OP_READ, fd[1], buf, 10, -1ULL, 0), 4);
	/* poll */
	prepare(IORING_OP_POLL_ADD, fd[1], NULL, 0, 0, 4)->poll_events = POLLIN | POLLRDHUP;
	submit();
	CHECK(!completed());
	/* which of the two is told first is nobody's business */
	prepare(IORING_OP_SHUTDOWN, fd[0], NULL, SHUT_WR, 0, 5);
	submit();
	for (int i = 0; i < 2; i++) {
		AWAIT(completed());
		if (ring.cqes[*ring.cq_head & *ring.cq_mask].user_data == 4)
			CHECK_EQ(result_of(4, NULL), POLLIN | POLLRDHUP);
		else
			CHECK_EQ(result_of(5, NULL), 0);
	}
	CHECK_EQ(run(IORING_OP_RECV, fd[1], buf, 3, 0, 0), 0);
	CHECK_EQ(run(IORING_OP_SEND, fd[0], "abc", 3, 0, MSG_NOSIGNAL), -EPIPE);
	close(fd[0]);
	close(fd[1]);
}

static void basic_both(void)
{
	ring_open();
	basic(AF_INET);
	basic(AF_INET6);
}

/* All at once in both directions, more than the buffers hold */
static void bulk(void)
{
	static unsigned char in[1 << 20], out[1 << 20];
	size_t sent = 0, got = 0;
	bool sending = false, receiving = false;

	ring_open();
	pair(AF_INET);
	pattern_fill(out, 0, sizeof(out), 1);
	while (got < sizeof(in)) {
		int n;

		if (!receiving) {
			prepare(IORING_OP_RECV, fd[1], in + got, sizeof(in) - got, 0, 1);
			submit();
			receiving = true;
		}
		if (!sending && sent < sizeof(out)) {
			prepare(IORING_OP_SEND, fd[0], out + sent, sizeof(out) - sent, 0, 2);
			submit();
			sending = true;
		}
		AWAIT(completed());
		if (ring.cqes[*ring.cq_head & *ring.cq_mask].user_data == 1) {
			n = result_of(1, NULL);
			CHECK(n > 0);
			got += n;
			receiving = false;
		} else {
			n = result_of(2, NULL);
			CHECK(n > 0);
			sent += n;
			sending = false;
		}
	}
	pattern_check(in, 0, sizeof(in), 1);
}

static void many_accepts(void)
{
#ifdef IORING_ACCEPT_MULTISHOT
	int l;

	ring_open();
	l = sk_listen("127.0.0.1", 0, 10);
	prepare(IORING_OP_ACCEPT, l, NULL, 0, 0, 5)->ioprio = IORING_ACCEPT_MULTISHOT;
	submit();
	for (int i = 0; i < 5; i++) {
		unsigned int flags;
		int s;

		fd[0] = sk_connected("127.0.0.1", sk_port(l));
		s = result_of(5, &flags);
		CHECK(s > 0 && flags & IORING_CQE_F_MORE);
		send_all(fd[0], "abc", 3);
		CHECK_EQ(recv(s, &(char[3]){ }, 3, MSG_WAITALL), 3);
	}
#else
	skip("not in these headers");
#endif
}

/* One completion for the call, one when the pages are free */
static void without_copy(void)
{
#ifdef IORING_CQE_F_NOTIF
	static unsigned char page[32768] __attribute__((aligned(4096)));
	unsigned int flags;

	ring_open();
	pair(AF_INET);
	pattern_fill(page, 0, sizeof(page), 1);
	for (int i = 0; i < 5; i++) {
		int n;

		prepare(IORING_OP_SEND_ZC, fd[0], page, sizeof(page), 0, 6);
		submit();
		n = result_of(6, &flags);
		if (n == -EINVAL)
			skip("this kernel has no IORING_OP_SEND_ZC");
		CHECK_EQ(n, sizeof(page));
		CHECK(flags & IORING_CQE_F_MORE);
		receive_pattern(fd[1], 0, sizeof(page), 1);
		CHECK_EQ(result_of(6, &flags), 0);
		CHECK(flags & IORING_CQE_F_NOTIF);
	}
#else
	skip("not in these headers");
#endif
}

/* A request that waits is taken back */
static void cancelled(void)
{
	char buf[10];

	ring_open();
	pair(AF_INET);
	prepare(IORING_OP_RECV, fd[1], buf, sizeof(buf), 0, 3);
	submit();
	CHECK_EQ(run(IORING_OP_NOP, -1, NULL, 0, 0, 0), 0);
	prepare(IORING_OP_ASYNC_CANCEL, -1, (void *)3, 0, 0, 4);
	submit();
	for (int i = 0; i < 2; i++) {
		AWAIT(completed());
		if (ring.cqes[*ring.cq_head & *ring.cq_mask].user_data == 3)
			CHECK_EQ(result_of(3, NULL), -ECANCELED);
		else
			CHECK_EQ(result_of(4, NULL), 0);
	}
	transfer(fd[0], fd[1], 1000, 1000);
}

static const struct test tests[] = {
	{ "io_uring: connect, accept, send, receive, poll, end", basic_both },
	{ "io_uring: more than fits", bulk },
	{ "io_uring: one request, many accepts", many_accepts },
	{ "io_uring: sending without a copy", without_copy },
	{ "io_uring: taken back", cancelled },
};

TEST_MAIN(tests)
