// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "counts.h"
#include "log.h"
#include "mailbox.h"
#include "session.h"

#define NEEDS_TLS	"[AUTH] passwords go over TLS only: say STLS first"
#define FAILED		"[AUTH] name or password is wrong"
#define BUSY		"[SYS/TEMP] too many logins at once, or no answer from PAM: try again later"

/**
 * login_plain_allowed() - whether passwords may be sent now
 * @s: the session
 */
bool login_plain_allowed(const struct session *s)
{
	return s->setup->auth_without_tls || ln_conn_is_tls(s->conn);
}

/* --- verdicts --- */

static void good(struct session *s)
{
	login_cancel(s);
	mailbox_open(s);
}

static void bad(struct session *s)
{
	ln_notice("%s: login of '%s' failed", ln_conn_name(s->conn), s->user);
	ln_metric_add(&counts_bad, 1);
	login_cancel(s);
	s->user[0] = 0;
	s->auth_failures++;
	session_fail(s, FAILED);
}

static void busy(struct session *s)
{
	login_cancel(s);
	s->user[0] = 0;
	session_refuse(s, BUSY);
	session_go_on(s);
}

/**
 * login_opened() - the mailbox of who has logged in is open, or is not
 * @s: the session
 * @r: 0 or a negative errno
 */
void login_opened(struct session *s, int r)
{
	if (!r) {
		s->state = STATE_TRANSACTION;
		ln_metric_add(&counts_good, 1);
		session_reply(s, "+OK %zu messages (%" PRIu64 " octets)", s->n_left,
			      s->octets_left);
	} else if (r == -EAGAIN) {
		ln_metric_add(&counts_in_use, 1);
		session_refuse(s, "[IN-USE] another session has the mailbox open");
	} else {
		ln_error("%s: mailbox of %s: %s", ln_conn_name(s->conn), s->user, strerror(-r));
		session_refuse(s, "[SYS/%s] the mailbox cannot be opened",
			       r == -EXDEV || r == -ELOOP || r == -ENOTDIR ? "PERM" : "TEMP");
	}
	if (r)
		s->user[0] = 0;
	session_go_on(s);
}

/* --- USER and PASS --- */

void login_user(struct session *s, char *args)
{
	if (!login_plain_allowed(s)) {
		session_refuse(s, NEEDS_TLS);
	} else if (!*args || strlen(args) > USERS_MAX_NAME) {
		session_refuse(s, "allowed is USER NAME, with up to %d octets", USERS_MAX_NAME);
	} else {
		/* Whether there is such a user is nobody's business. */
		strcpy(s->user, args);
		session_reply(s, "+OK");
	}
}

static void on_password(struct accounts_waiter *w, enum accounts_verdict verdict)
{
	struct session *s = (struct session *)((char *)w - offsetof(struct session, waiter));

	if (verdict == ACCOUNTS_GOOD)
		good(s);
	else if (verdict == ACCOUNTS_BAD)
		bad(s);
	else
		busy(s);
}

void login_pass(struct session *s, char *args)
{
	enum accounts_verdict verdict;

	if (!*s->user) {
		session_refuse(s, "say USER first");
		return;
	}
	s->waiter.done = on_password;
	session_wait(s, WAIT_PASSWORD);
	verdict = accounts_check(s->setup->accounts, ln_conn_server(s->conn), s->user, args,
				 &s->waiter);
	if (verdict != ACCOUNTS_PENDING)
		on_password(&s->waiter, verdict);
}

/* --- AUTH (RFC 5034) --- */

static void act(struct session *s, enum sasl_verdict verdict, const char *challenge)
{
	if (verdict == SASL_CONTINUE) {
		session_reply(s, "+ %s", challenge);
		return;
	}
	if (verdict == SASL_PENDING) {
		session_wait(s, WAIT_PASSWORD);
		return;
	}
	snprintf(s->user, sizeof(s->user), "%s", sasl_user(s->sasl));
	if (verdict == SASL_GOOD) {
		good(s);
	} else if (verdict == SASL_BAD) {
		bad(s);
	} else if (verdict == SASL_BUSY) {
		busy(s);
	} else {
		login_cancel(s);
		s->user[0] = 0;
		session_refuse(s, verdict == SASL_CANCELLED ? "the exchange is cancelled" :
				  "that is no base64");
	}
}

static void on_sasl(void *data, enum sasl_verdict verdict)
{
	act(data, verdict, NULL);
}

/* Without arguments: what there is, as servers before RFC 5034 say it. */
static void list_mechanisms(struct session *s)
{
	char names[SASL_NAMES_MAX], *rest = names, *name;

	sasl_names(s->setup->accounts, login_plain_allowed(s), names);
	session_reply(s, "+OK");
	while ((name = strsep(&rest, " ")))
		if (*name)
			session_reply(s, "%s", name);
	session_reply(s, ".");
}

void login_auth(struct session *s, char *args)
{
	const struct sasl_settings settings = {
		.accounts = s->setup->accounts, .server = ln_conn_server(s->conn),
		.service = "pop", .hostname = s->setup->hostname,
		.plain = login_plain_allowed(s), .done = on_sasl, .data = s,
	};
	char *initial = strchr(args, ' ');
	enum sasl_verdict verdict;
	const char *challenge;

	if (!*args) {
		list_mechanisms(s);
		return;
	}
	if (initial)
		*initial++ = 0;
	s->user[0] = 0;
	s->sasl = sasl_new(&settings, args, &verdict);
	if (!s->sasl) {
		if (verdict == SASL_NEEDS_TLS)
			session_refuse(s, NEEDS_TLS);
		else if (verdict == SASL_UNKNOWN)
			session_refuse(s, "no such mechanism: CAPA tells which there are");
		else
			session_refuse(s, BUSY);
		return;
	}
	s->lines.max = SASL_LINE_MAX;
	verdict = sasl_step(s->sasl, initial, initial ? strlen(initial) : 0, &challenge);
	act(s, verdict, challenge);
}

/**
 * login_auth_line() - a line of an exchange
 * @s: the session
 * @line: the line
 * @len: its length
 */
void login_auth_line(struct session *s, const char *line, size_t len)
{
	const char *challenge;
	enum sasl_verdict verdict = sasl_step(s->sasl, line, len, &challenge);

	act(s, verdict, challenge);
}

/**
 * login_cancel() - forget a login that is under way
 * @s: the session
 */
void login_cancel(struct session *s)
{
	accounts_cancel(&s->waiter);
	sasl_free(s->sasl);
	s->sasl = NULL;
	s->lines.max = SESSION_COMMAND_MAX;
}
