// SPDX-License-Identifier: GPL-2.0-or-later
/* From the connection to the session's readiness, and its end. */
#include "session.h"

#include <errno.h>
#include <linux/linnet.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session-internal.h"
#include "tls.h"

#define INPUT_MAX (16 * 1024)
#define OUTPUT_MAX (128 * 1024)
/* For the answer to QUIT. */
#define QUIT_MS 2000
#define HANDSHAKE_MS 30000

/* --- saying and waiting --- */

/* What is waited for may not take longer than the whole transaction. */
void session_wait(struct session *s, enum session_step step, uint64_t ms)
{
	uint64_t now = ln_conn_now(s->conn);

	s->step = step;
	if (s->transaction && s->transaction_end <= now)
		ms = 0;
	else if (s->transaction && now + ms > s->transaction_end)
		ms = s->transaction_end - now;
	ln_conn_deadline(s->conn, ms);
}

void session_say(struct session *s, const char *fmt, ...)
{
	char line[SESSION_COMMAND_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(line) - 2)
		n = sizeof(line) - 3;
	memcpy(line + n, "\r\n", 2);
	ln_conn_write(s->conn, line, n + 2);
}

/* The end that is told of. */
void session_fail(struct session *s, const char *status, const char *fmt, ...)
{
	va_list ap;

	if (s->why)
		return;
	va_start(ap, fmt);
	if (vasprintf(&s->why, fmt, ap) < 0)
		s->why = NULL;
	va_end(ap);
	snprintf(s->status, sizeof(s->status), "%s", status);
	ln_conn_close(s->conn);
}

/* A refusal that another server, or another time, may not repeat. */
static void fail_reply(struct session *s, const char *what, const struct reply *r)
{
	char status[ENVELOPE_STATUS_MAX + 1];

	reply_status(r, status);
	*status = '4';
	session_fail(s, strcmp(status, "4.0.0") ? status : "4.4.0", "%s refused by %s: %s", what,
		     s->peer, r->text);
}

/* --- the beginning --- */

static void say_hello(struct session *s)
{
	memset(&s->offer, 0, sizeof(s->offer));
	session_say(s, "EHLO %s", s->setup->hostname);
	session_wait(s, STEP_EHLO, s->setup->command_time);
}

static char *base64(const char *text, size_t len)
{
	char *out = malloc(4 * ((len + 2) / 3) + 1);

	if (out)
		EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, len);
	return out;
}

static void say_base64(struct session *s, const char *before, const char *text, size_t len,
		       enum session_step step)
{
	char *encoded = base64(text, len);

	if (!encoded) {
		session_fail(s, "4.3.0", "out of memory");
		return;
	}
	session_say(s, "%s%s", before, encoded);
	free(encoded);
	session_wait(s, step, s->setup->command_time);
}

static void begin_auth(struct session *s)
{
	const struct relay_route *r = s->route;
	char plain[2 * 256 + 2];
	int n;

	if (s->offer.auth & REPLY_AUTH_PLAIN) {
		/* RFC 4616 */
		n = snprintf(plain, sizeof(plain), "%c%s%c%s", 0, r->user, 0, r->password);
		say_base64(s, "AUTH PLAIN ", plain, n, STEP_AUTH);
		OPENSSL_cleanse(plain, sizeof(plain));
	} else if (s->offer.auth & REPLY_AUTH_LOGIN) {
		session_say(s, "AUTH LOGIN");
		session_wait(s, STEP_LOGIN_USER, s->setup->command_time);
	} else {
		session_fail(s, "4.7.4", "%s offers neither AUTH PLAIN nor AUTH LOGIN", s->peer);
	}
}

static void become_ready(struct session *s)
{
	session_wait(s, STEP_READY, LN_NEVER / 2);
	s->events->ready(s, s->data);
}

static bool tls_possible(const struct session *s)
{
	return s->offer.starttls && !s->no_tls && s->route->tls != RELAY_TLS_OFF &&
	       !ln_conn_is_tls(s->conn);
}

static void after_hello(struct session *s)
{
	enum relay_tls tls = s->route->tls;

	if (tls_possible(s)) {
		session_say(s, "STARTTLS");
		session_wait(s, STEP_STARTTLS, s->setup->command_time);
	} else if (tls >= RELAY_TLS_ENCRYPT && !ln_conn_is_tls(s->conn)) {
		session_fail(s, "4.7.4", "TLS is required, but %s does not offer it", s->peer);
	} else if (s->route->user && !s->authenticated) {
		begin_auth(s);
	} else {
		become_ready(s);
	}
}

static void begin_tls(struct session *s, const struct reply *r)
{
	struct ln_tls *tls = s->route->tls >= RELAY_TLS_VERIFY ? s->setup->tls_verify :
								 s->setup->tls;

	if (r->code != 220) {
		/* RFC 3207, 4.1: it goes on in the clear, where that is good enough. */
		if (s->route->tls == RELAY_TLS_MAY) {
			s->no_tls = true;
			after_hello(s);
		} else {
			fail_reply(s, "STARTTLS was", r);
		}
		return;
	}
	session_wait(s, STEP_TLS, HANDSHAKE_MS);
	if (!ln_conn_start_tls_to(s->conn, tls, s->hop->host))
		return;
	s->tls_failed = s->route->tls == RELAY_TLS_MAY;
	session_fail(s, "4.7.0", "%s sent something in the clear after STARTTLS", s->peer);
}

