// SPDX-License-Identifier: GPL-2.0-or-later
/* The keeper's process. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "balance/balance.h"
#include "internal.h"
#include "log.h"
#include "resolve/anchors-follow.h"
#include "sandbox.h"
#include "sign/sign.h"
#include "zone/zone.h"

#define STATE_TAG	"transfer"
#define STATE_VERSION	2
#define READERS_MS	60000
#define STATE_BYTES	18	/* version, expired, two times */
#define FIRST_BYTES	10	/* version 1 has one time */
#define FROZEN_TAG	"frozen"

/* In the store: see struct keeper_state. */
static void state_write(uint8_t out[STATE_BYTES], const struct keeper_state *state)
{
	out[0] = STATE_VERSION;
	out[1] = state->expired;
	knot_wire_write_u64(out + 2, state->checked);
	knot_wire_write_u64(out + 10, state->expires);
}

/**
 * keeper_state_get() - what is known of a secondary zone
 * @t: transaction
 * @zone: the store's number
 * @state: filled; zeroed when there is nothing
 *
 * Return: whether there was something.
 */
bool keeper_state_get(const struct store_txn *t, uint32_t zone, struct keeper_state *state)
{
	const void *value;
	const uint8_t *in;
	size_t len;

	memset(state, 0, sizeof(*state));
	if (!store_meta_get(t, zone, STATE_TAG, &value, &len) || len < FIRST_BYTES)
		return false;
	in = value;
	if (!(in[0] == 1 && len == FIRST_BYTES) && !(in[0] == STATE_VERSION && len == STATE_BYTES))
		return false;
	state->expired = in[1];
	state->checked = knot_wire_read_u64(in + 2);
	if (in[0] == STATE_VERSION)
		state->expires = knot_wire_read_u64(in + 10);
	return true;
}

/**
 * keeper_state_put() - keep what is known of a secondary zone
 * @t: write transaction
 * @zone: the store's number
 * @state: that
 *
 * Return: 0 or a negative errno.
 */
int keeper_state_put(struct store_txn *t, uint32_t zone, const struct keeper_state *state)
{
	uint8_t value[STATE_BYTES];

	state_write(value, state);
	return store_meta_put(t, zone, STATE_TAG, value, sizeof(value));
}

/**
 * keeper_zone_expired() - is it a secondary that has lost touch with its primaries?
 * @t: transaction
 * @zone: the store's number
 *
 * Return: true: it is not to be served, though its content is there.
 */
bool keeper_zone_expired(const struct store_txn *t, uint32_t zone)
{
	struct keeper_state state;

	return keeper_state_get(t, zone, &state) && state.expired;
}

/* What the SOA says, within the bounds of the configuration. */
static uint32_t soa_expire(const struct setup_zone *conf, const knot_rdata_t *soa)
{
	uint32_t expire = knot_soa_expire(soa);

	return conf->max_expire && expire > conf->max_expire ? conf->max_expire : expire;
}

/**
 * keeper_expire_after() - for how long a version is good that came, or was confirmed, now
 * @z: a secondary zone, with what its primary said of it
 * @soa: of that version
 *
 * Return: seconds: the SOA's or the configuration's, or less where the primary has less left
 * (RFC 7314 section 4).
 */
uint32_t keeper_expire_after(const struct keeper_zone *z, const knot_rdata_t *soa)
{
	uint32_t expire = soa_expire(z->conf, soa);

	return z->has_left && z->left < expire ? z->left : expire;
}

/**
 * keeper_expires() - until when a secondary zone is served if no primary is heard
 * @t: transaction
 * @zone: the store's number
 * @conf: the configuration's
 *
 * Return: seconds since 1970; 0: it is no secondary, or has no content.
 */
uint64_t keeper_expires(const struct store_txn *t, uint32_t zone, const struct setup_zone *conf)
{
	struct keeper_state state;
	struct store_rrset soa;
	struct store_node node;

	if (!conf->primaries.count || !keeper_state_get(t, zone, &state) ||
	    !store_get(t, zone, STORE_NAMES, conf->name, &node) ||
	    !store_rrset(&node, KNOT_RRTYPE_SOA, &soa))
		return 0;
	/* A store of before did not have it. */
	return state.expires ?: state.checked + soa_expire(conf, soa.rdata.rdata);
}

