// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define MAX_EXCHANGES	1024
#define TIMEOUT_MS	4000

/**
 * struct exchange - a question that was passed on
 * @next, @pprev: the relay's
 * @relay: whose
 * @client: who waits upstream's answer
 * @from: who asked
 * @id: of his message
 * @server: which was asked; the next one is, when it fails
 * @answered: an answer was passed back
 * @len: octets of @query
 */
struct exchange {
	struct exchange *next, **pprev;
	struct relay *relay;
	struct dns_client *client;
	struct sockaddr_in from;
	uint16_t id;
	unsigned int server;
	bool answered;
	size_t len;
	uint8_t query[];
};

struct relay {
	struct ln_server *server;
	const struct resolve_zone *zone;
	uv_poll_t poll;
	int fd;
	uint16_t port;
	struct exchange *exchanges;
	unsigned int count;
};

static void end(struct exchange *e)
{
	*e->pprev = e->next;
	if (e->next)
		e->next->pprev = e->pprev;
	e->relay->count--;
	free(e);
}

static bool on_message(knot_pkt_t *answer, void *data)
{
	struct exchange *e = data;
	uint8_t id[2] = { e->id >> 8, e->id };
	struct iovec iov[2] = {
		{ id, sizeof(id) }, { answer->wire + sizeof(id), answer->size - sizeof(id) },
	};
	struct msghdr m = {
		.msg_name = &e->from, .msg_namelen = sizeof(e->from),
		.msg_iov = iov, .msg_iovlen = 2,
	};

	/* A datagram of the loopback takes all that a message of a stream can have, but its last
	 * 28 octets; who asked tries again. */
	if (sendmsg(e->relay->fd, &m, MSG_DONTWAIT) < 0)
		ln_debug("forward: %s", strerror(errno));
	e->answered = true;
	return false;
}

static void pass_on(struct exchange *e);

static void on_done(int err, const char *why, void *data)
{
	struct exchange *e = data;

	e->client = NULL;
	if (!err || e->answered) {
		end(e);
		return;
	}
	ln_debug("forward: %s", why ? why : strerror(-err));
	e->server++;
	pass_on(e);
}

/* To the next server that can be asked: some may be out of reach from here. */
static void pass_on(struct exchange *e)
{
	struct dns_request request = {
		.wire = e->query, .len = e->len, .stream = true, .timeout_ms = TIMEOUT_MS,
		.message = on_message, .done = on_done, .data = e,
	};

	for (; e->server < e->relay->zone->count; e->server++) {
		request.to = &e->relay->zone->to[e->server];
		e->client = dns_client_ask(e->relay->server, &request);
		if (e->client)
			return;
		ln_debug("forward: %s", strerror(errno));
	}
	end(e);
}

static void take(struct relay *r, const uint8_t *query, size_t len, const struct sockaddr_in *from)
{
	struct exchange *e;

	/* Nobody else has reason to ask here. */
	if (from->sin_family != AF_INET || ntohl(from->sin_addr.s_addr) >> 24 != 127 ||
	    len < KNOT_WIRE_HEADER_SIZE || knot_wire_get_qr(query) || r->count >= MAX_EXCHANGES)
		return;
	e = calloc(1, sizeof(*e) + len);
	if (!e)
		return;
	e->relay = r;
	e->from = *from;
	e->id = knot_wire_get_id(query);
	e->len = len;
	memcpy(e->query, query, len);
	e->next = r->exchanges;
	e->pprev = &r->exchanges;
	if (e->next)
		e->next->pprev = &e->next;
	r->exchanges = e;
	r->count++;
	pass_on(e);
}

static void on_query(uv_poll_t *poll, int status, int events)
{
	struct relay *r = poll->data;

	(void)status;
	(void)events;
	for (unsigned int i = 0; i < 64; i++) {
		uint8_t query[1500];
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(r->fd, query, sizeof(query), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return;
		if (n <= (ssize_t)sizeof(query))
			take(r, query, n, &from);
	}
}

static int open_socket(struct relay *r)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	r->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&a, len) ||
	    getsockname(r->fd, (struct sockaddr *)&a, &len))
		return -errno;
	r->port = ntohs(a.sin_port);
	return 0;
}

struct relay *relay_start(struct ln_server *s, const struct resolve_zone *z)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = r ? open_socket(r) : -ENOMEM;

	if (!err)
		err = uv_poll_init(ln_server_loop(s), &r->poll, r->fd);
	if (err) {
		ln_error("recursion: no socket on the loopback for forwarding: %s", strerror(-err));
		if (r && r->fd >= 0)
			close(r->fd);
		free(r);
		return NULL;
	}
	r->server = s;
	r->zone = z;
	r->poll.data = r;
	uv_poll_start(&r->poll, UV_READABLE, on_query);
	return r;
}

uint16_t relay_port(const struct relay *r)
{
	return r->port;
}

static void closed(uv_handle_t *h)
{
	free(h->data);
}

void relay_stop(struct relay *r)
{
	while (r->exchanges) {
		struct exchange *e = r->exchanges;

		if (e->client)
			dns_client_cancel(e->client);
		end(e);
	}
	uv_poll_stop(&r->poll);
	uv_close((uv_handle_t *)&r->poll, closed);
	close(r->fd);
}
