// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands but those of mail and AUTH.
 */
#include <stdio.h>
#include <string.h>

#include "counts.h"
#include "log.h"
#include "session.h"

/* NOOP, RSET, VRFY and the like are free, but not without end. */
#define JUNK_MAX	100

/* --- HELO, EHLO --- */

static bool take_client(struct session *s, const char *args, size_t len)
{
	if (!len) {
		session_refuse(s, 501, "5.5.4", "your name is missing");
		return false;
	}
	if (!command_client_name(args, len)) {
		session_refuse(s, 501, "5.5.4", "your name is no domain and no address literal");
		return false;
	}
	session_reset(s);
	memcpy(s->client, args, len);
	s->client[len] = 0;
	return true;
}

static void helo(struct session *s, const char *args, size_t len)
{
	if (!take_client(s, args, len))
		return;
	s->extended = false;
	session_reply(s, 250, NULL, "%s", s->worker->setup->hostname);
}

static bool offers_tls(const struct session *s)
{
	return s->worker->setup->tls && s->service->kind != SERVICE_LOCAL &&
	       !ln_conn_is_tls(s->conn);
}

static void ehlo(struct session *s, const char *args, size_t len)
{
	const struct setup *setup = s->worker->setup;
	char mechanisms[SASL_NAMES_MAX] = "";

	if (!take_client(s, args, len))
		return;
	s->extended = true;
	if (session_offers_auth(s) && !*s->user)
		session_auth_mechanisms(s, mechanisms);
	ln_conn_printf(s->conn, "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-ETRN\r\n",
		       setup->hostname, (unsigned long long)setup->limits.message);
	if (offers_tls(s))
		ln_conn_printf(s->conn, "250-STARTTLS\r\n");
	if (*mechanisms)
		ln_conn_printf(s->conn, "250-AUTH %s\r\n", mechanisms);
	ln_conn_printf(s->conn, "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n"
		       "250-SMTPUTF8\r\n250-CHUNKING\r\n250 HELP\r\n");
	counts_reply('2');
}

/* --- STARTTLS (RFC 3207) --- */

static void starttls(struct session *s, size_t args_len)
{
	size_t left;

	if (args_len) {
		session_refuse(s, 501, "5.5.4", "STARTTLS takes no argument");
	} else if (ln_conn_is_tls(s->conn)) {
		session_refuse(s, 503, "5.5.1", "TLS is there already");
	} else if (!s->extended) {
		session_refuse(s, 503, "5.5.1", "EHLO comes first");
	} else if (!offers_tls(s)) {
		session_refuse(s, 502, "5.5.1", "TLS is not offered here");
	} else {
		ln_conn_input(s->conn, &left);
		if (left) {
			/* It would count as sent under TLS, and may be somebody else's. */
			session_refuse(s, 501, "5.5.1", "wait for the answer to STARTTLS");
			session_end(s, 421, "4.7.0", "something followed STARTTLS in the clear");
			return;
		}
		session_reset(s);
		session_reply(s, 220, "2.0.0", "begin TLS");
		session_pause(s);
		if (ln_conn_start_tls(s->conn, s->worker->setup->tls))
			session_end(s, 421, "4.7.0", "TLS cannot begin");
	}
}

/* --- the others --- */

static void vrfy(struct session *s, size_t args_len)
{
	/* Nobody is told who is here (RFC 5321, 7.3). */
	if (!args_len)
		session_refuse(s, 501, "5.5.4", "VRFY takes a user or an address");
	else
		session_reply(s, 252, "2.0.0", "send mail, and it is tried");
}

static void on_flush(void *data, long messages)
{
	struct session *s = data;

	s->question = NULL;
	if (messages < 0)
		session_refuse(s, 458, "4.3.0", "the queue cannot be started now");
	else
		session_reply(s, 250, "2.0.0", "delivery begins of %ld messages", messages);
	session_go_on(s);
}

