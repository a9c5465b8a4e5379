// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Roll-overs against a model of the world: resolvers that have any mixture of what was
 * published within its time to live.  Whatever a resolver has cached, there must be a chain of
 * trust in it, for each algorithm that it may insist on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "../lib/unit.h"
#include "rollover.h"

#define HOUR		3600
#define STEPS		4000	/* hours */
#define MAX_SHOWN	6

/* What the zone and its parent show at one time. */
struct world {
	int n;
	uint32_t max_ttl, dnskey_ttl, ds_ttl;
	struct shown {
		uint16_t tag;
		uint8_t algorithm;
		bool in_zone, signs_keys, signs_data, ds;
	} key[SIGN_MAX_KEYS];
};

static struct world history[STEPS];
static uint16_t next_tag;

/* A key with a tag of our choice, no file. */
static int fake_generate(struct sign_keys *k, const struct sign_policy *p, uint8_t role,
			 struct sign_key **made, void *data)
{
	struct sign_key *key;

	(void)data;
	if (k->n == SIGN_MAX_KEYS)
		return -1;
	key = &k->key[k->n++];
	memset(key, 0, sizeof(*key));
	key->role = role;
	key->dnskey[1] = role & SIGN_KSK;
	key->dnskey[3] = p->algorithm;
	knot_wire_write_u16(key->dnskey + 4, ++next_tag);
	key->dnskey_len = 6;
	snprintf(key->id, sizeof(key->id), "%040d", next_tag);
	*made = key;
	return 0;
}

static void policy_default(struct sign_policy *p)
{
	*p = (struct sign_policy) {
		.algorithm = 13, .lifetime = 14 * 24 * HOUR, .refresh = 7 * 24 * HOUR,
		.dnskey_ttl = 2 * HOUR, .propagation = HOUR, .parent_propagation = HOUR,
		.parent_ds_ttl = 24 * HOUR, .zsk_lifetime = 20 * 24 * HOUR,
		.ksk_lifetime = 50 * 24 * HOUR,
	};
}

static uint32_t max_ttl = 12 * HOUR, ds_ttl;

static struct world show(const struct sign_keys *k, const struct sign_policy *p,
			 const uint16_t *ds, int n_ds)
{
	struct world w = {
		.n = k->n, .max_ttl = max_ttl, .dnskey_ttl = p->dnskey_ttl,
		.ds_ttl = ds_ttl ?: p->parent_ds_ttl,
	};

	for (int i = 0; i < k->n; i++) {
		const struct sign_key *key = &k->key[i];

		w.key[i] = (struct shown) {
			.tag = sign_key_tag(key),
			.algorithm = sign_key_algorithm(key),
			.in_zone = sign_key_in_zone(key),
			.signs_keys = sign_key_signs(key, KNOT_RRTYPE_DNSKEY),
			.signs_data = sign_key_signs(key, KNOT_RRTYPE_A),
		};
		for (int j = 0; j < n_ds; j++)
			w.key[i].ds |= ds[j] == w.key[i].tag;
	}
	return w;
}

static const struct shown *shown(const struct world *w, uint16_t tag)
{
	for (int i = 0; i < w->n; i++)
		if (w->key[i].tag == tag)
			return &w->key[i];
	return NULL;
}

