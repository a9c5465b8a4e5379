// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A zone's content as a whole, compared with what there was.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"
#include "log.h"

/* A record: key and rdata follow one another in @data. */
struct record {
	uint16_t type;
	bool rrsig;
	uint32_t ttl;
	uint16_t key_len;
	uint8_t *data;		/* key, padded; knot_rdata_t */
};

struct replacement {
	struct record *record;
	size_t n, room;
	bool ours;
};

struct replacement *replacement_new(bool ours)
{
	struct replacement *r = calloc(1, sizeof(*r));

	if (r)
		r->ours = ours;
	return r;
}

/* Made by signing. */
static bool is_made(uint16_t type)
{
	return type == KNOT_RRTYPE_DNSKEY || type == KNOT_RRTYPE_CDS ||
	       type == KNOT_RRTYPE_CDNSKEY || type == KNOT_RRTYPE_NSEC3PARAM ||
	       type == KNOT_RRTYPE_NSEC || type == KNOT_RRTYPE_NSEC3;
}

static knot_rdata_t *rdata_of(const struct record *r)
{
	/* Keys are of even length. */
	return (knot_rdata_t *)(r->data + r->key_len);
}

int replacement_add(struct replacement *r, const struct key *key, uint16_t type, bool rrsig,
		    uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	struct record *record;
	size_t room = r->room ? 2 * r->room : 1024;

	if (r->ours && (rrsig || is_made(type)))
		return 0;
	if (r->n == r->room) {
		record = reallocarray(r->record, room, sizeof(*record));
		if (!record)
			return -ENOMEM;
		r->record = record;
		r->room = room;
	}
	record = &r->record[r->n];
	*record = (struct record){
		.type = type, .rrsig = rrsig, .ttl = ttl, .key_len = key->len,
		.data = calloc(1, key->len + knot_rdata_size(len)),
	};
	if (!record->data)
		return -ENOMEM;
	memcpy(record->data, key->data, key->len);
	knot_rdata_init(rdata_of(record), len, rdata);
	r->n++;
	return 1;
}

static int compare_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return diff ? diff : (a_len > b_len) - (a_len < b_len);
}

static int compare(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int diff = compare_keys(x->data, x->key_len, y->data, y->key_len);

	if (diff)
		return diff;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->rrsig != y->rrsig)
		return x->rrsig ? 1 : -1;
	return knot_rdata_cmp(rdata_of(x), rdata_of(y));
}

/* --- nodes from records --- */

static int too_many(const struct record *r)
{
	char text[DNS_NAME_TEXT] = "?", type[16] = "RRSIG";
	MDB_val key = { r->key_len, r->data };
	uint8_t owner[DNS_NAME_MAX];
	uint32_t zone = knot_wire_read_u32(r->data);

	if (key_to_name(&key, zone, r->data[KEY_HEAD - 1], owner))
		dns_name_to_text(text, owner);
	if (!r->rrsig)
		knot_rrtype_to_string(r->type, type, sizeof(type));
	ln_error("store: %s has more than %u records of type %s", text, UINT16_MAX, type);
	return -E2BIG;
}

/* Records [*i, ...) of one set, into @set. They are sorted already. */
static int take_set(struct replacement *r, size_t *i, size_t end, knot_rdataset_t *set,
		    uint32_t *ttl)
{
	size_t first = *i, last = first, size = 0;
	uint8_t *p;

	while (last < end && r->record[last].type == r->record[first].type &&
	       r->record[last].rrsig == r->record[first].rrsig) {
		size += knot_rdata_size(rdata_of(&r->record[last])->len);
		last++;
	}
	*set = (knot_rdataset_t){ .rdata = malloc(size) };
	if (!set->rdata)
		return -ENOMEM;
	p = (uint8_t *)set->rdata;
	for (size_t k = first; k < last; k++) {
		const knot_rdata_t *rdata = rdata_of(&r->record[k]);

		/* Of several TTLs in a set the lowest (RFC 2181 section 5.2). */
		if (k == first || r->record[k].ttl < *ttl)
			*ttl = r->record[k].ttl;
		if (k > first && !knot_rdata_cmp(rdata, rdata_of(&r->record[k - 1])))
			continue;
		/* More cannot be counted, neither by libknot nor in a message. */
		if (set->count == UINT16_MAX)
			return too_many(&r->record[k]);
		memcpy(p, rdata, knot_rdata_size(rdata->len));
		p += knot_rdata_size(rdata->len);
		set->count++;
	}
	set->size = p - (uint8_t *)set->rdata;
	*i = last;
	return 0;
}

