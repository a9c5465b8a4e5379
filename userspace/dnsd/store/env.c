// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The environment and its transactions.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"
#include "log.h"

#define MAX_READERS	1024

int store_errno(int err, const char *what)
{
	if (!err)
		return 0;
	if (err == MDB_NOTFOUND)
		return -ENOENT;
	ln_error("store: %s: %s", what, mdb_strerror(err));
	if (err == MDB_MAP_FULL)
		ln_error("store: it has reached its largest size (store-size)");
	if (err > 0)
		return -err;
	return err == MDB_MAP_FULL ? -ENOSPC : -EIO;
}

static int open_env(struct store *s, const char *folder, size_t size, bool writer)
{
	/* NOTLS: several snapshots in one thread. */
	unsigned int flags = MDB_NOTLS | MDB_NORDAHEAD | (writer ? 0 : MDB_RDONLY);
	MDB_txn *txn;
	int err, dead;

	err = mdb_env_create(&s->env);
	if (!err)
		err = mdb_env_set_mapsize(s->env, size);
	if (!err)
		err = mdb_env_set_maxreaders(s->env, MAX_READERS);
	if (!err)
		err = mdb_env_open(s->env, folder, flags, 0640);
	if (!err && writer)
		err = mdb_reader_check(s->env, &dead);
	if (!err)
		err = mdb_txn_begin(s->env, NULL, flags & MDB_RDONLY, &txn);
	if (err)
		return err;
	err = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (err) {
		mdb_txn_abort(txn);
		return err;
	}
	return mdb_txn_commit(txn);
}

struct store *store_open(const char *folder, size_t size, bool writer)
{
	struct store *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		ln_error("out of memory");
		return NULL;
	}
	size -= size % sysconf(_SC_PAGESIZE);
	err = open_env(s, folder, size, writer);
	if (!err)
		return s;
	ln_error("the store in %s: %s", folder, mdb_strerror(err));
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->env)
		mdb_env_close(s->env);
	free(s);
}

void store_check_readers(struct store *s)
{
	int dead = 0;

	mdb_reader_check(s->env, &dead);
	if (dead)
		ln_info("store: %d snapshots of dead processes were let go", dead);
}

static struct store_txn *begin(struct store *s, bool writes)
{
	struct store_txn *t = calloc(1, sizeof(*t));
	int err, dead;

	if (!t) {
		ln_error("out of memory");
		return NULL;
	}
	t->store = s;
	t->writes = writes;
	err = mdb_txn_begin(s->env, NULL, writes ? 0 : MDB_RDONLY, &t->txn);
	if (err == MDB_READERS_FULL && !mdb_reader_check(s->env, &dead) && dead)
		err = mdb_txn_begin(s->env, NULL, writes ? 0 : MDB_RDONLY, &t->txn);
	if (!err && !writes)
		err = mdb_cursor_open(t->txn, s->dbi, &t->cursor);
	if (!err)
		return t;
	store_errno(err, "a transaction");
	if (t->txn)
		mdb_txn_abort(t->txn);
	free(t);
	return NULL;
}

struct store_txn *store_read(struct store *s)
{
	return begin(s, false);
}

struct store_txn *store_write(struct store *s)
{
	return begin(s, true);
}

struct store_txn *store_nested(struct store_txn *outer)
{
	struct store_txn *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		ln_error("out of memory");
		return NULL;
	}
	t->store = outer->store;
	t->writes = true;
	err = mdb_txn_begin(t->store->env, outer->txn, 0, &t->txn);
	if (!err)
		return t;
	store_errno(err, "a transaction");
	free(t);
	return NULL;
}

int store_renew(struct store_txn *t)
{
	int err;

	store_rest(t);
	err = mdb_txn_renew(t->txn);
	if (!err)
		err = mdb_cursor_renew(t->txn, t->cursor);
	t->resting = err;
	return store_errno(err, "a new snapshot");
}

void store_rest(struct store_txn *t)
{
	if (!t->resting)
		mdb_txn_reset(t->txn);
	t->resting = true;
}

int store_commit(struct store_txn *t)
{
	int err = mdb_txn_commit(t->txn);

	free(t);
	return store_errno(err, "a commit");
}

void store_txn_abort(struct store_txn *t)
{
	if (!t)
		return;
	if (t->cursor)
		mdb_cursor_close(t->cursor);
	mdb_txn_abort(t->txn);
	free(t);
}

uint64_t store_txn_id(const struct store_txn *t)
{
	return mdb_txn_id(t->txn);
}

MDB_cursor *store_cursor(const struct store_txn *t)
{
	MDB_cursor *c = t->cursor;

	if (!c && store_errno(mdb_cursor_open(t->txn, t->store->dbi, &c), "a cursor"))
		return NULL;
	return c;
}

void store_cursor_done(const struct store_txn *t, MDB_cursor *c)
{
	if (c != t->cursor)
		mdb_cursor_close(c);
}
