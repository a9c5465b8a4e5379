// SPDX-License-Identifier: GPL-2.0-or-later
#include "entry.h"

#include <crypt.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "users.h"

#define SALT		16
#define VERIFIER_MAX	256
#define NO_MEMORY	"there is not enough memory"

/**
 * struct fields - a user's lines as they were
 * @found: there was one
 * @hash, @scram: credentials, or NULL
 * @home, @quota: or NULL
 */
struct fields {
	bool found;
	char *hash, *scram, *home, *quota;
};

static void free_fields(struct fields *f)
{
	free(f->hash);
	free(f->scram);
	free(f->home);
	free(f->quota);
}

/* Of "a:b:c" the next; NULL: there is no more. */
static char *take_field(const char **rest, const char *end)
{
	const char *colon;
	char *field;

	if (!*rest)
		return NULL;
	colon = memchr(*rest, ':', end - *rest);
	field = strndup(*rest, (colon ? colon : end) - *rest);
	*rest = colon ? colon + 1 : NULL;
	return field;
}

static void replace(char **to, char *value)
{
	if (value && !*value) {
		free(value);
		return;
	}
	if (value) {
		free(*to);
		*to = value;
	}
}

static void read_line(struct fields *f, const char *rest, const char *end)
{
	char *credential = take_field(&rest, end);

	f->found = true;
	if (credential)
		replace(*credential == '{' ? &f->scram : &f->hash, credential);
	replace(&f->home, take_field(&rest, end));
	replace(&f->quota, take_field(&rest, end));
}

static bool is_of(const char *line, const char *end, const char *user)
{
	size_t n = strlen(user);

	return (size_t)(end - line) > n && !memcmp(line, user, n) && line[n] == ':';
}

/* --- credentials --- */

static char *make_hash(const char *password)
{
	char *salt = crypt_gensalt_ra("$y$", 0, NULL, 0), *hash = NULL, *copy;
	void *data = NULL;
	int size = 0;

	if (salt)
		hash = crypt_ra(password, salt, &data, &size);
	copy = hash && *hash != '*' ? strdup(hash) : NULL;
	free(salt);
	free(data);
	return copy;
}

/* RFC 5802, 3; the password as RFC 4013 prepares it. */
static char *make_verifier(const char *password, unsigned int iterations, const char **wrong)
{
	char salt[SALT], salted[32], client[32], server[32], stored[32];
	unsigned char texts[3][4 * (32 + 2) / 3 + 1];
	char *prepared = NULL, *out = NULL;

	if (gsasl_saslprep(password, 0, &prepared, NULL)) {
		*wrong = "the password has characters that SCRAM does not allow (RFC 4013)";
		return NULL;
	}
	if (getrandom(salt, sizeof(salt), 0) == sizeof(salt) &&
	    !gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, prepared, iterations, salt,
					       sizeof(salt), salted, client, server, stored)) {
		EVP_EncodeBlock(texts[0], (unsigned char *)salt, sizeof(salt));
		EVP_EncodeBlock(texts[1], (unsigned char *)stored, sizeof(stored));
		EVP_EncodeBlock(texts[2], (unsigned char *)server, sizeof(server));
		out = malloc(VERIFIER_MAX);
		if (out)
			snprintf(out, VERIFIER_MAX, "{SCRAM-SHA-256}%u,%s,%s,%s", iterations,
				 texts[0], texts[1], texts[2]);
	}
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	explicit_bzero(prepared, strlen(prepared));
	gsasl_free(prepared);
	if (!out)
		*wrong = "no verifier could be made";
	return out;
}

/* The credentials of one password: one that stays from another would still open the door. */
static bool change_password(struct fields *f, const struct entry_change *c, const char **wrong)
{
	bool scram = c->scram || (f->scram && !c->no_scram);

	free(f->hash);
	free(f->scram);
	f->scram = NULL;
	f->hash = make_hash(c->password);
	if (!f->hash) {
		*wrong = "no hash could be made";
		return false;
	}
	if (scram)
		f->scram = make_verifier(c->password, c->iterations, wrong);
	return !scram || f->scram;
}

