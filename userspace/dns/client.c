// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions to other servers. */
#include "client.h"

#include <errno.h>
#include <linux/linnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "tls.h"

#define DEFAULT_TRIES	3
#define UDP_TIMEOUT_MS	2000
#define STREAM_TIMEOUT_MS 10000
#define MAX_MESSAGE	65535
/* Datagrams that are no answer to us, in one turn and altogether (somebody is guessing). */
#define MAX_IN_TURN	64
#define MAX_STRAYS	1000

struct dns_client {
	struct ln_server *server;
	struct dns_request request;
	struct ln_remote remote;
	struct dns_tsig tsig;
	uint8_t *query;			/* signed */
	size_t query_len, plain_len;
	uint16_t id;
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd;				/* the datagram socket, or -1 */
	unsigned int tries, strays;
	uint64_t wait_ms;
	struct ln_conn *conn;
	bool begun;			/* the first message of the answer is here */
	bool over;			/* done() was called, or will never be */
};

static const struct ln_proto stream_proto;

/**
 * dns_transport_name() - as configurations name it
 * @transport: which
 */
const char *dns_transport_name(enum dns_transport transport)
{
	static const char *const names[] = {
		[DNS_UDP] = "udp", [DNS_TCP] = "tcp", [DNS_TLS] = "tls", [DNS_LINNET] = "linnet",
	};

	return names[transport];
}

/* --- the end --- */

static void free_if_over(struct dns_client *c)
{
	if (!c->over || c->open_handles || c->conn)
		return;
	dns_tsig_end(&c->tsig);
	free(c->query);
	free(c);
}

static void handle_closed(uv_handle_t *handle)
{
	struct dns_client *c = handle->data;

	c->open_handles--;
	free_if_over(c);
}

static void close_datagram(struct dns_client *c)
{
	if (c->fd < 0)
		return;
	uv_poll_stop(&c->poll);
	uv_close((uv_handle_t *)&c->poll, handle_closed);
	uv_close((uv_handle_t *)&c->timer, handle_closed);
	close(c->fd);
	c->fd = -1;
}

/**
 * dns_client_cancel() - ask no more; done() is not called
 * @c: the client, not from within its callbacks
 */
void dns_client_cancel(struct dns_client *c)
{
	c->over = true;
	close_datagram(c);
	if (c->conn)
		ln_conn_close(c->conn);	/* which lets us go */
	else
		free_if_over(c);
}

static void finish(struct dns_client *c, int err, const char *why)
{
	if (c->over)
		return;
	c->over = true;
	close_datagram(c);
	c->request.done(err, why, c->request.data);
}

/* --- what arrives --- */

/**
 * dns_same_question() - does an answer repeat the question?
 * @answer: parsed
 * @query: the query, as it was sent
 * @len: its octets
 *
 * Return: true also for messages without one when the query had none.
 */
bool dns_same_question(const knot_pkt_t *answer, const uint8_t *query, size_t len)
{
	const size_t start = KNOT_WIRE_HEADER_SIZE;
	size_t size;

	if (knot_wire_get_qdcount(query) != 1)
		return !knot_wire_get_qdcount(answer->wire);
	size = knot_pkt_question_size(answer);
	return knot_wire_get_qdcount(answer->wire) == 1 && size && start + size <= len &&
	       !memcmp(answer->wire + start, query + start, size);
}

enum verdict { STRAY, MORE, LAST, TRUNCATED, FAILED };

static void fail_tsig(struct dns_client *c, int err)
{
	char why[128];

	if (err == -ENOMEM)
		strcpy(why, "out of memory");
	else if (err == -EKEYREJECTED)
		snprintf(why, sizeof(why), "it refuses our signature: %s",
			 dns_tsig_error_name(c->tsig.error));
	else
		snprintf(why, sizeof(why), "the answer's signature is not good: %s",
			 dns_tsig_error_name(c->tsig.error));
	finish(c, err, why);
}

/*
 * One message.  Over UDP what does not fit is not for us (STRAY); over a stream, where
 * nobody else can speak, it is an error.
 */
static enum verdict take(struct dns_client *c, uint8_t *wire, size_t len, bool first)
{
	enum verdict verdict = FAILED;
	knot_pkt_t *pkt;
	int err;