static void on_auth(struct session *s, const struct reply *r)
{
	if (r->code / 100 == 2) {
		s->authenticated = true;
		become_ready(s);
	} else {
		fail_reply(s, "the password was", r);
	}
}

static void on_beginning(struct session *s, const struct reply *r)
{
	bool good = r->code / 100 == 2;
	bool more = r->code == 334;

	switch (s->step) {
	case STEP_GREETING:
		if (good)
			say_hello(s);
		else
			fail_reply(s, "the session was", r);
		break;
	case STEP_EHLO:
		if (good) {
			s->offer = r->offer;
			after_hello(s);
		} else if (r->code / 100 == 5 && !ln_conn_is_tls(s->conn)) {
			session_say(s, "HELO %s", s->setup->hostname);
			session_wait(s, STEP_HELO, s->setup->command_time);
		} else {
			fail_reply(s, "EHLO was", r);
		}
		break;
	case STEP_HELO:
		if (good)
			after_hello(s);
		else
			fail_reply(s, "HELO was", r);
		break;
	case STEP_STARTTLS:
		begin_tls(s, r);
		break;
	case STEP_LOGIN_USER:
		if (more)
			say_base64(s, "", s->route->user, strlen(s->route->user),
				   STEP_LOGIN_PASSWORD);
		else
			fail_reply(s, "AUTH was", r);
		break;
	case STEP_LOGIN_PASSWORD:
		if (more)
			say_base64(s, "", s->route->password, strlen(s->route->password),
				   STEP_AUTH);
		else
			fail_reply(s, "the user's name was", r);
		break;
	default:
		on_auth(s, r);
	}
}

/* --- the connection --- */

static void on_reply(struct session *s, const struct reply *r)
{
	switch (s->step) {
	case STEP_QUIT:
		s->ended = true;
		ln_conn_close(s->conn);
		break;
	case STEP_READY:
		session_fail(s, "4.4.2", "%s ended the session: %s", s->peer, r->text);
		break;
	case STEP_TRANSACTION:
	case STEP_TEXT:
	case STEP_TEXT_END:
	case STEP_RSET:
		session_on_transaction(s, r);
		break;
	default:
		on_beginning(s, r);
	}
}

/* A reply may end the session: it lives on until its connection has been closed. */
static void on_input(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);
	const char *data, *why;
	size_t len, used;

	s->busy = true;
	while (s->conn && s->step != STEP_TLS) {
		enum reply_verdict verdict;

		data = ln_conn_input(c, &len);
		verdict = reply_take(&s->reply, data, len, &used, &why);
		if (verdict == REPLY_BAD) {
			session_fail(s, "4.5.0", "%s does not speak SMTP: %s", s->peer, why);
			break;
		}
		ln_conn_consume(c, used);
		if (verdict == REPLY_DONE) {
			struct reply r = s->reply;

			ln_debug("relay: %s: %s", s->peer, r.text);
			memset(&s->reply, 0, sizeof(s->reply));
			/* RFC 5321, 3.8: it may say so at any time. */
			if (r.code == 421 && s->step != STEP_QUIT)
				session_on_421(s, &r);
			else
				on_reply(s, &r);
		} else if (!used) {
			if (ln_conn_eof(c))
				session_fail(s, "4.4.2", "%s closed the connection%s", s->peer,
					     session_at(s));
			break;
		}
	}
	s->busy = false;
	if (!s->conn)
		session_closed(s);
}

static void on_open(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);

	if (s->step == STEP_TLS) {
		say_hello(s);
		return;
	}
	session_wait(s, STEP_GREETING, s->setup->greeting_time);
}

static void on_output(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);

	if (s->step == STEP_TEXT)
		session_send_text(s);
}

static void on_timeout(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);

	session_fail(s, "4.4.2", "%s did not answer in time%s", s->peer, session_at(s));
}

static void on_stop(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);

	/* What is under way is finished; the owner asks for no more. */
	if (s->step == STEP_READY)
		session_quit(s);
}

/* The owner is told once nothing of ours is on the stack. */
static void on_close(struct ln_conn *c)
{
	struct session *s = ln_conn_data(c);
	int err = ln_conn_error(c);

	if (!s->why && !s->ended) {
		bool tls = s->step == STEP_TLS || (s->step == STEP_CONNECT && err == EPROTO);

		s->tls_failed = tls && s->route->tls == RELAY_TLS_MAY;
		snprintf(s->status, sizeof(s->status), "%s",
			 tls			 ? "4.7.5" :
			 s->step == STEP_CONNECT ? "4.4.1" :
						   "4.4.2");
		if (asprintf(&s->why, "%s: %s%s", s->peer,
			     tls ? "TLS failed" :
			     err ? strerror(err) :
				   "the connection ended",
			     session_at(s)) < 0)
			s->why = NULL;
	}
	s->conn = NULL;
	if (!s->busy)
		session_closed(s);
}

