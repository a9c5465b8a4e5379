// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many connections one after another, opened and closed in every way, on two
 * processors; afterwards nothing is left: no socket, no buffer, no memory, no
 * TIME-WAIT, no reference to the module.
 */
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "stock.h"

enum { CHURNERS = 4, SHORT = 10000, LONG = 100000 };

static int refs(void)
{
	FILE *file = fopen("/sys/module/linnet/refcnt", "r");
	int n = -1;

	if (file && fscanf(file, "%d", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/* References that belong to no socket that counts.  One that is gone gives its
 * own back after a grace period of RCU, which membarrier() waits for.
 */
static int other_refs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	return refs() - counter("SocketsAll", NULL);
}

/* Like recv() until the end; the other side may reset */
static void drain(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void one_client(int i, const char *host, int port)
{
	static const char data[3000];
	struct linger hard = { .l_onoff = 1 };
	int fd = sk_connected(host, port);

	switch (i % 6) {
	case 0:		/* we close first */
		send_all(fd, data, 100);
		OK(shutdown(fd, SHUT_WR));
		drain(fd);
		break;
	case 1:		/* the server does */
		send_all(fd, data, sizeof(data));
		drain(fd);
		break;
	case 2:		/* we reset */
		send_all(fd, data, sizeof(data));
		OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		break;
	case 3:		/* we leave with what came unread */
		send_all(fd, data, 100);
		if (sk_events(fd, POLLIN, PATIENCE * 1000) == 0)
			FAIL("no answer");
		break;
	case 4:		/* we say nothing */
		break;
	case 5:		/* we leave what we say behind */
		send(fd, data, sizeof(data), MSG_NOSIGNAL);
		break;
	}
	close(fd);
}

/* Is there one more?  No, when nobody is left to come and nobody comes */
static bool another(int l, int clients_alive)
{
	while (!sk_events(l, POLLIN, 1000))
		if (sk_events(clients_alive, POLLIN, 0))
			return false;
	return true;
}

static void clients(int which, int n, const int *ports)
{
	for (int i = which; i < n; i += CHURNERS)
		one_client(i / CHURNERS, i % 2 ? "127.0.0.1" : "::1", ports[i % 2]);
	exit(0);
}

static void serve(int l)
{
	int fd = accept(l, NULL, NULL);
	char buf[4096];
	ssize_t n;

	/* who reset while he waited here */
	if (fd < 0) {
		CHECK(errno == ECONNABORTED);
		return;
	}
	n = recv(fd, buf, sizeof(buf), 0);
	if (n > 0 && send(fd, buf, n, MSG_NOSIGNAL) == n && n < (ssize_t)sizeof(buf) / 2)
		drain(fd);
	close(fd);
}

static void churn(void)
{
	int n = full() ? LONG : SHORT, l[2], ports[2], alive[2], refs_before = 0, status;
	struct stock before;
	double start = now();

	alarm((full() ? 3000 : 290) * time_factor());
	if (proto != PROTO_TCP)
		refs_before = other_refs();
	stock_take(&before);
	for (int i = 0; i < 2; i++) {
		l[i] = sk_listen(i ? "127.0.0.1" : "::1", 0, 128);
		ports[i] = sk_port(l[i]);
	}
	/* its end is there when the last client has ended */
	OK(pipe(alive));
	for (int i = 0; i < CHURNERS; i++)
		if (!OK(fork()))
			clients(i, n, ports);
	close(alive[1]);
	/* a process for each family, so that both processors serve */
	for (int i = 0; i < 2; i++) {
		if (OK(fork()))
			continue;
		for (int j = 0; j < n / 2 && another(l[i], alive[0]); j++)
			serve(l[i]);
		exit(0);
	}
	close(l[0]);
	close(l[1]);
	for (int i = 0; i < CHURNERS + 2; i++) {
		OK(wait(&status));
		CHECK_EQ(status, 0);
	}
	printf("# %d connections in %.0f s\n", n, now() - start);
	/* a reset that overtakes the ACK before it leaves nothing to accept */
	CHECK(counter("PassiveOpens", "PassiveOpens") >= n - n / 6);
	stock_await(&before, 120);
	/* what tests before have left may give its references back meanwhile */
	if (proto != PROTO_TCP)
		AWAIT(other_refs() <= refs_before);
}

static const struct test tests[] = {
	{ "connections one after another, and nothing is left", churn },
};

TEST_MAIN(tests)
