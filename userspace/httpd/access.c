// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may come in, by address.
 *
 * Of the networks that an address is in, the most specific one decides, and of two
 * equal ones the denial.  The order in which they are written means nothing, so that
 * an exception needs no thought about its place.  An address in none of them is
 * denied when somebody is named as allowed, and allowed otherwise.
 */
#include "access.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void map_ipv4(unsigned char out[16], const void *addr)
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, addr, 4);
}

static bool bits_beyond(const unsigned char addr[16], unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++)
		if (addr[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

static bool covers(const struct access_network *n, const unsigned char addr[16])
{
	unsigned int octets = n->bits / 8, rest = n->bits % 8;

	if (memcmp(n->addr, addr, octets))
		return false;
	return !rest || !((n->addr[octets] ^ addr[octets]) & 0xff << (8 - rest));
}

/* Returns the number, or -1. */
static int prefix_length(const char *s, int max)
{
	int value = 0;

	if (!*s || strlen(s) > 3)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		value = 10 * value + *s - '0';
	}
	return value <= max ? value : -1;
}

/**
 * access_parse() - read a network
 * @network: what to fill in, but for its @allow
 * @text: "all", an address, or an address and the length of its prefix
 *
 * Return: NULL, or what is wrong with it.
 */
const char *access_parse(struct access_network *network, const char *text)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	struct in_addr ipv4;
	int first, bits;

	memset(network, 0, sizeof(*network));
	if (!strcmp(text, "all"))
		return NULL;
	if ((size_t)(slash - text) >= sizeof(addr))
		return "is not an address";
	memcpy(addr, text, slash - text);
	addr[slash - text] = 0;
	if (inet_pton(AF_INET, addr, &ipv4) == 1) {
		map_ipv4(network->addr, &ipv4);
		first = 96;
	} else if (inet_pton(AF_INET6, addr, network->addr) == 1) {
		first = 0;
	} else {
		return "is not an address";
	}
	bits = *slash ? prefix_length(slash + 1, 128 - first) : 128 - first;
	if (bits < 0)
		return first ? "has no prefix length from 0 to 32" :
			       "has no prefix length from 0 to 128";
	network->bits = first + bits;
	if (bits_beyond(network->addr, network->bits))
		return "has bits set beyond its prefix";
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct access_network *m = a, *n = b;

	if (m->bits != n->bits)
		return m->bits > n->bits ? -1 : 1;
	return m->allow - n->allow;
}

/**
 * access_new() - make rules
 * @allow: networks that access_parse() finds good
 * @n_allow: how many
 * @deny: likewise
 * @n_deny: how many
 *
 * Return: the rules, for free(), or NULL without memory.
 */
struct access *access_new(const char *const *allow, size_t n_allow, const char *const *deny,
			  size_t n_deny)
{
	size_t n = n_allow + n_deny;
	struct access *a = calloc(1, sizeof(*a) + n * sizeof(*a->network));

	if (!a)
		return NULL;
	a->n = n;
	a->has_allow = n_allow;
	for (size_t i = 0; i < n; i++) {
		access_parse(&a->network[i], i < n_allow ? allow[i] : deny[i - n_allow]);
		a->network[i].allow = i < n_allow;
	}
	qsort(a->network, n, sizeof(*a->network), compare);
	return a;
}

/**
 * access_allowed() - whether an address may come in
 * @a: the rules
 * @addr: IPv4 or IPv6
 */
bool access_allowed(const struct access *a, const union ln_addr *addr)
{
	unsigned char key[16];

	if (addr->sa.sa_family == AF_INET)
		map_ipv4(key, &addr->in.sin_addr);
	else
		memcpy(key, &addr->in6.sin6_addr, sizeof(key));
	for (size_t i = 0; i < a->n; i++)
		if (covers(&a->network[i], key))
			return a->network[i].allow;
	return !a->has_allow;
}
