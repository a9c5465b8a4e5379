// SPDX-License-Identifier: GPL-2.0-or-later
/* Networks, and the scope: it is right when no address within it gets another region. */
#include <arpa/inet.h>

#include "region.h"
#include "unit.h"

static struct region_map map;

static void add(const char *address, unsigned int prefix, unsigned int region)
{
	struct region_network *n = &map.network[map.n_networks++];

	n->family = strchr(address, ':') ? 2 : 1;
	n->prefix = prefix;
	n->region = region;
	if (inet_pton(n->family == 1 ? AF_INET : AF_INET6, address, n->address) != 1)
		abort();
}

static void expect(const char *address, unsigned int source, int region, unsigned int scope)
{
	uint8_t octets[16] = { 0 }, got_scope;
	unsigned int family = strchr(address, ':') ? 2 : 1;
	int got;

	if (inet_pton(family == 1 ? AF_INET : AF_INET6, address, octets) != 1)
		abort();
	got = region_find(&map, family, source, octets, &got_scope);
	EXPECT(got == region && got_scope == scope, "%s/%u: region %d, scope %u", address, source,
	       got, got_scope);
}

static void networks(void)
{
	memset(&map, 0, sizeof(map));
	map.otherwise = -1;
	expect("192.0.2.1", 32, -1, 0);
	add("10.0.0.0", 8, 0);
	add("10.1.0.0", 16, 1);
	add("2001:db8::", 32, 2);
	add("2001:db8:8000::", 36, 1);
	/* Inside the /8 it takes the 16th bit to be out of 10.1/16 next to it. */
	expect("10.0.0.1", 32, 0, 16);
	expect("10.1.2.3", 24, 1, 16);
	expect("10.128.0.0", 16, 0, 9);
	expect("10.0.0.0", 8, 0, 16);
	/* 192 differs from 10 in the first bit. */
	expect("192.0.2.1", 32, -1, 1);
	expect("11.0.0.0", 24, -1, 8);
	expect("2001:db8:1::", 48, 2, 33);
	/* What is known of it may be in the /36 or not. */
	expect("2001:db8::", 32, 2, 36);
	expect("2001:db9::", 48, -1, 32);
	expect("::1", 128, -1, 3);
	map.otherwise = 3;
	expect("192.0.2.1", 32, 3, 1);
}

/* All 256 addresses of a /24 with networks in it at random, and every scope. */
static void scopes(void)
{
	srandom(2);
	for (unsigned int round = 0; round < 200; round++) {
		int region[256];
		uint8_t scope[256], octets[16] = { 192, 0, 2, 0 };

		memset(&map, 0, sizeof(map));
		map.otherwise = -1;
		for (unsigned int i = 0; i < 5; i++) {
			unsigned int prefix = 24 + random() % 9;
			unsigned int host = (random() & 255) >> (32 - prefix) << (32 - prefix);
			char text[32];

			snprintf(text, sizeof(text), "192.0.2.%u", host);
			add(text, prefix, i);
		}
		for (unsigned int i = 0; i < 256; i++) {
			octets[3] = i;
			region[i] = region_find(&map, 1, 32, octets, &scope[i]);
		}
		for (unsigned int i = 0; i < 256; i++)
			for (unsigned int k = 0; k < 256; k++)
				if (scope[i] < 24 || !((i ^ k) >> (32 - scope[i])))
					EXPECT(region[i] == region[k],
					       "round %u: %u in %d with scope %u, %u in %d", round,
					       i, region[i], scope[i], k, region[k]);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "the longest network, and the scope", networks },
		{ "no address within a scope gets another region", scopes },
	};

	return UNIT_MAIN(tests);
}