/**
 * keeper_expire_left() - what the EDNS option EXPIRE says (RFC 7314)
 * @t: transaction
 * @zone: the store's number
 * @conf: the configuration's
 * @seconds: filled
 *
 * Return: whether there is anything to say: the zone has a SOA.
 */
bool keeper_expire_left(const struct store_txn *t, uint32_t zone, const struct setup_zone *conf,
			uint32_t *seconds)
{
	uint64_t at = keeper_expires(t, zone, conf), now = keeper_now();
	struct store_rrset soa;
	struct store_node node;

	if (!store_get(t, zone, STORE_NAMES, conf->name, &node) ||
	    !store_rrset(&node, KNOT_RRTYPE_SOA, &soa))
		return false;
	if (conf->primaries.count)
		*seconds = at <= now ? 0 : at - now > UINT32_MAX ? UINT32_MAX : at - now;
	else
		*seconds = knot_soa_expire(soa.rdata.rdata);
	return true;
}

/**
 * keeper_is_frozen() - are updates refused until somebody has the zone thawed?
 * @t: transaction
 * @zone: the store's number
 *
 * Return: whether they are.
 */
bool keeper_is_frozen(const struct store_txn *t, uint32_t zone)
{
	const void *value;
	size_t len;

	return store_meta_get(t, zone, FROZEN_TAG, &value, &len);
}

/**
 * keeper_freeze() - take no updates any more, or take them again
 * @z: the zone
 * @frozen: which; durable, for a reload has another keeper
 *
 * Return: 0 or a negative errno: -ENOENT when the zone has no content.
 */
int keeper_freeze(struct keeper_zone *z, bool frozen)
{
	struct store_txn *t = store_write(z->keeper->store);
	const uint8_t version = STATE_VERSION;
	uint32_t id;
	int err;

	if (!t)
		return -EIO;
	id = store_zone_find(t, z->conf->name);
	if (!id)
		err = -ENOENT;
	else if (frozen)
		err = store_meta_put(t, id, FROZEN_TAG, &version, sizeof(version));
	else
		err = keeper_is_frozen(t, id) ? store_meta_remove(t, id, FROZEN_TAG) : 0;
	if (!err)
		return store_commit(t);
	store_txn_abort(t);
	return err;
}

/**
 * keeper_now() - the time of day
 *
 * Return: seconds since 1970.
 */
uint64_t keeper_now(void)
{
	return time(NULL);
}

/**
 * keeper_zone_of() - a zone of the configuration, in the keeper
 * @k: the keeper
 * @conf: the configuration's; may be NULL
 *
 * Return: the zone, or NULL.
 */
struct keeper_zone *keeper_zone_of(struct keeper *k, const struct setup_zone *conf)
{
	return conf ? &k->zones[conf->index] : NULL;
}

/**
 * keeper_soa() - the zone's SOA, out of any transaction
 * @z: the zone
 * @ttl: filled, may be NULL
 *
 * Return: its rdata, to be freed, or NULL.
 */
knot_rdata_t *keeper_soa(struct keeper_zone *z, uint32_t *ttl)
{
	struct store_txn *t = store_read(z->keeper->store);
	knot_rdata_t *copy = NULL;
	struct store_rrset soa;
	struct store_node node;
	uint32_t id;

	if (!t)
		return NULL;
	id = store_zone_find(t, z->conf->name);
	if (id && store_get(t, id, STORE_NAMES, z->conf->name, &node) &&
	    store_rrset(&node, KNOT_RRTYPE_SOA, &soa)) {
		copy = malloc(knot_rdata_size(soa.rdata.rdata->len));
		if (copy)
			knot_rdata_init(copy, soa.rdata.rdata->len, soa.rdata.rdata->data);
		if (ttl)
			*ttl = soa.ttl;
	}
	store_txn_abort(t);
	return copy;
}

/**
 * keeper_changed() - the zone has a new serial in the store: secondaries are told
 * @z: the zone
 */
void keeper_changed(struct keeper_zone *z)
{
	notify_send(z);
}

/* Zones that the configuration no longer has: their place is needed for others. */
struct leftovers {
	const struct setup *setup;
	unsigned int n;
	uint32_t id[64];
};

static int note_leftover(const uint8_t *apex, uint32_t id, void *data)
{
	struct leftovers *l = data;

	if (!setup_zone_find(l->setup, apex))
		l->id[l->n++] = id;
	return l->n == sizeof(l->id) / sizeof(*l->id);
}

