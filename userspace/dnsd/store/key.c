// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "internal.h"

static void put_head(struct key *k, uint32_t zone, int kind)
{
	k->data[0] = zone >> 24;
	k->data[1] = zone >> 16;
	k->data[2] = zone >> 8;
	k->data[3] = zone;
	k->data[4] = kind;
	k->len = KEY_HEAD;
}

static void make_even(struct key *k)
{
	if (k->len & 1)
		k->data[k->len++] = 0;
}

int key_of_name(struct key *k, uint32_t zone, enum store_kind kind, const uint8_t *name)
{
	int len = dns_name_to_lookup(k->data + KEY_HEAD, name);

	if (len < 0)
		return len;
	put_head(k, zone, kind);
	k->len += len;
	make_even(k);
	return 0;
}

/* @len: DNS_LOOKUP_MAX at most */
void key_of_octets(struct key *k, uint32_t zone, int kind, const void *data, size_t len)
{
	put_head(k, zone, kind);
	memcpy(k->data + k->len, data, len);
	k->len += len;
	make_even(k);
}

bool key_is_of(const MDB_val *key, uint32_t zone, int kind)
{
	struct key head;

	put_head(&head, zone, kind);
	return key->mv_size >= KEY_HEAD && !memcmp(key->mv_data, head.data, KEY_HEAD);
}

bool key_to_name(const MDB_val *key, uint32_t zone, enum store_kind kind,
		 uint8_t name[DNS_NAME_MAX])
{
	const uint8_t *data = key->mv_data;
	size_t len = key->mv_size;

	if (!key_is_of(key, zone, kind))
		return false;
	/* The 0 that made it even: after the 0 of a label, or alone for the root. */
	if (len == KEY_HEAD + 1 || (len > KEY_HEAD + 1 && !data[len - 1] && !data[len - 2]))
		len--;
	return dns_name_from_lookup(name, data + KEY_HEAD, len - KEY_HEAD) > 0;
}
