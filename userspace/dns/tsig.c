// SPDX-License-Identifier: GPL-2.0-or-later
/* TSIG (RFC 8945) on libknot. */
#include "tsig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 8945 5.3.1: at least each 100th message is signed. */
#define MAX_UNSIGNED	99
/* RFC 8945 5.2.2.1: a MAC is no shorter than this, nor than half the algorithm's. */
#define MIN_MAC_BYTES	10
#define MAX_MESSAGE	65535

/**
 * dns_tsig_key_init() - a key from a configuration
 * @key: filled; dns_tsig_key_free() afterwards
 * @name: the key's name, as text
 * @algorithm: "hmac-sha256" and the like
 * @secret: in base 64
 * @why: what was wrong, for people
 * @why_size: octets of @why
 *
 * Return: 0, -EINVAL with @why, or -ENOMEM with @why.
 */
int dns_tsig_key_init(struct dns_tsig_key *key, const char *name, const char *algorithm,
		      const char *secret, char *why, size_t why_size)
{
	uint8_t wire[KNOT_DNAME_MAXLEN];
	int err;

	memset(key, 0, sizeof(*key));
	if (!knot_dname_from_str(wire, name, sizeof(wire))) {
		snprintf(why, why_size, "a key's name is a domain name, and \"%s\" is none", name);
		return -EINVAL;
	}
	if (dnssec_tsig_algorithm_from_name(algorithm) == DNSSEC_TSIG_UNKNOWN) {
		snprintf(why, why_size, "unknown algorithm \"%s\": hmac-sha256, hmac-sha512, "
			 "hmac-sha384, hmac-sha224, hmac-sha1 and hmac-md5 are known", algorithm);
		return -EINVAL;
	}
	err = knot_tsig_key_init(&key->knot, algorithm, name, secret);
	if (err == KNOT_ENOMEM) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	if (err || !key->knot.secret.size) {
		dns_tsig_key_free(key);
		snprintf(why, why_size, "the secret of key \"%s\" is not base 64 of at least one "
			 "octet", name);
		return -EINVAL;
	}
	/* Names are compared in lower case, and signed so (RFC 8945 4.3.3). */
	knot_dname_to_lower(key->knot.name);
	return 0;
}

void dns_tsig_key_free(struct dns_tsig_key *key)
{
	if (key->knot.secret.data)
		explicit_bzero(key->knot.secret.data, key->knot.secret.size);
	knot_tsig_key_deinit(&key->knot);
	memset(key, 0, sizeof(*key));
}

/* --- a server --- */

static int refuse(struct dns_tsig *t, const knot_rrset_t *rr, uint16_t error)
{
	t->error = error;
	t->refused = knot_rrset_copy(rr, NULL);
	return KNOT_RCODE_NOTAUTH;
}

static void remember_mac(struct dns_tsig *t, const knot_rrset_t *rr)
{
	t->mac_len = knot_tsig_rdata_mac_length(rr);
	memcpy(t->mac, knot_tsig_rdata_mac(rr), t->mac_len);
	t->time_signed = knot_tsig_rdata_time_signed(rr);
}

static void digest(dnssec_tsig_ctx_t *c, const void *data, size_t len)
{
	const dnssec_binary_t b = { .size = len, .data = (uint8_t *)data };

	dnssec_tsig_add(c, &b);
}

