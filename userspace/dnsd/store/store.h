/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store: all zones in one LMDB environment, written by one process at a time (the
 * keeper) and read by all.
 *
 * A transaction is a snapshot.  What functions give out of it (nodes, rrsets, names)
 * points into the map and is valid until the transaction ends, or, in a write
 * transaction, until the next change.
 *
 * A zone is changed by a struct store_edit inside a write transaction:
 *
 *	txn = store_write(store);
 *	e = store_edit_new(txn, zone, journal_max);
 *	store_edit_add(e, ...); store_edit_remove(e, ...);	any number
 *	sign_edit(e, ...);					looks at what changed, signs
 *	err = store_edit_finish(e);				journal
 *	err = err ? (store_txn_abort(txn), err) : store_commit(txn);	durable now
 *
 * Errors are negative errno: -ENOSPC when the map is full, -ENOMEM, -EIO, -EINVAL.  They
 * have been logged where "logged" is said.
 */
#ifndef DNSD_STORE_H
#define DNSD_STORE_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "name.h"

struct store;
struct store_txn;

/* What a key is about; part of the key. */
enum store_kind {
	STORE_NAMES = 'n',	/* names with what they own, NSEC too */
	STORE_NSEC3 = '3',	/* owner names of NSEC3: hashes, which nobody asks for */
	STORE_META = 'm',
	STORE_JOURNAL = 'j',
};

/* --- the environment --- */

/**
 * store_open() - open the store in a folder
 * @folder: exists; "data.mdb" and "lock.mdb" are in it
 * @size: largest size in octets (address space that is mapped)
 * @writer: make it when it is not there, drop readers that died
 *
 * Call it after fork() and before the sandbox.
 *
 * Return: the store, or NULL after an error line.
 */
struct store *store_open(const char *folder, size_t size, bool writer);
/**
 * store_close() - let go of the store
 * @s: without transactions; may be NULL
 */
void store_close(struct store *s);
/**
 * store_check_readers() - let go of snapshots of processes that died, which keep old pages
 * @s: the writer's; to be called now and then
 */
void store_check_readers(struct store *s);

/* --- transactions --- */

/**
 * store_read() - a new snapshot, of which there may be any number at once
 * @s: the store
 *
 * Return: the transaction, or NULL after an error line.
 */
struct store_txn *store_read(struct store *s);
/**
 * store_renew() - the newest snapshot in the place of a transaction's, at little cost
 * @t: of store_read()
 *
 * Return: 0 or a negative errno (logged).
 */
int store_renew(struct store_txn *t);
/**
 * store_rest() - keep no old pages while nothing is read
 * @t: of store_read(); store_renew() has to come before the next use
 */
void store_rest(struct store_txn *t);
/**
 * store_write() - a transaction that changes; waits for other writers to end
 * @s: the store, opened by the writer
 *
 * Return: the transaction, or NULL after an error line.
 */
struct store_txn *store_write(struct store *s);
/**
 * store_nested() - a write transaction within another
 * @t: the other, which is not used until this one has ended
 *
 * Its store_commit() makes it part of the other, durable when that is committed; its
 * store_txn_abort() undoes nothing of the other.
 *
 * Return: the transaction, or NULL after an error line.
 */
struct store_txn *store_nested(struct store_txn *t);
/**
 * store_commit() - make changes durable
 * @t: of store_write() or store_nested(); gone in any case
 *
 * Return: 0: they are on the disk, or a negative errno (logged): nothing of them is.
 */
int store_commit(struct store_txn *t);
/**
 * store_txn_abort() - end a transaction without its changes
 * @t: of any kind; may be NULL
 */
void store_txn_abort(struct store_txn *t);
/**
 * store_txn_id() - which version of the store a transaction sees
 * @t: the transaction
 *
 * Return: a number that every commit of anybody raises.
 */
uint64_t store_txn_id(const struct store_txn *t);

/* --- zones --- */

/**
 * store_zone_find() - the number of a zone
 * @t: transaction
 * @apex: its name, lower case
 *
 * Return: the number, or 0: the store does not know it.
 */
uint32_t store_zone_find(const struct store_txn *t, const uint8_t *apex);
/**
 * store_zone_make() - the number of a zone, which is made when it is not there
 * @t: write transaction
 * @apex: its name, lower case
 *
 * Return: the number, or 0 after an error line.
 */
uint32_t store_zone_make(struct store_txn *t, const uint8_t *apex);
/**
 * store_zone_remove() - remove all of a zone: names, values, journal
 * @t: write transaction
 * @zone: its number
 *
 * Return: 0, -ENOENT, or another negative errno (logged).
 */
