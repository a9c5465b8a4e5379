/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From libunbound's result to a message of the cache. */
#ifndef DNSD_RESOLVE_RESULT_H
#define DNSD_RESOLVE_RESULT_H

#include <unbound.h>

#include "cache.h"
#include "name.h"

/**
 * struct result_message - a message and its memory
 * @m: the message
 * @pkt: has its body
 * @ttl_at: where its TTLs are
 * @why: words
 */
struct result_message {
	struct message m;
	knot_pkt_t *pkt;
	uint16_t ttl_at[MESSAGE_TTLS_MAX];
	char why[256];
};

/**
 * result_read() - make a message of a result
 * @out: filled; end with result_end(), in every case
 * @name: the question, wire form, lower case
 * @type: the same
 * @flags: MESSAGE_DO, MESSAGE_CD
 * @result: libunbound's, or NULL when it failed
 *
 * What is bogus becomes SERVFAIL unless the client checks for himself (RFC 4035 section
 * 3.2.2).  Without DO there are no signatures and no proofs.
 */
void result_read(struct result_message *out, const uint8_t *name, uint16_t type,
		 unsigned int flags, const struct ub_result *result);
void result_end(struct result_message *out);

#endif
