// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys, as they are shown: what they are, since when, what happens next, the DS. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "rollover.h"
#include "state.h"

static const char *when(uint64_t seconds, char out[32])
{
	time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, 32, "?");
	return out;
}

static const char *what_next(const struct sign_key *k)
{
	bool entry = k->role & SIGN_KSK;

	switch (k->state) {
	case SIGN_INTRODUCED:
		return "its DNSKEY is published";
	case SIGN_PUBLISHED:
		return entry ? "it is ready for the DS at the parent" : "it signs";
	case SIGN_RETIRED:
		return "it leaves the zone";
	case SIGN_WITHDRAWN:
		return "its signatures leave the zone";
	case SIGN_READY:
	case SIGN_ACTIVE:
	case SIGN_REMOVED:
		break;
	}
	return "";
}

static void show_ds(const struct setup_zone *zone, const struct sign_key *k, FILE *out)
{
	uint8_t ds[52];
	int len = sign_key_ds(zone->name, k, DNSSEC_KEY_DIGEST_SHA256, ds);

	if (len < 4)
		return;
	fprintf(out, "  %s IN DS %u %u %u ", zone->text, sign_key_tag(k), ds[2], ds[3]);
	for (int i = 4; i < len; i++)
		fprintf(out, "%02X", ds[i]);
	fprintf(out, "\n");
}

static void show_key(const struct setup_zone *zone, const struct sign_keys *keys,
		     const struct sign_key *k, FILE *out)
{
	char text[32];

	fprintf(out, "%s tag %u %s %s since %s%s\n", sign_role_name(k->role), sign_key_tag(k),
		sign_algorithm_name(sign_key_algorithm(k)), sign_state_name(k->state),
		when(k->since, text), k->asked ? ", to be replaced" : "");
	fprintf(out, "  made %s, file %s.pem\n", when(k->created, text), k->id);
	if (k->state == SIGN_READY)
		fprintf(out, "  waits for its DS at the parent; when it is there: "
			"linnet-dnsd --control ds-seen %s\n", zone->text);
	else if (k->until != SIGN_NEVER)
		fprintf(out, "  %s at %s\n", what_next(k), when(k->until, text));
	if (sign_key_wants_ds(keys, k))
		show_ds(zone, k, out);
}

int sign_command_show(struct store *store, const struct setup_zone *zone, FILE *out)
{
	struct store_txn *t = store_read(store);
	struct sign_state state;
	struct sign_keys keys;
	char text[32];
	uint32_t id;
	int rc;

	if (!t)
		return -EIO;
	sign_keys_init(&keys, zone->name);
	id = store_zone_find(t, zone->name);
	rc = id ? sign_state_get(t, id, &state) : 0;
	if (rc > 0)
		rc = sign_keys_get(t, id, &keys);
	else if (!rc)
		rc = -ENOENT;
	store_txn_abort(t);
	if (rc)
		return rc;
	for (int i = 0; i < keys.n; i++)
		show_key(zone, &keys, &keys.key[i], out);
	fprintf(out, "first signature expires %s\n", when(state.expires, text));
	if (state.next != SIGN_NEVER)
		fprintf(out, "next step at %s\n", when(state.next, text));
	return 0;
}

static int get_keys(struct store *store, const struct setup_zone *zone, struct sign_keys *keys)
{
	struct store_txn *t = store_read(store);
	uint32_t id;
	int rc = 0;

	sign_keys_init(keys, zone->name);
	if (!t)
		return -EIO;
	id = store_zone_find(t, zone->name);
	if (id)
		rc = sign_keys_get(t, id, keys);
	store_txn_abort(t);
	return rc;
}

static int fill_ds(struct sign_expected_ds *expected, const struct setup_zone *zone,
		   const struct sign_key *key)
{
	static const uint8_t digests[] = {
		DNSSEC_KEY_DIGEST_SHA256, DNSSEC_KEY_DIGEST_SHA384,
	};

	expected->tag = sign_key_tag(key);
	for (size_t d = 0; d < sizeof(digests); d++) {
		int len = sign_key_ds(zone->name, key, digests[d], expected->ds[expected->n]);

		if (len > 0)
			expected->len[expected->n++] = len;
	}
	return expected->n > 0;
}

int sign_expected_ds(struct store *store, const struct setup_zone *zone,
		     struct sign_expected_ds *expected)
{
	struct sign_keys keys;
	int rc = get_keys(store, zone, &keys);

	expected->n = expected->n_old = 0;
	for (int i = 0; i < keys.n && rc >= 0; i++) {
		const struct sign_key *key = &keys.key[i];

		if (!(key->role & SIGN_KSK))
			continue;
		if (key->state == SIGN_READY) {
			rc = fill_ds(expected, zone, key);
		} else if (key->state == SIGN_ACTIVE) {
			expected->old[expected->n_old].tag = sign_key_tag(key);
			expected->old[expected->n_old++].algorithm = sign_key_algorithm(key);
		}
	}
	return rc;
}

bool sign_is_expected_ds(const struct sign_expected_ds *expected, const knot_rdata_t *rdata)
{
	for (int i = 0; i < expected->n; i++)
		if (rdata->len == expected->len[i] &&
		    !memcmp(rdata->data, expected->ds[i], rdata->len))
			return true;
	return false;
}

bool sign_is_old_ds(const struct sign_expected_ds *expected, const knot_rdata_t *rdata)
{
	if (rdata->len < 4 || sign_is_expected_ds(expected, rdata))
		return false;
	for (int i = 0; i < expected->n_old; i++)
		if (knot_ds_key_tag(rdata) == expected->old[i].tag &&
		    knot_ds_alg(rdata) == expected->old[i].algorithm)
			return true;
	return false;
}
