/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to the name servers, the first that answers; and what of its answer is of use. */
#ifndef RELAY_QUESTION_H
#define RELAY_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"
#include "server.h"
#include "resolve.h"

/**
 * struct answer - what the records of an answer say
 * @none: the name is not there (NXDOMAIN)
 * @n_mx, @mx: MX records
 * @n_addresses, @address: A or AAAA records, without ports
 * @linnet: an SVCB record says that protocol 253 is spoken
 * @linnet_port: on this port, 0: the one that was asked about
 * @linnet_target: at this host, "": the host itself
 */
struct answer {
	bool none;
	unsigned int n_mx;
	struct answer_mx {
		uint16_t preference;
		char host[RESOLVE_NAME];
	} mx[64];
	unsigned int n_addresses;
	union ln_addr address[RESOLVE_ADDRESSES_MAX];
	bool linnet;
	uint16_t linnet_port;
	uint16_t linnet_priority;
	char linnet_target[RESOLVE_NAME];
};

/* @answer: NULL: nobody answered, or not to the point; @why: words then. */
typedef void (*question_done)(const struct answer *answer, const char *why, void *data);

struct question;

/* NULL: @name cannot be asked for (errno EINVAL), or ENOMEM. done() comes later. */
struct question *question_ask(struct ln_server *server, const union ln_addr *servers,
			      unsigned int n_servers, const char *name, uint16_t type,
			      question_done done, void *data);
void question_cancel(struct question *q);

#endif
