// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection: what arrives goes to commands or to a message, replies go out in order, and
 * who makes errors or takes too long is sent away.
 */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "counts.h"
#include "log.h"
#include "submit.h"

#define INPUT_MAX	65536
#define OUTPUT_MAX	65536

/* --- replies --- */

static void format_reply(char *out, size_t room, unsigned int code, const char *status,
			 const char *fmt, va_list ap)
{
	int len = status ? snprintf(out, room, "%u %s ", code, status) :
			   snprintf(out, room, "%u ", code);

	/* RFC 5321, 4.5.3.1.5: 512 octets with CRLF; what a client sent may be cut. */
	if (room > 511)
		room = 511;
	vsnprintf(out + len, room - len, fmt, ap);
	strcat(out, "\r\n");
}

static void send_reply(struct session *s, const char *text)
{
	counts_reply(text[0]);
	ln_debug("%s: > %.*s", ln_conn_name(s->conn), (int)strlen(text) - 2, text);
	ln_conn_write(s->conn, text, strlen(text));
}

/**
 * session_reply() - answer
 * @s: the session
 * @code: reply code
 * @status: enhanced code (RFC 2034), or NULL where there is none
 * @fmt: words, as for printf()
 */
void session_reply(struct session *s, unsigned int code, const char *status, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	format_reply(text, sizeof(text), code, status, fmt, ap);
	va_end(ap);
	send_reply(s, text);
}

/**
 * session_challenge() - what the mechanism of AUTH says
 * @s: the session
 * @text: base64, of any length
 */
void session_challenge(struct session *s, const char *text)
{
	ln_conn_printf(s->conn, "334 %s\r\n", text);
}

/**
 * session_end() - send a client away
 * @s: the session
 * @code: reply code: 221 or 421
 * @status: enhanced code
 * @text: words
 */
void session_end(struct session *s, unsigned int code, const char *status, const char *text)
{
	if (s->ending)
		return;
	session_reply(s, code, status, "%s %s", s->worker->setup->hostname, text);
	s->ending = true;
	ln_conn_finish(s->conn);
}

/* After so many errors each further one costs time, and one more ends it. */
static void count_error(struct session *s, const char *text)
{
	const struct setup_limits *limits = &s->worker->setup->limits;

	s->errors++;
	ln_info("%s: refused: %.*s", ln_conn_name(s->conn), (int)strlen(text) - 2, text);
	if (s->errors >= limits->errors) {
		send_reply(s, text);
		session_end(s, 421, "4.7.0", "too many errors");
	} else if (s->errors > limits->tarpit_errors && limits->tarpit_ms && !s->waiting) {
		snprintf(s->late, sizeof(s->late), "%s", text);
		session_pause(s);
		ln_conn_deadline(s->conn, limits->tarpit_ms);
	} else {
		send_reply(s, text);
	}
}

/**
 * session_refuse() - answer with an error that counts
 * @s: the session
 * @code: reply code
 * @status: enhanced code
 * @fmt: words, as for printf()
 */
void session_refuse(struct session *s, unsigned int code, const char *status, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	format_reply(text, sizeof(text), code, status, fmt, ap);
	va_end(ap);
	/* What is our fault, or for the time being, is no error of the client's. */
	if (code < 500)
		send_reply(s, text);
	else
		count_error(s, text);
}

/**
 * session_refuse_as() - the same, with what a check found
 * @s: the session
 * @r: what it found
 */
void session_refuse_as(struct session *s, const struct refusal *r)
{
	session_refuse(s, r->code, r->status, "%s", r->text);
}

/* --- going on and waiting --- */

/**
 * session_pause() - read nothing until session_go_on()
 * @s: the session
 */
void session_pause(struct session *s)
{
	s->waiting = true;
	ln_conn_hold(s->conn, true);
	ln_conn_deadline(s->conn, LN_NEVER);
}

static void set_deadline(struct session *s)
{
	const struct setup_limits *limits = &s->worker->setup->limits;
	bool content = s->phase == PHASE_DATA || s->phase == PHASE_CHUNK;

	ln_conn_deadline(s->conn, content ? limits->data_ms : limits->command_ms);
}

/**
 * session_go_on() - what session_pause() was for is there
 * @s: the session
 */
void session_go_on(struct session *s)
{
	s->waiting = false;
	if (s->ending)
		return;
	set_deadline(s);
	ln_conn_hold(s->conn, false);
	ln_conn_wake(s->conn);
}

/**
 * session_reset() - end the mail transaction
 * @s: the session
 */
void session_reset(struct session *s)
{
	transaction_free(s->transaction);
	s->transaction = NULL;
	s->chunked = false;
}

/* --- what the client may do --- */

/**
 * session_offers_auth() - whether AUTH may be used now
 * @s: the session
 */
bool session_offers_auth(const struct session *s)
{
	const struct setup *setup = s->worker->setup;

	if (!setup->accounts || s->service->kind == SERVICE_LOCAL)
		return false;
	return s->service->kind != SERVICE_SMTP || setup->auth_on_smtp;
}

/**
 * session_needs_auth() - whether mail is taken after AUTH only, which was not yet
 * @s: the session
 */
bool session_needs_auth(const struct session *s)
{
	return !*s->user && (s->service->kind == SERVICE_SUBMISSION ||
			     s->service->kind == SERVICE_SMTPS);
}

/**
 * session_may_relay() - whether mail for other servers is taken
 * @s: the session
 */
