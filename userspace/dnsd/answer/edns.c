// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EDNS (RFC 6891) and its options: NSID (5001), client subnet (7871), cookies (7873, 9018), TCP
 * keepalive (7828), padding (7830, 8467), extended errors (8914).
 */
#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "keeper/keeper.h"
#include "query.h"

#define OPT_FIXED	11
#define OPTION_FIXED	4
#define COOKIE_CLIENT	8
#define COOKIE_SERVER	16
/* RFC 9018 section 4.3 */
#define COOKIE_PAST	3600
#define COOKIE_FUTURE	300
/* RFC 8467 section 4.1 */
#define PADDING_BLOCK	468

static bool formerr(struct query *q, const char *text)
{
	query_wrong(q, KNOT_RCODE_FORMERR, KNOT_EDNS_EDE_OTHER, text);
	return false;
}

/* --- what the client says --- */

static void cookie_params(const struct query *q, knot_edns_cookie_params_t *p, unsigned int secret)
{
	*p = (knot_edns_cookie_params_t){
		.version = KNOT_EDNS_COOKIE_VERSION,
		.timestamp = time(NULL),
		.lifetime_before = COOKIE_PAST,
		.lifetime_after = COOKIE_FUTURE,
		.client_addr = (const struct sockaddr_storage *)&q->peer,
	};
	memcpy(p->secret, q->setup->cookie_secret[secret], sizeof(p->secret));
}

static void check_cookie(struct query *q, const uint8_t *server)
{
	knot_edns_cookie_t client = { .len = COOKIE_CLIENT }, theirs = { .len = COOKIE_SERVER };
	knot_edns_cookie_params_t p;

	memcpy(client.data, q->cookie.client, COOKIE_CLIENT);
	memcpy(theirs.data, server, COOKIE_SERVER);
	for (unsigned int i = 0; i < q->setup->n_cookie_secrets && !q->cookie.valid; i++) {
		cookie_params(q, &p, i);
		q->cookie.valid = !knot_edns_cookie_server_check(&theirs, &client, &p);
	}
}

static bool read_cookie(struct query *q, const uint8_t *data, size_t len)
{
	/* The server's part is 8 to 32 octets; other lengths are an error (7873 section 5.2.2). */
	if (len != COOKIE_CLIENT && (len < 16 || len > 40))
		return formerr(q, "a cookie of a length other than 8 and 16 to 40 octets");
	if (!q->setup->cookies || q->cookie.present)
		return true;
	q->cookie.present = true;
	q->cookie.with_server = len > COOKIE_CLIENT;
	memcpy(q->cookie.client, data, COOKIE_CLIENT);
	if (len == COOKIE_CLIENT + COOKIE_SERVER)
		check_cookie(q, data + COOKIE_CLIENT);
	return true;
}

static bool read_subnet(struct query *q, const uint8_t *data, size_t len)
{
	struct query_subnet s = { .present = true };
	unsigned int max, octets;

	if (len < 4)
		return formerr(q, "a client subnet of less than 4 octets");
	s.family = knot_wire_read_u16(data);
	s.source = data[2];
	octets = (s.source + 7) / 8;
	max = s.family == 1 ? 32 : s.family == 2 ? 128 : 0;
	if (s.source > max || data[3] || len != 4 + octets ||
	    (s.source % 8 && data[4 + octets - 1] & 0xff >> s.source % 8))
		return formerr(q, "a client subnet with a wrong prefix, scope or length "
				  "(RFC 7871 section 7.1.2)");
	memcpy(s.address, data + 4, octets);
	/* As a whole: another one that was good may have come before. */
	q->subnet = s;
	return true;
}

bool edns_parse(struct query *q, const uint8_t *options, size_t len)
{
	bool good = true;

	/* Of another version nothing else is known (RFC 6891 section 6.1.3). */
	if (q->version)
		return true;
	while (len && good) {
		size_t size;

		if (len < OPTION_FIXED)
			return formerr(q, "an EDNS option of less than 4 octets");
		size = knot_wire_read_u16(options + 2);
		if (size > len - OPTION_FIXED)
			return formerr(q, "an EDNS option that goes on after the end of OPT");
		switch (knot_wire_read_u16(options)) {
		case KNOT_EDNS_OPTION_NSID:
			q->wants_nsid = true;
			break;
		case KNOT_EDNS_OPTION_CLIENT_SUBNET:
			good = read_subnet(q, options + OPTION_FIXED, size);
			break;
		case KNOT_EDNS_OPTION_COOKIE:
			good = read_cookie(q, options + OPTION_FIXED, size);
			break;
		case KNOT_EDNS_OPTION_TCP_KEEPALIVE:
			/* RFC 7828 section 3.2.1: no time-out in a query; over UDP ignored. */
			if (size && query_is_stream(q))
				good = formerr(q, "a TCP keepalive option with a time-out");
			q->wants_keepalive = query_is_stream(q);
			break;
		case KNOT_EDNS_OPTION_EXPIRE:
			q->wants_expire = true;
			break;
		case KNOT_EDNS_OPTION_PADDING:
			q->wants_padding = q->transport == DNS_TLS;
			break;
		}
		options += OPTION_FIXED + size;
		len -= OPTION_FIXED + size;
	}
	return good;
}

/* --- what we say --- */

static size_t subnet_size(const struct query *q)
{
	return OPTION_FIXED + 4 + (q->subnet.source + 7) / 8;
}

/* RFC 7314 3.2: for the SOA and transfers of a zone that is here. */
static bool expire_of(const struct query *q, uint32_t *seconds)
{
	if (!q->wants_expire || !q->zone)
		return false;
	*seconds = q->expire;
	if (q->has_expire)
		return true;
	return q->txn && !q->rcode &&
	       (q->qtype == KNOT_RRTYPE_SOA || q->qtype == KNOT_RRTYPE_IXFR) &&
	       knot_dname_is_equal(q->qname, q->zone->name) &&
	       keeper_expire_left(q->txn, store_zone_find(q->txn, q->zone->name), q->zone,
				  seconds);
}