/* RFC 8945 4.3.2, 4.3.3: the message as it was before it was signed, then the variables. */
static void digest_query(dnssec_tsig_ctx_t *c, const knot_pkt_t *query,
			 const struct dns_tsig_key *key)
{
	const knot_rrset_t *rr = query->tsig_rr;
	const uint8_t *algorithm = dnssec_tsig_algorithm_to_dname(key->knot.algorithm);
	uint8_t head[KNOT_WIRE_HEADER_SIZE], fixed[12];
	uint64_t when = knot_tsig_rdata_time_signed(rr);

	memcpy(head, query->wire, sizeof(head));
	knot_wire_set_id(head, knot_tsig_rdata_orig_id(rr));
	digest(c, head, sizeof(head));
	digest(c, query->wire + sizeof(head), query->size - sizeof(head));
	digest(c, key->knot.name, knot_dname_size(key->knot.name));
	knot_wire_write_u16(fixed, KNOT_CLASS_ANY);
	knot_wire_write_u32(fixed + 2, 0);	/* TTL */
	digest(c, fixed, 6);
	digest(c, algorithm, knot_dname_size(algorithm));
	knot_wire_write_u48(fixed, when);
	knot_wire_write_u16(fixed + 6, knot_tsig_rdata_fudge(rr));
	knot_wire_write_u16(fixed + 8, knot_tsig_rdata_error(rr));
	knot_wire_write_u16(fixed + 10, knot_tsig_rdata_other_data_length(rr));
	digest(c, fixed, sizeof(fixed));
	digest(c, knot_tsig_rdata_other_data(rr), knot_tsig_rdata_other_data_length(rr));
}

/* Are these the first octets of the MAC? libknot compares whole ones only. */
static bool is_cut_mac(const knot_pkt_t *query, const struct dns_tsig_key *key)
{
	const knot_rrset_t *rr = query->tsig_rr;
	const uint8_t *cut = knot_tsig_rdata_mac(rr);
	uint8_t whole[DNS_TSIG_MAC_BYTES], differ = 0;
	dnssec_tsig_ctx_t *c;
	int err;

	if (dnssec_tsig_new(&c, key->knot.algorithm, &key->knot.secret))
		return false;
	digest_query(c, query, key);
	err = dnssec_tsig_write(c, whole);
	dnssec_tsig_free(c);
	/* All octets, whichever is wrong: how long it takes tells nothing. */
	for (uint16_t i = 0; i < knot_tsig_rdata_mac_length(rr); i++)
		differ |= cut[i] ^ whole[i];
	return !err && !differ;
}

/*
 * RFC 8945 5.2: first the MAC, then the time, then what we think of MACs that were cut.  Who has
 * the key is told with a signature (5.3.2).
 */
static int refuse_cut(struct dns_tsig *t, const knot_pkt_t *query, const struct dns_tsig_key *key)
{
	const knot_rrset_t *rr = query->tsig_rr;
	uint64_t now = time(NULL), then = knot_tsig_rdata_time_signed(rr);

	if (!is_cut_mac(query, key))
		return refuse(t, rr, KNOT_RCODE_BADSIG);
	remember_mac(t, rr);
	t->key = key;
	t->error = (now > then ? now - then : then - now) > knot_tsig_rdata_fudge(rr) ?
		   KNOT_RCODE_BADTIME : KNOT_RCODE_BADTRUNC;
	return KNOT_RCODE_NOTAUTH;
}

/**
 * dns_tsig_verify() - check a query's signature (RFC 8945 5.2)
 * @t: zeroed; afterwards it says how the response is to be signed
 * @query: parsed by knot_pkt_parse() without KNOT_PF_KEEPWIRE, which takes the record off
 * @find: looks a key up
 * @data: for @find
 *
 * Return: the response's RCODE: NOERROR, also when there was no signature (@t->key is NULL
 * then); FORMERR, to be answered without a signature; NOTAUTH, with @t->error.
 */
