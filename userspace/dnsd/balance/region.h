/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a client is: by networks that the configuration names, else by an mmdb file
 * (MaxMind DB, libmaxminddb).
 */
#ifndef DNSD_BALANCE_REGION_H
#define DNSD_BALANCE_REGION_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stdint.h>

#define REGION_NETWORKS_MAX	256
#define REGION_CODES_MAX	512
#define REGION_CODE_LEN		32
#define REGION_PATH_MAX		8

/**
 * struct region_network - a network that lies in a region
 * @family: 1: IPv4, 2: IPv6, as in RFC 7871
 * @prefix: bits
 * @address: network order
 * @region: which
 */
struct region_network {
	uint8_t family, prefix, region;
	uint8_t address[16];
};

/* What the mmdb file has for a region. */
struct region_code {
	char text[REGION_CODE_LEN];
	uint8_t region;
};

/**
 * struct region_map - how to find the region of an address
 * @network, @n_networks: the configuration's
 * @code, @n_codes: texts of the mmdb file
 * @open: there is an mmdb file
 * @database: it
 * @path: keys to the text, NULL after the last
 * @otherwise: of addresses that nothing is known of, or -1
 */
struct region_map {
	struct region_network network[REGION_NETWORKS_MAX];
	unsigned int n_networks;
	struct region_code code[REGION_CODES_MAX];
	unsigned int n_codes;
	bool open;
	MMDB_s database;
	const char *path[REGION_PATH_MAX + 1];
	int otherwise;
};

/**
 * region_find() - the region of a client
 * @map: how to find it
 * @family: 1 or 2
 * @source: bits that are known of @address, the others are 0
 * @address: network order
 * @scope: filled: all addresses that share so many bits with it get the same region; more
 *	than @source: what is known does not suffice to tell, and more would (RFC 7871
 *	section 7.2.1)
 *
 * Return: the region or -1.
 */
int region_find(const struct region_map *map, unsigned int family, unsigned int source,
		const uint8_t *address, uint8_t *scope);

#endif