static void etrn(struct session *s, const char *args, size_t len)
{
	const struct setup *setup = s->worker->setup;
	char domain[MAIL_DOMAIN_MAX + 2];
	const char *name = domain;

	if (s->transaction) {
		session_refuse(s, 503, "5.5.1", "ETRN is not for within a mail transaction");
		return;
	}
	if (!s->extended) {
		session_refuse(s, 503, "5.5.1", "EHLO comes first");
		return;
	}
	if (!len || len >= sizeof(domain)) {
		session_refuse(s, 501, "5.5.4", "ETRN takes a domain");
		return;
	}
	memcpy(domain, args, len);
	domain[len] = 0;
	/* RFC 1985, 5.1: "@" and a domain: those below it, too */
	if (*name == '@')
		name++;
	if (!mail_domain_valid(name, strlen(name), true)) {
		session_refuse(s, 501, "5.5.4", "ETRN takes a domain");
		return;
	}
	if (!recipient_domain_in(name, setup->etrn, setup->n_etrn) && !session_may_relay(s)) {
		session_refuse(s, 459, "4.7.0", "ETRN is not allowed for this domain");
		return;
	}
	s->question = relay_link_flush(s->worker, domain, on_flush, s);
	if (s->question)
		session_pause(s);
	else
		session_refuse(s, 458, "4.3.0", "the queue cannot be started now");
}

static void help(struct session *s)
{
	session_reply(s, 214, "2.0.0", "HELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY "
		      "ETRN HELP QUIT; see RFC 5321");
}

static bool is_junk(struct session *s)
{
	if (++s->junk <= JUNK_MAX)
		return false;
	session_refuse(s, 503, "5.7.0", "too many commands that lead nowhere");
	return true;
}

/* RFC 4954, 6: what may be done before AUTH */
static bool refuse_before_auth(struct session *s)
{
	if (!session_needs_auth(s))
		return false;
	if (offers_tls(s) && !s->worker->setup->auth_without_tls)
		session_refuse(s, 530, "5.7.0", "STARTTLS and AUTH come first");
	else
		session_refuse(s, 530, "5.7.0", "AUTH comes first");
	return true;
}

/* No argument: RFC 5321, 4.1.1.5 and 4.1.1.10. */
static bool has_argument(struct session *s, const char *verb, size_t args_len)
{
	if (!args_len)
		return false;
	session_refuse(s, 501, "5.5.4", "%s takes no argument", verb);
	return true;
}

/**
 * session_command() - do what a line says
 * @s: the session
 * @line: the line, without its end
 * @len: its length
 */
void session_command(struct session *s, const char *line, size_t len)
{
	const char *args;
	size_t args_len;
	enum verb verb = command_verb(line, len, &args, &args_len);

	ln_debug("%s: < %.*s", ln_conn_name(s->conn), (int)(verb == VERB_AUTH ? 4 : len), line);
	switch (verb) {
	case VERB_HELO:
		helo(s, args, args_len);
		break;
	case VERB_EHLO:
		ehlo(s, args, args_len);
		break;
	case VERB_STARTTLS:
		starttls(s, args_len);
		break;
	case VERB_AUTH:
		session_auth(s, args, args_len);
		break;
	case VERB_MAIL:
		if (!refuse_before_auth(s))
			session_mail(s, args, args_len);
		break;
	case VERB_RCPT:
		if (!refuse_before_auth(s))
			session_rcpt(s, args, args_len);
		break;
	case VERB_DATA:
		if (!refuse_before_auth(s))
			session_data(s, args, args_len);
		break;
	case VERB_BDAT:
		/* Its chunk follows, whatever the answer is. */
		session_bdat(s, args, args_len);
		break;
	case VERB_RSET:
		if (has_argument(s, "RSET", args_len) || is_junk(s))
			break;
		session_reset(s);
		session_reply(s, 250, "2.0.0", "reset");
		break;
	case VERB_NOOP:
		if (!is_junk(s))
			session_reply(s, 250, "2.0.0", "nothing done");
		break;
	case VERB_QUIT:
		if (!has_argument(s, "QUIT", args_len))
			session_end(s, 221, "2.0.0", "closes the connection");
		break;
	case VERB_VRFY:
		if (!refuse_before_auth(s) && !is_junk(s))
			vrfy(s, args_len);
		break;
	case VERB_EXPN:
		session_refuse(s, 502, "5.5.1", "lists are not shown");
		break;
	case VERB_HELP:
		if (!is_junk(s))
			help(s);
		break;
	case VERB_ETRN:
		if (!refuse_before_auth(s) && !is_junk(s))
			etrn(s, args, args_len);
		break;
	case VERB_NOT_IMPLEMENTED:
		session_refuse(s, 502, "5.5.1", "this command is not implemented");
		break;
	case VERB_FOREIGN:
		session_end(s, 421, "4.7.0", "speaks SMTP only");
		break;
	default:
		session_refuse(s, 500, "5.5.2", "this command is not known");
		break;
	}
}
