/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to other servers, on the event loop: over UDP with a fall-back to a stream
 * when the answer was truncated, or over TCP, TLS (RFC 7858) and protocol 253, where an
 * answer may be many messages (a zone transfer).
 */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"
#include "tsig.h"

enum dns_transport { DNS_UDP, DNS_TCP, DNS_TLS, DNS_LINNET };

/**
 * struct dns_endpoint - a server, and how it is spoken to
 * @addr: address and port
 * @transport: how; a stream that has to stand in for DNS_UDP is TCP
 * @tls: with DNS_TLS
 * @tls_name: the name that its certificate has to have; NULL: it is not checked
 * @key: what messages are signed with, or NULL
 */
struct dns_endpoint {
	union ln_addr addr;
	enum dns_transport transport;
	struct ln_tls *tls;
	const char *tls_name;
	const struct dns_tsig_key *key;
};

/**
 * struct dns_request - a question
 * @to: whom to ask; stays until @done
 * @wire: the message; its id is replaced by a random one, a signature is added
 * @len: octets of @wire
 * @stream: not over UDP even if the endpoint would have it so (AXFR)
 * @tries: datagrams sent at most, each waits twice as long as the one before; 0: 3
 * @timeout_ms: time for the first answer (first try), and between messages of a stream;
 *	0: 2000 over UDP, 10000 else
 * @message: a message of the answer, its id, question and signature checked; true: there
 *	are more to come.  The packet is the client's.  It may call nothing of this client.
 * @done: the last call: 0, or a negative errno and words for people
 * @data: for both
 */
struct dns_request {
	const struct dns_endpoint *to;
	const uint8_t *wire;
	size_t len;
	bool stream;
	unsigned int tries;
	uint64_t timeout_ms;
	bool (*message)(knot_pkt_t *answer, void *data);
	void (*done)(int err, const char *why, void *data);
	void *data;
};

struct dns_client;

struct dns_client *dns_client_ask(struct ln_server *s, const struct dns_request *request);
/* done() is not called. */
void dns_client_cancel(struct dns_client *c);
const char *dns_transport_name(enum dns_transport transport);
/* Does the answer have the question of the query? Exactly, or in any case. */
bool dns_same_question(const knot_pkt_t *answer, const uint8_t *query, size_t len);

#endif