int store_zone_remove(struct store_txn *t, uint32_t zone);
/**
 * store_zone_each() - all zones, in canonical order
 * @t: transaction
 * @fn: called for each until it returns other than 0
 * @data: for @fn
 *
 * Return: what @fn returned last, or a negative errno (logged).
 */
int store_zone_each(struct store_txn *t,
		    int (*fn)(const uint8_t *apex, uint32_t zone, void *data), void *data);
/**
 * store_zone_serial() - the serial of a zone's SOA
 * @t: transaction
 * @zone: its number
 * @serial: filled
 *
 * Return: false: it has no SOA and so no content, yet or any more.
 */
bool store_zone_serial(const struct store_txn *t, uint32_t zone, uint32_t *serial);

/**
 * store_meta_get() - a small value of a room
 * @t: transaction
 * @zone: a zone's number; 0: of no zone
 * @tag: "file", "transfer", "sign", ...: the room's own
 * @value: set
 * @len: set, octets; the form is the room's own: fixed widths, a version octet first
 *
 * Return: whether it is there.
 */
bool store_meta_get(const struct store_txn *t, uint32_t zone, const char *tag,
		    const void **value, size_t *len);
/**
 * store_meta_put() - keep such a value, in the place of what was there
 * @t: write transaction
 * @zone: a zone's number; 0: of no zone
 * @tag: which
 * @value: its octets
 * @len: how many
 *
 * Return: 0 or a negative errno (logged).
 */
int store_meta_put(struct store_txn *t, uint32_t zone, const char *tag, const void *value,
		   size_t len);
/**
 * store_meta_remove() - remove such a value
 * @t: write transaction
 * @zone: a zone's number; 0: of no zone
 * @tag: which
 *
 * Return: 0, also when it was not there, or a negative errno (logged).
 */
int store_meta_remove(struct store_txn *t, uint32_t zone, const char *tag);

/* --- reading --- */

/**
 * struct store_rrset - the records of one name and type
 * @type: never RRSIG: signatures are with what they sign
 * @ttl: seconds; the signatures' too (RFC 4034 section 3)
 * @rdata: records in canonical order; uncompressed; fit for libknot's functions.  Count 0
 *	when there are only signatures (store_rrset() does not find such a set)
 * @rrsigs: RRSIG records that cover @type, count 0 when there are none
 */
struct store_rrset {
	uint16_t type;
	uint32_t ttl;
	knot_rdataset_t rdata;
	knot_rdataset_t rrsigs;
};

/**
 * struct store_node - a name with records
 * @data: as kept
 * @len: octets
 * @count: rrsets
 */
struct store_node {
	const uint8_t *data;
	size_t len;
	unsigned int count;
};

enum store_found {
	STORE_ABSENT,		/* neither it nor anything below it */
	STORE_EMPTY,		/* nothing at the name, but below it: an empty non-terminal */
	STORE_FOUND,
};

/**
 * store_find() - what is at a name
 * @t: transaction
 * @zone: zone
 * @name: lower case
 * @node: filled when it is STORE_FOUND
 *
 * Return: see enum store_found.
 */
enum store_found store_find(const struct store_txn *t, uint32_t zone, const uint8_t *name,
			    struct store_node *node);
/**
 * store_get() - the node of a name
 * @t: transaction
 * @zone: zone
 * @kind: STORE_NAMES or STORE_NSEC3
 * @name: lower case
 * @node: filled
 *
 * Return: whether there is one.
 */
bool store_get(const struct store_txn *t, uint32_t zone, enum store_kind kind,
	       const uint8_t *name, struct store_node *node);
/**
 * store_rrset() - the records of a type
 * @node: where
 * @type: which
 * @rrset: filled
 *
 * Return: false: there are none.
 */
bool store_rrset(const struct store_node *node, uint16_t type, struct store_rrset *rrset);
/**
 * store_rrset_at() - one of a node's rrsets, in order of types
 * @node: where
 * @i: less than node->count
 * @rrset: filled
 */
void store_rrset_at(const struct store_node *node, unsigned int i, struct store_rrset *rrset);

/**
 * store_before() - the last name that is not after another, in canonical order
 * @t: transaction
 * @zone: zone
 * @kind: STORE_NAMES or STORE_NSEC3
 * @name: the other; need not exist
 * @with: only names that own this type (NSEC, NSEC3); 0: any
 * @owner: filled
 * @node: filled
 *
 * The order is a circle: before the first comes the last.
 *
 * Return: false when there is none at all.
 */
