// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Updates of secondary zones go to a primary (RFC 2136 section 6).
 *
 * A message that its client signed goes on as it is, and so does the signed answer: the
 * primary decides by the client's key.  One without a signature is signed with the key that
 * we share with the primary; then it is our allow-update that decides.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "log.h"

#define MAX_FORWARDS	256

struct forward {
	struct keeper_request *request;
	struct keeper_zone *zone;
	struct dns_endpoint to;
	unsigned int tried;
	uint8_t *answer;
	size_t answer_len;
};

static unsigned int n_forwards;

static void forward_free(struct forward *f)
{
	n_forwards--;
	free(f->answer);
	free(f);
}

static bool on_answer(knot_pkt_t *answer, void *data)
{
	struct forward *f = data;
	bool with_tsig = answer->tsig_rr && !f->to.key && f->request->message->tsig_rr;

	f->answer_len = answer->size + (with_tsig ? answer->tsig_wire.len : 0);
	f->answer = malloc(f->answer_len);
	if (!f->answer)
		return false;
	/* The record is behind the message still, as it came. */
	memcpy(f->answer, answer->wire, f->answer_len);
	if (with_tsig)
		knot_wire_add_arcount(f->answer, 1);
	knot_wire_set_id(f->answer, knot_wire_get_id(f->request->original));
	return false;
}

static void try_next(struct forward *f);

static void on_done(int err, const char *why, void *data)
{
	struct forward *f = data;
	char name[LN_ADDR_STRLEN];

	if (!err && f->answer) {
		request_relay(f->request, f->answer, f->answer_len);
		forward_free(f);
		return;
	}
	ln_notice("%s update forwarded to %s: %s", f->zone->conf->text,
		  ln_addr_format(&f->to.addr, name), why ? why : "out of memory");
	try_next(f);
}

static void try_next(struct forward *f)
{
	const struct setup_servers *primaries = &f->zone->conf->primaries;
	const struct keeper_request *r = f->request;

	while (f->tried < primaries->count && !ln_server_stopping(f->zone->keeper->server)) {
		struct dns_request request = {
			.to = &f->to, .wire = r->original, .len = r->original_len, .stream = true,
			.timeout_ms = KEEPER_REPLY_MS / 3, .message = on_answer, .done = on_done,
			.data = f,
		};

		f->to = primaries->server[f->tried++];
		if (r->message->tsig_rr)
			f->to.key = NULL;
		if (dns_client_ask(f->zone->keeper->server, &request))
			return;
	}
	request_answer(f->request, KNOT_RCODE_SERVFAIL);
	forward_free(f);
}

/**
 * forward_update() - have a primary do it
 * @r: the request, allowed by our own access list
 * @z: a secondary zone
 */
void forward_update(struct keeper_request *r, struct keeper_zone *z)
{
	struct forward *f = n_forwards < MAX_FORWARDS ? calloc(1, sizeof(*f)) : NULL;

	if (!f) {
		request_answer(r, KNOT_RCODE_SERVFAIL);
		return;
	}
	n_forwards++;
	f->request = r;
	f->zone = z;
	try_next(f);
}
