// SPDX-License-Identifier: GPL-2.0-or-later
/* Secondary zones: asking primaries for news, and for how long to do without (RFC 1034 4.3.5). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "internal.h"
#include "log.h"
#include "transfer-reader.h"

/* A zone that was never there: tried again after 1, 2, 4, ... s. */
#define FIRST_RETRY_S	1
#define LAST_RETRY_S	300
/* Zones are not all asked for at the same moment after a start. */
#define START_STEP_MS	10
/* Refreshes and transfers under way at a time, of all zones. */
#define MAX_UNDER_WAY	32
#define FULL_WAIT_MS	200
/* For a SOA over UDP: 1, 2 and 4 s. */
#define TRIES		3
#define FIRST_MS	1000

/* When the store did not take it that a zone has expired. */
#define EXPIRE_AGAIN_MS	10000

static unsigned int n_under_way;

static void ask_next(struct keeper_zone *z);
static void on_timer(uv_timer_t *timer);
static void on_expire(uv_timer_t *timer);

/* Between nine tenths and the whole: those who began together drift apart. */
static uint64_t with_jitter(uint64_t ms)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) < 0)
		r = 0;
	return ms - ms / 10 * (r >> 16) / 65536;
}

static uint32_t within(uint32_t value, uint32_t min, uint32_t max)
{
	if (max && value > max)
		value = max;
	return value < min ? min : value;
}

/* --- times --- */

static void set_expire(struct keeper_zone *z, const knot_rdata_t *soa, uint64_t checked)
{
	uint32_t expire = knot_soa_expire(soa);
	uint64_t at, now = keeper_now();

	if (z->conf->max_expire && expire > z->conf->max_expire)
		expire = z->conf->max_expire;
	at = checked + expire;
	uv_timer_start(&z->expire, on_expire, at > now ? (at - now) * 1000 : 0, 0);
}

static void set_timer(struct keeper_zone *z, const knot_rdata_t *soa, bool well)
{
	const struct setup_zone *c = z->conf;
	uint64_t s;

	if (!soa)
		s = z->failures < 9 ? FIRST_RETRY_S << z->failures : LAST_RETRY_S;
	else if (well)
		s = within(knot_soa_refresh(soa), c->min_refresh, c->max_refresh);
	else
		s = within(knot_soa_retry(soa), c->min_retry, c->max_retry);
	z->failures = well ? 0 : z->failures + (z->failures < 30);
	uv_timer_start(&z->timer, on_timer, with_jitter((s ? s : 1) * 1000), 0);
}

/* What the store has of it: true when it changed durably, or need not. */
static bool put_state(struct keeper_zone *z, const struct keeper_state *state)
{
	struct store_txn *t = store_write(z->keeper->store);
	uint32_t id;
	int err;

	if (!t)
		return false;
	id = store_zone_find(t, z->conf->name);
	err = id ? keeper_state_put(t, id, state) : -ENOENT;
	if (!err)
		err = store_commit(t);
	else
		store_txn_abort(t);
	if (err)
		ln_error("%s the time of its refresh cannot be kept: %s", z->conf->text,
			 strerror(-err));
	return !err;
}

static bool get_state(struct keeper_zone *z, struct keeper_state *state)
{
	struct store_txn *t = store_read(z->keeper->store);
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0;
	bool there = id && keeper_state_get(t, id, state);

	if (t)
		store_txn_abort(t);
	return there;
}

static void on_expire(uv_timer_t *timer)
{
	struct keeper_zone *z = timer->data;
	struct keeper_state state;

	if (!get_state(z, &state) || state.expired)
		return;
	state.expired = true;
	if (!put_state(z, &state))
		uv_timer_start(&z->expire, on_expire, EXPIRE_AGAIN_MS, 0);
	else
		ln_error("%s has expired: no primary had it for as long as its SOA allows; it is "
			 "answered with SERVFAIL", z->conf->text);
}

/* --- the end of a refresh --- */

static void finished(struct keeper_zone *z, bool well)
{
	knot_rdata_t *soa = keeper_soa(z, NULL);

	n_under_way--;
	z->under_way = false;
	if (well)
		*z->last_error = 0;
	set_timer(z, soa, well);
	free(soa);
	if (z->again) {
		z->again = false;
		refresh_now(z, z->next_first);
	}
}

static void all_asked(struct keeper_zone *z)
{
	struct keeper_state state = { .checked = keeper_now() };
	knot_rdata_t *soa;

	if (!z->answered) {
		ln_warning("%s cannot be refreshed: %s", z->conf->text, z->last_error);
		finished(z, false);
		return;
	}
	if (put_state(z, &state)) {
		soa = keeper_soa(z, NULL);
		if (soa)
			set_expire(z, soa, state.checked);
		free(soa);
	}
	finished(z, true);
}

/**
 * refresh_transferred() - a transfer has ended
 * @z: the zone
 * @err: 0, or a negative errno
 * @why: words with it
 */
void refresh_transferred(struct keeper_zone *z, int err, const char *why)
{
	knot_rdata_t *soa;

	if (err) {
		snprintf(z->last_error, sizeof(z->last_error), "%s", why);
		z->asked++;
		ask_next(z);
		return;
	}
	z->whole = false;
	soa = keeper_soa(z, NULL);
	if (soa)
		set_expire(z, soa, keeper_now());
	free(soa);
	finished(z, true);
	keeper_changed(z);
}

