// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xfer -l ADDRESS PORT OCTETS		accept one connection
 * xfer ADDRESS PORT OCTETS [CC]	connect, with this congestion control
 *
 * Each side sends that many octets and checks those that come, both directions
 * at once.  The listener writes a line when it listens, the other when
 * it has connected.  PROTO is the protocol.
 */
#include <poll.h>

#include "lib.h"

static void run(int fd, uint64_t octets, uint64_t seed, uint64_t peer_seed)
{
	uint64_t sent = 0, received = 0;
	static uint8_t buf[65536];
	bool shut = false;

	sk_nonblock(fd, true);
	while (!shut || received < octets) {
		struct pollfd p = {
			.fd = fd,
			.events = (received < octets ? POLLIN : 0) | (shut ? 0 : POLLOUT),
		};
		ssize_t n;

		if (!OK(poll(&p, 1, 2 * PATIENCE * 1000)))
			FAIL("nothing moved: sent %llu, received %llu", (unsigned long long)sent,
			     (unsigned long long)received);
		if (received < octets && p.revents & (POLLIN | POLLERR)) {
			n = recv(fd, buf, sizeof(buf), 0);
			if (n < 0 && errno != EAGAIN)
				FAIL("recv: %s", strerror(errno));
			if (!n)
				FAIL("the stream ends at %llu", (unsigned long long)received);
			if (n > 0) {
				pattern_check(buf, received, n, peer_seed);
				received += n;
			}
		}
		if (sent < octets && (p.revents & POLLOUT)) {
			size_t len = octets - sent < sizeof(buf) ? octets - sent : sizeof(buf);

			pattern_fill(buf, sent, len, seed);
			n = send(fd, buf, len, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN)
				FAIL("send: %s", strerror(errno));
			if (n > 0)
				sent += n;
		}
		if (sent == octets && !shut) {
			OK(shutdown(fd, SHUT_WR));
			shut = true;
		}
	}
	sk_nonblock(fd, false);
	check_eof(fd);
}

int main(int argc, char **argv)
{
	int l, fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	proto_choose();
	if (argc == 5 && !strcmp(argv[1], "-l")) {
		l = sk_listen(argv[2], atoi(argv[3]), 1);
		printf("# listening\n");
		fd = OK(accept(l, NULL, NULL));
		close(l);
		run(fd, atoll(argv[4]), 1, 2);
	} else if (argc == 4 || argc == 5) {
		union address a;
		socklen_t len = address_set(&a, argv[1], atoi(argv[2]));

		fd = sk_new(a.sa.sa_family);
		if (argc == 5)
			OK(setsockopt(fd, SOL_TCP, TCP_CONGESTION, argv[4], strlen(argv[4])));
		OK(connect(fd, &a.sa, len));
		printf("# connected\n");
		run(fd, atoll(argv[3]), 2, 1);
	} else {
		fprintf(stderr, "usage: %s [-l] ADDRESS PORT OCTETS [CC]\n", argv[0]);
		return 2;
	}
	return 0;
}
