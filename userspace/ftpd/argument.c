// SPDX-License-Identifier: GPL-2.0-or-later
#include "argument.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits, up to @max; moves on behind them. */
static bool digits(const char **text, uint64_t max, uint64_t *value)
{
	const char *p = *text;

	*value = 0;
	for (; isdigit((unsigned char)*p); p++) {
		unsigned int d = *p - '0';

		if (*value > (max - d) / 10)
			return false;
		*value = *value * 10 + d;
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

/**
 * argument_number() - a number of octets
 * @text: digits and nothing else
 * @value: what they say, up to that of a file's largest offset
 */
bool argument_number(const char *text, uint64_t *value)
{
	return digits(&text, INT64_MAX, value) && !*text;
}

/**
 * argument_port() - h1,h2,h3,h4,p1,p2 (RFC 959, 4.1.2)
 * @text: the argument
 * @addr: where it goes
 */
bool argument_port(const char *text, union ln_addr *addr)
{
	uint64_t n[6];

	for (int i = 0; i < 6; i++) {
		if (!digits(&text, 255, &n[i]) || *text++ != (i < 5 ? ',' : 0))
			return false;
	}
	*addr = (union ln_addr){ .in = { .sin_family = AF_INET } };
	addr->in.sin_addr.s_addr = htonl(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]);
	addr->in.sin_port = htons(n[4] << 8 | n[5]);
	return true;
}

/**
 * argument_eprt() - |family|address|port| (RFC 2428, 2)
 * @text: the argument
 * @addr: where it goes
 *
 * Return: ARGUMENT_FAMILY for a family that is not known.
 */
enum argument_verdict argument_eprt(const char *text, union ln_addr *addr)
{
	char delimiter = *text, address[INET6_ADDRSTRLEN];
	uint64_t family, port;
	const char *end;

	/* RFC 2428, 2: 33 to 126 */
	if (delimiter < 33 || delimiter > 126 || isdigit((unsigned char)delimiter))
		return ARGUMENT_BAD;
	text++;
	if (!digits(&text, 65535, &family) || *text++ != delimiter)
		return ARGUMENT_BAD;
	if (family != 1 && family != 2)
		return ARGUMENT_FAMILY;
	end = strchr(text, delimiter);
	if (!end || (size_t)(end - text) >= sizeof(address))
		return ARGUMENT_BAD;
	memcpy(address, text, end - text);
	address[end - text] = 0;
	text = end + 1;
	if (!digits(&text, 65535, &port) || *text++ != delimiter || *text)
		return ARGUMENT_BAD;
	*addr = (union ln_addr){ 0 };
	if (family == 1) {
		addr->in.sin_family = AF_INET;
		addr->in.sin_port = htons(port);
		return inet_pton(AF_INET, address, &addr->in.sin_addr) == 1 ? ARGUMENT_GOOD :
									       ARGUMENT_BAD;
	}
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_port = htons(port);
	return inet_pton(AF_INET6, address, &addr->in6.sin6_addr) == 1 ? ARGUMENT_GOOD :
									  ARGUMENT_BAD;
}

static bool two(const char *text, int min, int max, int *value)
{
	if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
		return false;
	*value = (text[0] - '0') * 10 + text[1] - '0';
	return *value >= min && *value <= max;
}

/**
 * argument_time() - YYYYMMDDHHMMSS, and a fraction (RFC 3659, 2.3)
 * @text: the argument
 * @time: where it goes
 */
bool argument_time(const char *text, struct timespec *time)
{
	struct tm tm = { 0 }, back;
	int century, year;
	long unit = 100000000;

	if (!two(text, 0, 99, &century) || !two(text + 2, 0, 99, &year) ||
	    !two(text + 4, 1, 12, &tm.tm_mon) || !two(text + 6, 1, 31, &tm.tm_mday) ||
	    !two(text + 8, 0, 23, &tm.tm_hour) || !two(text + 10, 0, 59, &tm.tm_min) ||
	    !two(text + 12, 0, 60, &tm.tm_sec))
		return false;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon--;
	back = tm;
	time->tv_sec = timegm(&back);
	time->tv_nsec = 0;
	/* A 31st of June is none. */
	if (back.tm_mday != tm.tm_mday && tm.tm_sec != 60)
		return false;
	text += 14;
	if (!*text)
		return true;
	if (*text++ != '.' || !*text)
		return false;
	for (; isdigit((unsigned char)*text); text++, unit /= 10)
		time->tv_nsec += (*text - '0') * unit;
	return !*text;
}

/**
 * argument_verb() - the command's name
 * @line: the command line
 * @verb: its first word, in capitals; empty when it is no name of a command
 *
 * Return: where the argument starts in the line, which is its end when there is none.
 */
size_t argument_verb(const char *line, char verb[5])
{
	size_t n = 0;

	while (n < 5 && isalpha((unsigned char)line[n]))
		n++;
	verb[0] = 0;
	if (n < 3 || n > 4 || (line[n] && line[n] != ' '))
		return n;
	for (size_t i = 0; i < n; i++)
		verb[i] = toupper((unsigned char)line[i]);
	verb[n] = 0;
	return line[n] ? n + 1 : n;
}

/**
 * argument_path() - where a path leads
 * @cwd: the current folder: "/" or as written by this function
 * @arg: a path as the client says it
 * @out: absolute, without "." and "..", without a slash at its end
 *
 * ".." of the uppermost folder is itself.  Symbolic links are not looked at.
 *
 * Return: false when the path is too long.
 */
bool argument_path(const char *cwd, const char *arg, char out[ARGUMENT_MAX_PATH])
{
	size_t len = 0;
	const char *end;

	if (*arg != '/' && strcmp(cwd, "/")) {
		len = strlen(cwd);
		if (len >= ARGUMENT_MAX_PATH)
			return false;
		memcpy(out, cwd, len);
	}
	for (; *arg; arg = end) {
		size_t n;

		while (*arg == '/')
			arg++;
		end = strchrnul(arg, '/');
		n = end - arg;
		if (!n || (n == 1 && *arg == '.'))
			continue;
		if (n == 2 && arg[0] == '.' && arg[1] == '.') {
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len + 1 + n >= ARGUMENT_MAX_PATH)
			return false;
		out[len++] = '/';
		memcpy(out + len, arg, n);
		len += n;
	}
	if (!len)
		out[len++] = '/';
	out[len] = 0;
	return true;
}
