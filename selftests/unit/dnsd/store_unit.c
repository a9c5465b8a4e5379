// SPDX-License-Identifier: GPL-2.0-or-later
/* The store: zones, nodes, walks, edits, the journal. */
#include <errno.h>
#include <unistd.h>

#include "store/store.h"
#include "unit.h"

#define MAX_JOURNAL	100000

static struct store *store;
static uint32_t zone;
static uint8_t apex[DNS_NAME_MAX];

static const uint8_t *name(const char *text)
{
	static uint8_t names[8][DNS_NAME_MAX];
	static unsigned int next;
	uint8_t *out = names[next++ % 8];
	char why[DNS_WHY_SIZE];

	if (dns_name_from_text(out, text, strlen(text), apex, why) < 0)
		abort();
	return out;
}

static int add(struct store_edit *e, const char *owner, uint8_t last, uint32_t ttl)
{
	const uint8_t address[] = { 192, 0, 2, last };

	return store_edit_add(e, name(owner), KNOT_RRTYPE_A, ttl, address, 4);
}

static int add_soa(struct store_edit *e, uint32_t serial)
{
	uint8_t rdata[22] = { 0 };

	knot_wire_write_u32(rdata + 2, serial);
	return store_edit_add(e, apex, KNOT_RRTYPE_SOA, 60, rdata, sizeof(rdata));
}

struct change_set {
	struct store_txn *t;
	struct store_edit *e;
};

static struct change_set begin(void)
{
	struct change_set c = { .t = store_write(store) };

	zone = store_zone_make(c.t, apex);
	c.e = store_edit_new(c.t, zone, MAX_JOURNAL);
	return c;
}

static void end(struct change_set *c)
{
	EXPECT(!store_edit_finish(c->e), "finish");
	EXPECT(!store_commit(c->t), "commit");
}

/* Each test has a zone of its own. */
static void new_zone(const char *text)
{
	char why[DNS_WHY_SIZE];
	struct change_set c;

	dns_name_from_text(apex, text, strlen(text), NULL, why);
	c = begin();
	add_soa(c.e, 1);
	end(&c);
}

static unsigned int addresses(struct store_txn *t, const char *owner, uint32_t *ttl)
{
	struct store_node node;
	struct store_rrset rrset;

	if (store_find(t, zone, name(owner), &node) != STORE_FOUND ||
	    !store_rrset(&node, KNOT_RRTYPE_A, &rrset))
		return 0;
	*ttl = rrset.ttl;
	return rrset.rdata.count;
}

static void sets(void)
{
	struct change_set c;
	struct store_txn *t;
	uint32_t ttl = 0;

	new_zone("sets.test.");
	c = begin();
	EXPECT(add(c.e, "www", 1, 60) == 1, "a new record");
	EXPECT(add(c.e, "WWW", 1, 60) == 0, "the same again, in another case");
	EXPECT(add(c.e, "www", 2, 60) == 1, "a second");
	EXPECT(add(c.e, "www", 3, 90) == 1, "one with another TTL");
	end(&c);
	t = store_read(store);
	EXPECT(addresses(t, "www", &ttl) == 3 && ttl == 90, "all have the new TTL, got %u", ttl);
	store_txn_abort(t);
	c = begin();
	EXPECT(store_edit_remove(c.e, name("www"), KNOT_RRTYPE_A, (uint8_t[]){ 192, 0, 2, 9 }, 4) == 0,
	       "a record that is not there");
	EXPECT(store_edit_remove(c.e, name("www"), KNOT_RRTYPE_A, (uint8_t[]){ 192, 0, 2, 2 }, 4) == 1,
	       "one that is");
	EXPECT(store_edit_add(c.e, name("www"), KNOT_RRTYPE_NS, 60, (uint8_t *)"\3ab", 3) == -EINVAL,
	       "rdata that is no name was taken");
	EXPECT(store_edit_remove_rrset(c.e, name("www"), KNOT_RRTYPE_ANY) == 1, "the name");
	end(&c);
	t = store_read(store);
	EXPECT(!addresses(t, "www", &ttl), "the name is gone");
	store_txn_abort(t);
}

