// SPDX-License-Identifier: GPL-2.0-or-later
#include "login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "accounts.h"
#include "counts.h"
#include "session.h"

/**
 * struct login - a password that is being checked, or was wrong
 * @waiter: for the check
 * @delay: before a failure is told
 * @session: whose it is
 */
struct login {
	struct accounts_waiter waiter;
	uv_timer_t delay;
	struct session *session;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct login *l)
{
	l->session->login = NULL;
	uv_close((uv_handle_t *)&l->delay, on_closed);
}

static int open_home(const struct session *s)
{
	const struct account *account = accounts_find(s->host->accounts, s->user);
	const char *home = account && account->home ? account->home : s->user;
	size_t len = strlen(s->host->root);
	struct tree root = { .home = s->host->root_fd };
	char path[ARGUMENT_MAX_PATH];

	/* A name of a user of PAM is no path. */
	if (!(account && account->home) && (strchr(home, '/') || *home == '.'))
		return -EINVAL;
	/* A whole path is one below the root. */
	if (*home == '/' && !strncmp(home, s->host->root, len) && (home[len] == '/' || !home[len]))
		home += len;
	else if (*home == '/')
		return -EXDEV;
	if (!argument_path("/", home, path))
		return -ENAMETOOLONG;
	return tree_open(&root, path, O_RDONLY | O_DIRECTORY, 0);
}

static bool enter(struct session *s)
{
	const struct account *account = accounts_find(s->host->accounts, s->user);
	int fd = open_home(s);

	if (fd < 0) {
		ln_warning("%s: home of %s: %s", ln_conn_name(s->conn), s->user, strerror(-fd));
		return false;
	}
	s->tree.home = fd;
	s->quota = account ? account->quota : 0;
	s->quota_files = account ? account->quota_files : 0;
	ln_metric_add(&counts_logins, 1);
	session_logged_in(s);
	return true;
}

static void failed(struct session *s)
{
	ln_metric_add(&counts_failures, 1);
	s->failures++;
	if (s->failures >= s->setup->limits.failures) {
		session_reply(s, 421, "Too many logins failed");
		s->closing = true;
	} else {
		session_reply(s, 530, "Login incorrect");
	}
	session_go_on(s);
}

static void on_delay(uv_timer_t *timer)
{
	struct login *l = timer->data;
	struct session *s = l->session;

	end(l);
	failed(s);
}

static void on_verdict(struct login *l, enum accounts_verdict verdict)
{
	struct session *s = l->session;

	if (verdict == ACCOUNTS_BUSY) {
		end(l);
		/* RFC 959, 5.4: USER and PASS may be answered so. */
		session_reply(s, 421, "Too many logins at once: try again later");
		s->closing = true;
		session_go_on(s);
	} else if (verdict == ACCOUNTS_GOOD && enter(s)) {
		end(l);
		session_go_on(s);
	} else {
		ln_notice("%s: login of '%s' failed", ln_conn_name(s->conn), s->user);
		uv_timer_start(&l->delay, on_delay, s->setup->limits.failure_delay_ms, 0);
	}
}

static void on_checked(struct accounts_waiter *w, enum accounts_verdict verdict)
{
	on_verdict((struct login *)w, verdict);
}

static bool anonymous_name(const char *user)
{
	return !strcasecmp(user, "anonymous") || !strcasecmp(user, "ftp");
}

static bool enter_anonymous(struct session *s)
{
	int fd = openat(s->host->anonymous_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	s->tree.home = fd;
	s->quota = s->quota_files = 0;
	s->anonymous = true;
	ln_metric_add(&counts_logins, 1);
	session_logged_in(s);
	return true;
}

/**
 * login_start() - check the user of a session
 * @s: the session
 * @password: what PASS said
 */
void login_start(struct session *s, const char *password)
{
	struct ln_server *server = ln_conn_server(s->conn);
	enum accounts_verdict verdict = ACCOUNTS_BAD;
	struct login *l;

	if (s->host->anonymous && anonymous_name(s->user)) {
		if (!enter_anonymous(s))
			session_reply(s, 530, "The anonymous folder is not there");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		session_reply(s, 421, "Out of memory");
		s->closing = true;
		return;
	}
	l->session = s;
	l->waiter.done = on_checked;
	l->delay.data = l;
	uv_timer_init(ln_server_loop(server), &l->delay);
	s->login = l;
	if (s->host->accounts)
		verdict = accounts_check(s->host->accounts, server, s->user, password, &l->waiter);
	if (verdict != ACCOUNTS_PENDING)
		on_verdict(l, verdict);
}

/**
 * login_cancel() - the session goes
 * @l: its login
 */
void login_cancel(struct login *l)
{
	accounts_cancel(&l->waiter);
	end(l);
}
