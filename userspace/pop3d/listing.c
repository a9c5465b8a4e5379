// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "counts.h"
#include "session.h"

#define PIECE	32768

/* Returns the length of the line. */
static int format_line(const struct session *s, char *out, size_t room)
{
	const struct maildir_message *m = &s->mailbox->message[s->next];

	if (s->listing == LISTING_UIDS)
		return snprintf(out, room, "%zu %s\r\n", s->next + 1, m->uid);
	return snprintf(out, room, "%zu %" PRIu64 "\r\n", s->next + 1, m->size);
}

/* Returns false when the last was written. */
static bool send_lines(struct session *s)
{
	size_t have = 0;
	char out[8192];

	while (s->next < s->mailbox->n && have + 128 < sizeof(out)) {
		if (!(s->marks[s->next] & MESSAGE_DELETED))
			have += format_line(s, out + have, sizeof(out) - have);
		s->next++;
	}
	ln_conn_write(s->conn, out, have);
	if (s->next < s->mailbox->n)
		return true;
	ln_conn_write(s->conn, ".\r\n", 3);
	return false;
}

static void end_message(struct session *s)
{
	char end[STUFF_END];

	ln_conn_write(s->conn, end, stuff_end(&s->stuff, end));
	if (s->stuff.lines == STUFF_ALL) {
		s->marks[s->next] |= MESSAGE_RETRIEVED;
		s->n_retrieved++;
		ln_metric_add(&counts_retrieved, 1);
	}
}

static bool send_message(struct session *s)
{
	char in[PIECE], out[STUFF_ROOM(PIECE)];
	ssize_t n = read(s->file, in, sizeof(in));
	size_t len;

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		/* +OK was said: all that is left is to break off. */
		ln_error("%s: mailbox of %s: %s", ln_conn_name(s->conn), s->user, strerror(errno));
		s->ending = true;
		ln_conn_close(s->conn);
		return false;
	}
	len = stuff_some(&s->stuff, in, n, out);
	ln_conn_write(s->conn, out, len);
	s->octets_sent += len;
	ln_metric_add(&counts_octets, len);
	if (n && !s->stuff.done)
		return true;
	end_message(s);
	return false;
}

/**
 * listing_start() - begin with a reply of many lines, whose first was sent
 * @s: the session; with LISTING_MESSAGE, next, file and stuff say which
 * @listing: what is sent
 */
void listing_start(struct session *s, enum listing listing)
{
	s->listing = listing;
	if (listing != LISTING_MESSAGE)
		s->next = 0;
	session_wait(s, WAIT_SENDING);
	listing_send(s);
}

/**
 * listing_send() - go on with it
 * @s: the session
 */
void listing_send(struct session *s)
{
	bool more = true;

	while (more && !ln_conn_full(s->conn))
		more = s->listing == LISTING_MESSAGE ? send_message(s) : send_lines(s);
	if (more || s->ending)
		return;
	listing_stop(s);
	session_go_on(s);
}

/**
 * listing_stop() - let go what it needed
 * @s: the session
 */
void listing_stop(struct session *s)
{
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
}