size_t edns_size(const struct query *q)
{
	size_t size = OPT_FIXED;

	if (!q->edns)
		return 0;
	if (q->wants_nsid && q->setup->nsid_len)
		size += OPTION_FIXED + q->setup->nsid_len;
	if (q->cookie.present)
		size += OPTION_FIXED + COOKIE_CLIENT + COOKIE_SERVER;
	if (q->wants_keepalive)
		size += OPTION_FIXED + 2;
	if (q->subnet.present)
		size += subnet_size(q);
	if (q->wants_expire)
		size += OPTION_FIXED + sizeof(q->expire);
	return size;
}

static uint8_t *put_option(uint8_t *p, uint16_t code, const void *data, size_t len)
{
	knot_wire_write_u16(p, code);
	knot_wire_write_u16(p + 2, len);
	if (len)
		memcpy(p + OPTION_FIXED, data, len);
	return p + OPTION_FIXED + len;
}

static uint8_t *put_cookie(const struct query *q, uint8_t *p)
{
	knot_edns_cookie_t client = { .len = COOKIE_CLIENT }, ours;
	knot_edns_cookie_params_t params;
	uint8_t both[COOKIE_CLIENT + COOKIE_SERVER];

	memcpy(client.data, q->cookie.client, COOKIE_CLIENT);
	cookie_params(q, &params, 0);
	if (knot_edns_cookie_server_generate(&ours, &client, &params))
		return p;
	memcpy(both, q->cookie.client, COOKIE_CLIENT);
	memcpy(both + COOKIE_CLIENT, ours.data, COOKIE_SERVER);
	return put_option(p, KNOT_EDNS_OPTION_COOKIE, both, sizeof(both));
}

static uint8_t *put_keepalive(const struct query *q, uint8_t *p)
{
	uint64_t units = q->setup->options.idle_ms / 100;
	uint8_t data[2];

	knot_wire_write_u16(data, units > UINT16_MAX ? UINT16_MAX : units);
	return put_option(p, KNOT_EDNS_OPTION_TCP_KEEPALIVE, data, sizeof(data));
}

static uint8_t *put_subnet(const struct query *q, uint8_t *p)
{
	uint8_t data[4 + 16];
	size_t octets = (q->subnet.source + 7) / 8;

	knot_wire_write_u16(data, q->subnet.family);
	data[2] = q->subnet.source;
	data[3] = q->subnet.scope;
	memcpy(data + 4, q->subnet.address, octets);
	return put_option(p, KNOT_EDNS_OPTION_CLIENT_SUBNET, data, 4 + octets);
}

static uint8_t *put_error(const struct query *q, uint8_t *p, const uint8_t *end)
{
	uint8_t data[2 + DNS_WHY_SIZE];
	size_t len = q->ede_text ? strnlen(q->ede_text, DNS_WHY_SIZE) : 0;

	if (p + OPTION_FIXED + 2 + len > end)
		len = 0;
	if (p + OPTION_FIXED + 2 > end)
		return p;
	knot_wire_write_u16(data, q->ede);
	memcpy(data + 2, q->ede_text ? q->ede_text : "", len);
	return put_option(p, KNOT_EDNS_OPTION_EDE, data, 2 + len);
}

/* To the next multiple of a block, so that lengths tell less. */
static uint8_t *put_padding(const struct query *q, uint8_t *p, const uint8_t *end)
{
	size_t len = p + OPTION_FIXED - q->out, rest = len % PADDING_BLOCK;
	size_t padding = rest ? PADDING_BLOCK - rest : 0;

	if (p + OPTION_FIXED + padding > end)
		return p;
	knot_wire_write_u16(p, KNOT_EDNS_OPTION_PADDING);
	knot_wire_write_u16(p + 2, padding);
	memset(p + OPTION_FIXED, 0, padding);
	return p + OPTION_FIXED + padding;
}

/**
 * edns_append() - write the OPT record
 * @q: a query that has one
 * @max: octets that the response may have with it
 */
void edns_append(struct query *q, size_t max)
{
	uint8_t *opt = q->out + q->out_len, *p = opt + OPT_FIXED;
	const uint8_t *end = q->out + max;
	uint32_t expire;

	opt[0] = 0;
	knot_wire_write_u16(opt + 1, KNOT_RRTYPE_OPT);
	knot_wire_write_u16(opt + 3, q->setup->udp_size);
	opt[5] = q->rcode >> 4;
	opt[6] = 0;
	opt[7] = q->dnssec_ok ? 0x80 : 0;
	opt[8] = 0;
	if (q->wants_nsid && q->setup->nsid_len)
		p = put_option(p, KNOT_EDNS_OPTION_NSID, q->setup->nsid, q->setup->nsid_len);
	if (q->cookie.present)
		p = put_cookie(q, p);
	if (q->wants_keepalive)
		p = put_keepalive(q, p);
	if (q->subnet.present)
		p = put_subnet(q, p);
	if (expire_of(q, &expire)) {
		expire = htonl(expire);
		p = put_option(p, KNOT_EDNS_OPTION_EXPIRE, &expire, sizeof(expire));
	}
	if (q->ede >= 0)
		p = put_error(q, p, end);
	if (q->wants_padding)
		p = put_padding(q, p, end);
	knot_wire_write_u16(opt + 9, p - opt - OPT_FIXED);
	q->out_len = p - q->out;
	q->count[QUERY_IN_ADDITIONAL]++;
}
