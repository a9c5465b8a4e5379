// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of users and hashes, as htpasswd writes them, and the Authorization field
 * of the Basic scheme (RFC 7617).
 */
#include "passwords.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOT_A_HASH "is no hash that crypt(5) knows; allowed are yescrypt ($y$), SHA-512 ($6$), " \
		   "bcrypt ($2y$) and its others that begin with a dollar sign, but not Apache's " \
		   "own ($apr1$, {SHA}) and no plain text: make one with mkpasswd or htpasswd -B"

static bool is_hash(const char *s)
{
	int verdict;

	/* Without the dollar sign any two characters would do, as a DES salt. */
	if (*s != '$')
		return false;
	verdict = crypt_checksalt(s);
	return verdict != CRYPT_SALT_INVALID && verdict != CRYPT_SALT_METHOD_DISABLED;
}

static const char *parse_line(struct password_entry *e, char *line)
{
	char *colon = strchr(line, ':'), *end;

	if (!colon || colon == line)
		return "is not NAME:HASH";
	*colon = 0;
	if (strlen(line) > PASSWORDS_MAX_USER)
		return "has a name of more than 255 octets";
	end = strchr(colon + 1, ':');	/* what follows is a remark */
	if (end)
		*end = 0;
	if (!is_hash(colon + 1))
		return NOT_A_HASH;
	e->user = line;
	e->hash = colon + 1;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct password_entry *d = a, *e = b;

	return strcmp(d->user, e->user);
}

/**
 * passwords_parse() - read a file of users and hashes
 * @p: what to fill in; passwords_clear() is due in any case
 * @text: the file: lines of NAME:HASH, empty lines, remarks that begin with #
 * @len: its length
 * @line: where the number of the wrong line goes, 0 for the whole file
 *
 * Return: NULL, or what is wrong with that line.
 */
const char *passwords_parse(struct passwords *p, const char *text, size_t len, unsigned int *line)
{
	size_t lines = 1;
	char *next;

	memset(p, 0, sizeof(*p));
	*line = 0;
	if (memchr(text, 0, len))
		return "has a NUL in it";
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	p->text = strndup(text, len);
	p->entry = calloc(lines, sizeof(*p->entry));
	if (!p->text || !p->entry)
		return "takes more memory than there is";
	for (char *s = p->text; s; s = next) {
		const char *wrong;

		next = strchr(s, '\n');
		if (next)
			*next++ = 0;
		s[strcspn(s, "\r")] = 0;
		++*line;
		if (!*s || *s == '#')
			continue;
		wrong = parse_line(&p->entry[p->n], s);
		if (wrong)
			return wrong;
		p->n++;
	}
	*line = 0;
	if (!p->n)
		return "names no user";
	qsort(p->entry, p->n, sizeof(*p->entry), compare);
	for (size_t i = 1; i < p->n; i++)
		if (!strcmp(p->entry[i - 1].user, p->entry[i].user))
			return "names a user twice";
	return NULL;
}

/**
 * passwords_find() - the hash of a user's password
 * @p: users
 * @user: name
 *
 * Return: the hash, or NULL: nobody of this name.
 */
const char *passwords_find(const struct passwords *p, const char *user)
{
	const struct password_entry key = { .user = user };
	const struct password_entry *e = bsearch(&key, p->entry, p->n, sizeof(key), compare);

	return e ? e->hash : NULL;
}

/**
 * passwords_clear() - let users go
 * @p: the users
 */
void passwords_clear(struct passwords *p)
{
	free(p->entry);
	free(p->text);
	memset(p, 0, sizeof(*p));
}

static int base64_value(unsigned char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	if (ch >= 'a' && ch <= 'z')
		return ch - 'a' + 26;
	if (ch >= '0' && ch <= '9')
		return ch - '0' + 52;
	return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

/* Returns the length, or -1: no base64 (RFC 4648, 4), or too much of it. */
static int base64_decode(char *out, size_t room, const char *s, size_t n)
{
	unsigned int bits = 0, have = 0;
	size_t len = 0;

	for (int pad = 0; n && pad < 2 && s[n - 1] == '='; pad++)
		n--;
	if (n % 4 == 1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int value = base64_value(s[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (len == room)
			return -1;
		out[len++] = bits >> have;
	}
	return len;
}

/**
 * credentials_parse() - read an Authorization field
 * @c: what to fill in
 * @value: the field's value
 * @len: its length
 *
 * Return: false for another scheme, and for what is no name and password.
 */
bool credentials_parse(struct credentials *c, const char *value, size_t len)
{
	char text[sizeof(c->user) + sizeof(c->password)];
	const char *colon;
	int n;

	if (len < 6 || strncasecmp(value, "Basic ", 6))
		return false;
	value += 6;
	len -= 6;
	while (len && *value == ' ') {
		value++;
		len--;
	}
	n = base64_decode(text, sizeof(text), value, len);
	if (n < 0 || memchr(text, 0, n))
		return false;
	colon = memchr(text, ':', n);
	if (!colon || colon - text > PASSWORDS_MAX_USER ||
	    text + n - colon - 1 > PASSWORDS_MAX_PASSWORD)
		return false;
	memcpy(c->user, text, colon - text);
	c->user[colon - text] = 0;
	memcpy(c->password, colon + 1, text + n - colon - 1);
	c->password[text + n - colon - 1] = 0;
	explicit_bzero(text, sizeof(text));
	return true;
}
