// SPDX-License-Identifier: GPL-2.0-or-later
/* Has a program started, reads what it writes to stderr, and hears of its end. */
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complaint.h"
#include "log.h"
#include "spawner.h"

/**
 * struct spawn - lives until both descriptors are closed and nobody has it any more
 * @control: the socket to the spawner
 * @complaints: the program's stderr
 * @control_fd: the same, or -1
 * @complaints_fd: the same, or -1
 * @handles: of libuv's, not closed yet
 * @left: spawn_leave() or refused() was called
 * @events: whom to tell
 * @data: for @events; NULL: nobody listens any more
 * @settled: started() or refused() was called
 * @killed: the spawner was told to kill it
 * @complaint: lines of stderr
 * @who: the program, for the log
 */
struct spawn {
	uv_poll_t control, complaints;
	int control_fd, complaints_fd;
	unsigned int handles;
	bool left;
	const struct spawn_events *events;
	void *data;
	bool settled;
	bool killed;
	struct complaint complaint;
	char who[];
};

static void free_if_over(struct spawn *s)
{
	if (s->left && !s->handles)
		free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct spawn *s = handle->data;

	s->handles--;
	free_if_over(s);
}

static void end_watch(uv_poll_t *poll, int *fd)
{
	if (*fd < 0)
		return;
	uv_close((uv_handle_t *)poll, on_closed);
	close(*fd);
	*fd = -1;
}

static bool watch(struct spawn *s, uv_loop_t *loop, uv_poll_t *poll, int fd, uv_poll_cb cb)
{
	if (uv_poll_init(loop, poll, fd))
		return false;
	poll->data = s;
	s->handles++;
	uv_poll_start(poll, UV_READABLE, cb);
	return true;
}

static void on_complaint(uv_poll_t *poll, int status, int events)
{
	struct spawn *s = poll->data;
	char text[4096];
	ssize_t n = read(s->complaints_fd, text, sizeof(text));

	(void)status;
	(void)events;
	if (n > 0) {
		complaint_add(&s->complaint, "cgi", s->who, text, n);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		complaint_end(&s->complaint, "cgi", s->who);
		end_watch(&s->complaints, &s->complaints_fd);
	}
}

static ssize_t receive(int control, struct spawn_reply *r, int fds[3])
{
	struct iovec iov = { r, sizeof(*r) };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} ancillary;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary),
	};
	ssize_t n = recvmsg(control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c;

	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(3 * sizeof(int)))
		memcpy(fds, CMSG_DATA(c), 3 * sizeof(int));
	return n;
}

static void refused(struct spawn *s, int status)
{
	void *data = s->data;

	s->data = NULL;
	s->left = true;
	end_watch(&s->control, &s->control_fd);
	if (data)
		s->events->refused(data, status);
}

static void started(struct spawn *s, const int fds[3])
{
	s->settled = true;
	if (watch(s, s->control.loop, &s->complaints, fds[2], on_complaint))
		s->complaints_fd = fds[2];
	else
		close(fds[2]);
	if (s->data) {
		s->events->started(s->data, fds[0], fds[1]);
		return;
	}
	close(fds[0]);
	close(fds[1]);
}

static void ended(struct spawn *s, int status)
{
	end_watch(&s->control, &s->control_fd);
	if (WIFSIGNALED(status) && s->killed &&
	    (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL))
		ln_info("cgi %s: killed", s->who);
	else if (WIFSIGNALED(status))
		ln_warning("cgi %s: ended by signal %d", s->who, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		ln_warning("cgi %s: exit status %d", s->who, WEXITSTATUS(status));
}

static void on_control(uv_poll_t *poll, int status, int events)
{
	struct spawn *s = poll->data;
	struct spawn_reply r;
	int fds[3] = { -1, -1, -1 };
	ssize_t n = receive(s->control_fd, &r, fds);

	(void)status;
	(void)events;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == sizeof(r) && r.kind == SPAWN_STARTED && fds[0] >= 0 && !s->settled)
		started(s, fds);
	else if (n == sizeof(r) && r.kind == SPAWN_REFUSED && !s->settled)
		refused(s, r.value);
	else if (n == sizeof(r) && r.kind == SPAWN_ENDED && s->settled)
		ended(s, r.value);
	else if (s->settled)
		end_watch(&s->control, &s->control_fd);
	else
		/* The spawner has gone. */
		refused(s, 502);
}

