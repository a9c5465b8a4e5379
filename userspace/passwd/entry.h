/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a file of users (accounts/users.h), made and put among the others. */
#ifndef PASSWD_ENTRY_H
#define PASSWD_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct entry_change - what is to become of a user
 * @user: name
 * @remove: the user goes
 * @password: new one; NULL: credentials stay
 * @scram: a verifier beside the hash; a user who has one keeps one
 * @no_scram: none, also when there is one
 * @iterations: of the verifier
 * @home, @quota: new ones, "" for none; NULL: they stay
 */
struct entry_change {
	const char *user;
	bool remove;
	const char *password;
	bool scram, no_scram;
	unsigned int iterations;
	const char *home, *quota;
};

/* The file's new text, or NULL with *@wrong. */
char *entry_apply(const char *text, size_t len, const struct entry_change *c, size_t *new_len,
		  const char **wrong);

#endif
