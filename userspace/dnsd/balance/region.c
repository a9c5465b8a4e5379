// SPDX-License-Identifier: GPL-2.0-or-later
#include "region.h"

#include <netinet/in.h>
#include <string.h>

/* Bits of an IPv6 tree before IPv4 addresses: ::/96 */
#define MAPPED_BITS	96

static unsigned int common_bits(const uint8_t *a, const uint8_t *b, unsigned int max)
{
	unsigned int n = 0;

	while (n < max) {
		unsigned int differ = a[n / 8] ^ b[n / 8];

		if (differ) {
			n = n / 8 * 8 + (__builtin_clz(differ) - 24);
			return n < max ? n : max;
		}
		n = n / 8 * 8 + 8;
	}
	return max;
}

/*
 * The longest network that has the address.  Scope: as many bits as it takes to tell that it
 * is in the networks that have it, and out of the others.
 */
static int by_network(const struct region_map *map, unsigned int family, unsigned int source,
		      const uint8_t *address, unsigned int *scope)
{
	int region = -1, longest = -1;

	for (unsigned int i = 0; i < map->n_networks; i++) {
		const struct region_network *n = &map->network[i];
		unsigned int same, needed;

		if (n->family != family)
			continue;
		same = common_bits(n->address, address, n->prefix);
		/* Beyond what is known of the address it may be in or out. */
		needed = same == n->prefix || same >= source ? n->prefix : same + 1;
		if (needed > *scope)
			*scope = needed;
		if (same == n->prefix && (int)n->prefix > longest) {
			longest = n->prefix;
			region = n->region;
		}
	}
	return region;
}

static int region_of(const struct region_map *map, MMDB_lookup_result_s *found)
{
	MMDB_entry_data_s data;

	if (MMDB_aget_value(&found->entry, &data, map->path) != MMDB_SUCCESS || !data.has_data ||
	    data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size >= REGION_CODE_LEN)
		return -1;
	for (unsigned int i = 0; i < map->n_codes; i++)
		if (strlen(map->code[i].text) == data.data_size &&
		    !memcmp(map->code[i].text, data.utf8_string, data.data_size))
			return map->code[i].region;
	return -1;
}

static int by_database(const struct region_map *map, unsigned int family, const uint8_t *address,
		       unsigned int *scope)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	MMDB_lookup_result_s found;
	int err;

	/* A tree of IPv4 knows no other addresses, and an error is no answer. */
	if (family == 2 && map->database.metadata.ip_version == 4)
		return -1;
	memcpy(&in.sin_addr, address, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, address, sizeof(in6.sin6_addr));
	found = MMDB_lookup_sockaddr(&map->database, family == 1 ? (struct sockaddr *)&in :
								  (struct sockaddr *)&in6, &err);
	if (err != MMDB_SUCCESS)
		return -1;
	if (family == 1 && map->database.metadata.ip_version == 6)
		found.netmask = found.netmask > MAPPED_BITS ? found.netmask - MAPPED_BITS : 0;
	if (found.netmask > *scope)
		*scope = found.netmask;
	return found.found_entry ? region_of(map, &found) : -1;
}

int region_find(const struct region_map *map, unsigned int family, unsigned int source,
		const uint8_t *address, uint8_t *scope)
{
	unsigned int bits = 0;
	int region = by_network(map, family, source, address, &bits);

	if (region < 0 && map->open)
		region = by_database(map, family, address, &bits);
	*scope = bits;
	return region < 0 ? map->otherwise : region;
}
