// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "counts.h"
#include "log.h"
#include "mailbox.h"

#define INPUT_MAX	16384
#define OUTPUT_MAX	131072

/* --- replies --- */

static void send_line(struct session *s, const char *line)
{
	ln_debug("%s: > %s", ln_conn_name(s->conn), line);
	ln_conn_printf(s->conn, "%s\r\n", line);
}

/**
 * session_reply() - send a line
 * @s: the session
 * @fmt: the line, as for printf()
 */
void session_reply(struct session *s, const char *fmt, ...)
{
	char line[SESSION_REPLY_MAX - 1];
	va_list ap;

	/* A challenge is longer than a line of ours may be: RFC 5034 sets no limit. */
	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < (int)sizeof(line)) {
		send_line(s, line);
		va_end(ap);
		return;
	}
	va_end(ap);
	ln_error("%s: a reply is too long", ln_conn_name(s->conn));
	session_end(s, "-ERR [SYS/PERM] the reply is too long");
}

static void count_error(struct session *s)
{
	ln_metric_add(&counts_errors, 1);
	s->errors++;
	if (s->errors >= s->setup->limits.errors)
		session_end(s, "-ERR too many errors");
}

/**
 * session_refuse() - send an error
 * @s: the session
 * @fmt: what comes after "-ERR ", as for printf()
 */
void session_refuse(struct session *s, const char *fmt, ...)
{
	char text[SESSION_REPLY_MAX - 16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	session_reply(s, "-ERR %s", text);
	count_error(s);
}

/**
 * session_fail() - send an error after the delay
 * @s: the session
 * @text: what comes after "-ERR "
 */
void session_fail(struct session *s, const char *text)
{
	snprintf(s->late, sizeof(s->late), "%s", text);
	session_wait(s, WAIT_DELAY);
	ln_conn_deadline(s->conn, s->setup->limits.failure_delay_ms);
}

/**
 * session_end() - send a client away
 * @s: the session
 * @text: the last line
 */
void session_end(struct session *s, const char *text)
{
	if (s->ending)
		return;
	s->ending = true;
	/* Who sees the end may come again at once. */
	mailbox_leave(s);
	send_line(s, text);
	ln_conn_finish(s->conn);
}

/* --- going on and waiting --- */

/* For the whole login, or for the next command. */
static void set_deadline(struct session *s)
{
	uint64_t now = ln_conn_now(s->conn);

	if (s->state != STATE_AUTHORIZATION)
		ln_conn_deadline(s->conn, s->setup->limits.idle_ms);
	else
		ln_conn_deadline(s->conn, s->login_end > now ? s->login_end - now : 0);
}

/**
 * session_wait() - commands wait for something
 * @s: the session
 * @wait: for what
 */
void session_wait(struct session *s, enum wait wait)
{
	s->wait = wait;
	/* A client that takes nothing is the server's to end. */
	ln_conn_deadline(s->conn, LN_NEVER);
}

/**
 * session_go_on() - what commands waited for is there
 * @s: the session
 */
void session_go_on(struct session *s)
{
	s->wait = WAIT_NOTHING;
	if (s->ending)
		return;
	set_deadline(s);
	ln_conn_wake(s->conn);
}

/* --- input --- */

static void on_bad_line(struct session *s, enum ln_line kind)
{
	login_cancel(s);
	if (kind == LN_LINE_TOO_LONG)
		session_refuse(s, "the line is too long: allowed are %d octets",
			       SESSION_COMMAND_MAX);
	else
		session_refuse(s, "the line has a NUL in it");
}

/* Returns false when more has to come. @whole: there was a line. */
static bool take_line(struct session *s, bool *whole)
{
	char line[SASL_LINE_MAX + 1];
	size_t len, line_len, used;
	const char *data = ln_conn_input(s->conn, &len);
	enum ln_line kind = ln_line_next(&s->lines, data, len, &line_len, &used);

	if (kind == LN_LINE_READY)
		memcpy(line, data, line_len);
	ln_conn_consume(s->conn, used);
	if (kind == LN_LINE_NONE)
		return used;
	*whole = true;
	if (kind != LN_LINE_READY)
		on_bad_line(s, kind);
	else if (s->sasl)
		login_auth_line(s, line, line_len);
	else
		session_command(s, line, line_len);
	explicit_bzero(line, kind == LN_LINE_READY ? line_len : 0);
	return true;
}

static void on_input(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);
	bool whole = false;

	while (s->wait == WAIT_NOTHING && !s->ending && !ln_conn_full(c) && take_line(s, &whole))
		;
	if (s->ending || s->wait != WAIT_NOTHING)
		return;
	if (ln_conn_eof(c)) {
		/* No QUIT, no UPDATE (RFC 1939, 6). */
		s->ending = true;
		mailbox_leave(s);
		ln_conn_finish(c);
	} else if (ln_conn_stopping(c) && s->state == STATE_AUTHORIZATION) {
		session_end(s, "-ERR [SYS/TEMP] the server is shutting down");
	} else if (whole) {
		/* Octets of a line that does not end give no more time. */
		set_deadline(s);
	}
}

