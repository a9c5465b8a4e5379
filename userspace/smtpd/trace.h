/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines that a server puts before a message: Received (RFC 5321, 4.4), and what a message
 * that is submitted lacks (RFC 6409, 8).
 */
#ifndef SMTPD_TRACE_H
#define SMTPD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "message.h"
#include "net.h"

/**
 * struct trace - how a message came
 * @hostname: ours
 * @client: the name that the client gave itself
 * @peer: its address; of family 0: over a UNIX socket
 * @protocol: IPPROTO_TCP, IPPROTO_LINNET or 0
 * @tls: "TLSv1.3", or NULL
 * @uid: who is at the other end of a UNIX socket
 * @extended: EHLO was said
 * @utf8: SMTPUTF8 was asked for
 * @authenticated: by AUTH
 * @id: the message's name here
 * @recipient: the only one, or NULL
 * @when: seconds since the epoch
 */
struct trace {
	const char *hostname;
	const char *client;
	union ln_addr peer;
	int protocol;
	const char *tls;
	unsigned int uid;
	bool extended, utf8, authenticated;
	const char *id;
	const char *recipient;
	time_t when;
};

/* "192.0.2.1", "2001:db8::1" */
void trace_address(const union ln_addr *addr, char out[64]);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
void trace_literal(const union ln_addr *addr, char out[64]);
/* "ESMTPSA" and the like (RFC 3848, RFC 6531, 4.3) */
const char *trace_with(const struct trace *t, char out[16]);
/* Returns the length; never more than @room. */
size_t trace_received(char *out, size_t room, const struct trace *t);
/* Date and Message-ID, when @scan did not see them. */
size_t trace_missing(char *out, size_t room, const struct trace *t, const struct mail_scan *scan);

#endif
