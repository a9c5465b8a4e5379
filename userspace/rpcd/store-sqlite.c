// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs in a SQLite database that several workers share, in WAL mode: readers never
 * wait for a writer.
 *
 * What is read is read in the event loop.  What is written is written by a thread,
 * which is the only one that waits for the disk: it takes all that came while it was
 * busy into one transaction, so that many clients share one fsync().  It starts with
 * the first write, after the worker has given up its rights, and so has none of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "store-sqlite.h"

#define APPLICATION 0x4c6e7270 /* "Lnrp" */
#define SCHEMA 1
#define BUSY_MS 10000 /* another worker's transaction */

enum { GET, KEYS, BEGIN_READ, END_READ, READERS };
enum { SET, DELETE, BEGIN, COMMIT, WRITERS };

/**
 * struct store_sqlite - @reader is the loop's alone, @writer the thread's
 * @together: begins of store_together() that have not ended
 * @reading: a transaction for reading is open
 * @mutex: guards what follows it
 * @wake: there is something in @waiting, or @ending was set
 * @waiting: writes to be done
 * @last: the last of them
 * @finished: writes that are on the disk or have failed
 * @ending: the thread shall end when @waiting is empty
 */
struct store_sqlite {
	struct store store;
	sqlite3 *reader, *writer;
	sqlite3_stmt *read[READERS], *write[WRITERS];
	uv_async_t async;
	uv_thread_t thread;
	unsigned int together;
	bool reading;
	bool started;
	uv_mutex_t mutex;
	uv_cond_t wake;
	struct store_request *waiting, **last, *finished;
	bool ending;
};

static void fail(struct store_request *r, sqlite3 *db)
{
	store_fail(r, -EIO, "sqlite3.OperationalError", "%s", sqlite3_errmsg(db));
}

/* --- reading --- */

static int step(sqlite3_stmt *st)
{
	int err = sqlite3_step(st);

	sqlite3_reset(st);
	return err == SQLITE_DONE ? 0 : -EIO;
}

/* One transaction for many: each locks and unlocks, which takes longer than to read. */
static void begin_reading(struct store_sqlite *s)
{
	if (s->together && !s->reading)
		s->reading = !step(s->read[BEGIN_READ]);
}

static void end_reading(struct store_sqlite *s)
{
	if (!s->reading)
		return;
	s->reading = false;
	if (step(s->read[END_READ]))
		sqlite3_exec(s->reader, "ROLLBACK", NULL, NULL, NULL);
}

static void together(struct store *store, bool begin)
{
	struct store_sqlite *s = (struct store_sqlite *)store;

	s->together += begin ? 1 : -1;
	if (!s->together)
		end_reading(s);
}

static void get(struct store_sqlite *s, struct store_request *r)
{
	sqlite3_stmt *st = s->read[GET];

	begin_reading(s);
	sqlite3_bind_blob64(st, 1, r->key, r->key_len, SQLITE_STATIC);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		r->status = 0;
		if (r->kind == STORE_GET &&
		    !r->row(r, sqlite3_column_blob(st, 0), sqlite3_column_bytes(st, 0)))
			r->status = -E2BIG;
		break;
	case SQLITE_DONE:
		r->status = -ENOENT;
		break;
	default:
		fail(r, s->reader);
		break;
	}
	sqlite3_reset(st);
}

static void keys(struct store_sqlite *s, struct store_request *r)
{
	sqlite3_stmt *st = s->read[KEYS];
	uint32_t left = r->limit;
	int err;

	sqlite3_bind_int64(st, 1, r->after);
	sqlite3_bind_int64(st, 2, (int64_t)r->limit + 1);
	r->status = 0;
	r->cursor = r->after;
	r->more = false;
	while ((err = sqlite3_step(st)) == SQLITE_ROW) {
		if (!left--) {
			r->more = true;
			break;
		}
		if (!r->row(r, sqlite3_column_blob(st, 1), sqlite3_column_bytes(st, 1))) {
			r->status = -E2BIG;
			break;
		}
		r->cursor = sqlite3_column_int64(st, 0);
	}
	if (err != SQLITE_ROW && err != SQLITE_DONE)
		fail(r, s->reader);
	sqlite3_reset(st);
}

/* --- writing, in the thread --- */

static int write_one(struct store_sqlite *s, struct store_request *r)
{
	sqlite3_stmt *st = s->write[r->kind == STORE_SET ? SET : DELETE];

	r->status = 0;
	sqlite3_bind_blob64(st, 1, r->key, r->key_len, SQLITE_STATIC);
	if (r->kind == STORE_SET) {
		sqlite3_bind_blob64(st, 2, r->name, r->name_len, SQLITE_STATIC);
		sqlite3_bind_blob64(st, 3, r->value, r->value_len, SQLITE_STATIC);
	}
	if (step(st))
		return -EIO;
	if (r->kind == STORE_DELETE && !sqlite3_changes(s->writer))
		r->status = -ENOENT;
	return 0;
}

