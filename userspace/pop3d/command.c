// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "counts.h"
#include "log.h"
#include "session.h"

/* --- in every state --- */

static bool offers_stls(const struct session *s)
{
	return s->setup->tls && !ln_conn_is_tls(s->conn) && s->state == STATE_AUTHORIZATION;
}

/* RFC 2449 */
static void capa(struct session *s, char *args)
{
	char names[SASL_NAMES_MAX];

	if (*args) {
		session_refuse(s, "this command has no argument");
		return;
	}
	session_reply(s, "+OK");
	session_reply(s, "TOP");
	session_reply(s, "UIDL");
	session_reply(s, "RESP-CODES");
	session_reply(s, "AUTH-RESP-CODE");
	session_reply(s, "PIPELINING");
	session_reply(s, "EXPIRE NEVER");
	session_reply(s, "IMPLEMENTATION linnet-pop3d");
	if (offers_stls(s))
		session_reply(s, "STLS");
	if (login_plain_allowed(s))
		session_reply(s, "USER");
	sasl_names(s->setup->accounts, login_plain_allowed(s), names);
	if (*names)
		session_reply(s, "SASL %s", names);
	session_reply(s, ".");
}

static void quit(struct session *s, char *args)
{
	if (*args)
		session_refuse(s, "this command has no argument");
	else
		session_end(s, "+OK bye");
}

/* RFC 2595, 4 */
static void stls(struct session *s, char *args)
{
	if (*args) {
		session_refuse(s, "this command has no argument");
	} else if (ln_conn_is_tls(s->conn)) {
		session_refuse(s, "TLS is there already");
	} else if (!s->setup->tls) {
		session_refuse(s, "there is no certificate for TLS");
	} else {
		session_reply(s, "+OK begin TLS");
		session_wait(s, WAIT_TLS);
		/* What came in the clear with it must not be taken for what came by TLS. */
		if (ln_conn_start_tls(s->conn, s->setup->tls)) {
			ln_notice("%s: commands in the clear after STLS", ln_conn_name(s->conn));
			s->ending = true;
			ln_conn_close(s->conn);
		}
	}
}

/* --- the table --- */

static const struct command {
	const char *name;
	unsigned int states;
	void (*run)(struct session *s, char *args);
} commands[] = {
	{ "CAPA", STATE_AUTHORIZATION | STATE_TRANSACTION, capa },
	{ "USER", STATE_AUTHORIZATION, login_user },
	{ "PASS", STATE_AUTHORIZATION, login_pass },
	{ "AUTH", STATE_AUTHORIZATION, login_auth },
	{ "STLS", STATE_AUTHORIZATION, stls },
	{ "QUIT", STATE_AUTHORIZATION, quit },
	{ "STAT", STATE_TRANSACTION, transaction_stat },
	{ "LIST", STATE_TRANSACTION, transaction_list },
	{ "RETR", STATE_TRANSACTION, transaction_retr },
	{ "DELE", STATE_TRANSACTION, transaction_dele },
	{ "NOOP", STATE_TRANSACTION, transaction_noop },
	{ "RSET", STATE_TRANSACTION, transaction_rset },
	{ "TOP", STATE_TRANSACTION, transaction_top },
	{ "UIDL", STATE_TRANSACTION, transaction_uidl },
	{ "QUIT", STATE_TRANSACTION, transaction_quit },
};

/* A known one in another state comes back with its states. */
static const struct command *find(const char *name, enum state state)
{
	const struct command *other = NULL;

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];

		if (strcasecmp(c->name, name))
			continue;
		if (c->states & state)
			return c;
		other = c;
	}
	return other;
}

/**
 * session_command() - do as the client says
 * @s: the session
 * @line: the line, with room for a NUL behind it; is changed
 * @len: its length
 */
void session_command(struct session *s, char *line, size_t len)
{
	const struct command *c;
	char *args;

	line[len] = 0;
	args = strchr(line, ' ');
	if (args)
		*args++ = 0;
	else
		args = line + len;
	c = find(line, s->state);
	/* PASS comes right after USER (RFC 1939, 7). */
	if (c && c->run != login_pass && c->run != login_user &&
	    s->state == STATE_AUTHORIZATION)
		s->user[0] = 0;
	ln_debug("%s: < %s%s%s", ln_conn_name(s->conn), line, *args ? " " : "",
		 c && (c->run == login_pass || c->run == login_auth) ? "..." : args);
	if (!c)
		session_refuse(s, "no such command");
	else if (!(c->states & s->state))
		session_refuse(s, s->state == STATE_TRANSACTION ?
			       "not after the login" : "not before the login");
	else
		c->run(s, args);
}
