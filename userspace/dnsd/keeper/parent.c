// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has the parent zone the DS of a key that waits for it?  All servers of the parent that the
 * configuration names are asked, from time to time; a key is in use when all have it (RFC 7583
 * 3.3: the slowest server counts, and after it parent-propagation).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "log.h"
#include "sign/command.h"
#include "sign/sign.h"

/**
 * struct parent_watch - one zone whose key waits
 * @zone: the zone
 * @timer: the next round of questions
 * @client: the question under way
 * @asked: servers that were asked in this round
 * @found: the server that was asked last has the DS
 * @old: it still has the DS of a key that is to go
 * @ttl: the longest TTL of a DS so far: for so long caches have what was there before
 * @expected: the DS, in the form that was given to the parent or another digest of the key
 */
struct parent_watch {
	struct keeper_zone *zone;
	uv_timer_t timer;
	struct dns_client *client;
	unsigned int asked;
	bool found, old;
	uint32_t ttl;
	struct sign_expected_ds expected;
};

static void ask_next(struct parent_watch *w);

static void on_timer(uv_timer_t *timer)
{
	struct parent_watch *w = timer->data;

	w->asked = 0;
	ask_next(w);
}

static void later(struct parent_watch *w)
{
	uint64_t seconds = sign_parent_check(w->zone->conf->policy);

	uv_timer_start(&w->timer, on_timer, seconds * 1000, 0);
}

static bool on_answer(knot_pkt_t *answer, void *data)
{
	const knot_pktsection_t *section = knot_pkt_section(answer, KNOT_ANSWER);
	struct parent_watch *w = data;

	for (uint16_t i = 0; i < section->count && knot_wire_get_rcode(answer->wire) == 0; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type != KNOT_RRTYPE_DS || rr->rclass != KNOT_CLASS_IN ||
		    !knot_dname_is_case_equal(rr->owner, w->zone->conf->name))
			continue;
		/* libknot has one record in each. */
		w->found |= sign_is_expected_ds(&w->expected, rr->rrs.rdata);
		w->old |= sign_is_old_ds(&w->expected, rr->rrs.rdata);
		if (rr->ttl > w->ttl && rr->ttl <= INT32_MAX)
			w->ttl = rr->ttl;
	}
	return false;
}

static void all_have_it(struct parent_watch *w)
{
	struct keeper_zone *z = w->zone;
	int rc = sign_command_seen(z->keeper->store, z->conf, w->expected.tag, w->ttl,
				   keeper_now());

	if (rc < 0) {
		later(w);
		return;
	}
	w->ttl = 0;
	ln_notice("zone %s: the parent has the DS of the key with tag %u", z->conf->text,
		  w->expected.tag);
	if (rc)
		keeper_changed(z);
	keeper_maintain(z->keeper);
}

static void on_done(int err, const char *why, void *data)
{
	struct parent_watch *w = data;
	struct keeper_zone *z = w->zone;

	w->client = NULL;
	if (ln_server_stopping(z->keeper->server))
		return;
	if (err)
		ln_warning("zone %s: server %u of its parent does not say what DS it has: %s",
			   z->conf->text, w->asked + 1, why);
	else if (w->found && w->old)
		ln_notice("zone %s: server %u of its parent has the DS of the key with tag %u, and "
			  "that of a former key, too, which has to go", z->conf->text, w->asked + 1,
			  w->expected.tag);
	w->asked++;
	if (w->found && !w->old && !err)
		ask_next(w);
	else
		later(w);
}

static void ask_next(struct parent_watch *w)
{
	const struct setup_servers *parents = &w->zone->conf->parents;
	struct dns_request request = { .message = on_answer, .done = on_done, .data = w };
	knot_pkt_t *query;

	if (ln_server_stopping(w->zone->keeper->server) ||
	    sign_expected_ds(w->zone->keeper->store, w->zone->conf, &w->expected) <= 0)
		return;
	if (w->asked == parents->count) {
		all_have_it(w);
		return;
	}
	w->found = w->old = false;
	query = knot_pkt_new(NULL, KNOT_WIRE_MIN_PKTSIZE, NULL);
	if (query && !knot_pkt_put_question(query, w->zone->conf->name, KNOT_CLASS_IN,
					    KNOT_RRTYPE_DS)) {
		request.to = &parents->server[w->asked];
		request.wire = query->wire;
		request.len = query->size;
		w->client = dns_client_ask(w->zone->keeper->server, &request);
	}
	knot_pkt_free(query);
	if (!w->client)
		later(w);
}

/**
 * parent_watch() - ask the parent if a key of a zone waits for its DS
 * @z: a zone with a policy and parents
 *
 * What is under way goes on.
 */
void parent_watch(struct keeper_zone *z)
{
	struct parent_watch *w = z->parent;

	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return;		/* in an hour at the latest */
		w->zone = z;
		uv_timer_init(ln_server_loop(z->keeper->server), &w->timer);
		w->timer.data = w;
		z->parent = w;
	}
	if (w->client || uv_is_active((uv_handle_t *)&w->timer) ||
	    sign_expected_ds(z->keeper->store, z->conf, &w->expected) <= 0)
		return;
	/* Not from within all_have_it(). */
	uv_timer_start(&w->timer, on_timer, 0, 0);
}
