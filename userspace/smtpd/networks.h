/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of networks: "192.0.2.0/24", "2001:db8::1"; mapped IPv4 addresses count as IPv4. */
#ifndef SMTPD_NETWORKS_H
#define SMTPD_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"

struct network {
	int family;
	uint8_t address[16];
	unsigned int prefix;	/* bits */
};

/* False: it is none. */
bool network_parse(struct network *n, const char *text);
bool networks_have(const struct network *list, unsigned int n, const union ln_addr *peer);

#endif