int dns_tsig_verify(struct dns_tsig *t, const knot_pkt_t *query, dns_tsig_find_fn find,
		    void *data)
{
	const knot_rrset_t *rr = query->tsig_rr;
	const struct dns_tsig_key *key;
	size_t full, len;

	t->server = true;
	if (!rr)
		return KNOT_RCODE_NOERROR;
	if (!knot_tsig_rdata_is_ok(rr) || rr->rclass != KNOT_CLASS_ANY || rr->ttl)
		return KNOT_RCODE_FORMERR;
	key = find(rr->owner, data);
	if (!key || knot_tsig_rdata_alg(rr) != key->knot.algorithm)
		return refuse(t, rr, KNOT_RCODE_BADKEY);
	full = dnssec_tsig_algorithm_size(key->knot.algorithm);
	len = knot_tsig_rdata_mac_length(rr);
	if (len > full || len < MIN_MAC_BYTES || len < full / 2)
		return KNOT_RCODE_FORMERR;
	/* Policy: a MAC is whole. */
	if (len < full)
		return refuse_cut(t, query, key);
	switch (knot_tsig_server_check(rr, query->wire, query->size, &key->knot)) {
	case KNOT_EOK:
		remember_mac(t, rr);
		t->key = key;
		return KNOT_RCODE_NOERROR;
	case KNOT_TSIG_EBADTIME:
		/* Signed, so that the client may learn our time (RFC 8945 5.2.3). */
		remember_mac(t, rr);
		t->key = key;
		t->error = KNOT_RCODE_BADTIME;
		return KNOT_RCODE_NOTAUTH;
	case KNOT_TSIG_EBADKEY:
		return refuse(t, rr, KNOT_RCODE_BADKEY);
	default:
		return refuse(t, rr, KNOT_RCODE_BADSIG);
	}
}

/* --- a client --- */

/**
 * dns_tsig_begin() - a client's exchange
 * @t: zeroed
 * @key: stays as long as @t; NULL: messages are not signed
 */
void dns_tsig_begin(struct dns_tsig *t, const struct dns_tsig_key *key)
{
	t->key = key;
}

/**
 * dns_tsig_room() - what dns_tsig_sign() will add
 * @t: the exchange
 *
 * Return: octets to leave free behind a message.
 */
size_t dns_tsig_room(const struct dns_tsig *t)
{
	if (t->refused)
		return knot_rrset_size(t->refused) + KNOT_DNAME_MAXLEN;
	return t->key ? knot_tsig_wire_maxsize(&t->key->knot) : 0;
}

static int error_of(int knot)
{
	return knot == KNOT_EOK ? 0 : knot == KNOT_ENOMEM ? -ENOMEM : -EMSGSIZE;
}

/**
 * dns_tsig_sign() - sign a client's query, or the next message of a server's response
 * @t: the exchange
 * @wire: the whole message
 * @len: its octets; longer afterwards
 * @max: room of @wire
 *
 * Return: 0, -EMSGSIZE when there is no room, -ENOMEM.
 */
int dns_tsig_sign(struct dns_tsig *t, uint8_t *wire, size_t *len, size_t max)
{
	uint8_t mac[DNS_TSIG_MAC_BYTES];
	size_t mac_len = sizeof(mac);
	int err;

	if (t->refused)
		return error_of(knot_tsig_add(wire, len, max, t->error, t->refused));
	if (!t->key)
		return 0;
	if (t->server && t->messages)
		err = knot_tsig_sign_next(wire, len, max, t->mac, t->mac_len, mac, &mac_len,
					  &t->key->knot, wire, *len);
	else
		err = knot_tsig_sign(wire, len, max, t->mac_len ? t->mac : NULL, t->mac_len, mac,
				     &mac_len, &t->key->knot, t->error, t->time_signed);
	if (err)
		return error_of(err);
	if (t->server)
		t->messages++;
	memcpy(t->mac, mac, mac_len);
	t->mac_len = mac_len;
	return 0;
}

static int keep_unsigned(struct dns_tsig *t, const knot_pkt_t *answer)
{
	size_t need = t->waiting_len + answer->size;

	if (need > t->waiting_room) {
		size_t room = need + MAX_MESSAGE;
		uint8_t *p = realloc(t->waiting, room);

		if (!p)
			return -ENOMEM;
		t->waiting = p;
		t->waiting_room = room;
	}
	memcpy(t->waiting + t->waiting_len, answer->wire, answer->size);
	t->waiting_len = need;
	return 0;
}

