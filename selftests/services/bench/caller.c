// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * caller PORT CONNECTIONS DEPTH SECONDS REQUEST-FILE WANTED: one HTTP request over and over,
 * on so many connections to 127.0.0.1, with DEPTH of them under way on each (RFC 9112, 9.3.2).
 * Prints how many responses came and how many seconds it took.
 *
 * A client that does as little as it can, so that the server is what is measured.  It looks at
 * each response all the same: status 200, and the content must have WANTED in it, if that is
 * not empty.  What does not fit into a buffer is then counted, and not copied.  A server that
 * ends the connection with its response, as by HTTP/1.0, gets a new one for the next.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 1024
#define MOST_DEPTH	 64
#define REQUEST_BYTES	 (1024 * 1024)
/* What responds later than this does not respond. */
#define PATIENCE_MS	 10000

#define DIE(...)                                         \
	do {                                             \
		fprintf(stderr, "caller: " __VA_ARGS__); \
		fputc('\n', stderr);                     \
		exit(1);                                 \
	} while (0)

/**
 * struct connection - to the server
 * @fd: -1: none
 * @connecting: not yet there
 * @under_way: requests without a response
 * @unsent: octets of the requests that the socket did not take yet
 * @rest: octets of a long response that are still to come
 * @last: the connection ends with it
 * @len: octets in @buf
 * @buf: what arrived and is not a whole response yet
 */
struct connection {
	int fd;
	bool connecting;
	int under_way;
	size_t unsent;
	size_t rest;
	bool last;
	size_t len;
	char buf[65536];
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static struct connection *connections;
static int epoll_fd, depth;
/* As many requests as are sent at once */
static char *requests;
static size_t request_len;
static const char *wanted;
static uint64_t n_responses;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(struct connection *c, int op)
{
	struct epoll_event e = { .data.ptr = c };

	e.events = EPOLLIN | (c->connecting || c->unsent ? EPOLLOUT : 0);
	if (epoll_ctl(epoll_fd, op, c->fd, &e))
		DIE("epoll_ctl: %s", strerror(errno));
}

/* Requests are all the same, so that what is left of them is the end of as many. */
static void send_requests(struct connection *c, int n)
{
	bool waited = c->unsent;
	ssize_t sent;

	c->under_way += n;
	c->unsent += n * request_len;
	sent = send(c->fd, requests + depth * request_len - c->unsent, c->unsent, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		DIE("send: %s", strerror(errno));
	if (sent > 0)
		c->unsent -= sent;
	if (waited != !!c->unsent)
		watch(c, EPOLL_CTL_MOD);
}

static void dial(struct connection *c)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		DIE("socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->under_way = 0;
	c->unsent = c->rest = c->len = 0;
	c->connecting = connect(c->fd, (struct sockaddr *)&server, sizeof(server));
	if (c->connecting && errno != EINPROGRESS)
		DIE("connect: %s", strerror(errno));
	watch(c, EPOLL_CTL_ADD);
	if (!c->connecting)
		send_requests(c, depth);
}

/* A field's value in a header that ends in an empty line, or NULL */
static const char *field(const char *head, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = head; (p = memchr(p, '\n', end - p)) && ++p < end;)
		if (!strncasecmp(p, name, n))
			return p + n + strspn(p + n, " ");
	return NULL;
}

/*
 * Octets of the response that @text begins with, 0 when it is not all there; of a long one
 * that nobody looks at, they may be more than there are.
 */
static size_t response(const char *text, size_t len, bool *last)
{
	const char *head_end = memmem(text, len, "\r\n\r\n", 4), *length, *kind;
	size_t head_len, content;

	if (!head_end)
		return 0;
	head_end += 2;
	head_len = head_end + 2 - text;
	if (strncmp(text, "HTTP/1.", 7) || strncmp(text + 8, " 200", 4))
		DIE("a response that is none: %.*s", (int)head_len, text);
	length = field(text, head_end, "content-length:");
	if (!length)
		DIE("no length: %.*s", (int)head_len, text);
	content = strtoul(length, NULL, 10);
	if (len - head_len < content && *wanted)
		return 0;
	if (*wanted && !memmem(text + head_len, content, wanted, strlen(wanted)))
		DIE("not what was asked for: %.*s", (int)content, text + head_len);
	kind = field(text, head_end, "connection:");
	*last = kind ? !strncasecmp(kind, "close", 5) : text[7] == '0';
	return head_len + content;
}

/* Returns false when there is nothing. */
static bool receive(struct connection *c)
{
	ssize_t n;

	/* tcp(7): with MSG_TRUNC octets are thrown away. */
	if (c->rest)
		n = recv(c->fd, NULL, c->rest, MSG_TRUNC);
	else
		n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		DIE("the server ends the connection: %s", n ? strerror(errno) : "too early");
	if (c->rest)
		c->rest -= n;
	else
		c->len += n;
	return true;
}

static void count(struct connection *c, int n)
{
	n_responses += n;
	c->under_way -= n;
	if (c->last && !c->rest) {
		close(c->fd);
		dial(c);
	} else if (!c->under_way) {
		/* A batch at a time: one call for many. */
		send_requests(c, depth);
	}
}

static void take_responses(struct connection *c)
{
	bool was_long = c->rest;
	size_t used = 0, one;
	int done = 0;

	if (!receive(c) || c->rest)
		return;
	if (was_long) {
		count(c, 1);
		return;
	}
	c->last = false;
	while (!c->last && used < c->len &&
	       (one = response(c->buf + used, c->len - used, &c->last))) {
		used += one;
		done++;
	}
	if (!done && c->len == sizeof(c->buf))
		DIE("a response longer than %zu octets", c->len);
	if (used > c->len) {
		c->rest = used - c->len;
		used = c->len;
		done--;
	}
	c->len -= used;
	memmove(c->buf, c->buf + used, c->len);
	if (done)
		count(c, done);
}

static void connected(struct connection *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err)
		DIE("connect: %s", strerror(err));
	c->connecting = false;
	watch(c, EPOLL_CTL_MOD);
	send_requests(c, depth);
}

