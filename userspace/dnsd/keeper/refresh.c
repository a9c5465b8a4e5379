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
#include "refresh-slots.h"
#include "transfer-reader.h"

/* A zone that was never there: tried again after 1, 2, 4, ... s. */
#define FIRST_RETRY_S	1
#define LAST_RETRY_S	300
/* Zones are not all asked for at the same moment after a start. */
#define START_STEP_MS	10
#define EDNS_OPTION_HEAD	4
#define EDNS_PAYLOAD	1232
/* For a SOA over UDP: 1, 2 and 4 s. */
#define TRIES		3
#define FIRST_MS	1000

/* When the store did not take it that a zone has expired. */
#define EXPIRE_AGAIN_MS	10000

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

static void set_expire(struct keeper_zone *z, uint64_t at)
{
	uint64_t now = keeper_now();

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

	slots_leave(z);
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

/* When the version that we have would expire, as of now. */
static uint64_t present_expiry(struct keeper_zone *z)
{
	struct store_txn *t = store_read(z->keeper->store);
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0;
	uint64_t at = id ? keeper_expires(t, id, z->conf) : 0;

	if (t)
		store_txn_abort(t);
	return at;
}

static void all_asked(struct keeper_zone *z)
{
	struct keeper_state state = { .checked = keeper_now() };
	uint64_t at;

	if (!z->answered) {
		ln_warning("%s cannot be refreshed: %s", z->conf->text, z->last_error);
		finished(z, false);
		return;
	}
	/* RFC 7314 4: a primary that is a secondary itself may have less time left than we. */
	at = present_expiry(z);
	state.expires = state.checked + z->longest;
	if (at > state.expires)
		state.expires = at;
	if (put_state(z, &state))
		set_expire(z, state.expires);
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
	if (err) {
		snprintf(z->last_error, sizeof(z->last_error), "%s", why);
		z->asked++;
		ask_next(z);
		return;
	}
	z->whole = false;
	set_expire(z, present_expiry(z));
	finished(z, true);
	keeper_changed(z);
}

/* --- the question --- */

static const struct dns_endpoint *asked_primary(const struct keeper_zone *z)
{
	const struct setup_servers *p = &z->conf->primaries;

	return &p->server[(z->first + z->asked) % p->count];
}

static void read_expire(struct keeper_zone *z, const knot_pkt_t *message)
{
	const uint8_t *option = message->opt_rr ?
				knot_edns_get_option(message->opt_rr, KNOT_EDNS_OPTION_EXPIRE,
						     NULL) : NULL;

	z->has_left = option && knot_edns_opt_get_length(option) == sizeof(z->left);
	if (z->has_left)
		z->left = knot_wire_read_u32(option + EDNS_OPTION_HEAD);
}

static bool on_answer(knot_pkt_t *message, void *data)
{
	struct keeper_zone *z = data;
	const knot_pktsection_t *section = knot_pkt_section(message, KNOT_ANSWER);

	z->soa_rcode = knot_wire_get_rcode(message->wire);
	read_expire(z, message);
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

	z->no_edns = false;
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
	/* RFC 6891 7: it is of before EDNS. */
	if (!z->no_edns && (z->soa_rcode == KNOT_RCODE_FORMERR ||
			    z->soa_rcode == KNOT_RCODE_NOTIMPL)) {
		z->no_edns = true;
		ask_next(z);
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
	if (keeper_expire_after(z, soa) > z->longest)
		z->longest = keeper_expire_after(z, soa);
	free(soa);
	/* Another may be ahead of this one. */
	z->answered = true;
	z->no_edns = false;
	z->asked++;
	ask_next(z);
}

static knot_pkt_t *make_query(const struct keeper_zone *z)
{
	knot_pkt_t *query = knot_pkt_new(NULL, KNOT_WIRE_MIN_PKTSIZE, NULL);
	knot_rrset_t opt;
	int err;

	if (!query || knot_pkt_put_question(query, z->conf->name, KNOT_CLASS_IN,
					    KNOT_RRTYPE_SOA))
		goto fail;
	if (z->no_edns)
		return query;
	if (knot_edns_init(&opt, EDNS_PAYLOAD, 0, KNOT_EDNS_VERSION, NULL))
		goto fail;
	/* RFC 7314 3.1: without data in a query. */
	err = knot_edns_add_option(&opt, KNOT_EDNS_OPTION_EXPIRE, 0, NULL, NULL);
	if (!err)
		err = knot_pkt_begin(query, KNOT_ADDITIONAL);
	if (!err)
		err = knot_pkt_put(query, KNOT_COMPR_HINT_NONE, &opt, 0);
	knot_rrset_clear(&opt, NULL);
	if (!err)
		return query;
fail:
	knot_pkt_free(query);
	return NULL;
}

/**
 * refresh_go() - a place is there: ask the primary that is next
 * @z: the zone, which has the place
 */
void refresh_go(struct keeper_zone *z)
{
	struct dns_request request = {
		.message = on_answer, .done = on_done, .data = z,
	};
	knot_pkt_t *query;
	int err;

	if (ln_server_stopping(z->keeper->server))
		return;
	query = make_query(z);
	if (!query) {
		z->asked = z->conf->primaries.count;
		snprintf(z->last_error, sizeof(z->last_error), "out of memory");
		all_asked(z);
		return;
	}
	z->soa_there = z->has_left = false;
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

static void ask_next(struct keeper_zone *z)
{
	if (ln_server_stopping(z->keeper->server))
		return;
	if (z->asked >= z->conf->primaries.count)
		all_asked(z);
	else if (slots_take(z, asked_primary(z), false))
		refresh_go(z);
}

static void begin(struct keeper_zone *z, unsigned int first, bool urgent)
{
	uv_timer_stop(&z->timer);
	z->under_way = true;
	z->first = first;
	z->asked = z->longest = 0;
	z->answered = z->no_edns = false;
	if (slots_take(z, asked_primary(z), urgent))
		refresh_go(z);
}

/**
 * refresh_now() - ask primaries, before those that ask because time has come
 * @z: a secondary zone
 * @first: the one to begin with
 */
void refresh_now(struct keeper_zone *z, unsigned int first)
{
	/* It waits: nobody was asked so far in vain. */
	if (z->wanted && !z->asked) {
		slots_leave(z);
		z->under_way = false;
	}
	if (z->under_way) {
		z->again = true;
		z->next_first = first;
		return;
	}
	begin(z, first, true);
}

static void on_timer(uv_timer_t *timer)
{
	struct keeper_zone *z = timer->data;

	if (!z->under_way)
		begin(z, 0, false);
}

/**
 * refresh_start_zone() - at the start of the keeper
 * @z: a secondary zone
 */
void refresh_start_zone(struct keeper_zone *z)
{
	uint64_t at = present_expiry(z);

	if (at)
		set_expire(z, at);
	uv_timer_start(&z->timer, on_timer, (uint64_t)z->conf->index * START_STEP_MS, 0);
}
