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
void store_close(struct store *s);
/* Let go of snapshots of processes that died. For the writer, now and then. */
void store_check_readers(struct store *s);

/* --- transactions --- */

/* A new snapshot; NULL after an error line. Any number at once. */
struct store_txn *store_read(struct store *s);
/* Another snapshot in the place of @t's: the newest. 0 or a negative errno. Cheap. */
int store_renew(struct store_txn *t);
/* Do not keep old pages while nothing is read; store_renew() before the next use. */
void store_rest(struct store_txn *t);
/* Waits for other writers to end; NULL after an error line. */
struct store_txn *store_write(struct store *s);
/* Durable when it returns 0. @t is gone in any case. */
int store_commit(struct store_txn *t);
/* Also ends a read transaction. */
void store_txn_abort(struct store_txn *t);
/* Changes with every commit of anybody. */
uint64_t store_txn_id(const struct store_txn *t);

/* --- zones --- */

/* The number of a zone that the store knows, or 0. */
uint32_t store_zone_find(const struct store_txn *t, const uint8_t *apex);
/* The same; makes it. 0 after an error line. */
uint32_t store_zone_make(struct store_txn *t, const uint8_t *apex);
/* Everything of a zone. */
int store_zone_remove(struct store_txn *t, uint32_t zone);
/* Calls @fn for each zone until it returns other than 0, which is returned. */
int store_zone_each(struct store_txn *t,
		    int (*fn)(const uint8_t *apex, uint32_t zone, void *data), void *data);
/* Of the SOA; false when there is none: the zone has no content (yet, or any more). */
bool store_zone_serial(const struct store_txn *t, uint32_t zone, uint32_t *serial);

/*
 * Small values of each room: "file", "transfer", "sign", ... their form is the room's own
 * (fixed widths, a version octet first).
 */
bool store_meta_get(const struct store_txn *t, uint32_t zone, const char *tag,
		    const void **value, size_t *len);
int store_meta_put(struct store_txn *t, uint32_t zone, const char *tag, const void *value,
		   size_t len);
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

enum store_found store_find(const struct store_txn *t, uint32_t zone, const uint8_t *name,
			    struct store_node *node);
/* As store_find() but says only whether there is a node, and of a kind. */
bool store_get(const struct store_txn *t, uint32_t zone, enum store_kind kind,
	       const uint8_t *name, struct store_node *node);
bool store_rrset(const struct store_node *node, uint16_t type, struct store_rrset *rrset);
/* The @i-th of node->count, in order of types. */
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

/* The next name strictly after (@direction 1) or before (-1) @name; no circle: false at the end. */
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

/* All names equal to @from or below it; NULL: all. 0 or a negative errno. */
int store_walk_begin(struct store_walk *w, const struct store_txn *t, uint32_t zone,
		     enum store_kind kind, const uint8_t *from);
/* The first or next; false after the last. In a write transaction, changes may be made
 * between two calls. */
bool store_walk_next(struct store_walk *w);
void store_walk_end(struct store_walk *w);

/* --- changing --- */

struct store_edit;

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

/* @journal_max: octets of journal that a zone may keep; 0: none. NULL after an error line. */
struct store_edit *store_edit_new(struct store_txn *t, uint32_t zone, size_t journal_max);
struct store_txn *store_edit_txn(struct store_edit *e);
uint32_t store_edit_zone(const struct store_edit *e);

/*
 * All return 1 for a change, 0 when it was so already, or a negative errno.
 *
 * Adding: a record with another TTL than its set has gives all of them the new one (RFC
 * 2181 section 5.2); an SOA replaces the one there is; NSEC3 and its signatures go where
 * they belong.  Checks of meaning (CNAME and other data, ...) are the caller's.
 * Owner names are taken in any case.
 */
int store_edit_add(struct store_edit *e, const uint8_t *owner, uint16_t type, uint32_t ttl,
		   const uint8_t *rdata, uint16_t len);
int store_edit_remove(struct store_edit *e, const uint8_t *owner, uint16_t type,
		      const uint8_t *rdata, uint16_t len);
/* With its signatures; type KNOT_RRTYPE_ANY: all of a name, also of its NSEC3 kind. */
int store_edit_remove_rrset(struct store_edit *e, const uint8_t *owner, uint16_t type);
/* The signatures of a type only. */
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
int store_edit_replaced(struct store_edit *e);

/* Net changes so far (added and removed again is none), by owner in no set order, until
 * @fn returns other than 0, which is returned.  @fn may make changes, which are not seen in
 * this pass. */
int store_edit_each(struct store_edit *e,
		    int (*fn)(const struct store_change *change, void *data), void *data);
bool store_edit_changed(const struct store_edit *e);
/* The SOA's serial set by the rule of RFC 2136 section 3.6 if the edit has changes and did not
 * change it: one more, skipping 0.  @serial may be NULL. */
int store_edit_bump_serial(struct store_edit *e, uint32_t *serial);

/* Into the journal, if the zone had an SOA before and the serial changed (else the
 * journal is emptied: it would have a gap), and let it go in any case. */
int store_edit_finish(struct store_edit *e);
/* Let it go; the transaction has to be aborted. */
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

/* False: the journal does not reach from @serial to the present. */
bool store_journal_begin(struct store_journal *j, const struct store_txn *t, uint32_t zone,
			 uint32_t serial);
/* In the order of IXFR; change->removed is true for the first SOA and what goes. False
 * after the last. */
bool store_journal_next(struct store_journal *j, struct store_change *change);
/* Octets that the journal has from here, about the size of the IXFR. */
size_t store_journal_size(const struct store_journal *j);

#endif
