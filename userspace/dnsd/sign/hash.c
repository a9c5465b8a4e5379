// SPDX-License-Identifier: GPL-2.0-or-later
/* Hashed owner names (RFC 5155 5), and tables of them. */
#include <errno.h>
#include <libdnssec/nsec.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

/* Characters of 20 octets in base 32. */
#define HASH_TEXT	32

int sign_hash(const knot_dname_t *name, const uint8_t *salt, size_t salt_len,
	      uint16_t iterations, uint8_t out[SIGN_NSEC3_HASH])
{
	const dnssec_nsec3_params_t params = {
		.algorithm = DNSSEC_NSEC3_ALGORITHM_SHA1,
		.iterations = iterations,
		.salt = { .size = salt_len, .data = (uint8_t *)salt },
	};
	dnssec_binary_t data = { .size = knot_dname_size(name), .data = (uint8_t *)name };
	dnssec_binary_t hash = { 0 };
	int rc = dnssec_nsec3_hash(&data, &params, &hash);

	if (!rc && hash.size == SIGN_NSEC3_HASH)
		memcpy(out, hash.data, SIGN_NSEC3_HASH);
	else
		rc = -EIO;
	dnssec_binary_free(&hash);
	return rc;
}

/* RFC 4648 7: the order of such names is that of the hashes. */
void sign_hash_owner(const uint8_t hash[SIGN_NSEC3_HASH], const knot_dname_t *apex,
		     knot_dname_storage_t out)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint32_t bits = 0;
	int n = 0, at = 1;

	out[0] = HASH_TEXT;
	for (int i = 0; i < SIGN_NSEC3_HASH; i++) {
		bits = bits << 8 | hash[i];
		for (n += 8; n >= 5; n -= 5)
			out[at++] = digits[bits >> (n - 5) & 31];
	}
	memcpy(out + at, apex, knot_dname_size(apex));
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

int sign_hash_of_owner(const knot_dname_t *owner, uint8_t out[SIGN_NSEC3_HASH])
{
	uint32_t bits = 0;
	int n = 0, at = 0;

	if (owner[0] != HASH_TEXT)
		return -EINVAL;
	for (int i = 1; i <= HASH_TEXT; i++) {
		int d = digit(owner[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 5 | d;
		n += 5;
		if (n >= 8) {
			n -= 8;
			out[at++] = bits >> n;
		}
	}
	return 0;
}

/* Takes @bitmap, in any case. */
int sign_hashes_add(struct sign_hashes *h, const uint8_t hash[SIGN_NSEC3_HASH],
		    uint8_t *bitmap, int bitmap_len)
{
	if (h->n == h->room) {
		size_t room = h->room ? 2 * h->room : 16;
		struct sign_hash *more = reallocarray(h->hash, room, sizeof(*more));

		if (!more) {
			free(bitmap);
			return -ENOMEM;
		}
		h->hash = more;
		h->room = room;
	}
	memcpy(h->hash[h->n].hash, hash, SIGN_NSEC3_HASH);
	h->hash[h->n].bitmap = bitmap;
	h->hash[h->n].bitmap_len = bitmap_len;
	h->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sign_hash *x = a, *y = b;

	return memcmp(x->hash, y->hash, SIGN_NSEC3_HASH);
}

/* Each once. */
void sign_hashes_sort(struct sign_hashes *h)
{
	size_t kept = 0;

	if (!h->n)
		return;
	qsort(h->hash, h->n, sizeof(*h->hash), compare);
	for (size_t i = 1; i < h->n; i++)
		if (compare(&h->hash[i], &h->hash[kept]))
			h->hash[++kept] = h->hash[i];
		else
			free(h->hash[i].bitmap);
	h->n = kept + 1;
}

const struct sign_hash *sign_hashes_find(const struct sign_hashes *h,
					 const uint8_t hash[SIGN_NSEC3_HASH])
{
	struct sign_hash key;

	memcpy(key.hash, hash, SIGN_NSEC3_HASH);
	return h->n ? bsearch(&key, h->hash, h->n, sizeof(*h->hash), compare) : NULL;
}

void sign_hashes_free(struct sign_hashes *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->hash[i].bitmap);
	free(h->hash);
	*h = (struct sign_hashes) { 0 };
}