/* RFC 4035 5, RFC 6840 5.11 read strictly: with DS, DNSKEY and data of these times. */
static const char *validate(const struct world *ds, const struct world *keys,
			    const struct world *data)
{
	bool any = false;

	for (int i = 0; i < ds->n; i++) {
		const struct shown *entry = &ds->key[i], *key;
		bool by_entry = false, by_data = false;

		if (!entry->ds)
			continue;
		any = true;
		for (int j = 0; j < ds->n; j++) {
			key = ds->key[j].ds && ds->key[j].algorithm == entry->algorithm ?
			      shown(keys, ds->key[j].tag) : NULL;
			by_entry |= key && key->in_zone && key->signs_keys;
		}
		for (int j = 0; j < data->n; j++) {
			key = data->key[j].signs_data &&
			      data->key[j].algorithm == entry->algorithm ?
			      shown(keys, data->key[j].tag) : NULL;
			by_data |= key && key->in_zone;
		}
		if (!by_entry)
			return "no DNSKEY that a DS points to signs the DNSKEY set";
		if (!by_data)
			return "no DNSKEY of a DS's algorithm signs the data";
	}
	if (!any)
		return NULL;
	/* Each algorithm of the DNSKEY set (RFC 4035 2.2), in one version of the zone or cached. */
	for (int i = 0; i < keys->n; i++) {
		bool found = false;

		if (!keys->key[i].in_zone)
			continue;
		for (int j = 0; j < data->n; j++)
			found |= data->key[j].signs_data &&
				 data->key[j].algorithm == keys->key[i].algorithm;
		if (!found)
			return "an algorithm of the DNSKEY set does not sign the data";
	}
	return NULL;
}

static int oldest(int now, uint32_t seconds)
{
	int first = now - (int)(seconds / HOUR);

	return first < 0 ? 0 : first;
}

/* Somebody can have what was there at an hour: it was in a cache, or at a slow secondary. */
static bool cached(int now, int hour, uint32_t ttl, uint32_t propagation)
{
	return hour >= oldest(now, ttl + propagation);
}

#define LONGEST		(80 * HOUR)

static void check(int now, const struct sign_policy *p, const char *what)
{
	for (int d = oldest(now, LONGEST); d <= now; d++) {
		if (!cached(now, d, history[d].ds_ttl, p->parent_propagation))
			continue;
		for (int k = oldest(now, LONGEST); k <= now; k++) {
			if (!cached(now, k, history[k].dnskey_ttl, p->propagation))
				continue;
			for (int z = oldest(now, LONGEST); z <= now; z++) {
				const char *why;

				if (!cached(now, z, history[z].max_ttl, p->propagation))
					continue;
				why = validate(&history[d], &history[k], &history[z]);
				EXPECT(!why, "%s: at hour %d with DS of %d, DNSKEY of %d, data of "
				       "%d: %s", what, now, d, k, z, why);
				if (why)
					return;
			}
		}
	}
}

/**
 * struct life - a simulation
 * @policy: changed by @turn
 * @turn: called at each hour
 * @ds: at the parent
 * @n_ds: how many
 * @asked: hour since which a key waits for its DS
 * @steps: how often keys changed
 * @outage: hours for which nobody is served after each second step
 * @lost: hours for which nobody was served so far
 * @max, @dnskey: TTLs, as the store has them
 */
struct life {
	struct sign_policy policy;
	void (*turn)(struct life *l, struct sign_keys *k, int hour);
	uint16_t ds[4];
	int n_ds, asked, steps, outage, lost;
	struct sign_ttl max, dnskey;
};

/* The parent takes its time, then the DS is what the zone wants. */
static void parent(struct life *l, struct sign_keys *k, int hour, uint64_t now)
{
	uint16_t want[4];
	int n = 0;

	if (!sign_roll_waits(k)) {
		l->asked = hour;
		return;
	}
	if (hour - l->asked < 5)
		return;
	for (int i = 0; i < k->n && n < 4; i++)
		if (sign_key_wants_ds(k, &k->key[i]))
			want[n++] = sign_key_tag(&k->key[i]);
	memcpy(l->ds, want, sizeof(want));
	l->n_ds = n;
	EXPECT(n == 1 && !sign_roll_confirm(k, &l->policy, want[0], now,
					     sign_ttl_longest(&l->max, now), ds_ttl),
	       "hour %d: %d keys want a DS", hour, n);
}

