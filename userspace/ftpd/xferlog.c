// SPDX-License-Identifier: GPL-2.0-or-later
#include "xferlog.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "session.h"

/* A name is one word of the line: what ends or divides it is shown as "_" or "?". */
static void word(const char *from, char *to, size_t room)
{
	size_t n = 0;

	for (; *from && n + 1 < room; from++) {
		unsigned char c = *from;

		to[n++] = c == ' ' ? '_' : c < 32 || c == 127 ? '?' : c;
	}
	to[n] = 0;
}

/**
 * xferlog_write() - a line for a transfer
 * @s: the session
 * @l: what was transferred
 */
void xferlog_write(const struct session *s, const struct xferlog_line *l)
{
	char line[2 * ARGUMENT_MAX_PATH + 512], date[32], path[ARGUMENT_MAX_PATH];
	char host[INET6_ADDRSTRLEN] = "", user[SESSION_MAX_USER + 1];
	const union ln_addr *peer = ln_conn_peer(s->conn);
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (!s->setup->transfer_log)
		return;
	if (peer->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &peer->in6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &peer->in.sin_addr, host, sizeof(host));
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	word(l->path, path, sizeof(path));
	word(s->user, user, sizeof(user));
	n = snprintf(line, sizeof(line), "%s %llu %s %llu %s %c _ %c %c %s ftp 0 * %c", date,
		     (unsigned long long)(l->ms + 999) / 1000, host,
		     (unsigned long long)l->octets, path, l->text ? 'a' : 'b',
		     l->up ? 'i' : 'o', s->anonymous ? 'a' : 'g', user, l->whole ? 'c' : 'i');
	if (n > 0 && n < (int)sizeof(line))
		ln_access_log_write(s->setup->transfer_log, line, n);
}