/* --- the question --- */

static const struct dns_endpoint *asked_primary(const struct keeper_zone *z)
{
	const struct setup_servers *p = &z->conf->primaries;

	return &p->server[(z->first + z->asked) % p->count];
}

static bool on_answer(knot_pkt_t *message, void *data)
{
	struct keeper_zone *z = data;
	const knot_pktsection_t *section = knot_pkt_section(message, KNOT_ANSWER);

	z->soa_rcode = knot_wire_get_rcode(message->wire);
	for (uint16_t i = 0; i < section->count && !z->soa_rcode; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type != KNOT_RRTYPE_SOA || rr->rclass != KNOT_CLASS_IN ||
		    rr->rrs.count != 1 || !rr->rrs.rdata->len ||
		    !knot_dname_is_case_equal(rr->owner, z->conf->name))
			continue;
		z->soa_there = true;
		z->soa_serial = knot_soa_serial(rr->rrs.rdata);
	}
	return false;
}

static void primary_failed(struct keeper_zone *z, const char *why)
{
	char name[LN_ADDR_STRLEN];

	snprintf(z->last_error, sizeof(z->last_error), "%s (%s): %s",
		 ln_addr_format(&asked_primary(z)->addr, name),
		 dns_transport_name(asked_primary(z)->transport), why);
	ln_info("%s refresh from %s", z->conf->text, z->last_error);
	z->asked++;
	ask_next(z);
}

static void on_done(int err, const char *why, void *data)
{
	struct keeper_zone *z = data;
	const knot_lookup_t *name;
	char words[96];
	knot_rdata_t *soa;

	z->client = NULL;
	if (err) {
		primary_failed(z, why);
		return;
	}
	if (!z->soa_there) {
		name = knot_lookup_by_id(knot_rcode_names, z->soa_rcode);
		snprintf(words, sizeof(words), z->soa_rcode ? "it answers %s" : "it has no SOA",
			 name ? name->name : "an error");
		primary_failed(z, words);
		return;
	}
	soa = keeper_soa(z, NULL);
	if (!soa || z->whole || serial_later(z->soa_serial, knot_soa_serial(soa))) {
		free(soa);
		err = transfer_in_start(z, asked_primary(z));
		if (err)
			primary_failed(z, strerror(-err));
		return;
	}
	if (z->soa_serial != knot_soa_serial(soa)) {
		snprintf(words, sizeof(words), "its serial %" PRIu32 " is before ours, %" PRIu32,
			 z->soa_serial, knot_soa_serial(soa));
		free(soa);
		primary_failed(z, words);
		return;
	}
	free(soa);
	/* Another may be ahead of this one. */
	z->answered = true;
	z->asked++;
	ask_next(z);
}

static void ask_next(struct keeper_zone *z)
{
	struct dns_request request = {
		.message = on_answer, .done = on_done, .data = z,
	};
	knot_pkt_t *query;
	int err;

	if (ln_server_stopping(z->keeper->server))
		return;
	if (z->asked >= z->conf->primaries.count) {
		all_asked(z);
		return;
	}
	query = knot_pkt_new(NULL, KNOT_WIRE_MIN_PKTSIZE, NULL);
	if (!query || knot_pkt_put_question(query, z->conf->name, KNOT_CLASS_IN,
					    KNOT_RRTYPE_SOA)) {
		knot_pkt_free(query);
		z->asked = z->conf->primaries.count;
		snprintf(z->last_error, sizeof(z->last_error), "out of memory");
		all_asked(z);
		return;
	}
	z->soa_there = false;
	request.to = asked_primary(z);
	request.wire = query->wire;
	request.len = query->size;
	if (request.to->transport == DNS_UDP) {
		request.tries = TRIES;
		request.timeout_ms = FIRST_MS;
	}
	z->client = dns_client_ask(z->keeper->server, &request);
	err = z->client ? 0 : errno;
	knot_pkt_free(query);
	if (err)
		primary_failed(z, strerror(err));
}

/**
 * refresh_now() - ask primaries
 * @z: a secondary zone
 * @first: the one to begin with
 */
void refresh_now(struct keeper_zone *z, unsigned int first)
{
	if (z->under_way) {
		z->again = true;
		z->next_first = first;
		return;
	}
	if (n_under_way >= MAX_UNDER_WAY) {
		uv_timer_start(&z->timer, on_timer, with_jitter(FULL_WAIT_MS), 0);
		return;
	}
	uv_timer_stop(&z->timer);
	n_under_way++;
	z->under_way = true;
	z->first = first;
	z->asked = 0;
	z->answered = false;
	ask_next(z);
}

static void on_timer(uv_timer_t *timer)
{
	refresh_now(timer->data, 0);
}

/**
 * refresh_start_zone() - at the start of the keeper
 * @z: a secondary zone
 */
void refresh_start_zone(struct keeper_zone *z)
{
	knot_rdata_t *soa = keeper_soa(z, NULL);
	struct keeper_state state;

	if (soa && get_state(z, &state))
		set_expire(z, soa, state.checked);
	free(soa);
	uv_timer_start(&z->timer, on_timer, (uint64_t)z->conf->index * START_STEP_MS, 0);
}
