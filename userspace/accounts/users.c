// SPDX-License-Identifier: GPL-2.0-or-later
#include "users.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define SCRAM		"{SCRAM-SHA-256}"
#define NOT_A_HASH "is no hash that crypt(5) knows; allowed are yescrypt ($y$), SHA-512 ($6$), " \
		   "bcrypt ($2y$) and its others that begin with a dollar sign, but not Apache's " \
		   "own ($apr1$, {SHA}) and no plain text: make one with mkpasswd or htpasswd -B"
#define NOT_A_VERIFIER "is no SCRAM verifier: allowed is " SCRAM \
		       "ITERATIONS,SALT,STOREDKEY,SERVERKEY, with 1 to 1000000 iterations and " \
		       "the rest in base64: make one with linnet-passwd"
#define NOT_A_QUOTA "has no quota in its last field: allowed are octets, with k, m or g, and " \
		    "after a comma a number of files"

/* --- SCRAM verifiers --- */

/* Strict base64 (RFC 4648, 4). Returns the length, or -1. */
static int decode(unsigned char *out, size_t room, const char *s, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	unsigned char whole[128];
	size_t pad = 0;
	int n;

	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	if (!len || len % 4 || len / 4 * 3 > sizeof(whole))
		return -1;
	for (size_t i = 0; i < len - pad; i++)
		if (!memchr(alphabet, s[i], sizeof(alphabet) - 1))
			return -1;
	n = EVP_DecodeBlock(whole, (const unsigned char *)s, len) - (int)pad;
	if (n < 0 || (size_t)n > room)
		return -1;
	memcpy(out, whole, n);
	return n;
}

/**
 * scram_parse() - read a verifier (RFC 5803, in the form that GNU SASL and Dovecot write)
 * @v: what to fill in
 * @text: "{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey"
 *
 * Return: false: it is none.
 */
bool scram_parse(struct scram_verifier *v, const char *text)
{
	const char *field[3], *end;
	size_t len[3];
	unsigned long n;
	int salt;

	if (strncmp(text, SCRAM, strlen(SCRAM)))
		return false;
	text += strlen(SCRAM);
	if (*text < '1' || *text > '9')
		return false;
	n = strtoul(text, (char **)&end, 10);
	if (n > USERS_SCRAM_ITERATIONS_MAX)
		return false;
	for (int i = 0; i < 3; i++) {
		if (*end != ',')
			return false;
		field[i] = end + 1;
		len[i] = strcspn(field[i], ",");
		end = field[i] + len[i];
	}
	if (*end)
		return false;
	salt = decode(v->salt, sizeof(v->salt), field[0], len[0]);
	if (salt < 1 ||
	    decode(v->stored_key, USERS_SCRAM_KEY, field[1], len[1]) != USERS_SCRAM_KEY ||
	    decode(v->server_key, USERS_SCRAM_KEY, field[2], len[2]) != USERS_SCRAM_KEY)
		return false;
	v->salt_len = salt;
	v->iterations = n;
	return true;
}

/* --- lines --- */

static bool is_hash(const char *s)
{
	int verdict;

	/* Without the dollar sign any two characters would do, as a DES salt. */
	if (*s != '$')
		return false;
	verdict = crypt_checksalt(s);
	return verdict != CRYPT_SALT_INVALID && verdict != CRYPT_SALT_METHOD_DISABLED;
}

/* "100", "64k", "10m", "2g" */
static bool parse_octets(const char *s, uint64_t *n)
{
	static const char units[] = "kmg";
	const char *unit;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*n = strtoull(s, &end, 10);
	if (errno)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end | 0x20);
	if (!unit || !*unit || end[1] || *n >> (63 - 10 * (unit - units + 1)))
		return false;
	*n <<= 10 * (unit - units + 1);
	return true;
}

static bool parse_quota(char *s, struct account *a)
{
	char *comma = strchr(s, ',');

	if (comma) {
		char *end;

		*comma++ = 0;
		errno = 0;
		a->quota_files = strtoull(comma, &end, 10);
		if (*comma < '0' || *comma > '9' || *end || errno)
			return false;
	}
	return !*s ? comma != NULL : parse_octets(s, &a->quota);
}

static const char *parse_home(struct account *a, char *s)
{
	char *quota = strchr(s, ':');

	if (quota)
		*quota++ = 0;
	if (quota && *quota && (strchr(quota, ':') || !parse_quota(quota, a)))
		return NOT_A_QUOTA;
	a->home = *s ? s : NULL;
	return NULL;
}

static const char *parse_credential(struct user *u, char *s, enum users_third third)
{
	if (*s == '{') {
		u->scram = calloc(1, sizeof(*u->scram));
		if (!u->scram)
			return "takes more memory than there is";
		return scram_parse(u->scram, s) ? NULL : NOT_A_VERIFIER;
	}
	if (third == USERS_HOME && (*s == '!' || *s == '*'))
		return NULL;
	if (!is_hash(s))
		return NOT_A_HASH;
	u->hash = s;
	return NULL;
}