static unsigned int count_types(struct replacement *r, size_t first, size_t end)
{
	unsigned int n = 1;

	for (size_t i = first + 1; i < end; i++)
		n += r->record[i].type != r->record[i - 1].type;
	return n;
}

static int take_node(struct replacement *r, size_t first, size_t end, struct store_rrset *rrset)
{
	uint32_t ignored;
	int err = 0;

	for (size_t i = first; i < end && !err; rrset++) {
		rrset->type = r->record[i].type;
		if (!r->record[i].rrsig)
			err = take_set(r, &i, end, &rrset->rdata, &rrset->ttl);
		if (!err && i < end && r->record[i].type == rrset->type)
			err = take_set(r, &i, end, &rrset->rrsigs,
				       rrset->rdata.count ? &ignored : &rrset->ttl);
	}
	return err;
}

/* What signing made of the node there is: its sets, and signatures of sets that stay. */
static unsigned int keep_made(const struct store_node *old, struct store_rrset *rrset,
			      unsigned int count)
{
	for (unsigned int i = 0; i < old->count; i++) {
		struct store_rrset was;
		unsigned int k = 0;

		store_rrset_at(old, i, &was);
		while (k < count && rrset[k].type < was.type)
			k++;
		if (k < count && rrset[k].type == was.type) {
			rrset[k].rrsigs = was.rrsigs;
		} else if (is_made(was.type)) {
			memmove(&rrset[k + 1], &rrset[k], (count++ - k) * sizeof(*rrset));
			rrset[k] = was;
		}
	}
	return count;
}

/* The node of records [first, end). */
static int put_node(struct replacement *r, size_t first, size_t end, struct store_txn *t,
		    uint32_t zone, struct changes *changes)
{
	unsigned int count = count_types(r, first, end), n = count;
	MDB_val key = { r->record[first].key_len, r->record[first].data };
	struct store_node old = { 0 };
	struct store_rrset *made, *all;
	uint8_t owner[DNS_NAME_MAX];
	struct key k;
	int err = 0;

	k.len = key.mv_size;
	memcpy(k.data, key.mv_data, k.len);
	if (!key_to_name(&key, zone, k.data[KEY_HEAD - 1], owner))
		return -EINVAL;
	if (r->ours)
		store_get(t, zone, STORE_NAMES, owner, &old);
	made = calloc(count, sizeof(*made));
	all = calloc(count + old.count, sizeof(*all));
	if (!made || !all)
		err = -ENOMEM;
	if (!err)
		err = take_node(r, first, end, made);
	if (!err) {
		memcpy(all, made, count * sizeof(*all));
		n = keep_made(&old, all, n);
		err = edit_put_node(t, changes, &k, owner, all, n);
	}
	for (unsigned int i = 0; made && i < count; i++) {
		free(made[i].rdata.rdata);
		free(made[i].rrsigs.rdata);
	}
	free(made);
	free(all);
	return err < 0 ? err : 0;
}

static size_t end_of_node(const struct replacement *r, size_t first)
{
	size_t i = first + 1;

	while (i < r->n && !compare_keys(r->record[i].data, r->record[i].key_len,
					 r->record[first].data, r->record[first].key_len))
		i++;
	return i;
}

/* --- names that are gone --- */

static int remove_others(struct replacement *r, struct store_txn *t, uint32_t zone,
			 enum store_kind kind, struct changes *changes)
{
	struct store_walk w;
	size_t i = 0;
	struct key k;
	int err = store_walk_begin(&w, t, zone, kind, NULL);

	while (!err && store_walk_next(&w)) {
		int diff = -1;

		err = key_of_name(&k, zone, kind, w.owner);
		while (!err && i < r->n &&
		       (diff = compare_keys(k.data, k.len, r->record[i].data,
					    r->record[i].key_len)) > 0)
			i++;
		if (i == r->n)
			diff = -1;
		if (!err && diff)
			err = edit_put_node(t, changes, &k, w.owner, NULL, 0);
		err = err < 0 ? err : 0;
	}
	store_walk_end(&w);
	return err;
}

int replacement_apply(struct replacement *r, struct store_txn *t, uint32_t zone,
		      struct changes *changes)
{
	int err;

	if (r->n)
		qsort(r->record, r->n, sizeof(*r->record), compare);
	err = r->ours ? 0 : remove_others(r, t, zone, STORE_NSEC3, changes);
	if (!err)
		err = remove_others(r, t, zone, STORE_NAMES, changes);
	for (size_t first = 0, end; first < r->n && !err; first = end) {
		end = end_of_node(r, first);
		err = put_node(r, first, end, t, zone, changes);
	}
	return err;
}

void replacement_free(struct replacement *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		free(r->record[i].data);
	free(r->record);
	free(r);
}
