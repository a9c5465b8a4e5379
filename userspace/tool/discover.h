/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who speaks protocol 253: what the DNS says (SVCB and HTTPS records, RFC 9460), and whether it
 * answers.
 *
 * The SvcParamKey 65533 of the range for private use (RFC 9460 section 14.3.2) says that the
 * endpoint takes connections of IP protocol 253.  Its value is empty (the port is that of
 * TCP), or a port of two octets in network order.
 */
#ifndef DISCOVER_H
#define DISCOVER_H

#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISCOVER_KEY		65533
#define DISCOVER_MAX		16	/* records, and addresses, that are looked at */
#define DISCOVER_NAME		256
#define DISCOVER_WHY		160

/**
 * struct discover_record - a record in ServiceMode
 * @owner: name of the record
 * @type: "SVCB" or "HTTPS"
 * @priority: the least comes first
 * @target: host
 * @port: of TCP
 * @linnet: it speaks protocol 253
 * @linnet_port: on this port
 */
struct discover_record {
	char owner[DISCOVER_NAME];
	const char *type;
	uint16_t priority;
	char target[DISCOVER_NAME];
	uint16_t port;
	bool linnet;
	uint16_t linnet_port;
};

struct discover_address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

/**
 * discover_open() - prepare to ask
 * @res: filled
 * @server: "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53", or NULL: the system's
 *	resolvers
 *
 * Return: 0, -EINVAL when @server is none of these, or -ENOMEM.
 */
int discover_open(struct __res_state *res, const char *server);

/* "NAME" or "NAME:PORT"; *port is 0 without one. 0 or -EINVAL. */
int discover_target(const char *text, char name[DISCOVER_NAME], uint16_t *port);

/**
 * discover_records() - what is said of a service
 * @res: from discover_open()
 * @name: host
 * @port: of TCP
 * @list: filled, the best first
 * @why: words for people after an error
 *
 * Asked for are _PORT._linnet.NAME SVCB, then the HTTPS record that a browser would ask for; the
 * first that is there says.
 *
 * Return: number of records, 0 when there are none, or a negative errno: -EBADMSG when the
 * records are malformed (RFC 9460 section 2.2: they count as none), -EAGAIN when nobody answered.
 */
int discover_records(struct __res_state *res, const char *name, uint16_t port,
		     struct discover_record list[DISCOVER_MAX], char why[DISCOVER_WHY]);

/* What is in the rdata of a message; *alias: AliasMode. 1, 0: to be ignored (mandatory keys), or
 * -EBADMSG. */
int discover_parse(const uint8_t *message, size_t len, const uint8_t *rdata, size_t rdlen,
		   struct discover_record *r, bool *alias);

/* Addresses of a host; the number, or a negative errno. */
int discover_addresses(struct __res_state *res, bool own_server, const char *host,
		       struct discover_address list[DISCOVER_MAX]);

/* Connect and close; 0 and microseconds that it took, or a negative errno. */
int discover_probe(const struct discover_address *a, uint16_t port, int protocol,
		   unsigned int *microseconds);

/* For linnet run: does the service speak protocol 253 on its own port, and answer? Words in any
 * case. */
bool discover_decide(const char *target, const char *server, char *why, size_t size);

#endif
