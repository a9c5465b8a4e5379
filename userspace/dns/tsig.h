/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secret-key signatures of DNS messages (TSIG, RFC 8945), both ends of an exchange.
 *
 * A server calls dns_tsig_verify() with the parsed query and dns_tsig_sign() for each
 * message of its response; a client dns_tsig_begin(), dns_tsig_sign() for its query,
 * dns_tsig_check() for each message of the response and dns_tsig_complete() after the
 * last.  A struct dns_tsig without a key does nothing at all, so that callers need not
 * ask whether there is one.
 */
#ifndef DNS_TSIG_H
#define DNS_TSIG_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_TSIG_MAC_BYTES	64	/* of HMAC-SHA512, the longest */

/**
 * struct dns_tsig_key - a secret that two servers share
 * @knot: name, algorithm and secret as libknot has them
 */
struct dns_tsig_key {
	knot_tsig_key_t knot;
};

/**
 * struct dns_tsig - an exchange; zeroed to begin with, dns_tsig_end() afterwards
 * @key: what it is signed with; NULL: not signed
 * @error: BADKEY, BADSIG, BADTIME or BADTRUNC, for the TSIG record of the response
 * @server: dns_tsig_verify() made it
 * @mac: of the last message that was signed or verified
 * @mac_len: octets of @mac
 * @time_signed: of that message, in seconds since 1970
 * @messages: messages of the response so far
 * @refused: the query's record when it was not accepted, for the response's
 * @unsigned_messages: messages that arrived since the last that was signed
 * @waiting: those messages
 * @waiting_len: octets of @waiting
 * @waiting_room: octets allocated
 */
struct dns_tsig {
	const struct dns_tsig_key *key;
	uint16_t error;
	bool server;
	uint8_t mac[DNS_TSIG_MAC_BYTES];
	size_t mac_len;
	uint64_t time_signed;
	unsigned int messages;
	knot_rrset_t *refused;
	unsigned int unsigned_messages;
	uint8_t *waiting;
	size_t waiting_len, waiting_room;
};

/* The key of this name, or NULL. @name is in wire form and in any case. */
typedef const struct dns_tsig_key *(*dns_tsig_find_fn)(const knot_dname_t *name, void *data);

int dns_tsig_key_init(struct dns_tsig_key *key, const char *name, const char *algorithm,
		      const char *secret, char *why, size_t why_size);
void dns_tsig_key_free(struct dns_tsig_key *key);

int dns_tsig_verify(struct dns_tsig *t, const knot_pkt_t *query, dns_tsig_find_fn find,
		    void *data);
void dns_tsig_begin(struct dns_tsig *t, const struct dns_tsig_key *key);
int dns_tsig_sign(struct dns_tsig *t, uint8_t *wire, size_t *len, size_t max);
size_t dns_tsig_room(const struct dns_tsig *t);
int dns_tsig_check(struct dns_tsig *t, const knot_pkt_t *answer);
bool dns_tsig_complete(const struct dns_tsig *t);
const char *dns_tsig_error_name(uint16_t error);
void dns_tsig_end(struct dns_tsig *t);

#endif
