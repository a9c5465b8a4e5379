/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a sender is told (RFC 3461, 6; RFC 3462; RFC 3464; RFC 6533): a message of
 * multipart/report.
 */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/envelope.h"

enum report_kind { REPORT_FAILED, REPORT_DELAYED, REPORT_SUCCESS };

/**
 * struct report - what it is about
 * @kind: what it says
 * @hostname: ours
 * @postmaster: From: an address, or a local part
 * @id: the message's name in the queue
 * @envelope: the message's; only read
 * @n: recipients that it is about
 * @recipient: which of the envelope's
 * @expire: milliseconds since the epoch: when a delayed message is given up
 * @fd: its text
 * @size: octets of it
 * @whole: the text goes back, not the header only
 */
struct report {
	enum report_kind kind;
	const char *hostname, *postmaster, *id;
	const struct envelope *envelope;
	unsigned int n;
	const unsigned int *recipient;
	int64_t expire;
	int fd;
	uint64_t size;
	bool whole;
};

/**
 * struct report_written - the message
 * @fd: its text in memory, to be closed
 * @eight_bit: there are octets above 127
 * @utf8: in its header, too, or in addresses
 */
struct report_written {
	int fd;
	bool eight_bit, utf8;
};

/* In any thread. 0 or a negative errno. */
int report_write(const struct report *r, struct report_written *w);

#endif