static void snapshots(void)
{
	struct store_txn *before, *after;
	struct change_set c;
	uint32_t ttl;

	new_zone("snapshots.test.");
	before = store_read(store);
	c = begin();
	add(c.e, "a", 1, 60);
	end(&c);
	after = store_read(store);
	EXPECT(!addresses(before, "a", &ttl), "a snapshot changed");
	EXPECT(addresses(after, "a", &ttl) == 1, "a new snapshot lacks what was committed");
	EXPECT(store_txn_id(after) > store_txn_id(before), "the same id");
	EXPECT(!store_renew(before) && addresses(before, "a", &ttl) == 1, "renewed");
	store_txn_abort(before);
	store_txn_abort(after);
}

static void finding(void)
{
	uint8_t owner[DNS_NAME_MAX];
	struct store_node node;
	struct store_walk w;
	struct change_set c;
	struct store_txn *t;
	unsigned int n = 0;

	new_zone("find.test.");
	c = begin();
	add(c.e, "a.b", 1, 60);
	add(c.e, "ab", 2, 60);
	add(c.e, "z", 3, 60);
	end(&c);
	t = store_read(store);
	EXPECT(store_find(t, zone, apex, &node) == STORE_FOUND, "apex");
	EXPECT(store_find(t, zone, name("b"), &node) == STORE_EMPTY, "an empty non-terminal");
	EXPECT(store_find(t, zone, name("a"), &node) == STORE_ABSENT, "ab is not below a");
	EXPECT(store_find(t, zone, name("c"), &node) == STORE_ABSENT, "absent");
	EXPECT(store_before(t, zone, STORE_NAMES, name("c"), 0, owner, &node) &&
	       knot_dname_is_equal(owner, name("a.b")), "before c is a.b");
	EXPECT(store_before(t, zone, STORE_NAMES, name("0.a.b"), 0, owner, &node) &&
	       knot_dname_is_equal(owner, name("a.b")), "before 0.a.b is a.b");
	EXPECT(store_before(t, zone, STORE_NAMES, name("c"), KNOT_RRTYPE_SOA, owner, &node) &&
	       knot_dname_is_equal(owner, apex), "with an SOA: the apex");
	EXPECT(store_before(t, zone, STORE_NAMES, name("zz"), 0, owner, &node) &&
	       knot_dname_is_equal(owner, name("z")), "the last");
	EXPECT(store_step(t, zone, STORE_NAMES, name("a.b"), 1, owner, &node) &&
	       knot_dname_is_equal(owner, name("z")), "after a.b is z");
	EXPECT(!store_step(t, zone, STORE_NAMES, name("z"), 1, owner, &node), "after the last");
	EXPECT(!store_step(t, zone, STORE_NAMES, apex, -1, owner, &node), "before the first");
	EXPECT(!store_walk_begin(&w, t, zone, STORE_NAMES, name("b")), "walk");
	while (store_walk_next(&w))
		n++;
	EXPECT(n == 1, "%u names below b", n);
	store_walk_end(&w);
	store_txn_abort(t);
}

struct seen {
	unsigned int added, removed;
};

static int count(const struct store_change *change, void *data)
{
	struct seen *s = data;

	*(change->removed ? &s->removed : &s->added) += 1;
	return 0;
}

/* A zone that is loaded again gives the difference only. */
static void replacing(void)
{
	struct seen seen = { 0 };
	struct change_set c;
	struct store_txn *t;
	uint32_t ttl = 0;

	new_zone("replace.test.");
	c = begin();
	add(c.e, "stays", 1, 60);
	add(c.e, "goes", 2, 60);
	end(&c);
	c = begin();
	EXPECT(!store_edit_replace(c.e, false), "replace");
	add_soa(c.e, 2);
	add(c.e, "comes", 3, 60);
	add(c.e, "stays", 1, 60);
	add(c.e, "stays", 1, 60);
	EXPECT(!store_edit_replaced(c.e), "replaced");
	store_edit_each(c.e, count, &seen);
	EXPECT(seen.added == 2 && seen.removed == 2, "%u came, %u went; 2 and 2 did (one is the SOA)",
	       seen.added, seen.removed);
	end(&c);
	t = store_read(store);
	EXPECT(addresses(t, "stays", &ttl) == 1 && addresses(t, "comes", &ttl) == 1 &&
	       !addresses(t, "goes", &ttl), "the content");
	store_txn_abort(t);
}

