// SPDX-License-Identifier: GPL-2.0-or-later
/* Does it answer? And what `linnet run --discover` makes of that. */
#include "discover.h"

#include <errno.h>
#include <linux/linnet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS	2000

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}

static int await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err, n;

	do
		n = poll(&p, 1, TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return -err;
}

int discover_probe(const struct discover_address *a, uint16_t port, int protocol,
		   unsigned int *microseconds)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct discover_address to = *a;
	uint64_t start = now_us();
	socklen_t len;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (to.sa.sa_family == AF_INET)
		to.in.sin_port = htons(port);
	else
		to.in6.sin6_port = htons(port);
	len = to.sa.sa_family == AF_INET ? sizeof(to.in) : sizeof(to.in6);
	if (connect(fd, &to.sa, len))
		err = errno == EINPROGRESS ? await(fd) : -errno;
	close(fd);
	*microseconds = now_us() - start;
	return err;
}

/*
 * The name, over protocol 253 on its port: it is what the program will connect to, whichever host
 * the record leads to.
 */
static bool answers(struct __res_state *res, const char *server, const char *name, uint16_t port,
		    char *why, size_t size)
{
	struct discover_address list[DISCOVER_MAX];
	int n = discover_addresses(res, server != NULL, name, list), err = n;
	unsigned int took;

	for (int i = 0; i < n; i++) {
		err = discover_probe(&list[i], port, IPPROTO_LINNET, &took);
		if (!err)
			return true;
	}
	snprintf(why, size, "%.200s announces protocol 253 but does not answer (%s)", name,
		 n < 0 ? "no address" : strerror(-err));
	return false;
}

static bool decide(struct __res_state *res, const char *server, const char *name, uint16_t port,
		   char *why, size_t size)
{
	struct discover_record list[DISCOVER_MAX];
	char words[DISCOVER_WHY];
	int n = discover_records(res, name, port, list, words);

	if (n < 0)
		snprintf(why, size, "%s", n == -ENOMEM ? "out of memory" : words);
	for (int i = 0; i < n; i++) {
		const struct discover_record *r = &list[i];

		if (!r->linnet)
			continue;
		if (r->linnet_port != port) {
			snprintf(why, size, "%.100s speaks protocol 253 on port %u, not on %u",
				 r->target, r->linnet_port, port);
			continue;
		}
		/* Other records lead to the same attempt. */
		if (!answers(res, server, name, port, why, size))
			return false;
		snprintf(why, size, "%.100s announces protocol 253 and answers on port %u", name,
			 port);
		return true;
	}
	return false;
}

bool discover_decide(const char *target, const char *server, char *why, size_t size)
{
	static const uint16_t usual[] = { 443, 80 };
	struct __res_state res;
	char name[DISCOVER_NAME];
	uint16_t port;
	bool good = false;

	if (discover_target(target, name, &port)) {
		snprintf(why, size, "'%.100s': allowed are NAME and NAME:PORT", target);
		return false;
	}
	if (discover_open(&res, server)) {
		snprintf(why, size, "the name server has to be an address, with or without a port: "
				    "192.0.2.1:53, [2001:db8::1]:53");
		return false;
	}
	snprintf(why, size, "no record of %.100s announces protocol 253", name);
	if (port)
		good = decide(&res, server, name, port, why, size);
	for (unsigned int i = 0; i < 2 && !port && !good; i++)
		good = decide(&res, server, name, usual[i], why, size);
	res_nclose(&res);
	return good;
}
