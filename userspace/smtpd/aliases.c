// SPDX-License-Identifier: GPL-2.0-or-later
#include "aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "address.h"
#include "log.h"

#define FILE_MAX_BYTES	(16 << 20)
#define MAX_TARGETS	1000

#define NOT_A_TARGET	"has a target that is no local user, alias or address; commands (|), " \
			"files (/) and :include: are not allowed here"

/**
 * struct aliases - all of them
 * @n: how many
 * @alias: sorted by name
 * @text: what they point into
 */
struct aliases {
	size_t n;
	struct alias *alias;
	char *text;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s |= 0x20;
}

/* A local part, or local@domain. */
static bool is_recipient(const char *s)
{
	struct mail_address a;
	char path[MAIL_LOCAL_MAX + 3];

	if (mail_address_parse(&a, s, strlen(s), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD)
		return true;
	if (!*s || strlen(s) > MAIL_LOCAL_MAX)
		return false;
	stpcpy(stpcpy(path, s), "@a");
	return mail_address_parse(&a, path, strlen(path), MAIL_ALLOW_UTF8) == MAIL_ADDRESS_GOOD;
}

static bool is_name(const char *s)
{
	if (*s == '@')
		return mail_domain_valid(s + 1, strlen(s + 1), true);
	return is_recipient(s);
}

/* Where the word at @s ends: in quotes it may hold what would end it. */
static char *end_of_word(char *s, char end)
{
	bool quoted = false;

	for (; *s && (quoted || *s != end); s++) {
		if (*s == '\\' && quoted && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
	}
	return s;
}

/* The word from @s to @end, without blanks, and without quotes that it does not need. */
static char *take_word(char *s, char *end)
{
	while (end > s && is_blank(end[-1]))
		end--;
	*end = 0;
	if (end - s < 3 || *s != '"' || end[-1] != '"' || strcspn(s + 1, "\"\\") != end - s - 2UL)
		return s;
	end[-1] = 0;
	if (is_recipient(s + 1))
		return s + 1;
	end[-1] = '"';
	return s;
}

static const char *parse_targets(struct alias *a, char *s)
{
	const char **target;
	char *word, *end;
	bool more = true;

	for (; more; s = end + 1) {
		s = skip_blanks(s);
		end = end_of_word(s, ',');
		more = *end;
		word = take_word(s, end);
		if (!*word)
			continue;
		/* Both are letters of local parts, but elsewhere mean other things. */
		if (*word == '|' || *word == '/' || !is_recipient(word))
			return NOT_A_TARGET;
		if (a->n == MAX_TARGETS)
			return "has more than 1000 targets";
		target = realloc(a->target, (a->n + 1) * sizeof(*target));
		if (!target)
			return "takes more memory than there is";
		a->target = target;
		a->target[a->n++] = word;
	}
	return a->n ? NULL : "has no target";
}

/* As it is looked up: without quotes, in lower case. */
static void make_key(char *name)
{
	char local[MAIL_LOCAL_MAX + 1], path[MAIL_LOCAL_MAX + 3];
	struct mail_address a;

	if (*name == '"') {
		bool alone = mail_address_parse(&a, name, strlen(name), MAIL_ALLOW_UTF8) !=
			     MAIL_ADDRESS_GOOD;

		if (alone) {
			stpcpy(stpcpy(path, name), "@a");
			mail_address_parse(&a, path, strlen(path), MAIL_ALLOW_UTF8);
		}
		mail_address_local(&a, local);
		name = stpcpy(name, local) - strlen(local);
		if (!alone)
			stpcpy(stpcpy(name + strlen(local), "@"), mail_address_domain(&a));
	}
	lower(name);
}

/* @s: a line with those that continue it. */
static const char *parse_entry(struct alias *a, char *s)
{
	char *colon = end_of_word(s, ':'), *name;

	if (!*colon)
		return "is not NAME: TARGET, TARGET";
	name = take_word(s, colon);
	if (!is_name(name))
		return "does not begin with a local part, an address or @DOMAIN";
	make_key(name);
	a->name = name;
	return parse_targets(a, colon + 1);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct alias *)a)->name, ((const struct alias *)b)->name);
}

