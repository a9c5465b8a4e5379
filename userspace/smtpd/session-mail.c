// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From MAIL to the end of the message.
 */
#include <string.h>
#include <sys/statvfs.h>

#include "counts.h"
#include "log.h"
#include "session.h"

/* How much more than is allowed is read and thrown away before the connection is ended. */
#define EXCESS_MAX	(16 << 20)

/* --- MAIL --- */

/* Room for the message, where it is kept (RFC 1870, 6.1). */
static bool has_room(struct session *s, uint64_t size)
{
	struct statvfs st;

	if (fstatvfs(s->worker->temporary, &st))
		return true;
	return (uint64_t)st.f_bavail * st.f_frsize >= s->worker->setup->limits.min_free + size;
}

static bool within_rate(struct session *s)
{
	const struct setup_limits *limits = &s->worker->setup->limits;

	return !limits->message_rate ||
	       ln_conn_allow(s->conn, limits->message_rate, limits->message_burst);
}

/* The sizes, that a client may have told (RFC 1870, 6.1). */
static int check_size(struct session *s, uint64_t size, struct refusal *r)
{
	if (size > s->worker->setup->limits.message)
		*r = (struct refusal){ 552, "5.3.4", "the message is larger than is allowed" };
	else if (!has_room(s, size))
		*r = (struct refusal){ 452, "4.3.1", "there is no room for messages now" };
	else
		return 0;
	return -1;
}

static void describe(const struct session *s, struct transaction *t)
{
	t->trace = (struct trace){
		.hostname = s->worker->setup->hostname,
		.peer = *ln_conn_peer(s->conn),
		.protocol = ln_conn_protocol(s->conn),
		.uid = s->uid,
		.extended = s->extended,
		.utf8 = t->mail.utf8,
		.authenticated = *s->user,
		.id = t->id,
	};
	transaction_set_client(t, s->client, ln_conn_tls_version(s->conn), s->user,
			       ln_conn_name(s->conn));
	t->submitted = *s->user || s->service->kind == SERVICE_LOCAL;
}

/**
 * session_mail() - MAIL (RFC 5321, 4.1.1.2)
 * @s: the session
 * @args: its arguments
 * @len: their length
 */
void session_mail(struct session *s, const char *args, size_t len)
{
	const struct command_offer offer = { .extended = s->extended, .utf8 = true };
	struct mail_command m;
	struct transaction *t;
	struct refusal r;

	if (!*s->client) {
		session_refuse(s, 503, "5.5.1", "HELO or EHLO comes first");
		return;
	}
	if (s->transaction) {
		session_refuse(s, 503, "5.5.1", "a mail transaction is under way; RSET ends it");
		return;
	}
	if (ln_conn_stopping(s->conn)) {
		session_end(s, 421, "4.3.2", "is shutting down");
		return;
	}
	if (command_mail(&m, args, len, &offer, &r) || check_size(s, m.size, &r)) {
		session_refuse_as(s, &r);
		return;
	}
	if (!within_rate(s)) {
		counts_limited();
		session_refuse(s, 450, "4.7.1", "too many messages from your address; come later");
		return;
	}
	t = transaction_new(s->worker);
	if (!t) {
		session_refuse(s, 452, "4.3.1", "no memory");
		return;
	}
	t->mail = m;
	describe(s, t);
	s->transaction = t;
	session_reply(s, 250, "2.1.0", "sender good");
}

/* --- RCPT --- */

/**
 * session_rcpt() - RCPT (RFC 5321, 4.1.1.3)
 * @s: the session
 * @args: its arguments
 * @len: their length
 */
void session_rcpt(struct session *s, const char *args, size_t len)
{
	struct transaction *t = s->transaction;
	struct command_offer offer = { .extended = s->extended };
	const struct setup_limits *limits = &s->worker->setup->limits;
	struct rcpt_command c;
	union ln_addr local;
	char literal[64];
	struct refusal r;

	if (!t || s->chunked) {
		session_refuse(s, 503, "5.5.1", t ? "the message has begun" : "MAIL comes first");
		return;
	}
	offer.utf8 = t->mail.utf8;
	if (command_rcpt(&c, args, len, &offer, &r)) {
		session_refuse_as(s, &r);
		return;
	}
	ln_conn_local(s->conn, &local);
	trace_address(&local, literal);
	if (recipients_add(&t->to, &s->worker->setup->rules, &c, session_may_relay(s), literal,
			   limits->recipients, &r)) {
		t->refused = true;
		counts_recipient(false);
		session_refuse_as(s, &r);
		return;
	}
	counts_recipient(true);
	session_reply(s, 250, "2.1.5", "recipient good");
}

/* --- the message --- */

/* Whether a message may come; else *@r. */
static int check_recipients(const struct session *s, struct refusal *r)
{
	if (!s->transaction)
		*r = (struct refusal){ 503, "5.5.1", "MAIL comes first" };
	else if (!s->transaction->to.n && s->transaction->refused)
		/* RFC 2920, 3.1 */
		*r = (struct refusal){ 554, "5.5.1", "no recipient is good" };
	else if (!s->transaction->to.n)
		*r = (struct refusal){ 503, "5.5.1", "RCPT comes first" };
	else
		return 0;
	return -1;
}

