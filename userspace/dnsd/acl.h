/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do something: a list of networks, each alone or with a TSIG key.
 *
 *	"192.0.2.0/24"  "2001:db8::1"  "key NAME"  "192.0.2.1 key NAME"  "all"  "local"
 *
 * and each with "!" before it to refuse.  The first entry that matches says, no match is no.
 * "local" is 127.0.0.0/8 and ::1.  IPv4 addresses mapped into IPv6 count as IPv4.
 */
#ifndef DNSD_ACL_H
#define DNSD_ACL_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "net.h"
#include "tsig.h"

/**
 * struct acl_entry - one of a list
 * @refuse: "!"
 * @family: AF_INET, AF_INET6, or AF_UNSPEC for any address
 * @address: network order
 * @prefix: bits
 * @key: the message has to be signed with it; NULL: or not
 */
struct acl_entry {
	bool refuse;
	int family;
	uint8_t address[16];
	unsigned int prefix;
	const struct dns_tsig_key *key;
};

/* Zeroed: nobody. */
struct acl {
	unsigned int count;
	struct acl_entry *entry;
};

struct setup;

/* The texts of an option; 0, or -EINVAL after error lines with file and line. */
int acl_read(struct acl *acl, const struct setup *s, cfg_t *section, const char *option);
/* @key: the one that the message was signed with and verified, or NULL */
bool acl_allows(const struct acl *acl, const union ln_addr *peer, const struct dns_tsig_key *key);
void acl_free(struct acl *acl);

#endif