static void remove_leftovers(struct keeper *k)
{
	struct leftovers l = { .setup = k->setup };

	do {
		struct store_txn *t = store_write(k->store);
		int err = 0;

		if (!t)
			return;
		l.n = 0;
		store_zone_each(t, note_leftover, &l);
		for (unsigned int i = 0; i < l.n && !err; i++)
			err = store_zone_remove(t, l.id[i]);
		if (!l.n || err) {
			store_txn_abort(t);
			return;
		}
		if (store_commit(t))
			return;
		ln_notice("%u zones that are not configured any more leave the store", l.n);
	} while (l.n == sizeof(l.id) / sizeof(*l.id));
}

static int make_zones(struct keeper *k)
{
	k->zones = calloc(k->setup->n_zones + 1, sizeof(*k->zones));
	if (!k->zones) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < k->setup->n_zones; i++) {
		struct keeper_zone *z = &k->zones[i];

		z->keeper = k;
		z->conf = &k->setup->zone[i];
		uv_timer_init(ln_server_loop(k->server), &z->timer);
		uv_timer_init(ln_server_loop(k->server), &z->expire);
		z->timer.data = z->expire.data = z;
	}
	return 0;
}

/* It was a secondary, and is ours now: its content stays, its primaries are no concern. */
static void forget_state(struct keeper_zone *z)
{
	struct store_txn *t = store_write(z->keeper->store);
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0;
	struct keeper_state state;

	if (!id || !keeper_state_get(t, id, &state)) {
		if (t)
			store_txn_abort(t);
		return;
	}
	if (store_meta_remove(t, id, STATE_TAG))
		store_txn_abort(t);
	else
		store_commit(t);
}

static void load_zones(struct keeper *k)
{
	for (unsigned int i = 0; i < k->setup->n_zones; i++)
		if (k->setup->zone[i].file && !k->setup->zone[i].primaries.count)
			zone_load(k->store, &k->setup->zone[i]);
}

static void start_zones(struct keeper *k)
{
	for (unsigned int i = 0; i < k->setup->n_zones; i++) {
		struct keeper_zone *z = &k->zones[i];

		if (z->conf->primaries.count)
			refresh_start_zone(z);
		else
			forget_state(z);
		/* Whether everybody was told before we ended last is not known. */
		notify_send(z);
	}
}

/* A worker that died in a snapshot would have its pages kept for ever. */
static void on_readers_timer(uv_timer_t *timer)
{
	struct keeper *k = timer->data;

	store_check_readers(k->store);
}

static int confine(const struct setup *setup)
{
	struct ln_sandbox sandbox = { .connect = true, .sqlite = true };
	int err = anchors_follow_confine(setup, &sandbox);

	return err ? err : keeper_confine(setup, &sandbox);
}

static void tell_ready(int ready)
{
	/* EPIPE: a keeper that takes the place of another, for which nobody waits. */
	if (write(ready, "", 1) < 0 && errno != EPIPE)
		ln_warning("the master does not hear that the zones are loaded: %s",
			   strerror(errno));
	close(ready);
}

int keeper_main(const struct setup *setup, int listener, int ready)
{
	static struct keeper keeper;	/* the loop's handles are in it */
	struct keeper *k = &keeper;
	int status;

	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow is an error of a write, as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
	k->setup = setup;
	k->server = ln_server_new(&setup->options);
	if (!k->server)
		return EXIT_FAILURE;
	k->store = store_open(setup->state, setup->store_size, true);
	if (!k->store || make_zones(k))
		return EXIT_FAILURE;
	sign_crypto_init();
	if (keeper_listen(k, listener) || control_start(k) || confine(setup))
		return EXIT_FAILURE;
	remove_leftovers(k);
	load_zones(k);
	tell_ready(ready);
	keeper_served(k);
	start_zones(k);
	keeper_maintain(k);
	balance_health_start(setup, k->server);
	anchors_follow_start(setup, k->server);
	uv_timer_init(ln_server_loop(k->server), &k->readers);
	k->readers.data = k;
	uv_timer_start(&k->readers, on_readers_timer, READERS_MS, READERS_MS);
	status = ln_server_run(k->server);
	store_close(k->store);
	return status;
}
