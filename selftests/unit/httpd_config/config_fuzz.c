// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fuzzer for what linnet-httpd reads in files of passwords, Authorization fields and
 * rules, and writes to its access log.  The first octet chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "accesslog.h"
#include "passwords.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what) do {		\
	if (!(what))		\
		abort();	\
} while (0)

static void fuzz_passwords(const char *s, size_t n)
{
	struct passwords p;
	unsigned int line;
	const char *wrong = passwords_parse(&p, s, n, &line);

	if (!wrong) {
		MUST(p.n);
		for (size_t i = 0; i < p.n; i++)
			MUST(passwords_find(&p, p.entry[i].user) == p.entry[i].hash &&
			     *p.entry[i].user && *p.entry[i].hash == '$');
	}
	passwords_clear(&p);
}

static void fuzz_credentials(const char *s, size_t n)
{
	struct credentials c;

	if (!credentials_parse(&c, s, n))
		return;
	MUST(!strchr(c.user, ':'));
	MUST(strlen(c.user) <= PASSWORDS_MAX_USER);
	MUST(strlen(c.password) <= PASSWORDS_MAX_PASSWORD);
	MUST(strlen(c.user) + strlen(c.password) + 1 <= n * 3 / 4);
}

/* A network lets in its first address. */
static void fuzz_access(const char *s, size_t n)
{
	char *text = strndup(s, n);
	const char *list[] = { text };
	union ln_addr a = { .sa.sa_family = AF_INET6 };
	struct access_network network;
	struct access *rules;

	MUST(text);
	if (!access_parse(&network, text)) {
		MUST(network.bits <= 128);
		memcpy(&a.in6.sin6_addr, network.addr, 16);
		rules = access_new(list, 1, NULL, 0);
		MUST(access_allowed(rules, &a));
		free(rules);
		rules = access_new(list, 1, list, 1);
		MUST(!access_allowed(rules, &a));
		free(rules);
	}
	free(text);
}

static void fuzz_log(const char *s, size_t n)
{
	static const union ln_addr peer = { .sa.sa_family = AF_INET };
	struct http_field f = { .value = s, .value_len = n };
	char line[ACCESSLOG_LINE], *user = strndup(s, n);
	struct access_record r = {
		.peer = &peer, .user = user, .when = { .tm_mday = 1 }, .request = s,
		.request_len = n, .referer = &f, .agent = &f, .transport = "tcp", .version = "h1",
	};
	size_t len = accesslog_format(line, &r), quotes = 0;

	for (size_t i = 0; i < len; i++) {
		MUST(line[i] >= 0x20 && line[i] < 0x7f);
		if (line[i] == '\\')
			i++;
		else
			quotes += line[i] == '"';
	}
	MUST(quotes == 6);
	free(user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const fuzz[])(const char *s, size_t n) = {
		fuzz_passwords, fuzz_credentials, fuzz_access, fuzz_log,
	};
	char *s;

	if (!size)
		return 0;
	s = malloc(size);	/* exactly so many, for ASan */
	MUST(s);
	memcpy(s, data + 1, size - 1);
	fuzz[data[0] % 4](s, size - 1);
	free(s);
	return 0;
}
