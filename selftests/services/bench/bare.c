// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bare PORT RESPONSE-FILE: a server that does nothing.  Whatever arrives, up to a megabyte at
 * once, gets the same octets: one for each "POST " in it.  What it takes is what the kernel
 * takes for a request and its response, which no server on this machine can be faster than.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_EVENTS 256
#define MOST_BATCH  64

static char request[1 << 20];
static char response[MOST_BATCH][4096];
static size_t response_len;

static void load(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f || !(response_len = fread(response, 1, sizeof(response[0]), f))) {
		perror(path);
		exit(1);
	}
	fclose(f);
	for (int i = 1; i < MOST_BATCH; i++)
		memcpy((char *)response + i * response_len, response, response_len);
}

static void serve(int fd)
{
	ssize_t len = recv(fd, request, sizeof(request), 0);
	int n = 0;

	if (len <= 0) {
		close(fd);
		return;
	}
	for (char *p = request; (p = memmem(p, request + len - p, "POST ", 5)); p += 5)
		n++;
	n = n < MOST_BATCH ? n : MOST_BATCH;
	if (n && send(fd, response, n * response_len, MSG_NOSIGNAL) < 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct epoll_event events[MOST_EVENTS], e = { .events = EPOLLIN };
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll_fd = epoll_create1(0), one = 1;

	if (argc != 3) {
		fprintf(stderr, "bare PORT RESPONSE-FILE\n");
		return 1;
	}
	load(argv[2]);
	addr.sin_port = htons(atoi(argv[1]));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	e.data.fd = listener;
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 128) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e)) {
		perror("bare");
		return 1;
	}
	for (;;) {
		int n = epoll_wait(epoll_fd, events, MOST_EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd != listener) {
				serve(events[i].data.fd);
				continue;
			}
			e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			epoll_ctl(epoll_fd, EPOLL_CTL_ADD, e.data.fd, &e);
		}
	}
}
