// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* RFC 5322, 3.3; the locale is C's. */
static void format_date(time_t when, char out[64])
{
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(out, 64, "%a, %d %b %Y %H:%M:%S %z", &tm);
}

/**
 * trace_address() - an address without its port
 * @addr: the address
 * @out: the numeric address; "" for a family that has none
 */
void trace_address(const union ln_addr *addr, char out[64])
{
	const struct in6_addr *in6 = &addr->in6.sin6_addr;

	*out = 0;
	if (addr->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr->in.sin_addr, out, 64);
	else if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		inet_ntop(AF_INET, &in6->s6_addr[12], out, 64);
	else if (addr->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, in6, out, 64);
}

/**
 * trace_literal() - an address as a literal (RFC 5321, 4.1.3)
 * @addr: the address
 * @out: the literal; "" for a family that has none
 */
void trace_literal(const union ln_addr *addr, char out[64])
{
	char text[64];

	trace_address(addr, text);
	snprintf(out, 64, *text ? "[%s%.50s]" : "", strchr(text, ':') ? "IPv6:" : "", text);
}

/**
 * trace_with() - the protocol's name
 * @t: how the message came
 * @out: room for it
 *
 * Return: @out.
 */
const char *trace_with(const struct trace *t, char out[16])
{
	if (!t->extended)
		strcpy(out, "SMTP");
	else
		snprintf(out, 16, "%s%s%s", t->utf8 ? "UTF8SMTP" : "ESMTP", t->tls ? "S" : "",
			 t->authenticated ? "A" : "");
	return out;
}

static size_t bounded(int n, size_t room)
{
	if (n < 0)
		return 0;
	return (size_t)n < room ? (size_t)n : room - 1;
}

/**
 * trace_received() - the Received field
 * @out: the field, with CRLF and a final NUL
 * @room: octets in @out
 * @t: how the message came
 *
 * Return: its length.
 */
size_t trace_received(char *out, size_t room, const struct trace *t)
{
	char literal[64], with[16], date[64], from[400] = "", recipient[300] = "", remark[80] = "";
	const char *via = t->protocol == IPPROTO_TCP ? "TCP" : "linnet";

	trace_literal(&t->peer, literal);
	format_date(t->when, date);
	if (*literal)
		snprintf(from, sizeof(from), "from %s (%s)\r\n\t", t->client, literal);
	else
		snprintf(remark, sizeof(remark), " (user %u)", t->uid);
	if (t->tls)
		snprintf(remark, sizeof(remark), " (%s)", t->tls);
	if (t->recipient)
		snprintf(recipient, sizeof(recipient), "\r\n\tfor <%s>", t->recipient);
	return bounded(snprintf(out, room, "Received: %sby %s (linnet-smtpd)%s%s with %s%s\r\n\tid "
				"%s%s; %s\r\n", from, t->hostname, *literal ? " via " : "",
				*literal ? via : "", trace_with(t, with), remark, t->id, recipient,
				date), room);
}

/**
 * trace_missing() - fields that a submitted message lacks
 * @out: the fields, each with CRLF, and a final NUL
 * @room: octets in @out
 * @t: how the message came
 * @scan: what is in the message
 *
 * Return: their length.
 */
size_t trace_missing(char *out, size_t room, const struct trace *t, const struct mail_scan *scan)
{
	char date[64];
	size_t len = 0;

	*out = 0;
	if (!scan->has_date) {
		format_date(t->when, date);
		len += bounded(snprintf(out, room, "Date: %s\r\n", date), room);
	}
	if (!scan->has_message_id)
		len += bounded(snprintf(out + len, room - len, "Message-ID: <%s@%s>\r\n", t->id,
					t->hostname), room - len);
	return len;
}
