// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hold KIND: have sockets of some kind until a signal comes.  Writes a line
 * when it has them.
 */

#include "lib.h"

static int fd[2];

static void hold_pair(void)
{
	sk_pair(AF_INET, fd);
	send_pattern(fd[0], 0, 1000, 1);
	sk_pair(AF_INET6, fd);
}

static void hold_backlog(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), c;

	for (int i = 0; i < 10; i++) {
		c = sk_new_nonblock(AF_INET);
		CHECK_ERR(sk_connect(c, "127.0.0.1", sk_port(l)), EINPROGRESS);
	}
}

/* To an address that never answers */
static void hold_connecting(void)
{
	command("ip link add h0 type veth peer name h1 && ip link set h0 up");
	command("ip addr add 203.0.113.1/24 dev h0");
	command("ip neigh add 203.0.113.2 lladdr 02:00:00:00:00:02 dev h0");
	CHECK_ERR(sk_connect(sk_new_nonblock(AF_INET), "203.0.113.2", 99), EINPROGRESS);
	/* for when this is asked for again in the same namespace */
	command("ip link del h0");
}

static void hold_half_closed(void)
{
	sk_pair(AF_INET, fd);
	OK(shutdown(fd[0], SHUT_WR));
	sk_pair(AF_INET, fd);
	OK(shutdown(fd[1], SHUT_WR));
	/* one side gone, in FIN-WAIT-2 */
	sk_pair(AF_INET, fd);
	close(fd[1]);
}

static void hold_full(void)
{
	static char buf[65536];

	sk_pair(AF_INET, fd);
	for (int i = 0; i < 2; i++)
		while (send(fd[i], buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
}

static void hold_time_wait(void)
{
	for (int i = 0; i < 20; i++) {
		sk_pair(i % 2 ? AF_INET : AF_INET6, fd);
		OK(shutdown(fd[0], SHUT_WR));
		check_eof(fd[1]);
		close(fd[1]);
		check_eof(fd[0]);
		close(fd[0]);
	}
	CHECK(sk_count("TIME-WAIT") == 20);
}

static void hold_linnet_reno(void)
{
	sk_pair(AF_INET, fd);
	OK(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "linnet_reno", 11));
	transfer(fd[0], fd[1], 100000, 100000);
}

static void hold_socket(void)
{
	sk_new(AF_INET);
}

static void hold_listener(void)
{
	sk_listen("::", 0, 5);
}

static const struct test kinds[] = {
	{ "socket", hold_socket },
	{ "listener", hold_listener },
	{ "pair", hold_pair },
	{ "backlog", hold_backlog },
	{ "connecting", hold_connecting },
	{ "half-closed", hold_half_closed },
	{ "full", hold_full },
	{ "time-wait", hold_time_wait },
	{ "linnet_reno", hold_linnet_reno },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	proto_choose();
	for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]))
			continue;
		kinds[i].run();
		printf("# holding\n");
		pause();
		return 0;
	}
	fprintf(stderr, "usage: %s KIND\n", argv[0]);
	return 2;
}