/* The requests from @first up to, not including, @end: all of them or none. */
static void transact(struct store_sqlite *s, struct store_request *first, struct store_request *end)
{
	int err = step(s->write[BEGIN]);

	for (struct store_request *r = first; !err && r != end; r = r->next)
		err = write_one(s, r);
	if (!err)
		err = step(s->write[COMMIT]);
	if (!err)
		return;
	for (struct store_request *r = first; r != end; r = r->next)
		fail(r, s->writer);
	if (!sqlite3_get_autocommit(s->writer))
		sqlite3_exec(s->writer, "ROLLBACK", NULL, NULL, NULL);
	/* One that fails must not take the others with it. */
	if (first->next != end)
		for (struct store_request *r = first; r != end; r = r->next)
			transact(s, r, r->next);
}

static void write_thread(void *data)
{
	struct store_sqlite *s = data;
	struct store_request *batch, *end;

	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (!s->waiting && !s->ending)
			uv_cond_wait(&s->wake, &s->mutex);
		batch = s->waiting;
		if (!batch)
			break;
		s->waiting = NULL;
		s->last = &s->waiting;
		uv_mutex_unlock(&s->mutex);
		transact(s, batch, NULL);
		for (end = batch; end->next; end = end->next)
			;
		uv_mutex_lock(&s->mutex);
		end->next = s->finished;
		s->finished = batch;
		uv_async_send(&s->async);
	}
	uv_mutex_unlock(&s->mutex);
}

static void on_finished(uv_async_t *async)
{
	struct store_sqlite *s = async->data;
	struct store_request *r, *next;

	uv_mutex_lock(&s->mutex);
	r = s->finished;
	s->finished = NULL;
	uv_mutex_unlock(&s->mutex);
	for (; r; r = next) {
		next = r->next;
		r->done(r);
	}
}

static void submit_write(struct store_sqlite *s, struct store_request *r)
{
	if (!s->started && uv_thread_create(&s->thread, write_thread, s)) {
		store_fail(r, -EAGAIN, "OSError", "no thread can be started");
		r->done(r);
		return;
	}
	s->started = true;
	r->next = NULL;
	uv_mutex_lock(&s->mutex);
	*s->last = r;
	s->last = &r->next;
	uv_cond_signal(&s->wake);
	uv_mutex_unlock(&s->mutex);
}

static void submit(struct store *store, struct store_request *r)
{
	struct store_sqlite *s = (struct store_sqlite *)store;

	switch (r->kind) {
	case STORE_GET:
	case STORE_EXISTS:
		get(s, r);
		r->done(r);
		break;
	case STORE_KEYS:
		keys(s, r);
		r->done(r);
		break;
	case STORE_SET:
	case STORE_DELETE:
		/* What is asked for behind it shall see it. */
		end_reading(s);
		submit_write(s, r);
		break;
	}
}

/* --- opening and closing --- */

static void free_store(uv_handle_t *async)
{
	struct store_sqlite *s = async->data;

	uv_cond_destroy(&s->wake);
	uv_mutex_destroy(&s->mutex);
	free(s);
}

static void close_databases(struct store_sqlite *s)
{
	for (int i = 0; i < READERS; i++)
		sqlite3_finalize(s->read[i]);
	for (int i = 0; i < WRITERS; i++)
		sqlite3_finalize(s->write[i]);
	sqlite3_close(s->reader);
	sqlite3_close(s->writer);
}

static void close_store(struct store *store)
{
	struct store_sqlite *s = (struct store_sqlite *)store;

	if (s->started) {
		uv_mutex_lock(&s->mutex);
		s->ending = true;
		uv_cond_signal(&s->wake);
		uv_mutex_unlock(&s->mutex);
		uv_thread_join(&s->thread);
		on_finished(&s->async);
	}
	close_databases(s);
	uv_close((uv_handle_t *)&s->async, free_store);
}