/* Secondaries go on with what they had, the parent as well. */
static int outage(struct life *l, struct sign_keys *k, int hour, int hours, uint64_t now)
{
	for (int i = 0; i < l->outage && hour + 1 < hours; i++, hour++) {
		struct world ds = show(k, &l->policy, l->ds, l->n_ds);

		history[hour] = history[hour - 1];
		for (int j = 0; j < history[hour].n; j++) {
			const struct shown *same = shown(&ds, history[hour].key[j].tag);

			history[hour].key[j].ds = same && same->ds;
		}
		l->lost++;
	}
	sign_roll_resume(k, &l->policy, now, now + (uint64_t)l->outage * HOUR);
	sign_ttl_resume(&l->max, now + (uint64_t)l->outage * HOUR, l->policy.propagation);
	sign_ttl_resume(&l->dnskey, now + (uint64_t)l->outage * HOUR, l->policy.propagation);
	return hour;
}

static void live(struct life *l, int hours, const char *what)
{
	struct sign_keys k;
	const uint64_t start = 1800000000;

	next_tag = 100;
	sign_keys_init(&k, (const uint8_t *)"\0");
	for (int hour = 0; hour < hours; hour++) {
		uint64_t now = start + (uint64_t)hour * HOUR;
		struct sign_roll r = { .now = now, .generate = fake_generate };
		int before = unit_failed_here;

		if (l->turn)
			l->turn(l, &k, hour);
		r.max_ttl = sign_ttl_longest(&l->max, now);
		r.dnskey_ttl = sign_ttl_longest(&l->dnskey, now);
		if (max_ttl > r.max_ttl)
			r.max_ttl = max_ttl;
		EXPECT(!sign_roll(&k, &l->policy, &r), "%s: hour %d", what, hour);
		sign_ttl_set(&l->max, max_ttl, now, l->policy.propagation);
		sign_ttl_set(&l->dnskey, l->policy.dnskey_ttl, now, l->policy.propagation);
		l->steps += r.changed;
		EXPECT(r.next > r.now, "%s: hour %d: what is due is not done", what, hour);
		parent(l, &k, hour, r.now);
		/* The step that comes after it has an effect at once. */
		if (l->outage && hour && r.changed && l->steps % 2)
			hour = outage(l, &k, hour, hours, now);
		history[hour] = show(&k, &l->policy, l->ds, l->n_ds);
		check(hour, &l->policy, what);
		if (unit_failed_here > before)
			return;
	}
	EXPECT(k.n <= (l->policy.single_key ? 2 : 4), "%s: %d keys in the end", what, k.n);
	EXPECT(l->n_ds == 1, "%s: %d DS", what, l->n_ds);
}

static void test_two_keys(void)
{
	struct life l = { 0 };

	policy_default(&l.policy);
	live(&l, STEPS, "KSK and ZSK");
	/* 166 days: 8 ZSKs with 3 steps each, 3 KSKs with 3. */
	EXPECT(l.steps > 20 && l.steps < 60, "%d steps", l.steps);
}

static void test_single_key(void)
{
	struct life l = { 0 };

	policy_default(&l.policy);
	l.policy.single_key = true;
	live(&l, STEPS, "CSK");
	EXPECT(l.steps > 6, "%d steps", l.steps);
}

static void to_ed25519(struct life *l, struct sign_keys *k, int hour)
{
	if (hour == 300)
		l->policy.algorithm = 15;
	EXPECT(hour < 1000 || (k->n && sign_key_algorithm(&k->key[0]) == 15),
	       "the old algorithm is still there after 700 hours");
}

static void to_ed25519_slowly(struct life *l, struct sign_keys *k, int hour)
{
	(void)k;
	if (hour >= 500)
		l->policy.algorithm = 15;
}

static void test_algorithm(void)
{
	for (int single = 0; single < 2; single++) {
		struct life l = { .turn = to_ed25519 };

		policy_default(&l.policy);
		l.policy.single_key = single;
		live(&l, 1500, single ? "another algorithm, CSK" : "another algorithm");
	}
}

