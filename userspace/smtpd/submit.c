// SPDX-License-Identifier: GPL-2.0-or-later
#include "submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "session.h"

#define BACKLOG		64
/* At once in a worker, so that no user of the machine takes all descriptors. */
#define MAX_SESSIONS	256

static struct {
	struct worker *worker;
	struct service service;
	uv_poll_t *poll;
	int fd;
	unsigned int sessions;
	bool full;		/* nothing is accepted until one is over */
} submit;

int submit_listen(const char *queue)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", queue, SETUP_SUBMIT_SOCKET) >=
	    (int)sizeof(a.sun_path)) {
		ln_error("queue: the path %s is too long for a socket in it: at most %zu octets",
			 queue, sizeof(a.sun_path) - sizeof(SETUP_SUBMIT_SOCKET) - 1);
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(a.sun_path);
	/* Every user of the machine may send mail. */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || chmod(a.sun_path, 0666) ||
	    listen(fd, BACKLOG)) {
		int err = -errno;

		ln_error("the socket %s: %s", a.sun_path, strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

unsigned int submit_peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? (unsigned int)-1 : cred.uid;
}

static void take_one(int fd)
{
	char name[40];

	snprintf(name, sizeof(name), "user %u", submit_peer(fd));
	if (ln_conn_adopt(submit.worker->server, fd, name, &session_proto, &submit.service))
		submit.sessions++;
	else
		ln_warning("%s: refused: %s", name, strerror(errno));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	int fd;

	(void)events;
	if (status < 0)
		return;
	if (ln_server_stopping(submit.worker->server)) {
		uv_poll_stop(poll);
		return;
	}
	while (submit.sessions < MAX_SESSIONS) {
		fd = accept4(submit.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		take_one(fd);
	}
	submit.full = true;
	uv_poll_stop(poll);
}

void submit_closed(void)
{
	submit.sessions--;
	if (!submit.full)
		return;
	submit.full = false;
	if (submit.poll)
		uv_poll_start(submit.poll, UV_READABLE, on_poll);
}

int submit_start(struct worker *w, int fd)
{
	submit.worker = w;
	submit.service = (struct service){ .kind = SERVICE_LOCAL, .worker = w };
	submit.fd = fd;
	submit.poll = malloc(sizeof(*submit.poll));
	if (!submit.poll || uv_poll_init(ln_server_loop(w->server), submit.poll, fd)) {
		free(submit.poll);
		submit.poll = NULL;
		return -ENOMEM;
	}
	uv_poll_start(submit.poll, UV_READABLE, on_poll);
	/* It keeps no loop alive. */
	uv_unref((uv_handle_t *)submit.poll);
	return 0;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

void submit_stop(void)
{
	if (submit.poll)
		uv_close((uv_handle_t *)submit.poll, free_handle);
	submit.poll = NULL;
}
