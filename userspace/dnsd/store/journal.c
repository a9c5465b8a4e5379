// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journal: what led from one serial to the next, in the order of IXFR (RFC 1995).
 *
 * Keys end in a sequence number, so that the oldest is the first; the value begins with
 * both serials.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct head {
	uint32_t from, to;
};

/* After it: the owner, padded, then a knot_rdata_t. */
struct record_head {
	uint16_t removed, type;
	uint32_t ttl;
	uint16_t owner_len, reserved;
};

struct buffer {
	uint8_t *data;
	size_t len, room;
};

static void sequence_key(struct key *k, uint32_t zone, uint64_t sequence)
{
	uint8_t octets[8];

	knot_wire_write_u64(octets, sequence);
	key_of_octets(k, zone, STORE_JOURNAL, octets, sizeof(octets));
}

static uint64_t sequence_of(const MDB_val *key)
{
	return knot_wire_read_u64((uint8_t *)key->mv_data + KEY_HEAD);
}

static uint8_t *reserve(struct buffer *b, size_t len)
{
	size_t room = b->room ? b->room : 4096;
	uint8_t *data;

	while (b->len + len > room)
		room *= 2;
	if (room > b->room) {
		data = realloc(b->data, room);
		if (!data)
			return NULL;
		b->data = data;
		b->room = room;
	}
	data = b->data + b->len;
	memset(data, 0, len);
	b->len += len;
	return data;
}

static size_t even(size_t n)
{
	return n + (n & 1);
}

static int put_record(struct buffer *b, bool removed, const uint8_t *owner, uint16_t type,
		      uint32_t ttl, const knot_rdata_t *rdata)
{
	struct record_head head = {
		.removed = removed, .type = type, .ttl = ttl,
		.owner_len = knot_dname_size(owner),
	};
	size_t owner_room = even(head.owner_len);
	uint8_t *p = reserve(b, sizeof(head) + owner_room + knot_rdata_size(rdata->len));

	if (!p)
		return -ENOMEM;
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), owner, head.owner_len);
	memcpy(p + sizeof(head) + owner_room, rdata, sizeof(rdata->len) + rdata->len);
	return 0;
}

static int put_changes(struct buffer *b, const struct changes *changes, int net)
{
	int err = 0;

	for (struct change *c = changes_first(changes); c && !err; c = c->next)
		if (c->type != KNOT_RRTYPE_SOA && (net < 0 ? c->net < 0 : c->net > 0))
			err = put_record(b, net < 0, c->owner, c->type, c->ttl, c->rdata);
	return err;
}

/* --- its length --- */

/* The first (oldest) or last entry; false: there is none. */
static bool end_of(MDB_cursor *c, uint32_t zone, bool oldest, MDB_val *key, MDB_val *value)
{
	struct key k;
	int err;

	sequence_key(&k, zone, oldest ? 0 : UINT64_MAX);
	*key = (MDB_val){ k.len, k.data };
	err = mdb_cursor_get(c, key, value, MDB_SET_RANGE);
	if (!oldest)
		err = mdb_cursor_get(c, key, value, err ? MDB_LAST : MDB_PREV);
	return !err && key_is_of(key, zone, STORE_JOURNAL);
}

static size_t total(MDB_cursor *c, uint32_t zone)
{
	MDB_val key, value;
	size_t size = 0;
	bool more = end_of(c, zone, true, &key, &value);

	while (more) {
		size += value.mv_size;
		more = !mdb_cursor_get(c, &key, &value, MDB_NEXT) &&
		       key_is_of(&key, zone, STORE_JOURNAL);
	}
	return size;
}

/* Drops the oldest until there is room for @size octets more. */
static int make_room(struct store_txn *t, uint32_t zone, size_t size, size_t max)
{
	MDB_val key, value;
	MDB_cursor *c;
	size_t have;
	int err = store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor");

	if (err)
		return err;
	have = total(c, zone);
	while (!err && have + size > max && end_of(c, zone, true, &key, &value)) {
		have -= value.mv_size;
		err = store_errno(mdb_cursor_del(c, 0), "the journal");
	}
	mdb_cursor_close(c);
	return err;
}

int journal_clear(struct store_txn *t, uint32_t zone)
{
	return make_room(t, zone, 1, 0);
}

