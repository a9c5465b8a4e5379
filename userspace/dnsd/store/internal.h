/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the store share.
 *
 * Keys: zone (4 octets, big endian), kind (1 octet), then what the kind says: the lookup form
 * of a name, a tag, a sequence number.  A 0 is appended where needed to make the length
 * even, so that values are at even addresses, as libknot's rdata has to be.  In the lookup
 * form that keeps the order: no label begins with 0.
 *
 * A node: struct node_head, then for each rrset a struct rrset_head and two sequences of
 * knot_rdata_t: records and signatures.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <lmdb.h>
#include <string.h>

#include "store.h"

#define KEY_HEAD	5
#define KEY_MAX		(KEY_HEAD + DNS_LOOKUP_MAX + 1)

/* Zone 0 has what is no zone's: zones by apex. */
#define STORE_ZONES	'z'

struct store {
	MDB_env *env;
	MDB_dbi dbi;
};

struct store_txn {
	struct store *store;
	MDB_txn *txn;
	MDB_cursor *cursor;	/* of a reader, for lookups */
	bool writes, resting;
};

struct node_head {
	uint16_t count, reserved;
};

struct rrset_head {
	uint16_t type, rdata_count;
	uint32_t ttl;
	uint32_t rdata_size, rrsig_size;
	uint16_t rrsig_count, reserved;
};

struct key {
	size_t len;
	uint8_t data[KEY_MAX];
};

/* env.c: LMDB's errors as errno; logged, but for "not found" */
int store_errno(int err, const char *what);

/* rdata.c */
bool rdata_valid(uint16_t type, const uint8_t *data, size_t len);

/* key.c */
int key_of_name(struct key *k, uint32_t zone, enum store_kind kind, const uint8_t *name);
void key_of_octets(struct key *k, uint32_t zone, int kind, const void *data, size_t len);
/* The name in a key; false: it is of another zone or kind. */
bool key_to_name(const MDB_val *key, uint32_t zone, enum store_kind kind,
		 uint8_t name[DNS_NAME_MAX]);
bool key_is_of(const MDB_val *key, uint32_t zone, int kind);

/* node.c */
void node_view(struct store_node *node, const MDB_val *value);
size_t node_size(const struct store_rrset *rrset, unsigned int count);
void node_write(uint8_t *out, const struct store_rrset *rrset, unsigned int count);
/* A cursor to look things up: a reader's own, or a new one. */
MDB_cursor *store_cursor(const struct store_txn *t);
void store_cursor_done(const struct store_txn *t, MDB_cursor *c);

/* changes.c: what an edit did, without what it undid */
struct changes;
struct change {
	struct change *next;		/* in order */
	struct change *same_hash;
	int net;			/* 1 added, -1 removed, 0: undone */
	uint16_t type;
	uint32_t ttl;
	const knot_rdata_t *rdata;
	uint8_t owner[];
};

struct changes *changes_new(void);
int changes_note(struct changes *c, bool removed, const uint8_t *owner, uint16_t type,
		 uint32_t ttl, const knot_rdata_t *rdata);
struct change *changes_first(const struct changes *c);
bool changes_any(const struct changes *c);
void changes_free(struct changes *c);

/* replace.c */
struct replacement;
struct replacement *replacement_new(bool ours);
int replacement_add(struct replacement *r, const struct key *key, uint16_t type, bool rrsig,
		    uint32_t ttl, const uint8_t *rdata, uint16_t len);
int replacement_apply(struct replacement *r, struct store_txn *t, uint32_t zone,
		      struct changes *changes);
void replacement_free(struct replacement *r);

/* edit.c: put a node in the place of what is there, note the difference */
int edit_put_node(struct store_txn *t, struct changes *changes, const struct key *key,
		  const uint8_t *owner, const struct store_rrset *rrset, unsigned int count);

/* journal.c */
int journal_append(struct store_txn *t, uint32_t zone, const struct changes *changes,
		   const uint8_t *apex, const struct store_rrset *before,
		   const struct store_rrset *after, size_t max);
int journal_clear(struct store_txn *t, uint32_t zone);

#endif