static const char *parse_line(struct user *u, char *line, enum users_third third)
{
	char *colon = strchr(line, ':'), *end;
	const char *wrong;

	if (!colon || colon == line)
		return third == USERS_HOME ? "is not NAME:HASH[:HOME[:QUOTA]]" : "is not NAME:HASH";
	*colon = 0;
	if (strlen(line) > USERS_MAX_NAME)
		return "has a name of more than 255 octets";
	u->account.name = line;
	end = strchr(colon + 1, ':');
	if (end)
		*end++ = 0;
	wrong = parse_credential(u, colon + 1, third);
	if (!wrong && end && third == USERS_HOME)
		wrong = parse_home(&u->account, end);
	return wrong;
}

/* --- the file --- */

static int compare(const void *a, const void *b)
{
	const struct user *d = a, *e = b;
	int order = strcmp(d->account.name, e->account.name);

	/* A line with a hash comes before one with a verifier. */
	return order ? order : !!d->scram - !!e->scram;
}

/* Two lines of one user become one. */
static const char *join(struct users *u)
{
	size_t kept = 0;

	for (size_t i = 1; i < u->n; i++) {
		struct user *a = &u->user[kept], *b = &u->user[i];

		if (strcmp(a->account.name, b->account.name)) {
			u->user[++kept] = *b;
			if (kept != i)
				b->scram = NULL;
			continue;
		}
		if (!!a->scram == !!b->scram || a->scram)
			return "names a user twice";
		if (b->account.home || b->account.quota || b->account.quota_files) {
			if (a->account.home || a->account.quota || a->account.quota_files)
				return "says a user's home and quota twice";
			b->account.name = a->account.name;
			a->account = b->account;
		}
		a->scram = b->scram;
		b->scram = NULL;
	}
	u->n = kept + 1;
	return NULL;
}

/**
 * users_parse() - read users
 * @u: what to fill in; users_clear() is due in any case
 * @text: the file: lines, empty lines, remarks that begin with #
 * @len: its length
 * @third: what the third field is
 * @line: where the number of the wrong line goes, 0 for the whole file
 *
 * Return: NULL, or what is wrong with that line.
 */
const char *users_parse(struct users *u, const char *text, size_t len, enum users_third third,
			unsigned int *line)
{
	size_t lines = 1;
	char *next;

	memset(u, 0, sizeof(*u));
	*line = 0;
	if (memchr(text, 0, len))
		return "has a NUL in it";
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	u->text = strndup(text, len);
	u->user = calloc(lines, sizeof(*u->user));
	if (!u->text || !u->user)
		return "takes more memory than there is";
	for (char *s = u->text; s; s = next) {
		const char *wrong;
		size_t n;

		next = strchr(s, '\n');
		if (next)
			*next++ = 0;
		++*line;
		n = strlen(s);
		if (n && s[n - 1] == '\r')
			s[n - 1] = 0;
		if (!*s || *s == '#')
			continue;
		for (const char *p = s; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 127)
				return "has a control character in it";
		wrong = parse_line(&u->user[u->n++], s, third);
		if (wrong)
			return wrong;
	}
	*line = 0;
	if (!u->n)
		return "names no user";
	qsort(u->user, u->n, sizeof(*u->user), compare);
	return join(u);
}

/* Returns the text, or NULL after an error line. */
static char *read_file(const char *file, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t room = 65536, have = 0;
	char *text = malloc(room), *more;
	ssize_t n = -1;

	while (fd >= 0 && text && (n = read(fd, text + have, room - have)) > 0) {
		have += n;
		if (have < room)
			continue;
		more = room <= USERS_MAX_FILE ? realloc(text, room * 2) : NULL;
		if (!more)
			break;
		text = more;
		room *= 2;
	}
	if (fd < 0 || n < 0)
		ln_error("cannot read the passwords in '%s': %s", file, strerror(errno));
	else if (n > 0 || have > USERS_MAX_FILE)
		ln_error("'%s' is no file of passwords: more than %d octets", file,
			 USERS_MAX_FILE);
	if (fd >= 0)
		close(fd);
	if (n == 0 && have <= USERS_MAX_FILE) {
		*len = have;
		return text;
	}
	free(text);
	return NULL;
}

/**
 * users_read() - read a file of users
 * @u: what to fill in; users_clear() is due in any case
 * @file: its path
 * @third: what the third field is
 *
 * Return: 0, or -EINVAL after an error line.
 */
int users_read(struct users *u, const char *file, enum users_third third)
{
	unsigned int line;
	const char *wrong;
	size_t len;
	char *text;

	memset(u, 0, sizeof(*u));
	text = read_file(file, &len);
	if (!text)
		return -EINVAL;
	wrong = users_parse(u, text, len, third, &line);
	explicit_bzero(text, len);
	free(text);
	if (wrong && line)
		ln_error("%s:%u: this %s", file, line, wrong);
	else if (wrong)
		ln_error("the file of passwords '%s' %s", file, wrong);
	return wrong ? -EINVAL : 0;
}

/**
 * users_find() - a user
 * @u: users
 * @name: name
 *
 * Return: the user, or NULL: nobody of this name.
 */
const struct user *users_find(const struct users *u, const char *name)
{
	size_t low = 0, high = u->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, u->user[middle].account.name);

		if (!order)
			return &u->user[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/**
 * users_clear() - let users go
 * @u: the users
 */
void users_clear(struct users *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->user[i].scram);
	free(u->user);
	free(u->text);
	memset(u, 0, sizeof(*u));
}
