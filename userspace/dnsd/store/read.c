// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking names up, and walking through them.
 */
#include <errno.h>

#include "internal.h"

/* To the first key that is not before @k. */
static bool seek(MDB_cursor *c, const struct key *k, MDB_val *key, MDB_val *value)
{
	key->mv_size = k->len;
	key->mv_data = (void *)k->data;
	return !mdb_cursor_get(c, key, value, MDB_SET_RANGE);
}

static bool same(const MDB_val *key, const struct key *k)
{
	return key->mv_size == k->len && !memcmp(key->mv_data, k->data, k->len);
}

/* Is the name of @key below that of @k?  Its lookup form begins with @k's. */
static bool below(const MDB_val *key, const struct key *k, size_t form)
{
	return key->mv_size >= form && !memcmp(key->mv_data, k->data, form);
}

enum store_found store_find(const struct store_txn *t, uint32_t zone, const uint8_t *name,
			    struct store_node *node)
{
	enum store_found found = STORE_ABSENT;
	MDB_val key, value;
	MDB_cursor *c;
	struct key k;
	size_t form;

	if (key_of_name(&k, zone, STORE_NAMES, name))
		return STORE_ABSENT;
	/* Without the 0 that made it even. */
	form = k.len - (*name ? !k.data[k.len - 2] : 1);
	c = store_cursor(t);
	if (!c)
		return STORE_ABSENT;
	if (seek(c, &k, &key, &value)) {
		if (same(&key, &k)) {
			node_view(node, &value);
			found = STORE_FOUND;
		} else if (below(&key, &k, form)) {
			found = STORE_EMPTY;
		}
	}
	store_cursor_done(t, c);
	return found;
}

bool store_get(const struct store_txn *t, uint32_t zone, enum store_kind kind,
	       const uint8_t *name, struct store_node *node)
{
	MDB_val key, value;
	struct key k;

	if (key_of_name(&k, zone, kind, name))
		return false;
	key.mv_size = k.len;
	key.mv_data = k.data;
	if (mdb_get(t->txn, t->store->dbi, &key, &value))
		return false;
	node_view(node, &value);
	return true;
}

static bool has(const struct store_node *node, uint16_t type)
{
	struct store_rrset rrset;

	return !type || store_rrset(node, type, &rrset);
}

/* From where @op leads, backwards, to a node of this zone and kind that owns @with. */
static bool back(MDB_cursor *c, MDB_cursor_op op, uint32_t zone, enum store_kind kind,
		 uint16_t with, uint8_t owner[DNS_NAME_MAX], struct store_node *node)
{
	MDB_val key, value;

	for (; !mdb_cursor_get(c, &key, &value, op); op = MDB_PREV) {
		if (!key_is_of(&key, zone, kind))
			return false;
		node_view(node, &value);
		if (has(node, with))
			return key_to_name(&key, zone, kind, owner);
	}
	return false;
}

/* To the last of a zone and kind. */
static bool last(MDB_cursor *c, uint32_t zone, enum store_kind kind, uint16_t with,
		 uint8_t owner[DNS_NAME_MAX], struct store_node *node)
{
	MDB_val key, value;
	struct key k;

	key_of_octets(&k, zone, kind + 1, "", 0);
	return back(c, seek(c, &k, &key, &value) ? MDB_PREV : MDB_LAST, zone, kind, with, owner,
		    node);
}

bool store_before(const struct store_txn *t, uint32_t zone, enum store_kind kind,
		  const uint8_t *name, uint16_t with, uint8_t owner[DNS_NAME_MAX],
		  struct store_node *node)
{
	MDB_val key, value;
	MDB_cursor *c;
	struct key k;
	bool found = false, there;

	if (key_of_name(&k, zone, kind, name))
		return false;
	c = store_cursor(t);
	if (!c)
		return false;
	there = seek(c, &k, &key, &value);
	if (there && same(&key, &k)) {
		node_view(node, &value);
		found = has(node, with) && key_to_name(&key, zone, kind, owner);
	}
	if (!found)
		found = back(c, there ? MDB_PREV : MDB_LAST, zone, kind, with, owner, node);
	if (!found)
		found = last(c, zone, kind, with, owner, node);
	store_cursor_done(t, c);
	return found;
}

bool store_step(const struct store_txn *t, uint32_t zone, enum store_kind kind,
		const uint8_t *name, int direction, uint8_t owner[DNS_NAME_MAX],
		struct store_node *node)
{
	MDB_val key, value;
	MDB_cursor *c;
	struct key k;
	bool there;

	if (key_of_name(&k, zone, kind, name))
		return false;
	c = store_cursor(t);
	if (!c)
		return false;
	there = seek(c, &k, &key, &value);
	if (direction < 0)
		there = !mdb_cursor_get(c, &key, &value, there ? MDB_PREV : MDB_LAST);
	else if (there && same(&key, &k))
		there = !mdb_cursor_get(c, &key, &value, MDB_NEXT);
	there = there && key_to_name(&key, zone, kind, owner);
	if (there)
		node_view(node, &value);
	store_cursor_done(t, c);
	return there;
}

/* --- a walk --- */

int store_walk_begin(struct store_walk *w, const struct store_txn *t, uint32_t zone,
		     enum store_kind kind, const uint8_t *from)
{
	MDB_cursor *c;
	int err;

	w->txn = t;
	w->zone = zone;
	w->kind = kind;
	w->started = false;
	w->cursor = NULL;
	w->under_len = from ? dns_name_to_lookup(w->under, from) : 0;
	if (w->under_len < 0)
		return w->under_len;
	err = store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor");
	if (!err)
		w->cursor = c;
	return err;
}

bool store_walk_next(struct store_walk *w)
{
	MDB_val key, value;
	struct key k;

	if (!w->cursor)
		return false;
	if (!w->started) {
		key_of_octets(&k, w->zone, w->kind, w->under, w->under_len);
		if (!seek(w->cursor, &k, &key, &value))
			return false;
	} else if (w->txn->writes) {
		/* Changes may have moved the cursor: by the name, then. */
		if (key_of_name(&k, w->zone, w->kind, w->owner) ||
		    !seek(w->cursor, &k, &key, &value) ||
		    (same(&key, &k) && mdb_cursor_get(w->cursor, &key, &value, MDB_NEXT)))
			return false;
	} else if (mdb_cursor_get(w->cursor, &key, &value, MDB_NEXT)) {
		return false;
	}
	w->started = true;
	if (!key_to_name(&key, w->zone, w->kind, w->owner) ||
	    key.mv_size < KEY_HEAD + (size_t)w->under_len ||
	    memcmp((uint8_t *)key.mv_data + KEY_HEAD, w->under, w->under_len))
		return false;
	node_view(&w->node, &value);
	return true;
}

void store_walk_end(struct store_walk *w)
{
	if (w->cursor)
		mdb_cursor_close(w->cursor);
	w->cursor = NULL;
}