bool store_before(const struct store_txn *t, uint32_t zone, enum store_kind kind,
		  const uint8_t *name, uint16_t with, uint8_t owner[DNS_NAME_MAX],
		  struct store_node *node);

/**
 * store_step() - the name that is next to another in canonical order, which is no circle here
 * @t: transaction
 * @zone: zone
 * @kind: STORE_NAMES or STORE_NSEC3
 * @name: the other; need not exist
 * @direction: 1: strictly after it, -1: strictly before
 * @owner: filled
 * @node: filled
 *
 * Return: false: there is none.
 */
bool store_step(const struct store_txn *t, uint32_t zone, enum store_kind kind,
		const uint8_t *name, int direction, uint8_t owner[DNS_NAME_MAX],
		struct store_node *node);

/**
 * struct store_walk - a way through the names of a zone, in canonical order
 * @owner: the name
 * @node: what it owns
 *
 * The other fields are the store's.
 */
struct store_walk {
	uint8_t owner[DNS_NAME_MAX];
	struct store_node node;
	const struct store_txn *txn;
	uint32_t zone;
	enum store_kind kind;
	uint8_t under[DNS_LOOKUP_MAX];
	int under_len;
	void *cursor;
	bool started;
};

/**
 * store_walk_begin() - before the first name
 * @w: to be filled; store_walk_end() afterwards
 * @t: transaction
 * @zone: zone
 * @kind: STORE_NAMES or STORE_NSEC3
 * @from: names equal to it or below it; NULL: all
 *
 * Return: 0 or a negative errno (logged).
 */
int store_walk_begin(struct store_walk *w, const struct store_txn *t, uint32_t zone,
		     enum store_kind kind, const uint8_t *from);
/**
 * store_walk_next() - the first or next name
 * @w: the walk; in a write transaction, changes may be made between two calls
 *
 * Return: false: there are no more.
 */
bool store_walk_next(struct store_walk *w);
/**
 * store_walk_end() - let go of what a walk has
 * @w: the walk
 */
void store_walk_end(struct store_walk *w);

/* --- changing --- */

struct store_edit;

/*
 * Octets that the records of one name and type may have in a message, with their signatures: a
 * message has at most 65535 octets, of which header, question and OPT need some.
 */
#define STORE_SET_MAX	65000

/**
 * struct store_change - one record that came or went
 * @removed: went
 * @owner: lower case
 * @type: may be RRSIG, NSEC, ...
 * @ttl: seconds
 * @rdata: the record
 */
struct store_change {
	bool removed;
	const uint8_t *owner;
	uint16_t type;
	uint32_t ttl;
	const knot_rdata_t *rdata;
};

/**
 * store_edit_new() - begin to change a zone
 * @t: write transaction
 * @zone: zone
 * @journal_max: octets of journal that it may keep; 0: none
 *
 * Return: the edit, for store_edit_finish() or store_edit_drop(), or NULL after an error line.
 */
struct store_edit *store_edit_new(struct store_txn *t, uint32_t zone, size_t journal_max);
/**
 * store_edit_txn() - the transaction of an edit
 * @e: edit
 *
 * Return: it.
 */
struct store_txn *store_edit_txn(struct store_edit *e);
/**
 * store_edit_zone() - the zone of an edit
 * @e: edit
 *
 * Return: its number.
 */
uint32_t store_edit_zone(const struct store_edit *e);

/*
 * All return 1 for a change, 0 when it was so already, or a negative errno: -EMSGSIZE
 * (logged) when a set would become larger than STORE_SET_MAX.
 *
 * Adding: a record with another TTL than its set has gives all of them the new one (RFC
 * 2181 section 5.2); an SOA replaces the one there is; NSEC3 and its signatures go where
 * they belong.  Checks of meaning (CNAME and other data, ...) are the caller's.
 * Owner names are taken in any case.
 */
/**
 * store_edit_add() - add a record
 * @e: edit
 * @owner: name, in any case
 * @type: type; of RRSIG, the one that it covers says where it is kept
 * @ttl: seconds
 * @rdata: uncompressed
 * @len: octets of it
 *
 * Return: see above; -EINVAL: @rdata is none of this type.
 */
int store_edit_add(struct store_edit *e, const uint8_t *owner, uint16_t type, uint32_t ttl,
		   const uint8_t *rdata, uint16_t len);
/**
 * store_edit_remove() - remove a record, whatever its TTL
 * @e: edit
 * @owner: name, in any case
 * @type: type
 * @rdata: uncompressed
 * @len: octets of it
 *
 * Return: see above.
 */