/* Makes one line of a line and those that continue it; returns what follows. */
static char *join_lines(char *s, unsigned int *lines)
{
	char *next = s;

	for (;;) {
		next = strchr(next, '\n');
		if (!next)
			return NULL;
		++*lines;
		if (next > s && next[-1] == '\r')
			next[-1] = ' ';
		/* A comment or an empty line is continued by nothing. */
		if (!is_blank(next[1]) || *s == '#' || s + strspn(s, " \t\r") == next) {
			*next = 0;
			return next + 1;
		}
		*next++ = ' ';
	}
}

/**
 * aliases_parse() - read aliases
 * @text: the file
 * @len: its length
 * @why: what is wrong
 * @line: with which line, 0: with all
 *
 * Return: the aliases, or NULL.
 */
struct aliases *aliases_parse(const char *text, size_t len, const char **why, unsigned int *line)
{
	struct aliases *a = calloc(1, sizeof(*a));
	unsigned int lines = 1;
	size_t most = 1;

	*line = 0;
	*why = "takes more memory than there is";
	if (!a)
		return NULL;
	for (size_t i = 0; i < len; i++)
		most += text[i] == '\n';
	a->text = strndup(text, len);
	a->alias = calloc(most, sizeof(*a->alias));
	if (!a->text || !a->alias)
		goto fail;
	*why = "has a NUL in it";
	if (strlen(a->text) != len)
		goto fail;
	for (char *s = a->text, *next; s; s = next) {
		*line = lines;
		next = join_lines(s, &lines);
		s[strcspn(s, "\r")] = 0;
		s = skip_blanks(s);
		if (!*s || *s == '#')
			continue;
		*why = parse_entry(&a->alias[a->n++], s);
		if (*why)
			goto fail;
	}
	*line = 0;
	qsort(a->alias, a->n, sizeof(*a->alias), compare);
	*why = "has an alias twice";
	for (size_t i = 1; i < a->n; i++)
		if (!strcmp(a->alias[i - 1].name, a->alias[i].name))
			goto fail;
	return a;
fail:
	aliases_free(a);
	return NULL;
}

static char *read_text(const char *file, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = malloc(FILE_MAX_BYTES + 1);
	ssize_t n = fd < 0 || !text ? -1 : 1;

	*len = 0;
	while (n > 0 && *len <= FILE_MAX_BYTES) {
		n = read(fd, text + *len, FILE_MAX_BYTES + 1 - *len);
		*len += n > 0 ? n : 0;
	}
	if (n < 0)
		ln_error("cannot read the aliases in '%s': %s", file, strerror(errno));
	else if (*len > FILE_MAX_BYTES)
		ln_error("'%s' is no file of aliases: more than %d octets", file, FILE_MAX_BYTES);
	if (fd >= 0)
		close(fd);
	if (!n && *len <= FILE_MAX_BYTES)
		return text;
	free(text);
	return NULL;
}

/**
 * aliases_read() - read a file of aliases
 * @file: its path
 *
 * Return: the aliases, or NULL after an error line.
 */
struct aliases *aliases_read(const char *file)
{
	struct aliases *a;
	unsigned int line;
	const char *why;
	size_t len;
	char *text = read_text(file, &len);

	if (!text)
		return NULL;
	a = aliases_parse(text, len, &why, &line);
	free(text);
	if (!a && line)
		ln_error("%s:%u: this %s", file, line, why);
	else if (!a)
		ln_error("the file of aliases '%s' %s", file, why);
	return a;
}

/**
 * aliases_find() - what stands for a name
 * @a: aliases, or NULL
 * @name: a local part, an address, or "@" and a domain
 *
 * Return: the alias, or NULL.
 */
const struct alias *aliases_find(const struct aliases *a, const char *name)
{
	char text[MAIL_ADDRESS_MAX + 2];
	struct alias key = { .name = text };

	if (!a || strlen(name) >= sizeof(text))
		return NULL;
	strcpy(text, name);
	lower(text);
	return bsearch(&key, a->alias, a->n, sizeof(key), compare);
}

/**
 * aliases_free() - let aliases go
 * @a: aliases, or NULL
 */
void aliases_free(struct aliases *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		free(a->alias[i].target);
	free(a->alias);
	free(a->text);
	free(a);
}
