// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The supervisor of `linnet run`: answers each socket() that the filter puts
 * to it with a Linnet socket.  It lives as long as any process of the tree.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define I386_SOCKETCALL	102
#define SOCK_TYPE_MASK	0xf
#define CHANNEL_FD	3

struct supervisor {
	struct opener opener;
	int listener;
	int target;		/* pidfd of the program's first process */
	bool strict;
	bool told_absent, told_namespace, told_memory;
	struct seccomp_notif *req;
	size_t req_size;
};

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/**
 * supervisor_hand_over() - give the supervisor the notification descriptor
 * @channel: our end of the socket pair
 * @listener: the descriptor
 *
 * Return: 0 or a negative errno.
 */
int supervisor_hand_over(int channel, int listener)
{
	union fd_control control = { 0 };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &listener, sizeof(int));
	return sendmsg(channel, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns the descriptor, or -1 when the launcher ended without giving one. */
static int receive_listener(int channel)
{
	union fd_control control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *h;
	int fd;

	if (recvmsg(channel, &msg, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	h = CMSG_FIRSTHDR(&msg);
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

static void tell_once(bool *told, const char *text)
{
	if (*told)
		return;
	*told = true;
	dprintf(STDERR_FILENO, "linnet run: %s\n", text);
}

static void answer_error(const struct supervisor *sv, int err)
{
	struct seccomp_notif_resp resp = { .id = sv->req->id, .error = err };

	ioctl(sv->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/* The kernel carries the call out as the program made it. */
static void answer_continue(const struct supervisor *sv)
{
	struct seccomp_notif_resp resp = { .id = sv->req->id,
					   .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	ioctl(sv->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void answer_socket(const struct supervisor *sv, int fd, int type)
{
	struct seccomp_notif_addfd addfd = {
		.id = sv->req->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = fd,
		.newfd_flags = type & SOCK_CLOEXEC ? O_CLOEXEC : 0,
	};

	/* ENOENT: killed while it waited.  Other errors leave it waiting, as
	 * EMFILE does, which is the program's to hear.
	 */
	if (ioctl(sv->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0 && errno != ENOENT)
		answer_error(sv, -errno);
	close(fd);
}

/* Arguments of a 32-bit program's socketcall(SYS_SOCKET).  The program could
 * change them under us: it would deceive nobody but itself.
 */
static int read_socketcall(const struct supervisor *sv, unsigned int args[3])
{
	struct iovec local = { .iov_base = args, .iov_len = 3 * sizeof(*args) };
	struct iovec remote = {
		.iov_base = (void *)(uintptr_t)sv->req->data.args[1], .iov_len = local.iov_len,
	};
	ssize_t n = process_vm_readv(sv->req->pid, &local, 1, &remote, 1, 0);

	if (n == (ssize_t)local.iov_len)
		return 0;
	return n < 0 ? -errno : -EFAULT;
}

static bool is_tcp(const unsigned int args[3])
{
	return (args[0] == AF_INET || args[0] == AF_INET6) &&
	       (args[1] & SOCK_TYPE_MASK) == SOCK_STREAM &&
	       (args[2] == IPPROTO_IP || args[2] == IPPROTO_TCP || args[2] == IPPROTO_MPTCP);
}

static void instead(struct supervisor *sv, bool *told, int err, const char *text)
{
	tell_once(told, text);
	if (sv->strict)
		answer_error(sv, err);
	else
		answer_continue(sv);
}

static void serve_one(struct supervisor *sv)
{
	const struct seccomp_data *data = &sv->req->data;
	unsigned int args[3];
	int fd, err;

	memset(sv->req, 0, sv->req_size);
	if (ioctl(sv->listener, SECCOMP_IOCTL_NOTIF_RECV, sv->req))
		return;
	for (int i = 0; i < 3; i++)
		args[i] = data->args[i];
	if (data->arch == AUDIT_ARCH_I386 && data->nr == I386_SOCKETCALL) {
		err = read_socketcall(sv, args);
		if (err == -EFAULT) {
			answer_error(sv, err);
			return;
		}
		if (err) {
			instead(sv, &sv->told_memory, -EACCES, sv->strict ?
				"cannot read a 32-bit program's socket call: refused" :
				"cannot read a 32-bit program's socket call: left to TCP");
			return;
		}
		if (!is_tcp(args)) {
			answer_continue(sv);
			return;
		}
	}

	fd = opener_socket(&sv->opener, sv->listener, sv->req, args[0], args[1]);
	if (fd >= 0)
		answer_socket(sv, fd, args[1]);
	else if (fd == -EPROTONOSUPPORT)
		instead(sv, &sv->told_absent, fd, sv->strict ?
			"the module linnet is gone: sockets are refused" :
			"the module linnet is gone: new sockets use TCP");
	else if (fd == -EXDEV)
		instead(sv, &sv->told_namespace, -EACCES, sv->strict ?
			"cannot enter a process's network namespace: its sockets are refused" :
			"cannot enter a process's network namespace: its sockets use TCP");
	else
		answer_error(sv, fd);
}

/* Nothing of the launcher's may stay open through us but standard error. */
static int detach(int channel)
{
	int null, score;

	if (channel != CHANNEL_FD && dup3(channel, CHANNEL_FD, O_CLOEXEC) < 0)
		return -errno;
	setsid();
	if (chdir("/"))
		return -errno;
	prctl(PR_SET_NAME, "linnet-run");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0))
		return -errno;
	/* Our death would break the program: let the kernel pick another when
	 * memory runs out, if we have the privilege to ask.
	 */
	score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0) {
		if (write(score, "-1000", 5) < 0) {
			/* not privileged */
		}
		close(score);
	}
	return 0;
}

static int prepare(struct supervisor *sv, int channel, pid_t target)
{
	struct seccomp_notif_sizes sizes;
	int err = detach(channel);

	if (err)
		return err;
	sv->target = syscall(SYS_pidfd_open, target, 0);
	if (sv->target < 0)
		return -errno;
	err = opener_init(&sv->opener);
	if (err)
		return err;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes))
		return -errno;
	sv->req_size =
		sizes.seccomp_notif > sizeof(*sv->req) ? sizes.seccomp_notif : sizeof(*sv->req);
	sv->req = malloc(sv->req_size);
	return sv->req ? 0 : -ENOMEM;
}

static void drop_stderr(void)
{
	dup2(STDIN_FILENO, STDERR_FILENO);
}

/**
 * supervise() - be the supervisor
 * @channel: socket pair to the launcher: we write an int, 0 or a negative
 *	errno, when we are ready, and are given the listener
 * @target: process id of the launcher, which the program keeps
 * @strict: a socket that cannot be Linnet's is refused instead of left to TCP
 */
void supervise(int channel, pid_t target, bool strict)
{
	struct supervisor sv = { .strict = strict };
	struct pollfd fds[2];
	sigset_t all;
	int err;

	/* A signal to everybody, as from kill(-1), is not meant for us. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);

	err = prepare(&sv, channel, target);
	if (send(CHANNEL_FD, &err, sizeof(err), MSG_NOSIGNAL) != sizeof(err) || err)
		_exit(EXIT_LAUNCHER);
	sv.listener = receive_listener(CHANNEL_FD);
	if (sv.listener < 0)
		_exit(0);
	close(CHANNEL_FD);

	fds[0] = (struct pollfd) { .fd = sv.listener, .events = POLLIN };
	fds[1] = (struct pollfd) { .fd = sv.target, .events = POLLIN };
	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents & POLLIN)
			serve_one(&sv);
		else if (fds[0].revents)
			_exit(0);	/* the last process of the tree is gone */
		if (fds[1].revents) {
			/* What is left are daemons: whoever reads the program's
			 * standard error must see its end.
			 */
			drop_stderr();
			fds[1].fd = -1;
		}
	}
}
