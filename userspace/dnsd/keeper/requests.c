// SPDX-License-Identifier: GPL-2.0-or-later
/* Workers' connections: UPDATE and NOTIFY messages come in, responses go out. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"
#include "log.h"

#define MAX_LINKS	(4 * LN_MAX_WORKERS)
/* Requests taken from one worker in a turn. */
#define MAX_IN_TURN	64
#define OPT_BYTES	11
#define OPT_PAYLOAD	1232
#define OPT_DO		0x80	/* RFC 3225 */

struct keeper_link {
	struct keeper *keeper;
	uv_poll_t poll;
	int fd;
	struct keeper_request *requests;	/* not answered yet */
};

static unsigned int n_links;

/* --- requests --- */

static void request_free(struct keeper_request *r)
{
	if (r->link) {
		if (r->next)
			r->next->pprev = r->pprev;
		*r->pprev = r->next;
	}
	dns_tsig_end(&r->tsig);
	knot_pkt_free(r->message);
	free(r->wire);
	free(r->original);
	free(r);
}

static void send_reply(struct keeper_request *r, const uint8_t *wire, size_t len)
{
	struct keeper_message head = {
		.version = KEEPER_VERSION, .transport = r->transport, .len = len, .id = r->id,
		.peer = r->peer,
	};
	struct iovec iov[2] = {
		{ &head, offsetof(struct keeper_message, wire) }, { (void *)wire, len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	/* A worker that does not read has others waiting for it already. */
	if (r->link && sendmsg(r->link->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		ln_warning("a worker does not take an answer: %s", strerror(errno));
	request_free(r);
}

/* RFC 6891 6.1.1: who sent an OPT gets one. */
static size_t put_opt(const struct keeper_request *r, uint8_t *wire, size_t len)
{
	uint8_t *opt = wire + len;

	if (!r->message->opt_rr)
		return len;
	memset(opt, 0, OPT_BYTES);
	knot_wire_write_u16(opt + 1, KNOT_RRTYPE_OPT);
	knot_wire_write_u16(opt + 3, OPT_PAYLOAD);
	opt[7] = knot_pkt_has_dnssec(r->message) ? OPT_DO : 0;
	knot_wire_set_arcount(wire, 1);
	return len + OPT_BYTES;
}

/**
 * request_answer() - send a response without records, and let go of the request
 * @r: the request
 * @rcode: the response's
 */
void request_answer(struct keeper_request *r, int rcode)
{
	static uint8_t wire[KEEPER_WIRE_MAX];
	size_t question = knot_wire_get_qdcount(r->message->wire) == 1 ?
			  knot_pkt_question_size(r->message) : 0;
	size_t len = KNOT_WIRE_HEADER_SIZE + question;

	memcpy(wire, r->message->wire, len);
	knot_wire_set_id(wire, knot_wire_get_id(r->original));
	/* Of the flags, the opcode and RD. */
	wire[KNOT_WIRE_OFFSET_FLAGS1] &= KNOT_WIRE_OPCODE_MASK | KNOT_WIRE_RD_MASK;
	knot_wire_set_qr(wire);
	/* RFC 1996 3.7: the answer to a NOTIFY has AA set. */
	if (knot_wire_get_opcode(wire) == KNOT_OPCODE_NOTIFY && !rcode)
		knot_wire_set_aa(wire);
	wire[KNOT_WIRE_OFFSET_FLAGS2] = rcode;
	knot_wire_set_qdcount(wire, !!question);
	knot_wire_set_ancount(wire, 0);
	knot_wire_set_nscount(wire, 0);
	knot_wire_set_arcount(wire, 0);
	len = put_opt(r, wire, len);
	if (dns_tsig_sign(&r->tsig, wire, &len, sizeof(wire)))
		len = 0;
	send_reply(r, wire, len);
}

/**
 * request_relay() - answer with a message of another's, and let go of the request
 * @r: the request
 * @wire: the message
 * @len: octets of it
 */
void request_relay(struct keeper_request *r, const uint8_t *wire, size_t len)
{
	send_reply(r, wire, len);
}

/* An update with a key of this name may be meant for a primary. */
static bool is_for_another(const struct keeper_request *r)
{
	return knot_wire_get_opcode(r->message->wire) == KNOT_OPCODE_UPDATE &&
	       !setup_find_key(r->message->tsig_rr->owner, (void *)r->keeper->setup);
}

static void dispatch(struct keeper_request *r)
{
	char peer[LN_ADDR_STRLEN];
	int rcode = dns_tsig_verify(&r->tsig, r->message, setup_find_key,
				    (void *)r->keeper->setup);

	if (rcode == KNOT_RCODE_NOTAUTH && is_for_another(r)) {
		dynamic_update(r);
		return;
	}
	if (rcode != KNOT_RCODE_NOERROR) {
		ln_notice("a message of %s is refused: %s", ln_addr_format(&r->peer, peer),
			  rcode == KNOT_RCODE_NOTAUTH ? dns_tsig_error_name(r->tsig.error) :
			  "its TSIG record is malformed");
		request_answer(r, rcode);
		return;
	}
	switch (knot_wire_get_opcode(r->message->wire)) {
	case KNOT_OPCODE_UPDATE:
		dynamic_update(r);
		return;
	case KNOT_OPCODE_NOTIFY:
		notify_received(r);
		return;
	default:
		request_answer(r, KNOT_RCODE_NOTIMPL);
	}
}

/* A message whose records cannot be parsed gets FORMERR, if it is one at all. */
static void answer_malformed(struct keeper_request *r)
{
	struct keeper_request *whole = r;
	uint8_t *wire = r->wire;

	if (r->original_len < KNOT_WIRE_HEADER_SIZE || knot_wire_get_qr(wire)) {
		send_reply(whole, wire, 0);
		return;
	}
	memcpy(wire, r->original, KNOT_WIRE_HEADER_SIZE);
	knot_wire_set_qr(wire);
	wire[KNOT_WIRE_OFFSET_FLAGS2] = KNOT_RCODE_FORMERR;
	memset(wire + KNOT_WIRE_OFFSET_QDCOUNT, 0, 8);
	send_reply(whole, wire, KNOT_WIRE_HEADER_SIZE);
}

static struct keeper_request *request_new(struct keeper_link *l, const struct keeper_message *m)
{
	struct keeper_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->keeper = l->keeper;
	r->id = m->id;
	r->transport = m->transport;
	r->peer = m->peer;
	r->wire = malloc(m->len + KNOT_WIRE_HEADER_SIZE);
	r->original = malloc(m->len + KNOT_WIRE_HEADER_SIZE);
	r->message = r->wire ? knot_pkt_new(r->wire, m->len, NULL) : NULL;
	if (!r->original || !r->message) {
		request_free(r);
		return NULL;
	}
	r->original_len = m->len;
	memcpy(r->original, m->wire, m->len);
	memcpy(r->wire, m->wire, m->len);
	r->link = l;
	r->next = l->requests;
	r->pprev = &l->requests;
	if (r->next)
		r->next->pprev = &r->next;
	l->requests = r;
	return r;
}

static void take(struct keeper_link *l, const struct keeper_message *m, size_t len)
{
	struct keeper_request *r;

	if (len < offsetof(struct keeper_message, wire) || m->version != KEEPER_VERSION ||
	    len != offsetof(struct keeper_message, wire) + m->len ||
	    m->len > KEEPER_WIRE_MAX || m->len < KNOT_WIRE_HEADER_SIZE) {
		ln_error("a worker sent a packet that is none (%zu octets)", len);
		return;
	}
	r = request_new(l, m);
	if (!r) {
		ln_error("out of memory");
		return;
	}
	if (knot_pkt_parse(r->message, 0))
		answer_malformed(r);
	else
		dispatch(r);
}

/* --- connections --- */

static void link_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void link_end(struct keeper_link *l)
{
	/* Those under way have nobody to be told to. */
	for (struct keeper_request *r = l->requests, *next; r; r = next) {
		next = r->next;
		r->link = NULL;
		r->next = NULL;
	}
	uv_poll_stop(&l->poll);
	close(l->fd);
	n_links--;
	uv_close((uv_handle_t *)&l->poll, link_closed);
}

static void on_link(uv_poll_t *poll, int status, int events)
{
	static union {
		struct keeper_message message;
		uint8_t octets[sizeof(struct keeper_message) + KEEPER_WIRE_MAX + 1];
	} in;
	struct keeper_link *l = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < MAX_IN_TURN; i++) {
		ssize_t n = recv(l->fd, &in, sizeof(in), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			link_end(l);
			return;
		}
		take(l, &in.message, n);
	}
}

static bool is_ours(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	       (who.uid == geteuid() || who.uid == 0);
}

static void on_worker(uv_poll_t *poll, int status, int events)
{
	struct keeper *k = poll->data;
	struct keeper_link *l;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(k->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	l = n_links < MAX_LINKS && is_ours(fd) ? calloc(1, sizeof(*l)) : NULL;
	if (!l || uv_poll_init(ln_server_loop(k->server), &l->poll, fd)) {
		ln_warning("a connection to the keeper's socket is refused");
		free(l);
		close(fd);
		return;
	}
	n_links++;
	l->keeper = k;
	l->fd = fd;
	l->poll.data = l;
	uv_poll_start(&l->poll, UV_READABLE, on_link);
}

/**
 * keeper_listen() - take workers' connections
 * @k: the keeper
 * @listener: a listening socket
 *
 * Return: 0 or a negative errno after an error line.
 */
int keeper_listen(struct keeper *k, int listener)
{
	int err = uv_poll_init(ln_server_loop(k->server), &k->listener, listener);

	if (err) {
		ln_error("the keeper cannot listen for workers: %s", uv_strerror(err));
		return err;
	}
	k->listen_fd = listener;
	k->listener.data = k;
	uv_poll_start(&k->listener, UV_READABLE, on_worker);
	return 0;
}
