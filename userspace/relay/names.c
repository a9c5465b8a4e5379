// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <string.h>
#include <strings.h>

#include "../mail/address.h"
#include "setup.h"

static int find(const char *word, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(word, names[i]))
			return i;
	return -1;
}

/**
 * names_transport() - a word for a transport
 * @word: the word
 *
 * Return: an enum relay_transport, or -1.
 */
int names_transport(const char *word)
{
	static const char *const names[] = {
		[RELAY_AUTO] = "auto",
		[RELAY_TCP] = "tcp",
		[RELAY_LINNET] = "linnet",
	};

	return find(word, names, sizeof(names) / sizeof(*names));
}

/**
 * names_tls() - a word for the use of TLS
 * @word: the word
 *
 * Return: an enum relay_tls, or -1.
 */
int names_tls(const char *word)
{
	static const char *const names[] = {
		[RELAY_TLS_OFF] = "off",	   [RELAY_TLS_MAY] = "may",
		[RELAY_TLS_ENCRYPT] = "encrypt",   [RELAY_TLS_VERIFY] = "verify",
		[RELAY_TLS_IMPLICIT] = "implicit",
	};

	return find(word, names, sizeof(names) / sizeof(*names));
}

/**
 * names_valid() - whether a text is a domain name
 * @name: the text
 */
bool names_valid(const char *name)
{
	return mail_domain_valid(name, strlen(name), true);
}

/**
 * names_match() - whether a pattern is for a domain
 * @pattern: "NAME", ".NAME" for all below it, or "*"
 * @name: the domain
 */
bool names_match(const char *pattern, const char *name)
{
	size_t p = strlen(pattern), n = strlen(name);

	if (!strcmp(pattern, "*"))
		return true;
	if (*pattern == '.')
		return n > p && mail_domain_equal(name + n - p, pattern);
	return mail_domain_equal(name, pattern);
}
