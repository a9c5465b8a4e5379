// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control connection: its lines, one command after the other, and its replies.
 */
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "passive.h"
#include "transfer.h"

#define MAX_TEXT	(2 * ARGUMENT_MAX_PATH + 512)

static void write_line(struct session *s, const char *text, int len)
{
	char out[2 * MAX_TEXT + 2];
	size_t n = 0;

	/* A CR in a name is CR NUL to Telnet, and 255 is doubled (RFC 854). */
	for (int i = 0; i < len; i++) {
		out[n++] = text[i] == '\n' ? '?' : text[i];
		if (text[i] == '\r')
			out[n++] = 0;
		else if ((unsigned char)text[i] == 255)
			out[n++] = text[i];
	}
	memcpy(out + n, "\r\n", 2);
	ln_conn_write(s->conn, out, n + 2);
}

void session_reply(struct session *s, int code, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%03d ", code);

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	ln_debug("%s: > %s", ln_conn_name(s->conn), text);
	write_line(s, text, strlen(text));
}

void session_line(struct session *s, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(s, text, strlen(text));
}

void session_drop_data(struct session *s)
{
	passive_close(s);
	s->way = WAY_NONE;
}

static void leave_files(struct session *s)
{
	if (s->tree.home >= 0)
		close(s->tree.home);
	s->tree.home = -1;
	s->logged_in = s->anonymous = s->user_given = false;
	s->user[0] = s->rename_from[0] = 0;
	s->restart = 0;
	strcpy(s->cwd, "/");
}

/* As after the connection (RFC 959, 4.1.1, REIN). */
void session_reset(struct session *s)
{
	session_drop_data(s);
	leave_files(s);
	s->host = &s->setup->host[0];
	s->type = TYPE_ASCII;
	s->protected = s->pbsz = s->epsv_all = false;
	s->facts = FACT_ALL;
	s->umask = s->setup->umask;
}

static uint64_t mark_of(const struct session *s)
{
	const union ln_addr *peer = ln_conn_peer(s->conn);
	const unsigned char *octets = (const unsigned char *)&peer->in.sin_addr;
	size_t n = sizeof(peer->in.sin_addr);
	uint64_t mark = 0xcbf29ce484222325;

	for (const char *p = s->user; *p; p++)
		mark = (mark ^ (unsigned char)*p) * 0x100000001b3;
	if (!s->anonymous)
		return mark;
	if (peer->sa.sa_family == AF_INET6) {
		octets = (const unsigned char *)&peer->in6.sin6_addr;
		n = sizeof(peer->in6.sin6_addr);
	}
	for (size_t i = 0; i < n; i++)
		mark = (mark ^ octets[i]) * 0x100000001b3;
	return mark;
}

void session_logged_in(struct session *s)
{
	s->logged_in = true;
	s->user_given = false;
	s->mark = mark_of(s);
	ln_notice("%s: %s logged in", ln_conn_name(s->conn), s->anonymous ? "anonymous" : s->user);
	session_reply(s, 230, "Logged in");
}

/* --- commands, one after the other --- */

static void reset_deadline(struct session *s)
{
	ln_conn_deadline(s->conn, s->transfer ? LN_NEVER : s->logged_in ?
			 s->setup->limits.idle_ms : s->setup->limits.login_ms);
}

static bool waits(const struct session *s)
{
	return s->login || (s->transfer && !session_urgent(s->telnet.line));
}

static void run(struct session *s)
{
	s->line_ready = false;
	if (s->telnet.too_long) {
		session_reply(s, 500, "A line of more than %d octets", TELNET_MAX_LINE);
	} else {
		char verb[5];

		argument_verb(s->telnet.line, verb);
		ln_debug("%s: < %s", ln_conn_name(s->conn),
			 strcmp(verb, "PASS") ? s->telnet.line : "PASS ...");
		session_command(s, s->telnet.line, s->telnet.len);
	}
	telnet_next(&s->telnet);
}

/* Reads on until a line has to wait or there is none. */
static void read_lines(struct session *s)
{
	struct telnet_answers answers = { 0 };
	size_t len, used;
	const char *data;

	while (!s->closing) {
		if (!s->line_ready) {
			data = ln_conn_input(s->conn, &len);
			if (!len)
				break;
			s->line_ready = telnet_feed(&s->telnet, data, len, &used, &answers);
			ln_conn_consume(s->conn, used);
			if (answers.len)
				ln_conn_write(s->conn, answers.octets, answers.len);
			answers.len = 0;
			if (!s->line_ready)
				continue;
		}
		/* Replies that nobody reads are not made. */
		if (waits(s) || ln_conn_full(s->conn))
			break;
		run(s);
		reset_deadline(s);
	}
	if (s->closing && !s->transfer)
		ln_conn_finish(s->conn);
}

void session_go_on(struct session *s)
{
	reset_deadline(s);
	if (s->closing && !s->transfer)
		ln_conn_finish(s->conn);
	else
		ln_conn_wake(s->conn);
}

/* --- the connection's calls --- */

static void session_open(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);
	int one = 1;

	if (s->greeted) {
		/* TLS is there, after AUTH. */
		reset_deadline(s);
		return;
	}
	s->greeted = true;
	s->conn = c;
	s->listen = ln_conn_data(c);
	s->setup = s->listen->setup;
	s->tree = (struct tree){ .home = -1, .deny = s->setup->deny, .n_deny = s->setup->n_deny };
	session_reset(s);
	if (s->listen->implicit)
		s->protected = s->pbsz = true;
	/* Telnet's Synch comes as urgent data, and belongs into the stream (RFC 1123, 4.1.2.12). */
	setsockopt(ln_conn_fd(c), SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	if (ln_conn_stopping(c)) {
		session_reply(s, 421, "The server is ending");
		ln_conn_finish(c);
		return;
	}
	session_reply(s, 220, "%s", s->host->banner ? s->host->banner : "linnet-ftpd");
	reset_deadline(s);
}

static void session_input(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	read_lines(s);
	/* Who has gone without QUIT was cut off: what it uploads is not whole, though its data
	 * connection will seem to end in order.
	 */
	if (ln_conn_eof(c)) {
		if (!s->closing)
			transfer_cut_off(s);
		s->closing = true;
		if (!s->transfer)
			ln_conn_finish(c);
	}
}

static void session_output(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->line_ready)
		read_lines(s);
}

static void session_timeout(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	session_reply(s, 421, "Timeout: %s", s->logged_in ? "no command came" : "no login came");
	ln_conn_finish(c);
}

static void session_stop(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	s->closing = true;
	if (s->transfer)
		return;
	session_reply(s, 421, "The server is ending");
	ln_conn_finish(c);
}

static void session_close(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (!s->greeted)
		return;
	if (s->login)
		login_cancel(s->login);
	transfer_abort(s, false);
	session_drop_data(s);
	leave_files(s);
}

const struct ln_proto session_proto = {
	.state_size = sizeof(struct session),
	.input_max = 8192,
	.output_max = 65536,
	.open = session_open,
	.input = session_input,
	.output = session_output,
	.timeout = session_timeout,
	.stop = session_stop,
	.close = session_close,
};
