/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_PASSWORDS_H
#define HTTPD_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORDS_MAX_FILE	(1 << 20)
#define PASSWORDS_MAX_USER	255
#define PASSWORDS_MAX_PASSWORD	511

/**
 * struct passwords - users and the hashes of their passwords
 * @n: how many
 * @entry: sorted by name
 * @text: what the entries point into
 */
struct passwords {
	size_t n;
	struct password_entry {
		const char *user;
		const char *hash;
	} *entry;
	char *text;
};

/* A name and a password as a client sent them. */
struct credentials {
	char user[PASSWORDS_MAX_USER + 1];
	char password[PASSWORDS_MAX_PASSWORD + 1];
};

const char *passwords_parse(struct passwords *p, const char *text, size_t len, unsigned int *line);
const char *passwords_find(const struct passwords *p, const char *user);
void passwords_clear(struct passwords *p);
bool credentials_parse(struct credentials *c, const char *value, size_t len);

#endif
