// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines of the access log: Apache's and nginx's combined format, and after it
 * transport, TLS, version of the protocol and duration.
 */
#include "accesslog.h"

#include <arpa/inet.h>
#include <string.h>

/* Parts of a line are cut so that all of them fit, each octet escaped. */
#define MAX_USER	64
#define MAX_REQUEST	1000
#define MAX_FIELD	400

/*
 * As Apache does: what a peer sent can neither end its quotes nor the line, nor do
 * anything to the terminal of who reads it.
 */
static char *escape(char *out, const char *s, size_t n, size_t max)
{
	static const char hex[] = "0123456789abcdef", letters[] = "abtnvfr";

	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = s[i];

		if (ch == '"' || ch == '\\') {
			*out++ = '\\';
			*out++ = ch;
		} else if (ch >= '\b' && ch <= '\r' && ch != '\f') {
			*out++ = '\\';
			*out++ = letters[ch - '\a'];
		} else if (ch < 0x20 || ch >= 0x7f) {
			*out++ = '\\';
			*out++ = 'x';
			*out++ = hex[ch >> 4];
			*out++ = hex[ch & 15];
		} else {
			*out++ = ch;
		}
	}
	return out;
}

static char *quoted(char *out, const char *s, size_t n, size_t max)
{
	*out++ = ' ';
	*out++ = '"';
	if (s)
		out = escape(out, s, n, max);
	else
		*out++ = '-';
	*out++ = '"';
	return out;
}

static char *field(char *out, const struct http_field *f)
{
	return quoted(out, f ? f->value : NULL, f ? f->value_len : 0, MAX_FIELD);
}

static char *address(char *out, const union ln_addr *addr)
{
	const struct in6_addr *ipv6 = &addr->in6.sin6_addr;

	if (addr->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr->in.sin_addr, out, INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(ipv6))
		inet_ntop(AF_INET, ipv6->s6_addr + 12, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, ipv6, out, INET6_ADDRSTRLEN);
	return out + strlen(out);
}

static char *user(char *out, const char *name)
{
	char *start = out;

	if (!name || !*name)
		return stpcpy(out, "-");
	out = escape(out, name, strlen(name), MAX_USER);
	/* A blank would shift the columns after it. */
	for (char *p = start; p < out; p++)
		if (*p == ' ')
			*p = '_';
	return out;
}

/* Made anew when it has changed: many requests have the same. */
static char *moment(char *out, const struct tm *when)
{
	static struct tm last = { .tm_year = -1 };
	static char text[64];
	static size_t len;

	if (when->tm_sec != last.tm_sec || when->tm_min != last.tm_min ||
	    when->tm_hour != last.tm_hour || when->tm_mday != last.tm_mday ||
	    when->tm_mon != last.tm_mon || when->tm_year != last.tm_year ||
	    when->tm_gmtoff != last.tm_gmtoff) {
		last = *when;
		len = strftime(text, sizeof(text), " [%d/%b/%Y:%H:%M:%S %z]", when);
	}
	return mempcpy(out, text, len);
}

/* By hand: each request has three. */
static char *number(char *out, unsigned long long n)
{
	char text[24], *end = text + sizeof(text), *p = end;

	do
		*--p = '0' + n % 10;
	while (n /= 10);
	*--p = ' ';
	return mempcpy(out, p, end - p);
}

static char *word(char *out, const char *s)
{
	*out++ = ' ';
	return stpcpy(out, s);
}

/**
 * accesslog_format() - make a line
 * @line: where it goes; it does not end in NUL
 * @r: what is told
 *
 * Return: its length.
 */
size_t accesslog_format(char line[ACCESSLOG_LINE], const struct access_record *r)
{
	char *out = line;

	out = address(out, r->peer);
	out = stpcpy(out, " - ");
	out = user(out, r->user);
	out = moment(out, &r->when);
	out = quoted(out, r->request, r->request_len, MAX_REQUEST);
	out = number(out, r->status);
	out = r->sent ? number(out, r->sent) : word(out, "-");
	out = field(out, r->referer);
	out = field(out, r->agent);
	out = word(out, r->transport);
	out = word(out, r->tls ? r->tls : "-");
	out = word(out, r->version);
	out = number(out, r->took);
	return out - line;
}