static void to_single(struct life *l, struct sign_keys *k, int hour)
{
	if (hour == 300)
		l->policy.single_key = true;
	if (hour == 900)
		l->policy.single_key = false;
	for (int i = 0; i < k->n; i++) {
		EXPECT(hour < 600 || hour > 899 || k->key[i].role == SIGN_CSK, "at %d", hour);
		EXPECT(hour < 1300 || k->key[i].role != SIGN_CSK, "at %d", hour);
	}
}

static void test_scheme(void)
{
	struct life l = { .turn = to_single };

	policy_default(&l.policy);
	l.policy.ksk_lifetime = l.policy.zsk_lifetime = 0;
	l.policy.parent_ds_ttl = HOUR;
	live(&l, 1500, "to a CSK and back");
}

static int asks;

static void ask(struct life *l, struct sign_keys *k, int hour)
{
	(void)l;
	/* At any time, also in the middle of another. */
	if (hour % 37 == 5)
		asks += !sign_roll_ask(k, hour % 2 ? SIGN_KSK : SIGN_ZSK);
}

static void test_asked(void)
{
	for (int single = 0; single < 2; single++) {
		struct life l = { .turn = ask };

		asks = 0;
		policy_default(&l.policy);
		l.policy.single_key = single;
		live(&l, 1500, "asked");
		EXPECT(asks > 5, "only %d were granted", asks);
	}
}

/* After steps the daemon stops for days, before a secondary has got it. */
static void test_outage(void)
{
	for (int single = 0; single < 2; single++) {
		struct life l = { .outage = 100 };

		policy_default(&l.policy);
		l.policy.single_key = single;
		l.policy.zsk_lifetime = 10 * 24 * HOUR;
		live(&l, STEPS, single ? "interrupted, CSK" : "interrupted");
		EXPECT(l.lost >= 400 && l.steps > 8, "%d steps, %d hours lost", l.steps, l.lost);
	}
}

static void test_outage_algorithm(void)
{
	struct life l = { .outage = 50, .turn = to_ed25519_slowly };

	policy_default(&l.policy);
	live(&l, 2500, "another algorithm, interrupted");
	EXPECT(l.lost > 250, "%d hours lost", l.lost);
}

/* TTLs become short, and keys are replaced the moment after. */
static void shorten(struct life *l, struct sign_keys *k, int hour)
{
	if (hour == 300) {
		l->policy.dnskey_ttl = HOUR;
		max_ttl = HOUR;
	}
	if (hour == 301)
		EXPECT(!sign_roll_ask(k, SIGN_ZSK) && !sign_roll_ask(k, SIGN_KSK), "asked");
}

static void test_shorter(void)
{
	struct life l = { .turn = shorten };

	policy_default(&l.policy);
	l.policy.ksk_lifetime = l.policy.zsk_lifetime = 0;
	l.policy.dnskey_ttl = 48 * HOUR;
	max_ttl = 72 * HOUR;
	live(&l, 900, "shorter TTLs");
	max_ttl = 12 * HOUR;
	EXPECT(l.steps >= 6, "%d steps", l.steps);
}

/* The parent has a TTL of its own. */
static void test_parent_ttl(void)
{
	struct life l = { 0 };

	policy_default(&l.policy);
	l.policy.zsk_lifetime = 0;
	ds_ttl = 60 * HOUR;
	live(&l, STEPS, "the parent's TTL is longer than the policy says");
	ds_ttl = 0;
}

/* What all secondaries had before the stop is not waited for again. */
static void test_resume(void)
{
	struct sign_policy p;
	struct sign_keys k;
	struct sign_roll r = { .now = 1800000000, .max_ttl = HOUR, .generate = fake_generate };
	uint64_t until;

	policy_default(&p);
	sign_keys_init(&k, (const uint8_t *)"\0");
	EXPECT(!sign_roll(&k, &p, &r), "first keys");
	until = k.key[0].until;
	EXPECT(!sign_roll_resume(&k, &p, r.now + p.propagation, r.now + 90 * HOUR) &&
	       k.key[0].until == until, "all had it: it begins anew");
	EXPECT(sign_roll_spreads(&k, &p, r.now + p.propagation - 1) &&
	       !sign_roll_spreads(&k, &p, r.now + p.propagation), "spreading");
	EXPECT(sign_roll_resume(&k, &p, r.now + p.propagation - 1, r.now + 90 * HOUR) &&
	       k.key[0].until == until + 90 * HOUR && k.key[0].since == r.now + 90 * HOUR,
	       "it does not begin anew");
	EXPECT(k.key[1].since == r.now && k.key[1].until == SIGN_NEVER, "a key in use");
	sign_roll_late(&k, r.now + 90 * HOUR, r.now + 90 * HOUR + 7);
	EXPECT(k.key[0].until == until + 90 * HOUR + 7, "signing took 7 s");
}

