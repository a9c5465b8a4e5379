// SPDX-License-Identifier: GPL-2.0-or-later
#include "acl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "setup.h"

#define MAX_ENTRIES	4096
#define MAX_TEXT	512

static const char allowed[] = "allowed are all, local, numeric addresses and networks like "
			      "192.0.2.0/24, key NAME, both as in \"192.0.2.1 key NAME\", and "
			      "! before any of them";

/* "192.0.2.0/24"; NULL, or what is wrong with it. */
static const char *read_network(struct acl_entry *e, char *text)
{
	char *slash = strchr(text, '/'), *end;
	unsigned int max;
	long bits;

	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, text, e->address) == 1)
		e->family = AF_INET;
	else if (inet_pton(AF_INET6, text, e->address) == 1)
		e->family = AF_INET6;
	else
		return "is no numeric address";
	max = e->family == AF_INET ? 32 : 128;
	e->prefix = max;
	if (!slash)
		return NULL;
	bits = strtol(slash, &end, 10);
	if (!*slash || *end || bits < 0 || bits > (long)max)
		return "has a wrong prefix length";
	e->prefix = bits;
	for (unsigned int i = bits; i < max; i++)
		if (e->address[i / 8] & 0x80 >> i % 8)
			return "has bits after its prefix";
	return NULL;
}

static const char *read_entry(struct acl_entry *e, const struct setup *s, char *text)
{
	char *rest, *word = strtok_r(text, " \t", &rest);
	const char *wrong = NULL;

	if (word && *word == '!') {
		e->refuse = true;
		word = word[1] ? word + 1 : strtok_r(NULL, " \t", &rest);
	}
	if (!word)
		return "is empty";
	if (strcmp(word, "key")) {
		if (strcmp(word, "all") && strcmp(word, "any"))
			wrong = read_network(e, word);
		if (wrong)
			return wrong;
		word = strtok_r(NULL, " \t", &rest);
		if (!word)
			return NULL;
		if (strcmp(word, "key"))
			return "has something other than key after the address";
	}
	word = strtok_r(NULL, " \t", &rest);
	if (!word || strtok_r(NULL, " \t", &rest))
		return "needs one name after key";
	e->key = setup_key_named(s, word);
	return e->key ? NULL : "names a key that no section key has";
}

/* Entries of one text. "local" is two. */
static const char *read_text(struct acl *acl, const struct setup *s, const char *text)
{
	struct acl_entry e = { 0 };
	const char *wrong, *word = text + (*text == '!');
	char copy[MAX_TEXT];

	if (strlen(text) >= sizeof(copy))
		return "is too long";
	strcpy(copy, text);
	if (!strcmp(word, "local")) {
		e.refuse = *text == '!';
		e.family = AF_INET;
		e.address[0] = 127;
		e.prefix = 8;
		acl->entry[acl->count++] = e;
		memset(e.address, 0, sizeof(e.address));
		e.family = AF_INET6;
		e.address[15] = 1;
		e.prefix = 128;
		acl->entry[acl->count++] = e;
		return NULL;
	}
	wrong = read_entry(&e, s, copy);
	if (!wrong)
		acl->entry[acl->count++] = e;
	return wrong;
}

int acl_read(struct acl *acl, const struct setup *s, cfg_t *section, const char *option)
{
	unsigned int n = cfg_size(section, option);
	const char *wrong;

	*acl = (struct acl){ 0 };
	if (n > MAX_ENTRIES) {
		ln_config_error(section, "%s: more than %d entries", option, MAX_ENTRIES);
		return -EINVAL;
	}
	acl->entry = calloc(2 * n + 1, sizeof(*acl->entry));
	if (!acl->entry)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		const char *text = cfg_getnstr(section, option, i);

		if (n == 1 && !strcmp(text, "none"))
			return 0;
		wrong = read_text(acl, s, text);
		if (!wrong)
			continue;
		ln_config_error(section, "%s: '%s' %s; %s", option, text, wrong, allowed);
		return -EINVAL;
	}
	return 0;
}

static bool covers(const struct acl_entry *e, int family, const uint8_t *address)
{
	unsigned int octets = e->prefix / 8, rest = e->prefix % 8;

	if (e->family == AF_UNSPEC)
		return true;
	if (e->family != family || memcmp(e->address, address, octets))
		return false;
	return !rest || !((e->address[octets] ^ address[octets]) & 0xff << (8 - rest));
}

bool acl_allows(const struct acl *acl, const union ln_addr *peer, const struct dns_tsig_key *key)
{
	int family = peer->sa.sa_family;
	const uint8_t *address = family == AF_INET ? (uint8_t *)&peer->in.sin_addr :
						     peer->in6.sin6_addr.s6_addr;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr)) {
		family = AF_INET;
		address += 12;
	}
	for (unsigned int i = 0; i < acl->count; i++) {
		const struct acl_entry *e = &acl->entry[i];

		if (covers(e, family, address) && (!e->key || e->key == key))
			return !e->refuse;
	}
	return false;
}

void acl_free(struct acl *acl)
{
	free(acl->entry);
	*acl = (struct acl){ 0 };
}
