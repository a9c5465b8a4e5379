/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A query and the response to it, on the way through a worker:
 *
 *   parse -> limits -> opcode -> class -> TSIG -> zone -> ACL -> AXFR/IXFR -> balanced names
 *   -> prepared answers -> lookup -> response; no zone: resolve, or REFUSED.
 *
 * Who cannot answer at once calls query_defer() and later query_reply() with the copy.
 */
#ifndef DNSD_QUERY_H
#define DNSD_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "client.h"
#include "name.h"
#include "net.h"
#include "setup.h"
#include "store/store.h"
#include "tsig.h"

struct worker;			/* worker.h */
struct query;

#define QUERY_HEADER		12
#define QUERY_MESSAGE_MAX	65535
#define QUERY_PROOFS_MAX	20	/* NSEC or NSEC3 records in a response */
#define QUERY_NAMES_MAX		64	/* names in a response that others can be compressed to */

/* What became of a query.  Also what rrl.c counts by. */
enum query_kind {
	QUERY_ANSWER,		/* with records */
	QUERY_NODATA,
	QUERY_NXDOMAIN,
	QUERY_REFERRAL,
	QUERY_ERROR,		/* FORMERR, REFUSED, SERVFAIL, NOTIMP, ... */
};

/* What comes out of a function that may answer. */
enum query_verdict {
	QUERY_REPLY,		/* q->out has the response: send it */
	QUERY_DROP,		/* send nothing */
	QUERY_LATER,		/* query_defer() was called: somebody will call query_reply() */
	QUERY_PASS,		/* not mine: go on with the next room */
};

/**
 * struct query_transport - the way that the query came by; each but @send may be NULL
 * @defer: a copy was made that will be answered later
 * @send: send q->out of a deferred query
 * @stream: begin with q->messages; calls query_messages_end() at the end
 * @release: a deferred query is going away
 */
struct query_transport {
	void (*defer)(struct query *q);
	void (*send)(struct query *q);
	void (*stream)(struct query *q);
	void (*release)(struct query *q);
};

/**
 * struct query_cookie - RFC 7873, RFC 9018
 * @present: the client sent one
 * @with_server: with a server cookie
 * @valid: it is ours and fresh
 * @client: the client's part
 */
struct query_cookie {
	bool present, with_server, valid;
	uint8_t client[8];
};

/**
 * struct query_subnet - EDNS client subnet, RFC 7871
 * @present: the client sent one
 * @family: 1: IPv4, 2: IPv6 (0 with @source 0: the client wants no use of its address)
 * @source: bits of the client's
 * @scope: bits that the answer depended on: who uses the subnet sets it
 * @address: network order, 0 after @source bits
 */
struct query_subnet {
	bool present;
	uint16_t family;
	uint8_t source, scope;
	uint8_t address[16];
};

/**
 * struct query - a query and its response
 *
 * What arrived:
 * @worker: who has it
 * @setup: the configuration
 * @via: how the answer leaves
 * @transport: how it came
 * @peer: who asks
 * @local: the address that was asked
 * @wire: the message
 * @len: octets of it
 * @conn: of a stream, else NULL; of a deferred query NULL also when it was closed
 * @fd, @interface: of a datagram: the socket, and the interface that it came by
 * @received: loop time in milliseconds
 * @arrived: the time of day, where dnstap is in use
 *
 * The question (answer/parse.c):
 * @id, @opcode, @rd, @cd, @ad: of the header
 * @has_question: there is one, and it is the next fields
 * @qname: lower case
 * @qname_len: octets
 * @qtype, @qclass: as asked
 * @question_end: octets of the header and the question, as sent
 * @edns: there is an OPT; the next fields are its
 * @version: of EDNS
 * @dnssec_ok: DO
 * @payload: octets of a datagram that the client takes, at least 512
 * @wants_nsid, @wants_keepalive, @wants_padding: options that were there
 * @wants_expire: EXPIRE was there (RFC 7314)
 * @cookie, @subnet: the same
 * @tsig: the exchange; tsig.key is NULL when the query was not signed or not accepted
 *
 * Where the answer comes from:
 * @zone: or NULL
 * @zone_id: in the store; 0: the zone has no content
 * @txn: the worker's snapshot; a deferred query has none
 *
 * The response:
 * @out: where it is written, from the header on
 * @out_len: octets so far
 * @room: most that it may have, without what is appended (OPT, TSIG)
 * @rcode: with the extended bits (RFC 6891)
 * @aa, @tc, @ra, @authentic: of the header (@authentic: AD)
 * @count: records of answer, authority, additional
 * @kind: what became of it
 * @ede: extended error (RFC 8914), -1: none
 * @ede_text: words with it, static or in @why, or NULL
 * @why: room for words
 * @has_expire, @expire: of a deferred zone transfer: what EXPIRE says, in seconds
 * @no_cache: the response depends on more than the question: it may not be prepared
 * @wildcard: the source of synthesis when there was one, for rrl.c; else NULL
 * @left_out: something of the additional section was left out for want of room
 * @names, @n_names: where in @out names are
 * @proved, @n_proved: nodes whose NSEC or NSEC3 was written: each is written once
 * @room_data: private data of the room that deferred it
 * @messages: of query_reply_messages()
 * @next, @pprev: the transport's, of a deferred query
 */
