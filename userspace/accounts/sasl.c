// SPDX-License-Identifier: GPL-2.0-or-later
#include "sasl.h"

#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"

#define SCRAM "SCRAM-SHA-256"

static const char *const plain_mechanisms[] = { "PLAIN", "LOGIN" };

/* libgsasl's, of this worker. */
static Gsasl *library;

/**
 * struct sasl - an exchange
 * @settings: what it was made with
 * @session: libgsasl's
 * @login: the mechanism speaks first, whatever the client says at once
 * @started: the mechanism has had its first step
 * @first_read: the client has said something
 * @validate: libgsasl has a name and a password, and leaves the verdict to us
 * @last: all that is missing is the client's empty line after the last challenge
 * @user: who it is
 * @challenge: the last one, libgsasl's
 * @waiter: for the verdict
 */
struct sasl {
	struct sasl_settings settings;
	Gsasl_session *session;
	bool login, started, first_read, validate, last;
	char user[USERS_MAX_NAME + 1];
	char *challenge;
	struct accounts_waiter waiter;
};

/* --- what libgsasl asks --- */

static int set_encoded(Gsasl_session *session, Gsasl_property property, const unsigned char *data,
		       size_t len)
{
	unsigned char text[4 * (USERS_SCRAM_SALT_MAX + 2) / 3 + 1];

	EVP_EncodeBlock(text, data, len);
	return gsasl_property_set(session, property, (const char *)text);
}

/* In RFC 5802's order all is needed after the first message. */
static int give_verifier(struct sasl *s, Gsasl_session *session)
{
	const char *user = gsasl_property_fast(session, GSASL_AUTHID);
	struct scram_verifier v;
	char iterations[16];

	if (!user)
		return GSASL_NO_AUTHID;
	accounts_scram(s->settings.accounts, user, &v);
	snprintf(iterations, sizeof(iterations), "%u", v.iterations);
	if (gsasl_property_set(session, GSASL_SCRAM_ITER, iterations) ||
	    set_encoded(session, GSASL_SCRAM_SALT, v.salt, v.salt_len) ||
	    set_encoded(session, GSASL_SCRAM_STOREDKEY, v.stored_key, USERS_SCRAM_KEY) ||
	    set_encoded(session, GSASL_SCRAM_SERVERKEY, v.server_key, USERS_SCRAM_KEY))
		return GSASL_MALLOC_ERROR;
	return GSASL_OK;
}