static void on_output(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->ending)
		return;
	if (s->wait == WAIT_SENDING)
		listing_send(s);
	else if (s->wait == WAIT_NOTHING)
		ln_conn_wake(c);
}

/* --- life --- */

static void on_open(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->conn) {
		/* TLS is there: what was said before counts no more (RFC 2595, 4). */
		s->user[0] = 0;
		ln_metric_add(&counts_tls, 1);
		session_go_on(s);
		return;
	}
	s->conn = c;
	s->setup = ln_conn_data(c);
	s->state = STATE_AUTHORIZATION;
	s->login_end = ln_conn_now(c) + s->setup->limits.login_ms;
	s->file = -1;
	ln_line_reader_init(&s->lines, SESSION_COMMAND_MAX, false);
	session_reply(s, "+OK %s linnet-pop3d", s->setup->hostname);
	set_deadline(s);
}

static void on_timeout(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->wait != WAIT_DELAY) {
		session_end(s, "-ERR [SYS/TEMP] waited too long");
		return;
	}
	session_refuse(s, "%s", s->late);
	if (s->auth_failures >= s->setup->limits.auth_failures)
		session_end(s, "-ERR [AUTH] too many logins failed");
	session_go_on(s);
}

static void on_stop(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	/* Who has logged in may go on to QUIT: what is marked would come again otherwise. */
	if (s->wait == WAIT_NOTHING && s->state == STATE_AUTHORIZATION)
		session_end(s, "-ERR [SYS/TEMP] the server is shutting down");
}

static void write_log(const struct session *s)
{
	char line[1024], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (!s->setup->session_log || s->state == STATE_AUTHORIZATION)
		return;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	n = snprintf(line, sizeof(line),
		     "%s %s %s user=<%s> retrieved=%llu octets=%llu left=%zu %s\n", when,
		     ln_conn_name(s->conn),
		     ln_conn_is_tls(s->conn) ? ln_conn_tls_version(s->conn) : "clear", s->user,
		     (unsigned long long)s->n_retrieved, (unsigned long long)s->octets_sent,
		     s->n_left, s->state == STATE_UPDATE ? "quit" : "broken-off");
	ln_access_log_write(s->setup->session_log, line, n);
}

static void on_close(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (!s->conn)
		return;
	write_log(s);
	login_cancel(s);
	listing_stop(s);
	mailbox_leave(s);
}

const struct ln_proto session_proto = {
	.state_size = sizeof(struct session),
	.input_max = INPUT_MAX,
	.output_max = OUTPUT_MAX,
	.open = on_open,
	.input = on_input,
	.output = on_output,
	.timeout = on_timeout,
	.stop = on_stop,
	.close = on_close,
};