struct query {
	struct worker *worker;
	const struct setup *setup;
	const struct query_transport *via;
	enum dns_transport transport;
	union ln_addr peer, local;
	const uint8_t *wire;
	size_t len;
	struct ln_conn *conn;
	int fd;
	unsigned int interface;
	uint64_t received;
	struct timespec arrived;

	uint16_t id;
	uint8_t opcode;
	bool rd, cd, ad;
	bool has_question;
	uint8_t qname[DNS_NAME_MAX];
	size_t qname_len;
	uint16_t qtype, qclass;
	size_t question_end;
	bool edns;
	uint8_t version;
	bool dnssec_ok;
	uint16_t payload;
	bool wants_nsid, wants_keepalive, wants_padding, wants_expire;
	struct query_cookie cookie;
	struct query_subnet subnet;
	struct dns_tsig tsig;

	const struct setup_zone *zone;
	uint32_t zone_id;
	struct store_txn *txn;

	uint8_t *out;
	size_t out_len, room;
	uint16_t rcode;
	bool aa, tc, ra, authentic;
	uint16_t count[3];
	enum query_kind kind;
	int ede;
	const char *ede_text;
	char why[DNS_WHY_SIZE];
	bool has_expire;
	uint32_t expire;
	bool no_cache;
	const uint8_t *wildcard;
	bool left_out;
	unsigned int n_names;
	struct query_name {
		uint16_t at, hash;
	} names[QUERY_NAMES_MAX];
	unsigned int n_proved;
	const uint8_t *proved[QUERY_PROOFS_MAX];
	void *room_data;
	const struct query_messages *messages;
	struct query *next, **pprev;
};

static inline bool query_is_stream(const struct query *q)
{
	return q->transport != DNS_UDP;
}

/* --- response.c: writing a response --- */

enum query_section { QUERY_IN_ANSWER, QUERY_IN_AUTHORITY, QUERY_IN_ADDITIONAL };

/**
 * response_begin() - header and question
 * @q: was parsed; what was written before is forgotten
 */
void response_begin(struct query *q);
/**
 * response_put() - write an rrset
 * @q: sections have to be written in order
 * @section: where
 * @owner: name, wire form
 * @rrset: records, and signatures if the client asked for them (DO)
 *
 * It is written as a whole or not at all.  When it does not fit: in the answer and authority
 * sections the response becomes truncated (q->tc), and nothing more is written; in the
 * additional section it is left out (RFC 2181 section 9), but for glue that a
 * referral needs (response_put_glue()).
 *
 * Return: whether it was written.
 */
bool response_put(struct query *q, enum query_section section, const uint8_t *owner,
		  const struct store_rrset *rrset);
/**
 * response_put_glue() - write addresses that a referral needs
 * @q: as response_put(), in the additional section
 * @owner: name, wire form
 * @rrset: records
 *
 * Return: whether it was written; if not, the response is truncated (RFC 9471).
 */
bool response_put_glue(struct query *q, const uint8_t *owner, const struct store_rrset *rrset);
/**
 * response_put_record() - write a record that is not in the store, without signatures
 * @q: sections have to be written in order
 * @section: where
 * @owner: name, wire form
 * @type: type
 * @ttl: seconds
 * @rdata: names in it are whole
 * @len: octets of it
 *
 * Return: whether it was written; if not, as with response_put().
 */
bool response_put_record(struct query *q, enum query_section section, const uint8_t *owner,
			 uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t len);
/**
 * response_error() - an error in the place of all that was written
 * @q: was parsed
 * @rcode: with the extended bits
 * @ede: extended error (RFC 8914), -1: none
 * @text: words with it, which stay, or NULL
 */