/* Nobody looks for months, then all is done in safe steps. */
static void test_absence(void)
{
	struct sign_policy p;
	struct sign_keys k;
	struct sign_roll r = { .now = 1800000000, .max_ttl = max_ttl, .generate = fake_generate };

	policy_default(&p);
	next_tag = 100;
	sign_keys_init(&k, (const uint8_t *)"\0");
	EXPECT(!sign_roll(&k, &p, &r) && k.n == 2, "%d keys", k.n);
	EXPECT(k.key[1].state == SIGN_ACTIVE && k.key[0].state == SIGN_PUBLISHED, "states");
	r.now += 100ULL * 24 * HOUR;
	EXPECT(!sign_roll(&k, &p, &r), "later");
	EXPECT(k.key[0].state == SIGN_READY, "the KSK is %s", sign_state_name(k.key[0].state));
	EXPECT(k.n == 3 && k.key[2].state == SIGN_PUBLISHED && k.key[1].state == SIGN_ACTIVE,
	       "the overdue ZSK was replaced at once");
	EXPECT(r.next == r.now + p.dnskey_ttl + p.propagation, "next step in %lld s",
	       (long long)(r.next - r.now));
}

static void test_records(void)
{
	static uint8_t value[SIGN_MAX_RECORDS];
	struct sign_keys k, back;
	struct sign_roll r = { .now = 1800000000, .max_ttl = 1, .generate = fake_generate };
	struct sign_policy p;
	size_t len;

	policy_default(&p);
	sign_keys_init(&k, (const uint8_t *)"\0");
	sign_keys_init(&back, (const uint8_t *)"\0");
	sign_roll(&k, &p, &r);
	k.key[1].asked = true;
	len = sign_keys_write(&k, value, sizeof(value));
	EXPECT(!sign_keys_read(&back, value, len) && back.n == 2, "%d keys", back.n);
	EXPECT(!memcmp(&k.key, &back.key, 2 * sizeof(k.key[0])), "not the same");
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *piece = malloc(cut ?: 1);
		int rc;

		memcpy(piece, value, cut);
		rc = sign_keys_read(&back, piece, cut);
		/* Between two keys it is a good value. */
		EXPECT(rc || back.n < 2, "cut to %zu of %zu octets it is taken", cut, len);
		free(piece);
	}
	value[0]++;
	EXPECT(sign_keys_read(&back, value, len) == -71, "another version is taken");
}

static const struct unit_test tests[] = {
	{ "KSK and ZSK are rolled, and every cache can validate", test_two_keys },
	{ "a CSK is rolled, and every cache can validate", test_single_key },
	{ "another algorithm, and every cache can validate", test_algorithm },
	{ "from two keys to one and back, and every cache can validate", test_scheme },
	{ "keys are replaced on request, and every cache can validate", test_asked },
	{ "nobody is served after a step: its time begins anew", test_outage },
	{ "the same with another algorithm", test_outage_algorithm },
	{ "TTLs that were served count, not those of the policy", test_shorter },
	{ "the TTL that the parent's DS has counts", test_parent_ttl },
	{ "what reached all secondaries is not waited for again", test_resume },
	{ "steps that are overdue are done one after another", test_absence },
	{ "keys as a value of the store", test_records },
};

int main(void)
{
	return UNIT_MAIN(tests);
}
