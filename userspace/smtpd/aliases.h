/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of aliases, in the form of aliases(5):
 *
 *	postmaster: alice
 *	sales: alice, "bob", carol@example.org
 *	info@example.net: alice
 *	@example.net: bob
 */
#ifndef SMTPD_ALIASES_H
#define SMTPD_ALIASES_H

#include <stddef.h>

struct aliases;

/**
 * struct alias - a name and what stands for it
 * @name: in lower case: a local part, an address, or "@" and a domain
 * @n: how many targets
 * @target: local users, aliases and addresses
 */
struct alias {
	const char *name;
	unsigned int n;
	const char **target;
};

/* NULL after an error line. */
struct aliases *aliases_read(const char *file);
/* The same from text; *@why: what is wrong, *@line: where, 0: in all of it. */
struct aliases *aliases_parse(const char *text, size_t len, const char **why, unsigned int *line);
/* @name without regard to case; NULL: there is none. @a may be NULL. */
const struct alias *aliases_find(const struct aliases *a, const char *name);
void aliases_free(struct aliases *a);

#endif