bool session_may_relay(const struct session *s)
{
	const struct setup *setup = s->worker->setup;

	return *s->user || s->service->kind == SERVICE_LOCAL ||
	       networks_have(setup->relay_networks, setup->n_relay_networks,
			     ln_conn_peer(s->conn));
}

/* --- input --- */

static void on_bad_line(struct session *s, enum ln_line kind)
{
	bool auth = s->phase == PHASE_AUTH;

	session_auth_cancel(s);
	if (kind == LN_LINE_TOO_LONG)
		/* RFC 4954, 6, has a code of its own. */
		session_refuse(s, 500, auth ? "5.5.6" : "5.5.2", "the line is too long");
	else
		/* RFC 5321, 2.3.8 */
		session_refuse(s, 500, "5.5.2", "a line ends with CRLF; no other CR, LF or NUL");
}

/* What came of what has arrived. */
enum taken {
	TAKEN_NOTHING,		/* more is needed */
	TAKEN_REST,		/* of a line that was refused */
	TAKEN_SOME,		/* the client has done something: its time begins anew */
};

static enum taken take_line(struct session *s, const char *data, size_t len)
{
	size_t line_len, used;
	enum ln_line kind = ln_line_next(&s->lines, data, len, &line_len, &used);
	char line[SESSION_LINE_MAX];

	if (kind == LN_LINE_READY) {
		memcpy(line, data, line_len);
		ln_conn_consume(s->conn, used);
		if (s->phase == PHASE_AUTH)
			session_auth_line(s, line, line_len);
		else
			session_command(s, line, line_len);
		return TAKEN_SOME;
	}
	ln_conn_consume(s->conn, used);
	if (kind == LN_LINE_NONE)
		return used ? TAKEN_REST : TAKEN_NOTHING;
	on_bad_line(s, kind);
	return TAKEN_SOME;
}

/* Too little of a message in all its time: a client that only keeps us busy. */
static bool is_too_slow(const struct session *s)
{
	const struct setup_limits *limits = &s->worker->setup->limits;
	uint64_t ms = ln_conn_now(s->conn) - s->data_since;

	return ms > limits->data_ms && s->data_octets * 1000 / ms < limits->min_rate;
}

static enum taken take_some(struct session *s)
{
	size_t len, used;
	const char *data = ln_conn_input(s->conn, &len);

	if (s->phase == PHASE_COMMAND || s->phase == PHASE_AUTH)
		return len ? take_line(s, data, len) : TAKEN_NOTHING;
	if (!len && !(s->phase == PHASE_CHUNK && !s->chunk_left))
		return TAKEN_NOTHING;
	used = s->phase == PHASE_DATA ? session_take_data(s, data, len) :
					session_take_chunk(s, data, len);
	s->data_octets += used;
	return TAKEN_SOME;
}

static void on_input(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);
	enum taken taken = TAKEN_REST;
	bool progress = false;

	while (!s->waiting && !s->ending && !ln_conn_full(c) && taken != TAKEN_NOTHING) {
		taken = take_some(s);
		progress |= taken == TAKEN_SOME;
	}
	if (s->waiting || s->ending)
		return;
	if (ln_conn_eof(c)) {
		/* What was begun and not ended is not taken (RFC 5321, 4.1.1.4). */
		s->ending = true;
		ln_conn_finish(c);
	} else if ((s->phase == PHASE_DATA || s->phase == PHASE_CHUNK) && is_too_slow(s)) {
		session_end(s, 421, "4.4.2", "the message comes too slowly");
	} else if (ln_conn_stopping(c) && s->phase == PHASE_COMMAND && !s->transaction) {
		session_end(s, 421, "4.3.2", "is shutting down");
	} else if (progress) {
		set_deadline(s);
	}
}

static void on_output(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (!s->waiting)
		ln_conn_wake(c);
}

/* --- life --- */

static void greet(struct session *s)
{
	session_reply(s, 220, NULL, "%s ESMTP linnet-smtpd", s->worker->setup->hostname);
}

static void on_open(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->conn) {
		/* TLS is there: what the client said before counts no more (RFC 3207, 4.2). */
		s->extended = false;
		s->client[0] = 0;
		counts_tls();
		session_go_on(s);
		return;
	}
	s->conn = c;
	s->service = ln_conn_data(c);
	s->worker = s->service->worker;
	if (s->service->kind == SERVICE_LOCAL)
		s->uid = submit_peer(ln_conn_fd(c));
	ln_line_reader_init(&s->lines, SESSION_COMMAND_MAX, true);
	greet(s);
	set_deadline(s);
}

static void on_timeout(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (s->waiting) {
		/* The tarpit */
		send_reply(s, s->late);
		s->late[0] = 0;
		session_go_on(s);
		return;
	}
	session_end(s, 421, "4.4.2", "waited too long");
}

static void on_stop(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (!s->waiting && s->phase == PHASE_COMMAND && !s->transaction)
		session_end(s, 421, "4.3.2", "is shutting down");
}

static void on_close(struct ln_conn *c)
{
	struct session *s = ln_conn_state(c);

	if (!s->conn)
		return;
	if (s->service->kind == SERVICE_LOCAL)
		submit_closed();
	if (s->question)
		relay_link_abandon(s->question);
	session_auth_cancel(s);
	if (s->delivery)
		delivery_abandon(s->delivery);
	if (s->transaction)
		session_reset(s);
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
