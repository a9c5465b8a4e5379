// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client and a server with a veth between them.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

static void in_each(const struct pair *pair, const char *format, const char *dev_a,
		    const char *dev_b)
{
	int before = ns_current();

	ns_enter(pair->client);
	command(format, dev_a);
	ns_enter(pair->server);
	command(format, dev_b);
	ns_enter(before);
	close(before);
}

void pair_open(struct pair *pair, int family)
{
	pair->family = family;
	pair->client = ns_new();
	pair->server = ns_new();
	in_each(pair, "sysctl -qw net.ipv4.tcp_no_metrics_save=1 # %s", "", "");
	/* nothing may happen by itself */
	in_each(pair, "sysctl -qw net.ipv6.conf.default.%s",
		family == AF_INET6 ? "router_solicitations=0" : "disable_ipv6=1",
		family == AF_INET6 ? "router_solicitations=0" : "disable_ipv6=1");
	ns_join(pair->client, "v0", pair->server, "v1");
	if (family == AF_INET6) {
		pair->address = "2001:db8::2";
		in_each(pair, "ip addr add %s nodad", "2001:db8::1/64 dev v0",
			"2001:db8::2/64 dev v1");
	} else {
		pair->address = "192.0.2.2";
		in_each(pair, "ip addr add %s", "192.0.2.1/24 dev v0",
			"192.0.2.2/24 dev v1");
	}
}

void pair_close(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
}

/* Super-segments are cut before they cross */
void pair_tso_off(const struct pair *pair)
{
	in_each(pair, "ethtool -K %s tso off", "v0", "v1");
}

/**
 * serve() - start a server process that takes one connection after the other
 * @pair: where
 * @one: what it does with each; it may close it, or leave that
 *
 * It listens when this returns, with the protocol that is chosen now.
 */
pid_t serve(const struct pair *pair, void (*one)(int fd))
{
	int before = ns_current(), l;
	pid_t pid;

	ns_enter(pair->server);
	l = sk_listen(pair->address, PORT, 100);
	ns_enter(before);
	close(before);
	fflush(NULL);
	pid = OK(fork());
	if (pid) {
		close(l);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = OK(accept(l, NULL, NULL));

		one(fd);
		close(fd);
	}
}

void serve_end(pid_t pid)
{
	OK(kill(pid, SIGKILL));
	OK(waitpid(pid, NULL, 0));
}

/* Connect to it */
int dial(const struct pair *pair)
{
	int before = ns_current(), fd;

	ns_enter(pair->client);
	fd = sk_new(pair->family);
	ns_enter(before);
	close(before);
	OK(sk_connect(fd, pair->address, PORT));
	return fd;
}

/* Nothing of this connection may reach the next one: it ends by RST */
void reset_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	close(fd);
}

void receive_all(int fd, void *buf, size_t len)
{
	while (len) {
		ssize_t n = OK(recv(fd, buf, len, 0));

		if (!n)
			FAIL("the stream ends");
		buf = (uint8_t *)buf + n;
		len -= n;
	}
}