/* An answer that says why the server did not like our signature is not signed itself. */
static int check_error(struct dns_tsig *t, const knot_rrset_t *rr)
{
	uint16_t error = knot_tsig_rdata_error(rr);

	if (error != KNOT_RCODE_BADSIG && error != KNOT_RCODE_BADKEY &&
	    error != KNOT_RCODE_BADTRUNC)
		return 0;
	t->error = error;
	return -EKEYREJECTED;
}

/**
 * dns_tsig_check() - check the next message of a response (RFC 8945 5.3.1)
 * @t: the exchange
 * @answer: parsed by knot_pkt_parse() without KNOT_PF_KEEPWIRE
 *
 * What a message says may be relied upon when dns_tsig_complete() is true after the last.
 *
 * Return: 0; -EKEYREJECTED: the server refused our signature, @t->error says why;
 * -EBADMSG: the signature is missing, wrong or too old, @t->error says which; -ENOMEM.
 */
int dns_tsig_check(struct dns_tsig *t, const knot_pkt_t *answer)
{
	const knot_rrset_t *rr = answer->tsig_rr;
	int err;

	if (!t->key)
		return 0;
	if (!rr) {
		/* The first message is always signed. */
		if (!t->messages || ++t->unsigned_messages > MAX_UNSIGNED)
			return -EBADMSG;
		t->messages++;
		return keep_unsigned(t, answer);
	}
	if (!knot_tsig_rdata_is_ok(rr))
		return -EBADMSG;
	err = check_error(t, rr);
	if (err)
		return err;
	if (knot_tsig_rdata_alg(rr) != t->key->knot.algorithm ||
	    knot_tsig_rdata_mac_length(rr) != dnssec_tsig_algorithm_size(t->key->knot.algorithm))
		return -EBADMSG;
	if (!t->messages) {
		err = knot_tsig_client_check(rr, answer->wire, answer->size, t->mac, t->mac_len,
					     &t->key->knot, 0);
	} else {
		if (keep_unsigned(t, answer))
			return -ENOMEM;
		err = knot_tsig_client_check_next(rr, t->waiting, t->waiting_len, t->mac,
						  t->mac_len, &t->key->knot, t->time_signed);
	}
	if (err == KNOT_ENOMEM)
		return -ENOMEM;
	if (err || knot_tsig_rdata_error(rr)) {
		t->error = err == KNOT_TSIG_EBADTIME ? KNOT_RCODE_BADTIME :
			   err == KNOT_TSIG_EBADKEY ? KNOT_RCODE_BADKEY :
			   err ? KNOT_RCODE_BADSIG : knot_tsig_rdata_error(rr);
		/* A signed BADTIME is the server's word on our clock. */
		return knot_tsig_rdata_error(rr) ? -EKEYREJECTED : -EBADMSG;
	}
	remember_mac(t, rr);
	t->messages++;
	t->unsigned_messages = 0;
	t->waiting_len = 0;
	return 0;
}

/* Was the last message signed?  A response whose end is not may have been cut. */
bool dns_tsig_complete(const struct dns_tsig *t)
{
	return !t->unsigned_messages;
}

const char *dns_tsig_error_name(uint16_t error)
{
	switch (error) {
	case KNOT_RCODE_BADSIG:
		return "BADSIG";
	case KNOT_RCODE_BADKEY:
		return "BADKEY";
	case KNOT_RCODE_BADTIME:
		return "BADTIME";
	case KNOT_RCODE_BADTRUNC:
		return "BADTRUNC";
	default:
		return "no TSIG record where there has to be one";
	}
}

void dns_tsig_end(struct dns_tsig *t)
{
	knot_rrset_free(t->refused, NULL);
	free(t->waiting);
	memset(t, 0, sizeof(*t));
}