static const struct ln_proto proto = {
	.input_max = INPUT_MAX,
	.output_max = OUTPUT_MAX,
	.open = on_open,
	.input = on_input,
	.output = on_output,
	.timeout = on_timeout,
	.stop = on_stop,
	.close = on_close,
};

static void session_free(struct session *s)
{
	free(s->why);
	free(s);
}

void session_closed(struct session *s)
{
	if (!s->dropped)
		s->events->closed(s, s->data, s->status,
				  s->ended ? NULL :
				  s->why   ? s->why :
					     "out of memory");
	session_free(s);
}

const char *session_at(const struct session *s)
{
	static const char *const at[] = {
		[STEP_CONNECT] = "",
		[STEP_GREETING] = " before its greeting",
		[STEP_EHLO] = " after EHLO",
		[STEP_HELO] = " after HELO",
		[STEP_STARTTLS] = " after STARTTLS",
		[STEP_TLS] = " during the TLS handshake",
		[STEP_AUTH] = " after AUTH",
		[STEP_LOGIN_USER] = " after AUTH",
		[STEP_LOGIN_PASSWORD] = " after AUTH",
		[STEP_READY] = " between messages",
		[STEP_TRANSACTION] = " after MAIL, RCPT and DATA",
		[STEP_TEXT] = " in the message",
		[STEP_TEXT_END] = " after the end of the message",
		[STEP_RSET] = " after RSET",
		[STEP_QUIT] = " after QUIT",
	};

	return at[s->step];
}

/* --- for the owner --- */

/**
 * session_open() - begin a session
 * @server: the loop
 * @setup: the configuration
 * @route: how it is to be
 * @hop: where to
 * @no_tls: TLS has failed with this server
 * @events: told to the owner
 * @data: passed on to them
 *
 * Return: the session, or NULL with errno.
 */
struct session *session_open(struct ln_server *server, const struct relay_setup *setup,
			     const struct relay_route *route, const struct hop *hop, bool no_tls,
			     const struct session_events *events, void *data)
{
	struct session *s = calloc(1, sizeof(*s));
	bool linnet = hop->protocol == IPPROTO_LINNET;
	struct ln_remote remote = {
		.addr = hop->addr,
		.protocol = hop->protocol,
		.tls = route->tls == RELAY_TLS_IMPLICIT ? setup->tls_verify : NULL,
		.connect_ms = linnet && route->transport == RELAY_AUTO ?
				      setup->linnet_connect_time :
				      setup->connect_time,
	};
	char addr[LN_ADDR_STRLEN];

	if (!s)
		return NULL;
	s->setup = setup;
	s->route = route;
	s->hop = hop;
	s->no_tls = no_tls;
	s->events = events;
	s->data = data;
	remote.name = hop->host;
	snprintf(s->peer, sizeof(s->peer), "%s[%s]", hop->host, ln_addr_format(&hop->addr, addr));
	s->conn = ln_connect(server, &remote, &proto, s);
	if (s->conn)
		return s;
	free(s);
	return NULL;
}

/**
 * session_ready() - whether a transaction can begin
 * @s: the session
 */
bool session_ready(const struct session *s)
{
	return s->conn && !s->why && s->step == STEP_READY;
}

/**
 * session_tls_failed() - whether it may go better without TLS
 * @s: the session, in closed()
 */
bool session_tls_failed(const struct session *s)
{
	return s->tls_failed;
}

/**
 * session_offer() - what the server offers
 * @s: a session that was ready
 */
const struct reply_offer *session_offer(const struct session *s)
{
	return &s->offer;
}

/**
 * session_peer() - whom it is with, for people
 * @s: the session
 */
const char *session_peer(const struct session *s)
{
	return s->peer;
}

/**
 * session_host() - the server's name
 * @s: the session
 */
const char *session_host(const struct session *s)
{
	return s->hop->host;
}

/**
 * session_transport() - how it is connected, for people
 * @s: an open session
 * @out: filled
 */
void session_transport(const struct session *s, char out[48])
{
	snprintf(out, 48, "%s%s%s", s->hop->protocol == IPPROTO_LINNET ? "linnet" : "tcp",
		 s->conn && ln_conn_is_tls(s->conn) ? " " : "",
		 s->conn && ln_conn_is_tls(s->conn) ? ln_conn_tls_version(s->conn) : "");
}

/**
 * session_quit() - end it in order
 * @s: a session that is ready
 */
void session_quit(struct session *s)
{
	session_say(s, "QUIT");
	session_wait(s, STEP_QUIT, QUIT_MS);
	s->ended = true;
}

/**
 * session_drop() - end it at once
 * @s: the session; closed() is not called
 */
void session_drop(struct session *s)
{
	s->dropped = true;
	if (s->conn)
		ln_conn_close(s->conn);
}