static void undone(void)
{
	struct seen seen = { 0 };
	struct change_set c;

	new_zone("undone.test.");
	c = begin();
	add(c.e, "a", 1, 60);
	EXPECT(store_edit_changed(c.e), "changed");
	store_edit_remove(c.e, name("a"), KNOT_RRTYPE_A, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	EXPECT(!store_edit_changed(c.e), "what was undone is no change");
	store_edit_each(c.e, count, &seen);
	EXPECT(!seen.added && !seen.removed, "nor is it told");
	end(&c);
}

static void journal(void)
{
	static const struct {
		bool removed;
		uint16_t type;
	} expected[] = {
		{ true, KNOT_RRTYPE_SOA }, { false, KNOT_RRTYPE_SOA }, { false, KNOT_RRTYPE_A },
		{ true, KNOT_RRTYPE_SOA }, { true, KNOT_RRTYPE_A }, { false, KNOT_RRTYPE_SOA },
	};
	struct store_journal j;
	struct store_change change;
	struct store_txn *t;
	struct change_set c;
	uint32_t serial = 0;
	unsigned int n = 0;

	new_zone("journal.test.");
	c = begin();
	add(c.e, "a", 1, 60);
	EXPECT(store_edit_bump_serial(c.e, &serial) >= 0 && serial == 2, "serial %u", serial);
	EXPECT(!store_edit_bump_serial(c.e, &serial) && serial == 2, "raised twice");
	end(&c);
	c = begin();
	store_edit_remove_rrset(c.e, name("a"), KNOT_RRTYPE_A);
	store_edit_bump_serial(c.e, NULL);
	end(&c);
	t = store_read(store);
	EXPECT(!store_journal_begin(&j, t, zone, 7), "a serial that never was");
	EXPECT(store_journal_begin(&j, t, zone, 1), "from the first");
	EXPECT(store_journal_size(&j) > 0, "a size");
	for (; store_journal_next(&j, &change); n++)
		if (n < 6)
			EXPECT(change.removed == expected[n].removed && change.type == expected[n].type,
			       "record %u: removed %d, type %u", n, change.removed, change.type);
	EXPECT(n == 6, "%u records", n);
	store_txn_abort(t);
	/* A change of content with the same serial is a gap: no one can get there from before. */
	c = begin();
	add(c.e, "b", 1, 60);
	end(&c);
	t = store_read(store);
	EXPECT(!store_journal_begin(&j, t, zone, 1), "the journal goes on over a gap");
	store_txn_abort(t);
}

static void journal_is_bounded(void)
{
	struct store_journal j;
	struct change_set c;
	struct store_txn *t;

	new_zone("bounded.test.");
	for (unsigned int i = 0; i < 2000; i++) {
		c = begin();
		add(c.e, "a", i % 256, 60);
		if (i % 256 == 255)
			store_edit_remove_rrset(c.e, name("a"), KNOT_RRTYPE_A);
		store_edit_bump_serial(c.e, NULL);
		EXPECT(!store_edit_finish(c.e), "finish");
		/* All in few commits: each is a write to the disk. */
		store_commit(c.t);
	}
	t = store_read(store);
	EXPECT(!store_journal_begin(&j, t, zone, 1), "the oldest is still there");
	EXPECT(store_journal_begin(&j, t, zone, 1990) && store_journal_size(&j) < MAX_JOURNAL,
	       "the newest is not there");
	store_txn_abort(t);
}

static void removal(void)
{
	uint32_t gone, serial;
	struct change_set c;
	struct store_txn *t;
	char owner[16];

	new_zone("gone.test.");
	c = begin();
	for (unsigned int i = 0; i < 500; i++) {
		snprintf(owner, sizeof(owner), "n%u", i);
		add(c.e, owner, 1, 60);
	}
	end(&c);
	gone = zone;
	new_zone("stays.test.");
	t = store_write(store);
	EXPECT(!store_zone_remove(t, gone), "remove");
	EXPECT(!store_zone_serial(t, gone, &serial), "content is left");
	EXPECT(store_zone_serial(t, zone, &serial) && serial == 1, "another zone's is gone");
	EXPECT(!store_zone_find(t, name("gone.test.")), "it is still known");
	store_commit(t);
}

/* Names in rdata that whoever answers reads, also of types that libknot does not describe. */
static void names_in_rdata(void)
{
	static const uint16_t plain[] = {
		KNOT_RRTYPE_NS, KNOT_RRTYPE_MD, KNOT_RRTYPE_MF, KNOT_RRTYPE_CNAME, KNOT_RRTYPE_MB,
		KNOT_RRTYPE_MG, KNOT_RRTYPE_MR, KNOT_RRTYPE_PTR, KNOT_RRTYPE_DNAME,
	};
	static const uint16_t after_a_number[] = {
		KNOT_RRTYPE_MX, KNOT_RRTYPE_KX, KNOT_RRTYPE_AFSDB, KNOT_RRTYPE_SVCB,
		KNOT_RRTYPE_HTTPS,
	};
	/* Five labels of 63 octets: no name, and more than there is room for where one is copied. */
	uint8_t rdata[2 + 5 * 64 + 1] = { 0 };
	struct change_set c;

	for (unsigned int i = 0; i < 5; i++)
		rdata[2 + 64 * i] = 63;
	new_zone("rdata.test.");
	c = begin();
	for (unsigned int i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		uint16_t type = plain[i];

		EXPECT(store_edit_add(c.e, name("a"), type, 60, rdata, 0) == -EINVAL, "%u: none",
		       type);
		EXPECT(store_edit_add(c.e, name("a"), type, 60, (uint8_t *)"\3ab", 3) == -EINVAL,
		       "%u: a name without an end", type);
		EXPECT(store_edit_add(c.e, name("a"), type, 60, rdata + 2, sizeof(rdata) - 2) ==
			       -EINVAL, "%u: a name that is too long", type);
		EXPECT(store_edit_add(c.e, name("a"), type, 60, (uint8_t *)"\1a", 3) == 1,
		       "%u: a name", type);
	}
	for (unsigned int i = 0; i < sizeof(after_a_number) / sizeof(*after_a_number); i++) {
		uint16_t type = after_a_number[i];

		EXPECT(store_edit_add(c.e, name("b"), type, 60, rdata, 1) == -EINVAL,
		       "%u: one octet", type);
		EXPECT(store_edit_add(c.e, name("b"), type, 60, rdata, 2) == -EINVAL,
		       "%u: no name", type);
		EXPECT(store_edit_add(c.e, name("b"), type, 60, rdata, sizeof(rdata)) == -EINVAL,
		       "%u: a name that is too long", type);
		EXPECT(store_edit_add(c.e, name("b"), type, 60, (uint8_t *)"\0\1\1a", 5) == 1,
		       "%u: a name", type);
	}
	store_edit_drop(c.e);
	store_txn_abort(c.t);
}

/* What does not fit is an error, not a set without the records before. */
static void too_many_records(void)
{
	struct change_set c;

	new_zone("many.test.");
	c = begin();
	EXPECT(!store_edit_replace(c.e, false), "replace");
	add_soa(c.e, 2);
	for (uint32_t i = 0; i < 65536; i++) {
		const uint8_t address[] = { 10, i >> 16, i >> 8, i };

		store_edit_add(c.e, name("many"), KNOT_RRTYPE_A, 60, address, 4);
	}
	EXPECT(store_edit_replaced(c.e) == -E2BIG, "65536 records of one name and type");
	store_edit_drop(c.e);
	store_txn_abort(c.t);
}

static void small_values(void)
{
	struct store_txn *t = store_write(store);
	const void *value;
	size_t len;

	EXPECT(!store_meta_get(t, 1, "tag", &value, &len), "not there");
	EXPECT(!store_meta_put(t, 1, "tag", "abc", 3), "put");
	EXPECT(store_meta_get(t, 1, "tag", &value, &len) && len == 3 && !memcmp(value, "abc", 3),
	       "get");
	EXPECT(!store_meta_get(t, 2, "tag", &value, &len), "another zone's");
	EXPECT(!store_meta_remove(t, 1, "tag") && !store_meta_get(t, 1, "tag", &value, &len), "removed");
	EXPECT(!store_meta_remove(t, 1, "tag"), "removed again");
	store_commit(t);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "sets of records: duplicates, TTLs, removal", sets },
		{ "a snapshot stays as it was", snapshots },
		{ "names found, empty and absent; the one before and after", finding },
		{ "a zone loaded again gives the difference", replacing },
		{ "what was undone is no change", undone },
		{ "the journal has the order of IXFR, and no gap", journal },
		{ "the journal is bounded", journal_is_bounded },
		{ "a zone is removed whole, and alone", removal },
		{ "names in rdata are whole", names_in_rdata },
		{ "a set of more records than can be counted is refused", too_many_records },
		{ "small values", small_values },
	};
	char folder[] = "/tmp/store_unit.XXXXXX", path[64];
	int status;

	if (!mkdtemp(folder))
		return 1;
	store = store_open(folder, 64 << 20, true);
	if (!store)
		return 1;
	status = UNIT_MAIN(tests);
	store_close(store);
	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", folder);
	unlink(path);
	rmdir(folder);
	return status;
}
