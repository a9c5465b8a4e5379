// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mailbox.h"
#include "session.h"

/* --- arguments --- */

/* Digits only. Returns false for another, and for what fits into nothing. */
static bool parse_number(const char *text, uint64_t *n)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* A message that is there, as an index; false after a refusal. */
static bool take_message(struct session *s, const char *text, size_t *i)
{
	uint64_t n;

	if (!parse_number(text, &n) || !n || n > s->mailbox->n) {
		if (s->mailbox->n)
			session_refuse(s, "no such message: allowed are 1 to %zu", s->mailbox->n);
		else
			session_refuse(s, "no such message: the mailbox is empty");
		return false;
	}
	*i = n - 1;
	if (!(s->marks[*i] & MESSAGE_DELETED))
		return true;
	session_refuse(s, "message %" PRIu64 " is deleted", n);
	return false;
}

static bool has_none(struct session *s, const char *args)
{
	if (!*args)
		return true;
	session_refuse(s, "this command has no argument");
	return false;
}

/* --- commands --- */

void transaction_stat(struct session *s, char *args)
{
	if (has_none(s, args))
		session_reply(s, "+OK %zu %" PRIu64, s->n_left, s->octets_left);
}

void transaction_list(struct session *s, char *args)
{
	size_t i;

	if (!*args) {
		session_reply(s, "+OK %zu messages (%" PRIu64 " octets)", s->n_left,
			      s->octets_left);
		listing_start(s, LISTING_SIZES);
	} else if (take_message(s, args, &i)) {
		session_reply(s, "+OK %zu %" PRIu64, i + 1, s->mailbox->message[i].size);
	}
}

void transaction_uidl(struct session *s, char *args)
{
	size_t i;

	if (!*args) {
		session_reply(s, "+OK");
		listing_start(s, LISTING_UIDS);
	} else if (take_message(s, args, &i)) {
		session_reply(s, "+OK %zu %s", i + 1, s->mailbox->message[i].uid);
	}
}

/* Others may have removed it meanwhile: [SYS/PERM] says that it does not come back (RFC 3206). */
static bool open_message(struct session *s, size_t i)
{
	s->file = maildir_read(s->mailbox, i);
	s->next = i;
	if (s->file >= 0)
		return true;
	if (s->file == -ENOENT) {
		session_refuse(s, "[SYS/PERM] message %zu has gone", i + 1);
	} else {
		ln_error("%s: mailbox of %s: %s", ln_conn_name(s->conn), s->user,
			 strerror(-s->file));
		session_refuse(s, "[SYS/TEMP] message %zu cannot be read", i + 1);
	}
	s->file = -1;
	return false;
}

void transaction_retr(struct session *s, char *args)
{
	size_t i;

	if (!take_message(s, args, &i) || !open_message(s, i))
		return;
	session_reply(s, "+OK %" PRIu64 " octets", s->mailbox->message[i].size);
	stuff_init(&s->stuff, STUFF_ALL);
	listing_start(s, LISTING_MESSAGE);
}

void transaction_top(struct session *s, char *args)
{
	char *second = strchr(args, ' ');
	uint64_t lines;
	size_t i;

	if (second)
		*second++ = 0;
	if (!second || !parse_number(second, &lines) || lines == STUFF_ALL) {
		session_refuse(s, "allowed is TOP MESSAGE LINES");
		return;
	}
	if (!take_message(s, args, &i) || !open_message(s, i))
		return;
	session_reply(s, "+OK");
	stuff_init(&s->stuff, lines);
	listing_start(s, LISTING_MESSAGE);
}

void transaction_dele(struct session *s, char *args)
{
	size_t i;

	if (!take_message(s, args, &i))
		return;
	s->marks[i] |= MESSAGE_DELETED;
	s->n_left--;
	s->octets_left -= s->mailbox->message[i].size;
	session_reply(s, "+OK message %zu is deleted", i + 1);
}

void transaction_noop(struct session *s, char *args)
{
	if (has_none(s, args))
		session_reply(s, "+OK");
}

void transaction_rset(struct session *s, char *args)
{
	if (!has_none(s, args))
		return;
	s->n_left = s->mailbox->n;
	s->octets_left = 0;
	for (size_t i = 0; i < s->mailbox->n; i++) {
		s->marks[i] &= ~MESSAGE_DELETED;
		s->octets_left += s->mailbox->message[i].size;
	}
	session_reply(s, "+OK %zu messages (%" PRIu64 " octets)", s->n_left, s->octets_left);
}

/* --- the end --- */

void transaction_quit(struct session *s, char *args)
{
	if (!has_none(s, args))
		return;
	s->state = STATE_UPDATE;
	mailbox_update(s);
}

void transaction_updated(struct session *s, int r)
{
	s->wait = WAIT_NOTHING;
	if (r) {
		ln_error("%s: mailbox of %s: %s", ln_conn_name(s->conn), s->user, strerror(-r));
		session_end(s, "-ERR [SYS/TEMP] some deleted messages were not removed");
	} else {
		session_end(s, "+OK bye");
	}
}
