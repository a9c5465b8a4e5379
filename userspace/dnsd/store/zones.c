// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which zones there are, and small values of each.
 */
#include <errno.h>

#include "internal.h"
#include "log.h"

static const char next_zone[] = "next-zone";

static int get(const struct store_txn *t, const struct key *k, MDB_val *value)
{
	MDB_val key = { k->len, (void *)k->data };

	return mdb_get(t->txn, t->store->dbi, &key, value);
}

static int put(struct store_txn *t, const struct key *k, const void *data, size_t len)
{
	MDB_val key = { k->len, (void *)k->data }, value = { len, (void *)data };

	return store_errno(mdb_put(t->txn, t->store->dbi, &key, &value, 0), "writing");
}

static uint32_t number(const MDB_val *value)
{
	uint32_t n = 0;

	if (value->mv_size == sizeof(n))
		memcpy(&n, value->mv_data, sizeof(n));
	return n;
}

uint32_t store_zone_find(const struct store_txn *t, const uint8_t *apex)
{
	struct key k;
	MDB_val value;

	if (key_of_name(&k, 0, STORE_ZONES, apex) || get(t, &k, &value))
		return 0;
	return number(&value);
}

uint32_t store_zone_make(struct store_txn *t, const uint8_t *apex)
{
	uint32_t zone = store_zone_find(t, apex), next = 1;
	const void *value;
	struct key k;
	size_t len;

	if (zone)
		return zone;
	if (store_meta_get(t, 0, next_zone, &value, &len) && len == sizeof(next))
		memcpy(&next, value, sizeof(next));
	zone = next++;
	if (key_of_name(&k, 0, STORE_ZONES, apex)) {
		ln_error("store: a zone's name has too many octets 0 and 1");
		return 0;
	}
	if (store_meta_put(t, 0, next_zone, &next, sizeof(next)) ||
	    put(t, &k, &zone, sizeof(zone)))
		return 0;
	return zone;
}

static int remove_keys(struct store_txn *t, uint32_t zone)
{
	MDB_cursor *c;
	MDB_val key, value;
	struct key k;
	int err;

	err = store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor");
	if (err)
		return err;
	key_of_octets(&k, zone, 0, "", 0);
	key = (MDB_val){ k.len, k.data };
	err = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (!err && key.mv_size >= 4 && !memcmp(key.mv_data, k.data, 4)) {
		err = mdb_cursor_del(c, 0);
		if (!err)
			err = mdb_cursor_get(c, &key, &value, MDB_GET_CURRENT);
		/* At the end of a page the cursor is behind it. */
		if (err == EINVAL || err == MDB_NOTFOUND) {
			key = (MDB_val){ k.len, k.data };
			err = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
		}
	}
	mdb_cursor_close(c);
	return err == MDB_NOTFOUND ? 0 : store_errno(err, "removing a zone");
}

struct search {
	uint32_t zone;
	uint8_t apex[DNS_NAME_MAX];
};

static int match(const uint8_t *apex, uint32_t zone, void *data)
{
	struct search *s = data;

	if (zone != s->zone)
		return 0;
	memcpy(s->apex, apex, knot_dname_size(apex));
	return 1;
}

int store_zone_remove(struct store_txn *t, uint32_t zone)
{
	struct search s = { .zone = zone };
	MDB_val key;
	struct key k;
	int err;

	if (!store_zone_each(t, match, &s) || key_of_name(&k, 0, STORE_ZONES, s.apex))
		return -ENOENT;
	err = remove_keys(t, zone);
	if (err)
		return err;
	key = (MDB_val){ k.len, k.data };
	return store_errno(mdb_del(t->txn, t->store->dbi, &key, NULL), "removing a zone");
}

int store_zone_each(struct store_txn *t,
		    int (*fn)(const uint8_t *apex, uint32_t zone, void *data), void *data)
{
	uint8_t apex[DNS_NAME_MAX];
	MDB_val key, value;
	MDB_cursor *c;
	struct key k;
	int err, result = 0;

	err = store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor");
	if (err)
		return err;
	key_of_octets(&k, 0, STORE_ZONES, "", 0);
	key = (MDB_val){ k.len, k.data };
	err = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (!err && !result && key_to_name(&key, 0, STORE_ZONES, apex)) {
		result = fn(apex, number(&value), data);
		err = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return result;
}

bool store_zone_serial(const struct store_txn *t, uint32_t zone, uint32_t *serial)
{
	MDB_val key, value;
	MDB_cursor *c = store_cursor(t);
	struct store_node node;
	struct store_rrset soa;
	bool found = false;
	struct key k;

	if (!c)
		return false;
	/* The apex is the first name. */
	key_of_octets(&k, zone, STORE_NAMES, "", 0);
	key = (MDB_val){ k.len, k.data };
	if (!mdb_cursor_get(c, &key, &value, MDB_SET_RANGE) &&
	    key_is_of(&key, zone, STORE_NAMES)) {
		node_view(&node, &value);
		found = store_rrset(&node, KNOT_RRTYPE_SOA, &soa);
		if (found)
			*serial = knot_soa_serial(soa.rdata.rdata);
	}
	store_cursor_done(t, c);
	return found;
}

bool store_meta_get(const struct store_txn *t, uint32_t zone, const char *tag,
		    const void **value, size_t *len)
{
	MDB_val v;
	struct key k;

	key_of_octets(&k, zone, STORE_META, tag, strlen(tag));
	if (get(t, &k, &v))
		return false;
	*value = v.mv_data;
	*len = v.mv_size;
	return true;
}

int store_meta_put(struct store_txn *t, uint32_t zone, const char *tag, const void *value,
		   size_t len)
{
	struct key k;

	key_of_octets(&k, zone, STORE_META, tag, strlen(tag));
	return put(t, &k, value, len);
}

int store_meta_remove(struct store_txn *t, uint32_t zone, const char *tag)
{
	MDB_val key;
	struct key k;
	int err;

	key_of_octets(&k, zone, STORE_META, tag, strlen(tag));
	key = (MDB_val){ k.len, k.data };
	err = mdb_del(t->txn, t->store->dbi, &key, NULL);
	return err == MDB_NOTFOUND ? 0 : store_errno(err, "removing");
}
