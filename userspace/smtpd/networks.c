// SPDX-License-Identifier: GPL-2.0-or-later
#include "networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/**
 * network_parse() - read a network
 * @n: what to fill in
 * @text: "ADDRESS" or "ADDRESS/BITS"
 *
 * Return: false when it is none; bits behind the prefix must be zero.
 */
bool network_parse(struct network *n, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN], *end;
	unsigned int most;
	unsigned long prefix;

	memset(n, 0, sizeof(*n));
	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = 0;
	n->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(n->family, address, n->address) != 1)
		return false;
	most = n->family == AF_INET ? 32 : 128;
	n->prefix = most;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end || prefix > most)
			return false;
		n->prefix = prefix;
	}
	for (unsigned int bit = n->prefix; bit < most; bit++)
		if (n->address[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool has(const struct network *n, int family, const uint8_t *address)
{
	unsigned int octets = n->prefix / 8, bits = n->prefix % 8;

	if (n->family != family || memcmp(n->address, address, octets))
		return false;
	return !bits || !((n->address[octets] ^ address[octets]) & (0xff00 >> bits & 0xff));
}

/**
 * networks_have() - whether an address is in one of some networks
 * @list: networks
 * @n: how many
 * @peer: the address; of family 0 it is in none
 */
bool networks_have(const struct network *list, unsigned int n, const union ln_addr *peer)
{
	const uint8_t *address = (const uint8_t *)&peer->in.sin_addr;
	int family = peer->sa.sa_family;

	if (family == AF_INET6) {
		address = (const uint8_t *)&peer->in6.sin6_addr;
		if (!memcmp(address, mapped, sizeof(mapped))) {
			family = AF_INET;
			address += sizeof(mapped);
		}
	}
	for (unsigned int i = 0; i < n; i++)
		if (has(&list[i], family, address))
			return true;
	return false;
}