static int append(struct store_txn *t, uint32_t zone, const struct buffer *b)
{
	MDB_val key, value;
	uint64_t sequence = 1;
	MDB_cursor *c;
	struct key k;
	int err = store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor");

	if (err)
		return err;
	if (end_of(c, zone, false, &key, &value))
		sequence = sequence_of(&key) + 1;
	mdb_cursor_close(c);
	sequence_key(&k, zone, sequence);
	key = (MDB_val){ k.len, k.data };
	value = (MDB_val){ b->len, b->data };
	return store_errno(mdb_put(t->txn, t->store->dbi, &key, &value, 0), "the journal");
}

int journal_append(struct store_txn *t, uint32_t zone, const struct changes *changes,
		   const uint8_t *apex, const struct store_rrset *before,
		   const struct store_rrset *after, size_t max)
{
	struct head head = {
		.from = knot_soa_serial(before->rdata.rdata),
		.to = knot_soa_serial(after->rdata.rdata),
	};
	struct buffer b = { 0 };
	uint8_t *p = reserve(&b, sizeof(head));
	int err = p ? 0 : -ENOMEM;

	if (!err) {
		memcpy(p, &head, sizeof(head));
		err = put_record(&b, true, apex, KNOT_RRTYPE_SOA, before->ttl,
				 before->rdata.rdata);
	}
	if (!err)
		err = put_changes(&b, changes, -1);
	if (!err)
		err = put_record(&b, false, apex, KNOT_RRTYPE_SOA, after->ttl, after->rdata.rdata);
	if (!err)
		err = put_changes(&b, changes, 1);
	if (!err)
		err = make_room(t, zone, b.len, max);
	/* One step that is larger than the whole journal may be: a gap, so nothing is left. */
	if (!err && b.len <= max)
		err = append(t, zone, &b);
	free(b.data);
	return err;
}

/* --- reading --- */

static void view(struct store_journal *j, const MDB_val *key, const MDB_val *value)
{
	j->sequence = sequence_of(key);
	j->data = value->mv_data;
	j->len = value->mv_size;
	j->pos = sizeof(struct head);
}

static struct head head_of(const MDB_val *value)
{
	struct head head;

	memcpy(&head, value->mv_data, sizeof(head));
	return head;
}

/* Back from the newest, to the step that begins with @serial. */
static bool find(MDB_cursor *c, struct store_journal *j, uint32_t serial)
{
	uint32_t present;
	MDB_val key, value;
	bool more = store_zone_serial(j->txn, j->zone, &present) &&
		    end_of(c, j->zone, false, &key, &value) && head_of(&value).to == present;

	while (more) {
		uint32_t from = head_of(&value).from;

		if (from == serial) {
			view(j, &key, &value);
			return true;
		}
		more = !mdb_cursor_get(c, &key, &value, MDB_PREV) &&
		       key_is_of(&key, j->zone, STORE_JOURNAL) && head_of(&value).to == from;
	}
	return false;
}

bool store_journal_begin(struct store_journal *j, const struct store_txn *t, uint32_t zone,
			 uint32_t serial)
{
	MDB_cursor *c;
	bool found;

	*j = (struct store_journal){ .txn = t, .zone = zone };
	/* store_zone_serial() uses the transaction's own. */
	if (store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor"))
		return false;
	found = find(c, j, serial);
	mdb_cursor_close(c);
	return found;
}

static bool next_step(struct store_journal *j)
{
	MDB_val key, value;
	struct key k;

	sequence_key(&k, j->zone, j->sequence + 1);
	key = (MDB_val){ k.len, k.data };
	if (mdb_get(j->txn->txn, j->txn->store->dbi, &key, &value))
		return false;
	view(j, &key, &value);
	return true;
}

bool store_journal_next(struct store_journal *j, struct store_change *change)
{
	struct record_head head;

	if (j->pos >= j->len && !next_step(j))
		return false;
	memcpy(&head, j->data + j->pos, sizeof(head));
	j->pos += sizeof(head);
	change->removed = head.removed;
	change->type = head.type;
	change->ttl = head.ttl;
	change->owner = j->data + j->pos;
	j->pos += even(head.owner_len);
	change->rdata = (const knot_rdata_t *)(j->data + j->pos);
	j->pos += knot_rdata_size(change->rdata->len);
	return true;
}

size_t store_journal_size(const struct store_journal *j)
{
	struct store_journal copy = *j;
	size_t size = j->len - j->pos;

	while (next_step(&copy))
		size += copy.len;
	return size;
}