static int send_request(int spawner, int control, const char *path,
			const struct cgi_buffer *environment, const int *fds, int n_fds)
{
	struct spawn_request r = {
		.path_len = strlen(path) + 1, .environment_len = environment->len,
	};
	struct iovec iov[] = {
		{ &r, sizeof(r) }, { (char *)path, r.path_len },
		{ environment->data, environment->len },
	};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE((1 + SPAWN_MAX_FDS) * sizeof(int))];
	} ancillary;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 3, .msg_control = &ancillary,
		.msg_controllen = CMSG_SPACE((1 + n_fds) * sizeof(int)),
	};
	struct cmsghdr *c = &ancillary.align;

	if (n_fds > SPAWN_MAX_FDS ||
	    sizeof(r) + r.path_len + r.environment_len > SPAWN_MAX_MESSAGE)
		return -EMSGSIZE;
	memset(&ancillary, 0, sizeof(ancillary));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((1 + n_fds) * sizeof(int));
	memcpy(CMSG_DATA(c), &control, sizeof(int));
	if (n_fds)
		memcpy(CMSG_DATA(c) + sizeof(int), fds, n_fds * sizeof(int));
	return sendmsg(spawner, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/**
 * spawn_start() - have a program started
 * @loop: the worker's loop
 * @spawner: socket to the spawner
 * @who: the program, for the log
 * @path: its path below the section's folder, with what follows it
 * @environment: variables
 * @fds: what it gets as descriptors 3 and up; stay the caller's
 * @n_fds: how many, at most SPAWN_MAX_FDS
 * @events: whom to tell, not before this function has returned
 * @data: for @events
 *
 * Return: the program, until spawn_leave() or refused(); or NULL with errno set:
 * EAGAIN: the spawner has more to do than it can.
 */
struct spawn *spawn_start(uv_loop_t *loop, int spawner, const char *who, const char *path,
			  const struct cgi_buffer *environment, const int *fds, int n_fds,
			  const struct spawn_events *events, void *data)
{
	struct spawn *s = calloc(1, sizeof(*s) + strlen(who) + 1);
	int pair[2], err;

	if (!s)
		return NULL;
	strcpy(s->who, who);
	s->control_fd = s->complaints_fd = -1;
	s->events = events;
	s->data = data;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) {
		free(s);
		return NULL;
	}
	err = send_request(spawner, pair[1], path, environment, fds, n_fds);
	close(pair[1]);
	if (!err && watch(s, loop, &s->control, pair[0], on_control)) {
		s->control_fd = pair[0];
		return s;
	}
	close(pair[0]);
	free(s);
	errno = err ? -err : ENOMEM;
	return NULL;
}

/**
 * spawn_leave() - nobody waits for the program any more
 * @s: the program
 * @kill: it is to end now; else it may go on without us
 *
 * What it still writes to stderr, and how it ends, is logged.
 */
void spawn_leave(struct spawn *s, bool kill)
{
	const char release = SPAWN_RELEASE;

	s->data = NULL;
	s->left = true;
	/* A stopping worker does not wait for either. */
	if (s->complaints_fd >= 0)
		uv_unref((uv_handle_t *)&s->complaints);
	if (s->control_fd < 0) {
		free_if_over(s);
		return;
	}
	uv_unref((uv_handle_t *)&s->control);
	if (kill)
		shutdown(s->control_fd, SHUT_WR);
	else
		send(s->control_fd, &release, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	s->killed = kill;
}
