// SPDX-License-Identifier: GPL-2.0-or-later
#include "mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "counts.h"
#include "session.h"

/**
 * struct mailbox_job - work on a mailbox
 * @work: in the thread pool
 * @server: kept alive meanwhile
 * @session: NULL when it has gone
 * @root: descriptor of the mail root
 * @path: the mailbox's path, or NULL: UPDATE of @mailbox
 * @mailbox, @marks: taken from the session, or for it
 * @n_removed: how many went
 * @result: 0 or a negative errno
 */
struct mailbox_job {
	uv_work_t work;
	struct ln_server *server;
	struct session *session;
	int root;
	char *path;
	struct maildir *mailbox;
	unsigned char *marks;
	uint64_t n_removed;
	int result;
};

/* --- in a thread --- */

/* What cannot be removed keeps the others from nothing (RFC 1939, 6). */
static int update(struct mailbox_job *j)
{
	int result = 0;

	for (size_t i = 0; i < j->mailbox->n; i++) {
		int r = 0;

		if (j->marks[i] & MESSAGE_DELETED) {
			r = maildir_remove(j->mailbox, i);
			j->n_removed += !r;
		} else if (j->marks[i] & MESSAGE_RETRIEVED) {
			r = maildir_seen(j->mailbox, i);
		}
		if (r)
			result = r;
	}
	if (maildir_sync(j->mailbox) && !result)
		result = -EIO;
	return result;
}

static void work(uv_work_t *w)
{
	struct mailbox_job *j = w->data;

	j->result = j->path ? maildir_open(j->root, j->path, &j->mailbox) : update(j);
	/* The next session must not find it locked when this one was told that all is done. */
	if (!j->path) {
		maildir_close(j->mailbox);
		j->mailbox = NULL;
	}
}

/* --- in the loop --- */

static void give_mailbox(struct mailbox_job *j, struct session *s)
{
	s->mailbox = j->mailbox;
	s->marks = calloc(j->mailbox->n ? j->mailbox->n : 1, sizeof(*s->marks));
	j->mailbox = NULL;
	if (!s->marks)
		j->result = -ENOMEM;
	s->n_left = s->mailbox->n;
	s->octets_left = 0;
	for (size_t i = 0; i < s->mailbox->n; i++)
		s->octets_left += s->mailbox->message[i].size;
}

static void worked(uv_work_t *w, int status)
{
	struct mailbox_job *j = w->data;
	struct session *s = j->session;

	if (status && !j->result)
		j->result = -ECANCELED;
	ln_metric_add(&counts_deleted, j->n_removed);
	if (s) {
		s->job = NULL;
		if (j->path && !j->result)
			give_mailbox(j, s);
		if (j->path)
			login_opened(s, j->result);
		else
			transaction_updated(s, j->result);
	}
	maildir_close(j->mailbox);
	ln_server_release(j->server);
	free(j->marks);
	free(j->path);
	free(j);
}

static struct mailbox_job *start(struct session *s, const char *path)
{
	struct mailbox_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->path = path ? strdup(path) : NULL;
	if (path && !j->path) {
		free(j);
		return NULL;
	}
	j->server = ln_conn_server(s->conn);
	j->session = s;
	j->root = s->setup->mail_root_fd;
	j->mailbox = s->mailbox;
	j->marks = s->marks;
	s->mailbox = NULL;
	s->marks = NULL;
	s->job = j;
	j->work.data = j;
	ln_server_hold(j->server);
	session_wait(s, WAIT_MAILBOX);
	uv_queue_work(ln_server_loop(j->server), &j->work, work, worked);
	return j;
}

/* A name that PAM knows and the file does not may be no path. */
static const char *path_of(const struct session *s)
{
	const struct account *a = accounts_find(s->setup->accounts, s->user);
	const char *root = s->setup->mail_root, *home;
	size_t len = strlen(root);

	if (!a)
		return *s->user == '.' || strchr(s->user, '/') ? NULL : s->user;
	home = a->home ? a->home : a->name;
	/* A whole path is one below the mail root. */
	if (*home == '/' && !strncmp(home, root, len) && home[len] == '/')
		home += len;
	while (*home == '/' && a->home != home)
		home++;
	return *home == '/' ? NULL : home;
}

/**
 * mailbox_open() - open the mailbox of the session's user
 * @s: the session, which waits
 */
void mailbox_open(struct session *s)
{
	const char *path = path_of(s);

	if (!path)
		login_opened(s, -EXDEV);
	else if (!start(s, path))
		login_opened(s, -ENOMEM);
}

/**
 * mailbox_update() - remove what the session has marked
 * @s: the session, which waits, and has no mailbox any more
 */
void mailbox_update(struct session *s)
{
	if (!start(s, NULL))
		transaction_updated(s, -ENOMEM);
}

/**
 * mailbox_leave() - the session goes
 * @s: the session
 */
void mailbox_leave(struct session *s)
{
	if (s->job)
		s->job->session = NULL;
	maildir_close(s->mailbox);
	free(s->marks);
	s->job = NULL;
	s->mailbox = NULL;
	s->marks = NULL;
}
