// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who it is, and how safe the connection is: RFC 959, 4.1.1, RFC 4217 and RFC 7151.
 */
#include <string.h>
#include <strings.h>

#include "command.h"
#include "passive.h"
#include "session.h"
#include "transfer.h"

static void user(struct session *s, const char *arg)
{
	if (s->setup->control_tls == SETUP_TLS_REQUIRED && !ln_conn_is_tls(s->conn)) {
		session_reply(s, 530, "Encrypt the connection first, with AUTH TLS");
		return;
	}
	if (s->logged_in) {
		/* RFC 959, 4.1.1 lets USER begin anew; vsftpd and others refuse it. */
		session_reply(s, 530, "Already logged in; REIN logs out");
		return;
	}
	if (strlen(arg) > SESSION_MAX_USER) {
		session_reply(s, 501, "A name of more than %d octets", SESSION_MAX_USER);
		return;
	}
	strcpy(s->user, arg);
	s->user_given = true;
	session_reply(s, 331, "Password, please");
}

static void pass(struct session *s, const char *arg)
{
	if (s->logged_in) {
		session_reply(s, 503, "Already logged in");
	} else if (!s->user_given) {
		session_reply(s, 503, "USER comes first");
	} else {
		s->user_given = false;
		login_start(s, arg);
	}
}

static void account(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 202, "There are no accounts besides users");
}

static void rein(struct session *s, const char *arg)
{
	bool tls = ln_conn_is_tls(s->conn) && !s->listen->implicit;

	(void)arg;
	session_reset(s);
	if (s->listen->implicit)
		s->protected = s->pbsz = true;
	session_reply(s, 220, "%s", s->host->banner ? s->host->banner : "linnet-ftpd");
	/* RFC 4217, 11 */
	if (tls && ln_conn_stop_tls(s->conn))
		s->closing = true;
}

static void quit(struct session *s, const char *arg)
{
	(void)arg;
	s->closing = true;
	session_reply(s, 221, "Goodbye");
}

static void host(struct session *s, const char *arg)
{
	const struct setup_host *h;
	char name[256];
	size_t len = strlen(arg);

	if (s->logged_in || s->user_given) {
		session_reply(s, 503, "HOST comes before USER");
		return;
	}
	/* RFC 7151, 3: an IPv6 address is in brackets, and no port follows. */
	if (len >= sizeof(name) || strpbrk(arg, " /@")) {
		session_reply(s, 501, "That is no host name");
		return;
	}
	strcpy(name, arg);
	if (len && name[len - 1] == '.')
		name[len - 1] = 0;
	h = setup_host(s->setup, name);
	if (!h || !ln_conn_tls_serves(s->conn, name)) {
		session_reply(s, 504, "There is no host %s here", arg);
		return;
	}
	s->host = h;
	session_reply(s, 220, "%s", h->banner ? h->banner : "linnet-ftpd");
}

/* --- RFC 4217 --- */

static void auth(struct session *s, const char *arg)
{
	if (!s->setup->tls || s->setup->control_tls == SETUP_TLS_OFF) {
		session_reply(s, 502, "There is no TLS here");
	} else if (strcasecmp(arg, "TLS") && strcasecmp(arg, "TLS-C")) {
		session_reply(s, 504, "Only TLS");
	} else if (ln_conn_is_tls(s->conn)) {
		session_reply(s, 503, "The connection is encrypted already");
	} else {
		size_t len;

		ln_conn_input(s->conn, &len);
		if (len) {
			/* It would count as sent under TLS. */
			session_reply(s, 503, "AUTH must be the last command sent in the clear");
			s->closing = true;
			return;
		}
		/* RFC 4217, 4: what was said before may be another's. */
		session_reset(s);
		session_reply(s, 234, "TLS follows");
		ln_conn_start_tls(s->conn, s->setup->tls);
	}
}

static void pbsz(struct session *s, const char *arg)
{
	uint64_t n;

	if (!ln_conn_is_tls(s->conn)) {
		session_reply(s, 503, "AUTH TLS comes first");
	} else if (!argument_number(arg, &n) || n > UINT32_MAX) {
		session_reply(s, 501, "That is no number of 32 bits");
	} else {
		s->pbsz = true;
		/* RFC 4217, 8 */
		if (n)
			session_reply(s, 200, "PBSZ=0");
		else
			session_reply(s, 200, "PBSZ 0");
	}
}

static void prot(struct session *s, const char *arg)
{
	char level = *arg & ~0x20;

	if (!s->pbsz)
		session_reply(s, 503, "PBSZ comes first");
	else if (arg[1] || !level || !strchr("CSEP", level))
		session_reply(s, 504, "Allowed are C and P");
	else if (level == 'S' || level == 'E')
		session_reply(s, 536, "Allowed are C and P");
	else if (level == 'P' && s->setup->data_tls == SETUP_TLS_OFF)
		session_reply(s, 534, "Data is not encrypted here");
	else if (level == 'C' && s->setup->data_tls == SETUP_TLS_REQUIRED)
		session_reply(s, 534, "Data must be encrypted here");
	else {
		s->protected = level == 'P';
		session_reply(s, 200, "Data is %s", level == 'P' ? "encrypted" : "in the clear");
	}
}

static void ccc(struct session *s, const char *arg)
{
	(void)arg;
	if (!ln_conn_is_tls(s->conn)) {
		session_reply(s, 533, "The connection is in the clear already");
	} else if (s->setup->control_tls == SETUP_TLS_REQUIRED || s->listen->implicit) {
		session_reply(s, 534, "Commands must be encrypted here");
	} else {
		size_t len;

		ln_conn_input(s->conn, &len);
		if (len) {
			session_reply(s, 503, "CCC must be the last command sent");
			return;
		}
		session_reply(s, 200, "In the clear from here on");
		if (ln_conn_stop_tls(s->conn))
			s->closing = true;
	}
}

static void adat(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 503, "AUTH TLS asks for no data");
}

static void wrapped(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 502, "TLS protects the connection, not the single command");
}

const struct command command_access[] = {
	{ "USER", COMMAND_ARGUMENT, user, "name" },
	{ "PASS", 0, pass, "password" },
	{ "ACCT", COMMAND_ARGUMENT, account, "account" },
	{ "REIN", COMMAND_NONE, rein, "" },
	{ "QUIT", COMMAND_NONE | COMMAND_URGENT, quit, "" },
	{ "HOST", COMMAND_ARGUMENT, host, "host name" },
	{ "AUTH", COMMAND_ARGUMENT, auth, "TLS" },
	{ "ADAT", COMMAND_ARGUMENT, adat, "data" },
	{ "PBSZ", COMMAND_ARGUMENT, pbsz, "0" },
	{ "PROT", COMMAND_ARGUMENT, prot, "C or P" },
	{ "CCC", COMMAND_NONE, ccc, "" },
	{ "MIC", COMMAND_ARGUMENT, wrapped, "command" },
	{ "CONF", COMMAND_ARGUMENT, wrapped, "command" },
	{ "ENC", COMMAND_ARGUMENT, wrapped, "command" },
	{ 0 },
};
