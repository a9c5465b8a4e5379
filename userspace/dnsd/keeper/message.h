/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between a worker and the keeper: packets of a SOCK_SEQPACKET socket.
 *
 * The keeper listens at "keeper.socket" in the state folder (the master holds the listening
 * socket, so that it survives a keeper that died).  A worker connects at its start, and
 * again when the keeper was replaced.  Each request gets one reply with the same id, in any
 * order.  A worker answers SERVFAIL for what was not replied to within
 * KEEPER_REPLY_MS or when the connection broke.
 */
#ifndef DNSD_KEEPER_MESSAGE_H
#define DNSD_KEEPER_MESSAGE_H

#include <stdint.h>

#include "net.h"

#define KEEPER_SOCKET		"keeper.socket"
#define KEEPER_VERSION		1
#define KEEPER_REPLY_MS		15000
#define KEEPER_WIRE_MAX		65535

/**
 * struct keeper_message - a request or a reply
 * @version: KEEPER_VERSION
 * @transport: enum dns_transport that the request came by
 * @len: octets of @wire
 * @id: of the worker's choice
 * @peer: who sent the request
 * @local: the address that it came to
 * @wire: request: the DNS message as it arrived, with its TSIG (UPDATE, NOTIFY).  Reply: the
 *	response to send, complete with OPT and TSIG; none: drop the request.
 *
 * A packet is offsetof(struct keeper_message, wire) + @len octets long.
 */
struct keeper_message {
	uint16_t version;
	uint16_t transport;
	uint32_t len;
	uint32_t id;
	union ln_addr peer, local;
	uint8_t wire[];
};

#endif