int store_edit_remove(struct store_edit *e, const uint8_t *owner, uint16_t type,
		      const uint8_t *rdata, uint16_t len);
/**
 * store_edit_remove_rrset() - remove an rrset with its signatures
 * @e: edit
 * @owner: name, in any case
 * @type: type; KNOT_RRTYPE_ANY: all of the name, also of its NSEC3 kind
 *
 * Return: see above.
 */
int store_edit_remove_rrset(struct store_edit *e, const uint8_t *owner, uint16_t type);
/**
 * store_edit_remove_rrsigs() - remove the signatures of an rrset
 * @e: edit
 * @owner: name, in any case
 * @covered: type of the rrset
 *
 * Return: see above.
 */
int store_edit_remove_rrsigs(struct store_edit *e, const uint8_t *owner, uint16_t covered);

/**
 * store_edit_replace() - the whole content of a zone anew
 * @e: edit without changes so far
 * @ours: what signing makes is ours: such records are ignored when they are added, and
 *	what the store has of them stays (DNSKEY, CDS, CDNSKEY, NSEC3PARAM, NSEC, NSEC3, RRSIG)
 *
 * From now on store_edit_add() collects; store_edit_replaced() then compares with what
 * the zone had and makes the difference the changes (so an IXFR of a file that was
 * edited is small).  -ENOMEM, -E2BIG (logged) when a set has more than 65535 records, or what
 * the changes gave.
 */
int store_edit_replace(struct store_edit *e, bool ours);
/**
 * store_edit_replaced() - that was the whole content
 * @e: edit
 *
 * Return: 0 or a negative errno, see store_edit_replace().
 */
int store_edit_replaced(struct store_edit *e);

/**
 * store_edit_each() - net changes so far: added and removed again is none
 * @e: edit
 * @fn: called for each, in no set order, until it returns other than 0; may make changes, which
 *	are not seen in this pass
 * @data: for @fn
 *
 * Return: what @fn returned last, or 0.
 */
int store_edit_each(struct store_edit *e,
		    int (*fn)(const struct store_change *change, void *data), void *data);
/**
 * store_edit_changed() - are there net changes so far?
 * @e: edit
 *
 * Return: whether there are.
 */
bool store_edit_changed(const struct store_edit *e);
/**
 * store_edit_bump_serial() - raise the serial by the rule of RFC 2136 section 3.6
 * @e: edit; nothing is done if it has no changes, or has changed the serial
 * @serial: filled with what it is now; may be NULL
 *
 * One more, skipping 0.
 *
 * Return: as of store_edit_add(); -EINVAL: there is no SOA.
 */
int store_edit_bump_serial(struct store_edit *e, uint32_t *serial);

/**
 * store_edit_finish() - the changes into the journal
 * @e: edit; let go in any case
 *
 * If the zone had an SOA before and the serial changed; else the journal is emptied, for it
 * would have a gap.
 *
 * Return: 0, or a negative errno: the transaction has to be aborted.
 */
int store_edit_finish(struct store_edit *e);
/**
 * store_edit_drop() - let go of an edit; the transaction has to be aborted
 * @e: edit
 */
void store_edit_drop(struct store_edit *e);

/* --- the journal --- */

/**
 * struct store_journal - changes from one serial to the present, as IXFR sends them
 *
 * For each step: the SOA before it, what it removed, the SOA after it, what it added (RFC 1995
 * section 4).  The SOAs are among the records; other SOA changes are not.
 */
struct store_journal {
	const struct store_txn *txn;
	uint32_t zone;
	uint64_t sequence;
	const uint8_t *data;
	size_t len, pos;
};

/**
 * store_journal_begin() - before the first change
 * @j: to be filled; nothing has to be let go
 * @t: transaction
 * @zone: zone
 * @serial: of the version to begin with
 *
 * Return: false: the journal does not reach from there to the present.
 */
bool store_journal_begin(struct store_journal *j, const struct store_txn *t, uint32_t zone,
			 uint32_t serial);
/**
 * store_journal_next() - the next change, in the order of IXFR
 * @j: where
 * @change: filled; @removed is true for the first SOA and what goes
 *
 * Return: false: there are no more.
 */
bool store_journal_next(struct store_journal *j, struct store_change *change);
/**
 * store_journal_size() - how much there is from here
 * @j: where
 *
 * Return: octets, about those of the IXFR.
 */
size_t store_journal_size(const struct store_journal *j);

#endif