static bool change(struct fields *f, const struct entry_change *c, const char **wrong)
{
	if (c->password && !change_password(f, c, wrong))
		return false;
	if (c->no_scram && !c->password) {
		free(f->scram);
		f->scram = NULL;
	}
	if (c->home) {
		free(f->home);
		f->home = *c->home ? strdup(c->home) : NULL;
	}
	if (c->quota) {
		free(f->quota);
		f->quota = *c->quota ? strdup(c->quota) : NULL;
	}
	return true;
}

/* --- the file --- */

static void write_fields(FILE *out, const struct fields *f, const char *user)
{
	fprintf(out, "%s:%s", user, f->hash ? f->hash : "!");
	if (f->home || f->quota)
		fprintf(out, ":%s", f->home ? f->home : "");
	if (f->quota)
		fprintf(out, ":%s", f->quota);
	fputc('\n', out);
	if (f->scram)
		fprintf(out, "%s:%s\n", user, f->scram);
}

/* @f NULL: looks, and writes nothing. */
static void walk(const char *text, size_t len, const char *user, struct fields *seen, FILE *out,
		 const struct fields *f)
{
	const char *end = text + len, *next;
	bool written = false;

	for (const char *line = text; line < end; line = next) {
		const char *lf = memchr(line, '\n', end - line), *stop = lf ? lf : end;

		next = lf ? lf + 1 : end;
		if (!is_of(line, stop, user)) {
			if (out)
				fprintf(out, "%.*s\n", (int)(stop - line), line);
			continue;
		}
		if (stop > line && stop[-1] == '\r')
			stop--;
		if (seen)
			read_line(seen, line + strlen(user) + 1, stop);
		if (f && !written)
			write_fields(out, f, user);
		written = true;
	}
	if (f && !written)
		write_fields(out, f, user);
}

/* What we are about to write must be what servers read. */
static const char *check(const char *text, size_t len)
{
	struct users u;
	unsigned int line;
	const char *wrong = users_parse(&u, text, len, USERS_HOME, &line);
	static char message[400];

	users_clear(&u);
	if (!wrong || (!line && !strcmp(wrong, "names no user")))
		return NULL;
	if (line)
		snprintf(message, sizeof(message), "line %u of it would be wrong: this %s", line, wrong);
	else
		snprintf(message, sizeof(message), "it would be wrong: it %s", wrong);
	return message;
}

/**
 * entry_apply() - change a user of a file
 * @text: the file
 * @len: its length
 * @c: what is to become of the user
 * @new_len: length of what is returned
 * @wrong: why there is nothing to return
 *
 * Other lines stay as they are. A user who is not there is added at the end.
 *
 * Return: the new text, or NULL.
 */
char *entry_apply(const char *text, size_t len, const struct entry_change *c, size_t *new_len,
		  const char **wrong)
{
	struct fields f = { 0 };
	char *new = NULL;
	FILE *out;

	*wrong = NO_MEMORY;
	walk(text, len, c->user, &f, NULL, NULL);
	if (!f.found && (c->remove || !c->password)) {
		*wrong = "there is no such user in it";
		free_fields(&f);
		return NULL;
	}
	if (!c->remove && !change(&f, c, wrong)) {
		free_fields(&f);
		return NULL;
	}
	out = open_memstream(&new, new_len);
	if (out) {
		walk(text, len, c->user, NULL, out, c->remove ? NULL : &f);
		if (fclose(out)) {
			free(new);
			new = NULL;
		}
	}
	free_fields(&f);
	*wrong = new ? check(new, *new_len) : NO_MEMORY;
	if (*wrong) {
		free(new);
		return NULL;
	}
	return new;
}