	if (len < KNOT_WIRE_HEADER_SIZE || knot_wire_get_id(wire) != c->id ||
	    !knot_wire_get_qr(wire) ||
	    knot_wire_get_opcode(wire) != knot_wire_get_opcode(c->query))
		return STRAY;
	pkt = knot_pkt_new(wire, len, NULL);
	if (!pkt) {
		finish(c, -ENOMEM, "out of memory");
		return FAILED;
	}
	err = knot_pkt_parse(pkt, 0);
	/* Later messages of a transfer may leave the question out (RFC 5936 2.2.1), and so
	 * may a server that could not read it.
	 */
	if (!(knot_wire_get_qdcount(wire) == 0 && (!first || knot_wire_get_rcode(wire))) &&
	    !dns_same_question(pkt, c->query, c->plain_len)) {
		verdict = STRAY;
	} else if (err && !knot_wire_get_tc(wire)) {
		finish(c, -EBADMSG, "the answer is malformed");
	} else if ((err = dns_tsig_check(&c->tsig, pkt))) {
		/* Anyone can send a datagram: the one that is signed may still come. */
		if (c->fd >= 0 && err == -EBADMSG)
			verdict = STRAY;
		else
			fail_tsig(c, err);
	} else if (knot_wire_get_tc(wire)) {
		verdict = TRUNCATED;
	} else {
		verdict = c->request.message(pkt, c->request.data) ? MORE : LAST;
	}
	knot_pkt_free(pkt);
	return verdict;
}

static int sign(struct dns_client *c)
{
	size_t len = c->plain_len;
	int err;

	dns_tsig_end(&c->tsig);
	dns_tsig_begin(&c->tsig, c->request.to->key);
	if (getrandom(&c->id, sizeof(c->id), 0) != sizeof(c->id))
		return -errno;
	memcpy(c->query, c->request.wire, c->plain_len);
	knot_wire_set_id(c->query, c->id);
	err = dns_tsig_sign(&c->tsig, c->query, &len, c->plain_len + dns_tsig_room(&c->tsig));
	c->query_len = len;
	return err;
}

/* --- streams --- */

static void stream_open(struct ln_conn *conn)
{
	struct dns_client *c = ln_conn_data(conn);
	uint8_t prefix[2] = { c->query_len >> 8, c->query_len };

	ln_conn_deadline(conn, c->request.timeout_ms ? c->request.timeout_ms : STREAM_TIMEOUT_MS);
	if (ln_conn_write(conn, prefix, sizeof(prefix)) ||
	    ln_conn_write(conn, c->query, c->query_len)) {
		finish(c, -ENOMEM, "out of memory");
		ln_conn_close(conn);
	}
}

static void stream_take(struct ln_conn *conn, struct dns_client *c, const uint8_t *data,
			size_t len)
{
	static uint8_t wire[MAX_MESSAGE];	/* a packet that is parsed is changed */

	memcpy(wire, data, len);
	switch (take(c, wire, len, !c->begun)) {
	case MORE:
		c->begun = true;
		ln_conn_deadline(conn,
				 c->request.timeout_ms ? c->request.timeout_ms : STREAM_TIMEOUT_MS);
		return;
	case LAST:
		if (dns_tsig_complete(&c->tsig))
			finish(c, 0, NULL);
		else
			finish(c, -EBADMSG, "the last message of the answer is not signed");
		break;
	case TRUNCATED:
		finish(c, -EBADMSG, "the answer is truncated, on a stream");
		break;
	case STRAY:
		finish(c, -EBADMSG, "the answer does not belong to the question");
		break;
	case FAILED:
		break;
	}
}

static void stream_input(struct ln_conn *conn)
{
	struct dns_client *c = ln_conn_data(conn);
	const uint8_t *in;
	size_t len, size;

	while (!c->over) {
		in = (const uint8_t *)ln_conn_input(conn, &len);
		size = len < 2 ? 0 : (size_t)in[0] << 8 | in[1];
		if (len < 2 || len < 2 + size) {
			if (ln_conn_eof(conn))
				finish(c, -ECONNRESET, "it closed the connection before the end "
				       "of its answer");
			break;
		}
		stream_take(conn, c, in + 2, size);
		ln_conn_consume(conn, 2 + size);
	}
	if (c->over)
		ln_conn_close(conn);
}

static void stream_timeout(struct ln_conn *conn)
{
	struct dns_client *c = ln_conn_data(conn);

	finish(c, -ETIMEDOUT, "no answer in time");
	ln_conn_close(conn);
}

static void stream_close(struct ln_conn *conn)
{
	struct dns_client *c = ln_conn_data(conn);
	int err = ln_conn_error(conn);

	c->conn = NULL;
	finish(c, err ? -err : -ECONNRESET, err ? strerror(err) : "the connection ended");
	free_if_over(c);
}

static const struct ln_proto stream_proto = {
	.input_max = 2 + MAX_MESSAGE,
	.output_max = 2 + MAX_MESSAGE,
	.open = stream_open,
	.input = stream_input,
	.timeout = stream_timeout,
	.stop = stream_timeout,
	.close = stream_close,
};

