// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A zone file into the store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "names.h"
#include "reader.h"
#include "sign/sign.h"
#include "zone.h"

#define TAG		"file"
#define VERSION		1
#define CHECK_SIZE	(64ULL << 30)

/**
 * struct loading - a zone file on its way
 * @reader: of the file
 * @edit: where records go
 * @names: what each name owns
 * @failed: a negative errno of the store
 */
struct loading {
	struct reader reader;
	struct store_edit *edit;
	struct zone_names *names;
	int failed;
};

/* --- is the file as it was? --- */

/* A file in the store's value: this, then its path with a final NUL. */
struct identity {
	uint64_t device, inode, size;
	int64_t seconds, nanoseconds;
	int64_t changed, changed_nanoseconds;
};

static struct identity identify(const struct stat *st)
{
	return (struct identity){
		.device = st->st_dev, .inode = st->st_ino, .size = st->st_size,
		.seconds = st->st_mtim.tv_sec, .nanoseconds = st->st_mtim.tv_nsec,
		.changed = st->st_ctim.tv_sec, .changed_nanoseconds = st->st_ctim.tv_nsec,
	};
}

static bool same_file(const char *value, size_t len, size_t *used)
{
	struct identity was, is;
	const char *path = value + sizeof(was);
	struct stat st;

	if (len <= sizeof(was) || !memchr(path, '\0', len - sizeof(was)))
		return false;
	memcpy(&was, value, sizeof(was));
	*used = sizeof(was) + strlen(path) + 1;
	if (stat(path, &st))
		return false;
	is = identify(&st);
	return !memcmp(&was, &is, sizeof(was));
}

static bool unchanged(struct store *store, const struct setup_zone *zone)
{
	struct store_txn *t = store_read(store);
	uint32_t id = t ? store_zone_find(t, zone->name) : 0, serial;
	const void *value;
	size_t len, used = 0;
	bool same = id && store_zone_serial(t, id, &serial) &&
		    store_meta_get(t, id, TAG, &value, &len) && len > 1 &&
		    *(uint8_t *)value == VERSION;

	/* The first is the zone's own: the configuration may name another now. */
	if (same)
		same = len > 1 + sizeof(struct identity) &&
		       !strncmp((char *)value + 1 + sizeof(struct identity), zone->file,
				len - 1 - sizeof(struct identity));
	/* Our signatures go with the policy. */
	if (same && !zone->policy)
		same = !sign_is_signed(t, id);
	for (size_t pos = 1; same && pos < len; pos += used)
		same = same_file((const char *)value + pos, len - pos, &used);
	store_txn_abort(t);
	return same;
}

static int remember_files(struct store_txn *t, uint32_t zone, const struct reader *r)
{
	char *value = NULL;
	size_t len;
	FILE *f = open_memstream(&value, &len);
	int err;

	if (!f)
		return -ENOMEM;
	fputc(VERSION, f);
	for (unsigned int i = 0; i < r->n_files; i++) {
		struct identity is = identify(&r->stat[i]);

		fwrite(&is, sizeof(is), 1, f);
		fwrite(r->file[i], strlen(r->file[i]) + 1, 1, f);
	}
	err = fclose(f) ? -ENOMEM : store_meta_put(t, zone, TAG, value, len);
	free(value);
	return err;
}

/* --- records --- */

static bool on_record(struct reader *r, const struct reader_record *record)
{
	struct loading *l = r->data;
	char name[DNS_NAME_TEXT];
	uint32_t ttl = record->ttl;
	int err;

	if (!dns_name_within(record->owner, r->zone->name)) {
		reader_error(r, record->file, record->line, "%s is not in the zone %s",
			     dns_name_to_text(name, record->owner), r->zone->text);
		return true;
	}
	if (record->type == KNOT_RRTYPE_SOA &&
	    !knot_dname_is_case_equal(record->owner, r->zone->name)) {
		reader_error(r, record->file, record->line, "an SOA at %s; allowed is one at %s",
			     dns_name_to_text(name, record->owner), r->zone->text);
		return true;
	}
	if (ttl > INT32_MAX) {
		ln_warning("%s:%llu: a TTL of %u: at most %d; it counts as 0 (RFC 2181 section 8)",
			   record->file, (unsigned long long)record->line, ttl, INT32_MAX);
		ttl = 0;
	}
	if (!zone_names_add(l->names, r, record)) {
		l->failed = -ENOMEM;
		return false;
	}
	err = store_edit_add(l->edit, record->owner, record->type, ttl, record->rdata,
			     record->len);
	if (err == -EINVAL || err == -ENAMETOOLONG) {
		reader_error(r, record->file, record->line, "%s", err == -EINVAL ?
			     "data that is none of this type" :
			     "a name with too many octets 0 and 1");
		return true;
	}
	if (err < 0)
		l->failed = err;
	return err >= 0;
}

struct finding {
	const struct setup_zone *zone;
	unsigned int n;
};

static void say(bool fatal, const char *line, void *data)
{
	struct finding *f = data;

	if (fatal)
		ln_error("%s: %s", f->zone->file, line);
	else if (f->n++ < READER_MAX_ERRORS)
		ln_warning("%s: %s", f->zone->file, line);
}

/* --- a load --- */

