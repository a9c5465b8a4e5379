/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_ACCESS_H
#define HTTPD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "net.h"

#define ACCESS_MAX_NETWORKS	1024

/**
 * struct access_network - addresses with a common prefix
 * @addr: an IPv6 address; IPv4 is written as ::ffff:0:0/96
 * @bits: length of the prefix in @addr
 * @allow: let them in
 */
struct access_network {
	unsigned char addr[16];
	unsigned int bits;
	bool allow;
};

/**
 * struct access - who may come in
 * @has_allow: somebody is named as allowed, so that others are not
 * @n: how many networks
 * @network: the networks, the most specific first
 */
struct access {
	bool has_allow;
	size_t n;
	struct access_network network[];
};

const char *access_parse(struct access_network *network, const char *text);
struct access *access_new(const char *const *allow, size_t n_allow, const char *const *deny,
			  size_t n_deny);
bool access_allowed(const struct access *a, const union ln_addr *addr);

#endif
