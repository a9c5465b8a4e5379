// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a walk starts.
 */
#include "roots.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Some of the root's servers, as IANA's root.hints has them. */
static const struct {
	const char *name, *addr;
} known[] = {
	{ "a.root-servers.net.", "198.41.0.4" }, { "b.root-servers.net.", "170.247.170.2" },
	{ "f.root-servers.net.", "192.5.5.241" }, { "j.root-servers.net.", "192.58.128.30" },
	{ "k.root-servers.net.", "193.0.14.129" }, { "m.root-servers.net.", "202.12.27.33" },
};

static void add(struct walk_zone *z, const char *name, int family, const char *text)
{
	struct walk_server *s = &z->server[z->count];

	if (z->count == WALK_SERVERS)
		return;
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->addr.sa.sa_family = family;
	s->addr.in.sin_port = htons(53);
	if (inet_pton(family, text, family == AF_INET ? (void *)&s->addr.in.sin_addr :
							(void *)&s->addr.in6.sin6_addr) == 1)
		z->count++;
}

/* Lines "NAME [TTL] [IN] A|AAAA ADDRESS"; the rest is of no use here. */
static void read_hints(struct walk_zone *z, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		char *rest, *name = strtok_r(line, " \t\r\n", &rest), *word;

		if (!name || *name == ';')
			continue;
		while ((word = strtok_r(NULL, " \t\r\n", &rest))) {
			int family = !strcasecmp(word, "A") ? AF_INET :
				     !strcasecmp(word, "AAAA") ? AF_INET6 : AF_UNSPEC;

			if (family == AF_UNSPEC)
				continue;
			word = strtok_r(NULL, " \t\r\n", &rest);
			if (word)
				add(z, name, family, word);
			break;
		}
	}
	if (f)
		fclose(f);
}

void roots_find(struct walk_zone *z, const struct resolve_setup *r)
{
	memset(z, 0, sizeof(*z));
	if (r->root_hints)
		read_hints(z, r->root_hints);
	for (unsigned int i = 0; !r->root_hints && i < sizeof(known) / sizeof(*known); i++)
		add(z, known[i].name, AF_INET, known[i].addr);
}
