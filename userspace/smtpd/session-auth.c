// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AUTH (RFC 4954).
 */
#include <string.h>

#include "counts.h"
#include "log.h"
#include "session.h"

#define MECHANISM_MAX	20

/* PLAIN and LOGIN show the password to who listens. */
static bool may_be_plain(const struct session *s)
{
	return ln_conn_is_tls(s->conn) || s->worker->setup->auth_without_tls;
}

/**
 * session_auth_mechanisms() - what is offered now
 * @s: the session
 * @out: names with blanks between them, "": none
 */
void session_auth_mechanisms(const struct session *s, char out[SASL_NAMES_MAX])
{
	sasl_names(s->worker->setup->accounts, may_be_plain(s), out);
}

static void end_exchange(struct session *s)
{
	sasl_free(s->sasl);
	s->sasl = NULL;
	s->phase = PHASE_COMMAND;
	s->lines.max = SESSION_COMMAND_MAX;
}

/**
 * session_auth_cancel() - end an exchange that is under way
 * @s: the session
 */
void session_auth_cancel(struct session *s)
{
	if (s->sasl)
		end_exchange(s);
}

static void fail(struct session *s)
{
	counts_auth(false);
	ln_notice("%s: AUTH failed for '%s'", ln_conn_name(s->conn), sasl_user(s->sasl));
	end_exchange(s);
	if (++s->auth_failures >= s->worker->setup->limits.auth_failures) {
		session_reply(s, 535, "5.7.8", "the password or the name is wrong");
		session_end(s, 421, "4.7.0", "too many failures of AUTH");
		return;
	}
	session_refuse(s, 535, "5.7.8", "the password or the name is wrong");
}

static void succeed(struct session *s)
{
	size_t len = strlen(sasl_user(s->sasl));

	if (len >= sizeof(s->user)) {
		fail(s);
		return;
	}
	memcpy(s->user, sasl_user(s->sasl), len + 1);
	counts_auth(true);
	ln_info("%s: is '%s' by AUTH", ln_conn_name(s->conn), s->user);
	end_exchange(s);
	session_reply(s, 235, "2.7.0", "authentication good");
}

static void answer(struct session *s, enum sasl_verdict verdict, const char *challenge)
{
	switch (verdict) {
	case SASL_CONTINUE:
		s->phase = PHASE_AUTH;
		s->lines.max = SESSION_LINE_MAX;
		session_challenge(s, challenge);
		break;
	case SASL_GOOD:
		succeed(s);
		break;
	case SASL_PENDING:
		session_pause(s);
		break;
	case SASL_BUSY:
		end_exchange(s);
		session_refuse(s, 454, "4.7.0", "too many passwords are being checked now");
		break;
	case SASL_MALFORMED:
		end_exchange(s);
		session_refuse(s, 501, "5.5.2", "no base64, or not what the mechanism says");
		break;
	case SASL_CANCELLED:
		end_exchange(s);
		session_refuse(s, 501, "5.7.0", "AUTH was cancelled");
		break;
	default:
		fail(s);
		break;
	}
}

static void on_verdict(void *data, enum sasl_verdict verdict)
{
	struct session *s = data;

	s->waiting = false;
	answer(s, verdict, "");
	/* An error may have put it into the tarpit. */
	if (!s->waiting)
		session_go_on(s);
}

/**
 * session_auth_line() - a line of an exchange
 * @s: the session
 * @line: the line, without its end
 * @len: its length
 */
void session_auth_line(struct session *s, const char *line, size_t len)
{
	const char *challenge = "";
	enum sasl_verdict verdict = sasl_step(s->sasl, line, len, &challenge);

	answer(s, verdict, challenge);
}

static void begin(struct session *s, const char *mechanism, const char *initial, size_t len)
{
	const struct sasl_settings settings = {
		.accounts = s->worker->setup->accounts, .server = s->worker->server,
		.service = "smtp", .hostname = s->worker->setup->hostname,
		.plain = may_be_plain(s), .done = on_verdict, .data = s,
	};
	const char *challenge = "";
	enum sasl_verdict verdict;

	s->sasl = sasl_new(&settings, mechanism, &verdict);
	if (s->sasl) {
		verdict = sasl_step(s->sasl, initial, len, &challenge);
		answer(s, verdict, challenge);
	} else if (verdict == SASL_NEEDS_TLS) {
		session_refuse(s, 538, "5.7.11", "this mechanism needs TLS");
	} else if (verdict == SASL_UNKNOWN) {
		session_refuse(s, 504, "5.5.4", "this mechanism is not known here");
	} else {
		session_refuse(s, 454, "4.7.0", "no memory");
	}
}

/**
 * session_auth() - AUTH
 * @s: the session
 * @args: its arguments: a mechanism, and perhaps the first response
 * @len: their length
 */
void session_auth(struct session *s, const char *args, size_t len)
{
	const char *blank = memchr(args, ' ', len);
	size_t name_len = blank ? (size_t)(blank - args) : len;
	char name[MECHANISM_MAX + 1];
	const char *initial = NULL;
	size_t initial_len = 0;

	if (!session_offers_auth(s)) {
		session_refuse(s, 502, "5.5.1", "AUTH is not offered here");
		return;
	}
	if (!s->extended || s->transaction || *s->user) {
		session_refuse(s, 503, "5.5.1", !s->extended ? "EHLO comes first" : *s->user ?
			       "AUTH was there already" :
			       "AUTH is not for within a mail transaction");
		return;
	}
	if (!name_len) {
		session_refuse(s, 501, "5.5.4", "AUTH takes a mechanism");
		return;
	}
	if (name_len > MECHANISM_MAX) {
		session_refuse(s, 504, "5.5.4", "this mechanism is not known here");
		return;
	}
	memcpy(name, args, name_len);
	name[name_len] = 0;
	if (blank) {
		while (blank < args + len && *blank == ' ')
			blank++;
		initial = blank;
		initial_len = args + len - blank;
		if (memchr(initial, ' ', initial_len)) {
			session_refuse(s, 501, "5.5.4", "AUTH takes a mechanism and one response");
			return;
		}
	}
	begin(s, name, initial, initial_len);
}
