/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the queue manager is to do: of the configuration's section relay { }, and of the server's.
 */
#ifndef RELAY_SETUP_H
#define RELAY_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"
#include "relay.h"

#define SETUP_RESOLVERS_MAX	3
#define SETUP_RETRIES_MAX	32

enum relay_transport { RELAY_AUTO, RELAY_TCP, RELAY_LINNET };

/*
 * RELAY_TLS_MAY: when it is offered, unchecked (RFC 7435); _ENCRYPT: always, unchecked; _VERIFY:
 * always, and the certificate is checked; _IMPLICIT: from the first octet (RFC 8314), checked.
 */
enum relay_tls { RELAY_TLS_OFF, RELAY_TLS_MAY, RELAY_TLS_ENCRYPT, RELAY_TLS_VERIFY,
		 RELAY_TLS_IMPLICIT };

/**
 * struct relay_route - how mail for a domain goes on
 * @domain: "example.org", ".example.org" for all below it, or "*" for all else
 * @host: a name or a numeric address, or NULL: as MX records say
 * @port: 0: the one of the section
 * @transport: which
 * @tls: how
 * @user: for AUTH, or NULL
 * @password: for AUTH
 */
struct relay_route {
	char *domain;
	char *host;
	uint16_t port;
	enum relay_transport transport;
	enum relay_tls tls;
	char *user, *password;
};

/**
 * struct relay_setup - never changed once it is made; times are in milliseconds
 * @hostname, @queue, @mail_root, @domains, @n_domains, @postmaster, @smtp_port, @message_max,
 *	@deliver, @expand, @data: struct relay_common's
 * @route: which the first that fits is taken of; the last is for all
 * @n_routes: how many
 * @tls: unchecked
 * @tls_verify: checked
 * @resolver: name servers; none: those of /etc/resolv.conf
 * @n_resolvers: how many
 * @port: of other servers
 * @retry: waits between attempts; the last one again and again
 * @n_retries: how many
 * @expire: a message that is older goes back
 * @delay_notice: when its sender is told that it takes longer; 0: never
 * @rescan: how often the queue's folder is looked through
 * @connections: at once
 * @per_destination: of them to one
 * @local: deliveries to mailboxes here at once
 * @recipients: of a message in one transaction
 * @messages: over one connection
 * @connect_time: for a connection and TLS to come about
 * @linnet_connect_time: with protocol 253, before TCP is tried
 * @greeting_time, @command_time, @data_time, @data_end_time: RFC 5321, 4.5.3.2
 * @idle_time: a connection is kept for the next message
 * @session_time: the longest that a transaction may take
 * @drain_time: for what is under way at the end
 * @bounce_size: messages up to this size go back whole
 */
struct relay_setup {
	char *hostname, *queue, *mail_root, *postmaster;
	char **domains;
	unsigned int n_domains;
	uint16_t smtp_port;
	uint64_t message_max;
	int (*deliver)(void *data, const struct relay_delivery *d);
	int (*expand)(void *data, const char *address, struct envelope *e);
	void *data;

	struct relay_route *route;
	unsigned int n_routes;
	struct ln_tls *tls, *tls_verify;
	union ln_addr resolver[SETUP_RESOLVERS_MAX];
	unsigned int n_resolvers;
	uint16_t port;
	int64_t retry[SETUP_RETRIES_MAX];
	unsigned int n_retries;
	int64_t expire, delay_notice, rescan;
	unsigned int connections, per_destination, local, recipients, messages;
	uint64_t connect_time, linnet_connect_time, greeting_time, command_time, data_time,
		 data_end_time, idle_time, session_time, drain_time;
	uint64_t bounce_size;
};

/* The route of a domain; never NULL. */
const struct relay_route *setup_route(const struct relay_setup *s, const char *domain);

#endif