static void on_done(void *data, const struct refusal *r)
{
	struct session *s = data;

	s->delivery = NULL;
	s->junk = 0;
	if (r->code < 300)
		session_reply(s, r->code, r->status, "%s", r->text);
	else
		session_refuse_as(s, r);
	session_go_on(s);
}

/* All of the message is there. */
static void finish_message(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct refusal *r;
	struct refusal copy;

	s->phase = PHASE_COMMAND;
	r = transaction_check(t);
	if (r) {
		copy = *r;
		session_reset(s);
		session_refuse_as(s, &copy);
		return;
	}
	s->delivery = delivery_start(t, on_done, s);
	if (!s->delivery) {
		session_reset(s);
		session_refuse(s, 452, "4.3.1", "no memory");
		return;
	}
	s->transaction = NULL;
	s->chunked = false;
	session_pause(s);
}

static void begin_content(struct session *s, enum phase phase)
{
	s->phase = phase;
	s->data_since = ln_conn_now(s->conn);
	s->data_octets = 0;
}

/**
 * session_data() - DATA (RFC 5321, 4.1.1.4)
 * @s: the session
 * @args: its arguments: none are allowed
 * @len: their length
 */
void session_data(struct session *s, const char *args, size_t len)
{
	struct refusal r;

	(void)args;
	if (len) {
		session_refuse(s, 501, "5.5.4", "DATA takes no argument");
		return;
	}
	if (s->transaction && s->chunked) {
		/* RFC 3030, 2 */
		session_refuse(s, 503, "5.5.1", "the message came by BDAT so far");
		return;
	}
	if (check_recipients(s, &r)) {
		session_refuse_as(s, &r);
		return;
	}
	session_reply(s, 354, NULL, "send the message, and a line with a dot");
	begin_content(s, PHASE_DATA);
}

/**
 * session_take_data() - a piece of what follows DATA
 * @s: the session
 * @data: what arrived
 * @len: its length
 *
 * Return: octets that were used.
 */
size_t session_take_data(struct session *s, const char *data, size_t len)
{
	struct transaction *t = s->transaction;
	bool end;
	size_t used = dot_take(&t->dot, data, len, &end, transaction_add, t);

	ln_conn_consume(s->conn, used);
	if (end)
		finish_message(s);
	else if (t->scan.size > s->worker->setup->limits.message + EXCESS_MAX)
		session_end(s, 421, "4.3.4", "does not read a message that is much too large");
	return used;
}

/* --- BDAT (RFC 3030) --- */

/**
 * session_bdat() - BDAT
 * @s: the session
 * @args: its arguments
 * @len: their length
 *
 * The chunk follows in any case, and is thrown away when it is not wanted.
 */
void session_bdat(struct session *s, const char *args, size_t len)
{
	struct refusal *r = &s->chunk_refusal;

	*r = (struct refusal){ 0 };
	if (command_bdat(args, len, &s->chunk_left, &s->chunk_last, r)) {
		/* Where the next command begins is not known: as if there was no chunk. */
		session_refuse_as(s, r);
		return;
	}
	if (session_needs_auth(s))
		*r = (struct refusal){ 530, "5.7.0", "AUTH comes first" };
	else if (!check_recipients(s, r) &&
		 (s->chunk_left > s->worker->setup->limits.message ||
		  s->transaction->scan.size + s->chunk_left > s->worker->setup->limits.message))
		*r = (struct refusal){ 552, "5.3.4", "the message is larger than is allowed" };
	if (s->chunk_left > s->worker->setup->limits.message + EXCESS_MAX) {
		session_refuse_as(s, r);
		session_end(s, 421, "4.3.4", "does not read a chunk that is much too large");
		return;
	}
	if (!r->code)
		s->chunked = true;
	begin_content(s, PHASE_CHUNK);
}

static void finish_chunk(struct session *s)
{
	s->phase = PHASE_COMMAND;
	if (s->chunk_refusal.code) {
		/* RFC 3030, 2: the transaction is over. */
		if (s->chunk_refusal.code == 552)
			session_reset(s);
		session_refuse_as(s, &s->chunk_refusal);
		return;
	}
	if (s->chunk_last) {
		transaction_end_line(s->transaction);
		finish_message(s);
		return;
	}
	session_reply(s, 250, "2.0.0", "%llu octets so far",
		      (unsigned long long)s->transaction->scan.size);
}

/**
 * session_take_chunk() - a piece of a chunk, or its end
 * @s: the session
 * @data: what arrived
 * @len: its length
 *
 * Return: octets that were used.
 */
size_t session_take_chunk(struct session *s, const char *data, size_t len)
{
	size_t used = len < s->chunk_left ? len : s->chunk_left;

	if (!s->chunk_refusal.code)
		transaction_add(s->transaction, data, used);
	ln_conn_consume(s->conn, used);
	s->chunk_left -= used;
	if (!s->chunk_left)
		finish_chunk(s);
	return used;
}