void response_error(struct query *q, uint16_t rcode, int ede, const char *text);
/**
 * response_finish() - header fields, OPT, padding, TSIG: the last thing
 * @q: query_reply() and query_handle() call it; q->out_len is 0 afterwards when the signature
 *	could not be made: then nothing is sent
 */
void response_finish(struct query *q);
/**
 * response_slip() - in the place of a response that rate limiting refused
 * @q: its response is complete
 *
 * What is left is the question, TC, and the OPT record if the query had one, without what the
 * client did not send: nothing is amplified.  A signature (TSIG) is not kept.
 */
void response_slip(struct query *q);
/**
 * response_from_wire() - a whole message of another's in the place of what was written
 * @q: id, question's case and OPT are made to fit it; truncated when it has to be
 * @wire: hostile; its OPT is left out
 * @len: octets
 *
 * Return: 0, or -EINVAL when it is no answer to this question.
 */
int response_from_wire(struct query *q, const uint8_t *wire, size_t len);

/* --- query.c --- */

/**
 * query_handle() - what to do with one message
 * @q: what arrived is filled in, the rest zeroed
 *
 * Return: QUERY_REPLY: q->out is complete; QUERY_DROP or QUERY_LATER.
 */
enum query_verdict query_handle(struct query *q);

/**
 * query_parse() - header, question, EDNS, TSIG (parse.c)
 * @q: what arrived is filled in
 *
 * Return: false: what cannot be answered, or is not to be.  An error is in q->rcode.
 */
bool query_parse(struct query *q);
/**
 * query_wrong() - say that there is an error, without writing it
 * @q: its rcode and kind are set
 * @rcode, @ede, @text: as response_error()
 */
void query_wrong(struct query *q, uint16_t rcode, int ede, const char *text);
/**
 * edns_size() - octets that edns_append() will need (edns.c)
 * @q: was parsed
 *
 * Return: without those of an extended error and padding; 0 without EDNS.
 */
size_t edns_size(const struct query *q);
/**
 * edns_parse() - take the options of a query
 * @q: filled with them
 * @options: rdata of OPT
 * @len: octets
 *
 * Return: false: one is wrong, and the error is in @q.
 */
bool edns_parse(struct query *q, const uint8_t *options, size_t len);
/**
 * edns_append() - write OPT behind the response
 * @q: has EDNS
 * @max: octets that the response may have with it
 */
void edns_append(struct query *q, size_t max);
/**
 * lookup_answer() - the response out of a zone of the store (lookup.c)
 * @q: its zone, zone_id and txn are set
 */
void lookup_answer(struct query *q);
/**
 * chaos_answer() - the response to a question of class CH (chaos.c)
 * @q: was parsed
 */
void chaos_answer(struct query *q);

/**
 * query_defer() - answer later
 * @q: the query
 *
 * Return: a copy with memory of its own (message, response), which query_reply() or query_drop()
 * lets go; NULL when there are too many or no memory: then answer SERVFAIL.  The caller
 * returns QUERY_LATER.
 */
struct query *query_defer(struct query *q);
/**
 * query_reply() - finish a response, send it, let go of the query
 * @deferred: of query_defer(); its response is written
 */
void query_reply(struct query *deferred);
/**
 * query_reply_raw() - send what is in q->out as it is, let go of the query
 * @deferred: its response has OPT and TSIG already; out_len 0: nothing is sent
 */
void query_reply_raw(struct query *deferred);
/**
 * query_drop() - let go of a query without an answer
 * @deferred: of query_defer()
 */
void query_drop(struct query *deferred);

/**
 * struct query_messages - a response of many messages on a stream (AXFR, IXFR)
 * @next: write the next message to q->out and set q->out_len (OPT and TSIG included); called
 *	when the connection has room.  1: more to come, 0: this was the last, negative: end the
 *	connection
 * @end: let go of q->room_data; always called once, also when the peer went away
 */
struct query_messages {
	int (*next)(struct query *q);
	void (*end)(struct query *q);
};

/**
 * query_reply_messages() - answer with many messages
 * @deferred: came on a stream, which it belongs to from now on
 * @messages: what makes them
 */
void query_reply_messages(struct query *deferred, const struct query_messages *messages);
/**
 * query_messages_end() - for the stream: the last message was sent, or the connection is gone
 * @deferred: of query_reply_messages(); it is let go
 */
void query_messages_end(struct query *deferred);
/**
 * query_account() - count, log and tap a response that is complete
 * @q: its query
 */
void query_account(const struct query *q);

#endif