static sqlite3 *open_database(const char *file)
{
	sqlite3 *db = NULL;
	int err = sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (err) {
		ln_error("the database '%s': %s", file, db ? sqlite3_errmsg(db) : "no memory");
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	return db;
}

static bool execute(sqlite3 *db, const char *file, const char *sql)
{
	char *message = NULL;

	if (!sqlite3_exec(db, sql, NULL, NULL, &message))
		return true;
	ln_error("the database '%s': %s", file, message ?: "no memory");
	sqlite3_free(message);
	return false;
}

static bool prepare(sqlite3 *db, const char *file, const char *sql, sqlite3_stmt **st)
{
	if (!sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
		return true;
	ln_error("the database '%s': %s", file, sqlite3_errmsg(db));
	return false;
}

static bool prepare_all(struct store_sqlite *s, const char *file)
{
	return prepare(s->reader, file, "SELECT value FROM pair WHERE key = ?1", &s->read[GET]) &&
	       prepare(s->reader, file,
		       "SELECT serial, name FROM pair WHERE serial > ?1 ORDER BY serial LIMIT ?2",
		       &s->read[KEYS]) &&
	       prepare(s->reader, file, "BEGIN", &s->read[BEGIN_READ]) &&
	       prepare(s->reader, file, "COMMIT", &s->read[END_READ]) &&
	       prepare(s->writer, file,
		       "INSERT INTO pair (key, name, value) VALUES (?1, ?2, ?3)"
		       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
		       &s->write[SET]) &&
	       prepare(s->writer, file, "DELETE FROM pair WHERE key = ?1", &s->write[DELETE]) &&
	       prepare(s->writer, file, "BEGIN IMMEDIATE", &s->write[BEGIN]) &&
	       prepare(s->writer, file, "COMMIT", &s->write[COMMIT]);
}

static int64_t pragma(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL))
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* An empty file that belongs to whom its folder belongs, if it is root who makes it. */
static bool make_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	char *copy;
	struct stat st;

	if (fd < 0) {
		if (errno == EEXIST)
			return true;
		ln_error("cannot make the database '%s': %s", file, strerror(errno));
		return false;
	}
	copy = strdup(file);
	if (copy && !geteuid() && !stat(dirname(copy), &st) && fchown(fd, st.st_uid, st.st_gid))
		ln_warning("the owner of '%s': %s", file, strerror(errno));
	free(copy);
	close(fd);
	return true;
}

static bool make_tables(sqlite3 *db, const char *file)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		 "BEGIN IMMEDIATE;"
		 "CREATE TABLE IF NOT EXISTS pair ("
		 " serial INTEGER PRIMARY KEY AUTOINCREMENT,"
		 " key BLOB NOT NULL UNIQUE,"
		 " name BLOB NOT NULL,"
		 " value BLOB NOT NULL);"
		 "PRAGMA application_id = %d;"
		 "PRAGMA user_version = %d;"
		 "COMMIT",
		 APPLICATION, SCHEMA);
	return execute(db, file, sql);
}

bool store_sqlite_prepare(const char *file)
{
	int64_t application, version, tables;
	sqlite3 *db;
	bool good;

	if (!make_file(file))
		return false;
	db = open_database(file);
	if (!db)
		return false;
	tables = pragma(db, "SELECT count(*) FROM sqlite_schema");
	application = pragma(db, "PRAGMA application_id");
	version = pragma(db, "PRAGMA user_version");
	if (tables < 0) {
		ln_error("the database '%s': %s", file, sqlite3_errmsg(db));
		good = false;
	} else if (tables && (application != APPLICATION || version != SCHEMA)) {
		ln_error("the database '%s' is not of this program, or of another version of it",
			 file);
		good = false;
	} else {
		good = execute(db, file, "PRAGMA journal_mode = WAL") &&
		       (tables || make_tables(db, file));
	}
	sqlite3_close(db);
	return good;
}

static bool configure(struct store_sqlite *s, const char *file, uint64_t limit)
{
	char sql[100];

	s->reader = open_database(file);
	s->writer = open_database(file);
	if (!s->reader || !s->writer)
		return false;
	/* FULL: the WAL is synchronized with each commit, not with checkpoints alone. */
	if (!execute(s->writer, file, "PRAGMA synchronous = FULL") ||
	    !execute(s->reader, file, "PRAGMA query_only = 1"))
		return false;
	if (limit) {
		int64_t page = pragma(s->writer, "PRAGMA page_size");

		snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %llu",
			 (unsigned long long)(limit / (page > 0 ? page : 4096) ?: 1));
		if (!execute(s->writer, file, sql))
			return false;
	}
	return prepare_all(s, file);
}

struct store *store_sqlite_open(uv_loop_t *loop, const char *file, uint64_t limit)
{
	struct store_sqlite *s = calloc(1, sizeof(*s));

	if (!s) {
		ln_error("the database '%s': no memory", file);
		return NULL;
	}
	s->store = (struct store){ submit, together, close_store };
	s->last = &s->waiting;
	if (!configure(s, file, limit) || uv_mutex_init(&s->mutex)) {
		close_databases(s);
		free(s);
		return NULL;
	}
	if (uv_cond_init(&s->wake) || uv_async_init(loop, &s->async, on_finished)) {
		close_databases(s);
		uv_mutex_destroy(&s->mutex);
		free(s);
		return NULL;
	}
	s->async.data = s;
	/* Alone it is no reason for a worker to stay. */
	uv_unref((uv_handle_t *)&s->async);
	return &s->store;
}