static int on_property(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	struct sasl *s = gsasl_session_hook_get(session);

	(void)ctx;
	if (!s)
		return GSASL_NO_CALLBACK;
	switch (property) {
	case GSASL_VALIDATE_SIMPLE:
		s->validate = true;
		return GSASL_OK;
	case GSASL_SCRAM_ITER:
		return give_verifier(s, session);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* --- the worker --- */

/**
 * sasl_start() - have libgsasl load what it needs
 *
 * Return: 0, or -EINVAL after an error line.
 */
int sasl_start(void)
{
	Gsasl_session *session;
	int r;

	if (library)
		return 0;
	r = gsasl_init(&library);
	if (!r) {
		gsasl_callback_set(library, on_property);
		r = gsasl_server_start(library, SCRAM, &session);
		if (!r)
			gsasl_finish(session);
	}
	if (r)
		ln_error("SASL: %s", gsasl_strerror(r));
	return r ? -EINVAL : 0;
}

/**
 * sasl_names() - which mechanisms may be used
 * @a: accounts
 * @plain: PLAIN and LOGIN may be
 * @out: where the names go, spaces between them
 *
 * Return: @out.
 */
const char *sasl_names(const struct accounts *a, bool plain, char out[SASL_NAMES_MAX])
{
	snprintf(out, SASL_NAMES_MAX, "%s%s%s", accounts_have_scram(a) ? SCRAM : "",
		 accounts_have_scram(a) && plain ? " " : "", plain ? "PLAIN LOGIN" : "");
	return out;
}

/* Returns the name as libgsasl has it, or NULL. */
static const char *find_mechanism(const struct sasl_settings *settings, const char *name,
				  enum sasl_verdict *verdict)
{
	*verdict = SASL_UNKNOWN;
	for (size_t i = 0; i < sizeof(plain_mechanisms) / sizeof(*plain_mechanisms); i++) {
		if (strcasecmp(name, plain_mechanisms[i]))
			continue;
		*verdict = SASL_NEEDS_TLS;
		return settings->plain ? plain_mechanisms[i] : NULL;
	}
	if (!strcasecmp(name, SCRAM) && accounts_have_scram(settings->accounts))
		return SCRAM;
	return NULL;
}

/**
 * sasl_new() - begin an exchange
 * @settings: with whom
 * @mechanism: name, as the client says it
 * @verdict: why there is none
 *
 * Return: the exchange, or NULL with @verdict SASL_UNKNOWN, SASL_NEEDS_TLS or SASL_BUSY.
 */
struct sasl *sasl_new(const struct sasl_settings *settings, const char *mechanism,
		      enum sasl_verdict *verdict)
{
	const char *name = find_mechanism(settings, mechanism, verdict);
	struct sasl *s;

	if (!name)
		return NULL;
	*verdict = SASL_BUSY;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->settings = *settings;
	s->login = !strcmp(name, "LOGIN");
	if (gsasl_server_start(library, name, &s->session)) {
		free(s);
		return NULL;
	}
	gsasl_session_hook_set(s->session, s);
	if (gsasl_property_set(s->session, GSASL_SERVICE, settings->service) ||
	    gsasl_property_set(s->session, GSASL_HOSTNAME, settings->hostname)) {
		sasl_free(s);
		return NULL;
	}
	return s;
}

/* --- steps --- */

static void on_verdict(struct accounts_waiter *w, enum accounts_verdict verdict)
{
	struct sasl *s = (struct sasl *)((char *)w - offsetof(struct sasl, waiter));

	s->settings.done(s->settings.data, verdict == ACCOUNTS_GOOD ? SASL_GOOD :
					   verdict == ACCOUNTS_BAD  ? SASL_BAD : SASL_BUSY);
}

/* Who it is must be who they want to be. */
static bool take_user(struct sasl *s)
{
	const char *user = gsasl_property_fast(s->session, GSASL_AUTHID);
	const char *other = gsasl_property_fast(s->session, GSASL_AUTHZID);

	if (!user || !*user || strlen(user) > USERS_MAX_NAME)
		return false;
	strcpy(s->user, user);
	return !other || !*other || !strcmp(other, user);
}

static enum sasl_verdict check_password(struct sasl *s)
{
	const char *password = gsasl_property_fast(s->session, GSASL_PASSWORD);

	s->waiter.done = on_verdict;
	switch (accounts_check(s->settings.accounts, s->settings.server, s->user,
			       password ? password : "", &s->waiter)) {
	case ACCOUNTS_GOOD:
		return SASL_GOOD;
	case ACCOUNTS_BAD:
		return SASL_BAD;
	case ACCOUNTS_PENDING:
		return SASL_PENDING;
	default:
		return SASL_BUSY;
	}
}

static enum sasl_verdict error_verdict(int r)
{
	switch (r) {
	case GSASL_BASE64_ERROR:
		return SASL_MALFORMED;
	case GSASL_MALLOC_ERROR:
	case GSASL_CRYPTO_ERROR:
		return SASL_BUSY;
	default:
		/* What the mechanism cannot read proves nothing, either. */
		return SASL_BAD;
	}
}

static enum sasl_verdict run_step(struct sasl *s, const char *line)
{
	int r;

	gsasl_free(s->challenge);
	s->challenge = NULL;
	r = gsasl_step64(s->session, line, &s->challenge);
	if (r == GSASL_NEEDS_MORE)
		return SASL_CONTINUE;
	if (r != GSASL_OK) {
		take_user(s);
		return error_verdict(r);
	}
	if (!take_user(s))
		return SASL_BAD;
	if (s->validate)
		return check_password(s);
	/* What the server says last has no place in a success (RFC 4954, 4; RFC 5034, 4). */
	s->last = s->challenge && *s->challenge;
	return s->last ? SASL_CONTINUE : SASL_GOOD;
}

static bool is_base64(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && ((s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= 'a' && s[n] <= 'z') ||
			   (s[n] >= '0' && s[n] <= '9') || s[n] == '+' || s[n] == '/'))
		n++;
	return len % 4 == 0 && (n == len || (len - n <= 2 && s[n] == '=' && s[len - 1] == '='));
}

/* A first message of SCRAM with channel binding, which only a -PLUS mechanism has (RFC 5802, 6);
 * libgsasl does not mind. "p" in base64, or "q" to "s", which no such message begins with.
 */
static bool wants_binding(const struct sasl *s, const char *line)
{
	return !s->login && !strcmp(gsasl_mechanism_name(s->session), SCRAM) && *line == 'c';
}

/**
 * sasl_step() - go on with what the client said
 * @s: the exchange
 * @line: its line, or the initial response ("=": an empty one); NULL: none came with the
 *	command
 * @len: its length
 * @challenge: what to answer, with SASL_CONTINUE
 *
 * Return: how it stands. After all but SASL_CONTINUE and SASL_PENDING it is over.
 */
enum sasl_verdict sasl_step(struct sasl *s, const char *line, size_t len, const char **challenge)
{
	bool initial = !s->started && line;
	enum sasl_verdict verdict;
	char *copy;

	*challenge = "";
	if (line && len == 1 && *line == '*')
		return SASL_CANCELLED;
	if (initial && len == 1 && *line == '=')
		len = 0;
	if (line && (len > SASL_LINE_MAX || !is_base64(line, len)))
		return SASL_MALFORMED;
	if (s->last)
		return len ? SASL_BAD : SASL_GOOD;
	if (line && !s->first_read && wants_binding(s, line))
		return SASL_BAD;
	s->first_read = line;
	copy = strndup(line ? line : "", len);
	if (!copy)
		return SASL_BUSY;
	verdict = SASL_CONTINUE;
	if (!s->started && s->login)
		verdict = run_step(s, "");
	s->started = true;
	if (verdict == SASL_CONTINUE && (line || !s->login))
		verdict = run_step(s, copy);
	explicit_bzero(copy, len);
	free(copy);
	if (s->challenge)
		*challenge = s->challenge;
	/* No mechanism of ours has nothing to ask after the first message. */
	return verdict == SASL_CONTINUE && line && !**challenge ? SASL_BAD : verdict;
}

/**
 * sasl_user() - who it is
 * @s: the exchange
 *
 * Return: the name that the client gave, "" before it did.
 */
const char *sasl_user(const struct sasl *s)
{
	return s->user;
}

/**
 * sasl_free() - end an exchange, wherever it is
 * @s: the exchange, or NULL
 */
void sasl_free(struct sasl *s)
{
	if (!s)
		return;
	accounts_cancel(&s->waiter);
	gsasl_free(s->challenge);
	gsasl_finish(s->session);
	free(s);
}