static int start_stream(struct dns_client *c)
{
	const struct dns_endpoint *to = c->request.to;

	c->remote = (struct ln_remote){
		.addr = to->addr,
		.protocol = to->transport == DNS_LINNET ? IPPROTO_LINNET : IPPROTO_TCP,
		.tls = to->transport == DNS_TLS ? to->tls : NULL,
		.name = to->tls_name,
		.connect_ms = c->request.timeout_ms ? c->request.timeout_ms : STREAM_TIMEOUT_MS,
	};
	c->conn = ln_connect(c->server, &c->remote, &stream_proto, c);
	return c->conn ? 0 : -errno;
}

/* --- datagrams --- */

static void fall_back(struct dns_client *c)
{
	int err;

	close_datagram(c);
	err = sign(c);
	if (!err)
		err = start_stream(c);
	if (err)
		finish(c, err, strerror(-err));
}

static void send_datagram(struct dns_client *c)
{
	/* An error of the network is as good as a datagram that is lost: it is tried again. */
	if (send(c->fd, c->query, c->query_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    errno == EMSGSIZE)
		fall_back(c);
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct dns_client *c = poll->data;
	static uint8_t wire[MAX_MESSAGE];
	ssize_t n;

	(void)status;
	(void)events;
	for (int i = 0; i < MAX_IN_TURN && !c->over && c->fd >= 0; i++) {
		n = recv(c->fd, wire, sizeof(wire), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* A port that is closed says so: whoever waits for us need not. */
			finish(c, -errno, strerror(errno));
			return;
		}
		switch (take(c, wire, n, true)) {
		case MORE:
			finish(c, -EBADMSG, "the answer is not complete");
			return;
		case LAST:
			finish(c, 0, NULL);
			return;
		case TRUNCATED:
			fall_back(c);
			return;
		case STRAY:
			if (++c->strays > MAX_STRAYS)
				finish(c, -EBADMSG, "too many datagrams that are no answer to the "
				       "question");
			break;
		case FAILED:
			return;
		}
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct dns_client *c = timer->data;

	if (++c->tries >= (c->request.tries ? c->request.tries : DEFAULT_TRIES)) {
		finish(c, -ETIMEDOUT, "no answer in time");
		return;
	}
	c->wait_ms *= 2;
	uv_timer_start(&c->timer, on_timer, c->wait_ms, 0);
	send_datagram(c);
}

static int start_datagram(struct dns_client *c)
{
	const union ln_addr *addr = &c->request.to->addr;
	socklen_t len = addr->sa.sa_family == AF_INET ? sizeof(addr->in) : sizeof(addr->in6);
	int err;

	/* The kernel picks a port at random; connected, it lets nobody else's datagrams in. */
	c->fd = socket(addr->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, &addr->sa, len)) {
		err = -errno;
		goto fail;
	}
	err = uv_poll_init(ln_server_loop(c->server), &c->poll, c->fd);
	if (err)
		goto fail;
	uv_timer_init(ln_server_loop(c->server), &c->timer);
	c->open_handles = 2;
	c->poll.data = c->timer.data = c;
	uv_poll_start(&c->poll, UV_READABLE, on_datagram);
	c->wait_ms = c->request.timeout_ms ? c->request.timeout_ms : UDP_TIMEOUT_MS;
	uv_timer_start(&c->timer, on_timer, c->wait_ms, 0);
	send_datagram(c);
	return 0;
fail:
	close(c->fd);
	c->fd = -1;
	return err;
}

/**
 * dns_client_ask() - ask a server
 * @s: the loop
 * @request: what, whom, and who is told
 *
 * Nothing is called before this function has returned.
 *
 * Return: the client, which is gone when done() has been called; NULL with errno set.
 */
struct dns_client *dns_client_ask(struct ln_server *s, const struct dns_request *request)
{
	struct dns_client *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	c->server = s;
	c->request = *request;
	c->fd = -1;
	c->plain_len = request->len;
	dns_tsig_begin(&c->tsig, request->to->key);
	/* The wire is copied: its owner may let it go. */
	c->query = malloc(2 * request->len + dns_tsig_room(&c->tsig));
	if (c->query) {
		uint8_t *copy = c->query + request->len + dns_tsig_room(&c->tsig);

		memcpy(copy, request->wire, request->len);
		c->request.wire = copy;
		err = sign(c);
	}
	if (!err)
		err = request->stream || request->to->transport != DNS_UDP ? start_stream(c) :
									     start_datagram(c);
	if (err) {
		dns_tsig_end(&c->tsig);
		free(c->query);
		free(c);
		errno = -err;
		return NULL;
	}
	return c;
}
