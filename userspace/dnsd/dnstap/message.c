// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dnstap says of a message: who with whom, how, when, and its octets.
 */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "answer/query.h"
#include "dnstap.h"
#include "dnstap.pb-c.h"
#include "internal.h"
#include "worker.h"

/* Whose answer is asked for, as the configuration has it. */
static Dnstap__Message__Type type_of(const struct query *q, bool response)
{
	bool authority = !q->worker->resolver ||
			 (q->has_question && setup_zone_of(q->setup, q->qname));

	if (q->opcode == KNOT_OPCODE_UPDATE)
		return response ? DNSTAP__MESSAGE__TYPE__UPDATE_RESPONSE :
				  DNSTAP__MESSAGE__TYPE__UPDATE_QUERY;
	if (authority)
		return response ? DNSTAP__MESSAGE__TYPE__AUTH_RESPONSE :
				  DNSTAP__MESSAGE__TYPE__AUTH_QUERY;
	return response ? DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE :
			  DNSTAP__MESSAGE__TYPE__CLIENT_QUERY;
}

static ProtobufCBinaryData octets(const void *data, size_t len)
{
	return (ProtobufCBinaryData){ .data = (uint8_t *)data, .len = len };
}

static ProtobufCBinaryData address(const union ln_addr *a)
{
	if (a->sa.sa_family == AF_INET6)
		return octets(&a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	return octets(&a->in.sin_addr, sizeof(a->in.sin_addr));
}

static void put_addresses(Dnstap__Message *m, const struct query *q)
{
	m->has_socket_family = true;
	m->socket_family = q->peer.sa.sa_family == AF_INET6 ? DNSTAP__SOCKET_FAMILY__INET6 :
							      DNSTAP__SOCKET_FAMILY__INET;
	m->has_query_address = m->has_query_port = true;
	m->query_address = address(&q->peer);
	/* The port of both families is in the same place. */
	m->query_port = ntohs(q->peer.in.sin_port);
	if (q->local.sa.sa_family != q->peer.sa.sa_family)
		return;
	m->has_response_address = true;
	m->response_address = address(&q->local);
	/* A datagram's destination is known without its port. */
	m->has_response_port = q->local.in.sin_port != 0;
	m->response_port = ntohs(q->local.in.sin_port);
}

/* Protocol 253 has no number there: it is left out, and named beside. */
static void put_transport(Dnstap__Dnstap *d, Dnstap__Message *m, enum dns_transport transport)
{
	static const Dnstap__SocketProtocol protocols[] = {
		[DNS_UDP] = DNSTAP__SOCKET_PROTOCOL__UDP,
		[DNS_TCP] = DNSTAP__SOCKET_PROTOCOL__TCP,
		[DNS_TLS] = DNSTAP__SOCKET_PROTOCOL__DOT,
	};
	const char *name = dns_transport_name(transport);

	if (transport == DNS_LINNET) {
		d->has_extra = true;
		d->extra = octets(name, strlen(name));
		return;
	}
	m->has_socket_protocol = true;
	m->socket_protocol = protocols[transport];
}

static void put_text(protobuf_c_boolean *has, ProtobufCBinaryData *to, const char *text)
{
	if (!text)
		return;
	*has = true;
	*to = octets(text, strlen(text));
}

static void say(const struct query *q, Dnstap__Message *m)
{
	Dnstap__Dnstap d = DNSTAP__DNSTAP__INIT;
	const struct setup_zone *zone;
	size_t len;
	char *room;

	d.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	d.message = m;
	put_text(&d.has_identity, &d.identity, q->setup->identity);
	put_text(&d.has_version, &d.version, q->setup->version);
	put_addresses(m, q);
	put_transport(&d, m, q->transport);
	m->has_query_time_sec = m->has_query_time_nsec = true;
	m->query_time_sec = q->arrived.tv_sec;
	m->query_time_nsec = q->arrived.tv_nsec;
	zone = q->has_question ? setup_zone_of(q->setup, q->qname) : NULL;
	m->has_query_zone = zone != NULL;
	if (zone)
		m->query_zone = octets(zone->name, zone->name_len);
	len = dnstap__dnstap__get_packed_size(&d);
	room = dnstap_reserve(q->worker->dnstap, len);
	if (!room)
		return;
	dnstap__dnstap__pack(&d, (uint8_t *)room);
	dnstap_commit(q->worker->dnstap, len);
}

void dnstap_query(struct query *q)
{
	Dnstap__Message m = DNSTAP__MESSAGE__INIT;

	clock_gettime(CLOCK_REALTIME, &q->arrived);
	if (!q->setup->dnstap->queries)
		return;
	m.type = type_of(q, false);
	m.has_query_message = true;
	m.query_message = octets(q->wire, q->len);
	say(q, &m);
}

void dnstap_response(const struct query *q)
{
	Dnstap__Message m = DNSTAP__MESSAGE__INIT;
	struct timespec now;

	/* Of a transfer's many messages only the last is here. */
	if (!q->setup->dnstap->responses || q->messages)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	m.type = type_of(q, true);
	m.has_response_time_sec = m.has_response_time_nsec = true;
	m.response_time_sec = now.tv_sec;
	m.response_time_nsec = now.tv_nsec;
	m.has_response_message = true;
	m.response_message = octets(q->out, q->out_len);
	say(q, &m);
}
