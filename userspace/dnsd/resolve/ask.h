/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to one server, waiting for its answer: for instruments, not for servers. */
#ifndef DNSD_RESOLVE_ASK_H
#define DNSD_RESOLVE_ASK_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stdint.h>

#include "net.h"

/**
 * struct ask - a question, and what became of it
 * @to: whom to ask
 * @name: wire form
 * @type: type
 * @rd: ask for recursion
 * @dnssec: with DO, to see signatures
 * @timeout_ms: how long to wait
 * @answer: filled: parsed, to be freed by ask_end(); NULL: no answer
 * @tcp: filled: by TCP, as the answer was truncated
 * @ms: filled: how long it took
 * @error: filled: why there is no answer
 */
struct ask {
	union ln_addr to;
	const uint8_t *name;
	uint16_t type;
	bool rd, dnssec;
	int timeout_ms;
	knot_pkt_t *answer;
	bool tcp;
	double ms;
	const char *error;
};

/**
 * ask() - ask and wait
 * @a: filled; to be let go by ask_end() when there is an answer
 *
 * Return: whether there is one.
 */
bool ask(struct ask *a);
void ask_end(struct ask *a);

#endif
