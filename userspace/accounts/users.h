/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of users: who there is, and how their passwords are known.
 *
 *	# a remark
 *	ann:$y$j9T$...
 *	ann:{SCRAM-SHA-256}65536,SALT,STOREDKEY,SERVERKEY
 *	bob:$y$j9T$...:bob/home:100m,5000
 *
 * A hash is one of crypt(5) that begins with a dollar sign.  "!" and "*" before it or in its
 * place: no password is this user's.  A second line of the same name holds the user's other
 * credential: a SCRAM verifier (RFC 5803) beside a hash.
 */
#ifndef ACCOUNTS_USERS_H
#define ACCOUNTS_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USERS_MAX_FILE		(16 << 20)
#define USERS_MAX_NAME		255
#define USERS_MAX_PASSWORD	511
#define USERS_SCRAM_SALT_MAX	64
#define USERS_SCRAM_KEY		32
#define USERS_SCRAM_ITERATIONS_MAX 1000000

/**
 * struct account - a user, as all but passwords goes
 * @name: the name
 * @home: what the line says after the hash; NULL: nothing, the name is meant
 * @quota: octets, 0: no limit
 * @quota_files: files or messages, 0: no limit
 */
struct account {
	const char *name;
	const char *home;
	uint64_t quota, quota_files;
};

/**
 * struct scram_verifier - what a server knows of a password (RFC 5802, 3)
 * @iterations: of PBKDF2; 0: there is none
 * @salt, @salt_len: salt
 * @stored_key, @server_key: keys
 */
struct scram_verifier {
	unsigned int iterations;
	unsigned char salt[USERS_SCRAM_SALT_MAX];
	size_t salt_len;
	unsigned char stored_key[USERS_SCRAM_KEY];
	unsigned char server_key[USERS_SCRAM_KEY];
};

/**
 * struct user - a user with credentials
 * @account: the rest
 * @hash: as crypt(3) has it; NULL: none
 * @scram: the verifier; NULL: none
 */
struct user {
	struct account account;
	const char *hash;
	struct scram_verifier *scram;
};

/* Zeroed: nobody. */
struct users {
	size_t n;
	struct user *user;		/* sorted by name */
	char *text;			/* what they point into */
};

/* What a third field is. */
enum users_third { USERS_HOME, USERS_REMARK };

/* NULL, or what is wrong with the @line; 0: with the whole. users_clear() is due in any case. */
const char *users_parse(struct users *u, const char *text, size_t len, enum users_third third,
			unsigned int *line);
/* The same with a file; 0, or a negative errno after an error line. */
int users_read(struct users *u, const char *file, enum users_third third);
const struct user *users_find(const struct users *u, const char *name);
void users_clear(struct users *u);
/* "{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey" */
bool scram_parse(struct scram_verifier *v, const char *text);

#endif