static void read_request(const char *path)
{
	FILE *f = fopen(path, "r");
	char *one = malloc(REQUEST_BYTES);

	if (!f || !one)
		DIE("%s: %s", path, strerror(errno));
	request_len = fread(one, 1, REQUEST_BYTES, f);
	fclose(f);
	requests = malloc(depth * request_len);
	if (!requests || !request_len)
		DIE("%s: no request", path);
	for (int i = 0; i < depth; i++)
		memcpy(requests + i * request_len, one, request_len);
	free(one);
}

static long number(const char *text, long most)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 1 || n > most)
		DIE("'%s': a number from 1 to %ld", text, most);
	return n;
}

int main(int argc, char **argv)
{
	struct epoll_event events[MOST_CONNECTIONS];
	double start, end, t;
	int n_connections;

	if (argc != 7)
		DIE("PORT CONNECTIONS DEPTH SECONDS REQUEST-FILE WANTED");
	server.sin_port = htons(number(argv[1], 65535));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	n_connections = number(argv[2], MOST_CONNECTIONS);
	depth = number(argv[3], MOST_DEPTH);
	read_request(argv[5]);
	wanted = argv[6];
	connections = calloc(n_connections, sizeof(*connections));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || epoll_fd < 0)
		DIE("%s", strerror(errno));
	start = now();
	end = start + number(argv[4], 3600);
	for (int i = 0; i < n_connections; i++)
		dial(&connections[i]);
	while ((t = now()) < end) {
		int n = epoll_wait(epoll_fd, events, MOST_CONNECTIONS, PATIENCE_MS);

		if (!n)
			DIE("no response for %d ms", PATIENCE_MS);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->connecting)
				connected(c);
			else if (events[i].events & ~EPOLLOUT)
				take_responses(c);
			else
				send_requests(c, 0);
		}
	}
	printf("%llu responses in %.6f s\n", (unsigned long long)n_responses, t - start);
	return 0;
}
