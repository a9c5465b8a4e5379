/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where mail for an address goes: to users here, by aliases perhaps, or to other servers.
 */
#ifndef SMTPD_RECIPIENT_H
#define SMTPD_RECIPIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "aliases.h"
#include "command.h"

#define RECIPIENT_MAX_DEPTH	10

/**
 * struct recipient - somebody who gets a message
 * @address: the address: of a user here as it was asked for, or another server's
 * @user: name of the user here, or NULL: another server's
 * @original: the address of RCPT, when it is another
 * @notify: mask of NOTIFY_*
 * @orcpt: of RCPT, or ""
 */
struct recipient {
	char *address;
	char *user;
	char *original;
	unsigned int notify;
	char *orcpt;
};

/* Zeroed: nobody. */
struct recipients {
	unsigned int n, room;
	struct recipient *list;
};

/**
 * struct recipient_rules - who is here, and what goes on
 * @hostname: our name, which is a domain here, too
 * @domains, @n_domains: domains here; ".NAME" is all below NAME
 * @relay_domains, @n_relay_domains: domains that mail is taken for and sent on
 * @aliases: or NULL
 * @postmaster: who "postmaster" is, when no alias and no user says
 * @delimiter: what divides a local part from a detail, or 0
 * @has_user: whether there is a user of this name
 * @data: passed on to it
 */
struct recipient_rules {
	const char *hostname;
	const char *const *domains;
	unsigned int n_domains;
	const char *const *relay_domains;
	unsigned int n_relay_domains;
	const struct aliases *aliases;
	const char *postmaster;
	char delimiter;
	bool (*has_user)(void *data, const char *name);
	void *data;
};

/* @literal: the numeric address that the client came to, which stands for us in brackets. */
bool recipient_is_here(const struct recipient_rules *rules, const struct mail_address *a,
		       const char *literal);
/*
 * Adds those who get mail for @c->to; nobody twice.  0, or -1 with @r.
 * @may_relay: the client may send to other servers; @most: recipients of a message
 */
int recipients_add(struct recipients *to, const struct recipient_rules *rules,
		   const struct rcpt_command *c, bool may_relay, const char *literal,
		   unsigned int most, struct refusal *r);
/* Whether @domain is in a list of "NAME" and ".NAME". */
bool recipient_domain_in(const char *domain, const char *const *list, unsigned int n);
void recipients_clear(struct recipients *to);

#endif