static int set_serial(struct store_edit *e, const struct setup_zone *zone, uint32_t serial)
{
	struct store_rrset soa;
	struct store_node node;
	uint8_t *copy;
	size_t len;
	int err;

	if (!store_get(store_edit_txn(e), store_edit_zone(e), STORE_NAMES, zone->name, &node) ||
	    !store_rrset(&node, KNOT_RRTYPE_SOA, &soa))
		return -EINVAL;
	len = soa.rdata.rdata->len;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, soa.rdata.rdata->data, len);
	/* It ends with serial, refresh, retry, expire, minimum. */
	knot_wire_write_u32(copy + len - 20, serial);
	err = store_edit_add(e, zone->name, KNOT_RRTYPE_SOA, soa.ttl, copy, len);
	free(copy);
	return err < 0 ? err : 0;
}

/* The file says another thing with the same serial: secondaries would not notice. */
static int check_serial(struct loading *l, uint32_t before, bool had)
{
	const struct setup_zone *zone = l->reader.zone;
	uint32_t serial;

	if (!had || !store_edit_changed(l->edit) ||
	    !store_zone_serial(store_edit_txn(l->edit), store_edit_zone(l->edit), &serial))
		return 0;
	if (zone->policy || zone->allow_update.count ||
	    sign_is_signed(store_edit_txn(l->edit), store_edit_zone(l->edit))) {
		/* It is ours to count: not back to what the file has. */
		if ((int32_t)(serial - before) > 0)
			return 0;
		return set_serial(l->edit, zone, before + 1 ?: 1);
	}
	if (serial == before)
		ln_error("%s: the zone changed, its serial %u did not: secondaries will not take "
			 "the change", zone->file, serial);
	else if ((int32_t)(serial - before) < 0)
		ln_warning("%s: the serial went back from %u to %u: secondaries will not take "
			   "the change", zone->file, before, serial);
	return 0;
}

static int fill(struct loading *l)
{
	int err = store_edit_replace(l->edit, l->reader.zone->policy);

	if (!err && (!reader_run(&l->reader) || l->failed))
		err = l->failed ? l->failed : -EINVAL;
	if (!err)
		err = store_edit_replaced(l->edit);
	return err;
}

/* The rest of it: @err or what came of it. */
static int finish(struct loading *l, struct store_txn *t, uint32_t id)
{
	const struct setup_zone *zone = l->reader.zone;
	struct finding finding = { .zone = zone };
	uint32_t before = 0;
	bool had = store_zone_serial(t, id, &before);
	int err = fill(l);

	if (!err && zone_check(t, id, zone->name, say, &finding))
		err = -EINVAL;
	if (!err && finding.n > READER_MAX_ERRORS)
		ln_warning("%s: and %u warnings more", zone->file,
			   finding.n - READER_MAX_ERRORS);
	if (!err)
		err = check_serial(l, before, had);
	if (!err && zone->policy)
		err = sign_edit(l->edit, zone, time(NULL));
	else if (!err)
		err = sign_forget(t, id);
	if (!err)
		err = remember_files(t, id, &l->reader);
	return err;
}

static int load(struct store *store, const struct setup_zone *zone)
{
	struct loading l = { .reader = { .zone = zone, .record = on_record } };
	struct store_txn *t = store_write(store);
	uint32_t id = t ? store_zone_make(t, zone->name) : 0, serial = 0;
	bool changed = false;
	int err = -EIO;

	l.reader.data = &l;
	l.names = zone_names_new();
	l.edit = id ? store_edit_new(t, id, zone->journal_max) : NULL;
	if (l.edit && l.names)
		err = finish(&l, t, id);
	if (l.edit && !err) {
		changed = store_edit_changed(l.edit);
		err = store_edit_finish(l.edit);
	} else if (l.edit) {
		store_edit_drop(l.edit);
	}
	if (!err)
		store_zone_serial(t, id, &serial);
	if (t && !err)
		err = store_commit(t);
	else
		store_txn_abort(t);
	zone_names_free(l.names);
	reader_free(&l.reader);
	if (!err)
		ln_info("%s: loaded, serial %u", zone->text, serial);
	return err < 0 ? err : changed;
}

int zone_load(struct store *store, const struct setup_zone *zone)
{
	int err;

	if (unchanged(store, zone))
		return 0;
	err = load(store, zone);
	if (err < 0)
		ln_error("the zone %s was not loaded from %s; what there was is kept", zone->text,
			 zone->file);
	return err;
}

bool zone_check_file(const struct setup_zone *zone)
{
	const char *folder = getenv("TMPDIR") ?: "/tmp";
	struct setup_zone unsigned_zone = *zone;
	char path[4096], file[4200];
	struct store *store;
	int err = -EIO;

	/* Nobody needs keys to look at a file. */
	unsigned_zone.policy = NULL;
	if (snprintf(path, sizeof(path), "%s/linnet-dnsd.XXXXXX", folder) >= (int)sizeof(path) ||
	    !mkdtemp(path)) {
		ln_error("a folder in %s: %s", folder, strerror(errno));
		return false;
	}
	store = store_open(path, CHECK_SIZE, true);
	if (store)
		err = load(store, &unsigned_zone);
	store_close(store);
	snprintf(file, sizeof(file), "%s/data.mdb", path);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", path);
	unlink(file);
	rmdir(path);
	return err >= 0;
}
