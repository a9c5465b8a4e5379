// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data connections that we make come from port 20 (RFC 959, 3.2).  Workers have no right to it:
 * they ask a process that has this one right, and no other, for a socket with that port.
 */
#include "active.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/linnet.h>
#include <unistd.h>

#include "daemon.h"
#include "session.h"
#include "transfer.h"

/* RFC 2577, 3 */
#define FIRST_PORT	1024
/* Time for the process to answer. */
#define ANSWER_MS	2000

/**
 * struct question - what a worker asks for; the answer's socket comes along with it
 * @local: address to bind to, port 0
 * @protocol: IPPROTO_TCP or IPPROTO_LINNET
 */
struct question {
	union ln_addr local;
	int protocol;
};

static socklen_t address_len(const union ln_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

/* --- descriptors over a UNIX socket --- */

static int send_fd(int to, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -errno;
}

/* Returns the octets received; *fd is -1 when none came along. */
static ssize_t receive_fd(int from, void *data, size_t len, int *fd, int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(from, &msg, flags | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

/* --- the process --- */

static int bound_socket(const struct question *q, uint16_t port)
{
	union ln_addr a = q->local;
	int one = 1, err;
	int fd;

	if ((a.sa.sa_family != AF_INET && a.sa.sa_family != AF_INET6) ||
	    (q->protocol != IPPROTO_TCP && q->protocol != IPPROTO_LINNET &&
	     q->protocol != IPPROTO_LINNET_ALT))
		return -EINVAL;
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, q->protocol);
	if (fd < 0)
		return -errno;
	if (a.sa.sa_family == AF_INET6)
		a.in6.sin6_port = htons(port);
	else
		a.in.sin_port = htons(port);
	/* Several of them may go to different clients at once. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, &a.sa, address_len(&a)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void answer(uint16_t port, const struct question *q, int to)
{
	int fd = bound_socket(q, port), err = fd < 0 ? fd : 0;

	send_fd(to, &err, sizeof(err), fd);
	if (fd >= 0)
		close(fd);
}

/* Keeps the right to low ports over the change of user, and no other right. */
static int drop_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	int err;

	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	err = ln_daemon_drop();
	if (err)
		return err;
	data[0].permitted = data[0].effective = 1U << CAP_NET_BIND_SERVICE;
	/* Who never had it works without it. */
	if (syscall(SYS_capset, &header, data)) {
		data[0].permitted = data[0].effective = 0;
		syscall(SYS_capset, &header, data);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}

/* Never returns. */
static void serve(const struct setup *s, pid_t parent)
{
	struct question q;
	sigset_t none;
	int to;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(s->port_request);
	if (drop_rights())
		exit(EXIT_FAILURE);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(EXIT_FAILURE);
	for (;;) {
		ssize_t n = receive_fd(s->port_serve, &q, sizeof(q), &to, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* SOCK_SEQPACKET: nobody has the other end any more. */
		if (n <= 0)
			exit(EXIT_SUCCESS);
		if (to >= 0 && n == sizeof(q))
			answer(s->active_port, &q, to);
		if (to >= 0)
			close(to);
	}
}

/**
 * active_launch() - start the process; when it ended, again
 * @s: the configuration
 *
 * Return: 0 or a negative errno after an error line.
 */
int active_launch(struct setup *s)
{
	pid_t parent = getpid();
	int fds[2];

	if (!s->active || !s->active_port)
		return 0;
	if (s->port_request < 0) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
			ln_error("no socket for port %u: %s", s->active_port, strerror(errno));
			return -errno;
		}
		s->port_request = fds[0];
		s->port_serve = fds[1];
	}
	s->port_process = fork();
	if (!s->port_process)
		serve(s, parent);
	if (s->port_process > 0)
		return 0;
	ln_error("no process for port %u: %s", s->active_port, strerror(errno));
	return -errno;
}

/**
 * active_reaped() - a child of the master ended
 * @s: a configuration
 * @pid: which
 */
void active_reaped(struct setup *s, pid_t pid)
{
	if (!s->port_process || s->port_process != pid)
		return;
	s->port_process = 0;
	ln_warning("the process for port %u ended and is replaced", s->active_port);
	active_launch(s);
}

/* --- the worker --- */

/* Asks for a socket, and waits: the process does nothing that takes long. */
static int ask(const struct session *s)
{
	struct question q = { .protocol = ln_conn_protocol(s->conn) };
	struct pollfd p = { .events = POLLIN };
	int fds[2], fd = -1, err;

	if (s->setup->port_request < 0)
		return -ENOENT;
	ln_conn_local(s->conn, &q.local);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	err = send_fd(s->setup->port_request, &q, sizeof(q), fds[1]);
	close(fds[1]);
	p.fd = fds[0];
	if (!err && poll(&p, 1, ANSWER_MS) != 1)
		err = -ETIMEDOUT;
	if (!err && receive_fd(fds[0], &err, sizeof(err), &fd, MSG_DONTWAIT) != sizeof(err))
		err = -EIO;
	close(fds[0]);
	return err ? err : fd;
}

/* Without the right to that port: from another, which most clients take as well. */
static int own_socket(const struct session *s)
{
	struct question q = { .protocol = ln_conn_protocol(s->conn) };

	ln_conn_local(s->conn, &q.local);
	return bound_socket(&q, 0);
}

bool active_allowed(const struct session *s, const union ln_addr *peer)
{
	const union ln_addr *control = ln_conn_peer(s->conn);

	if (peer->sa.sa_family != control->sa.sa_family)
		return false;
	if (peer->sa.sa_family == AF_INET)
		return peer->in.sin_addr.s_addr == control->in.sin_addr.s_addr &&
		       ntohs(peer->in.sin_port) >= FIRST_PORT;
	return !memcmp(&peer->in6.sin6_addr, &control->in6.sin6_addr,
		       sizeof(peer->in6.sin6_addr)) &&
	       ntohs(peer->in6.sin6_port) >= FIRST_PORT;
}

void active_connect(struct session *s)
{
	struct ln_remote remote = {
		.addr = s->active_peer, .protocol = ln_conn_protocol(s->conn), .prepared = true,
		.connect_ms = s->setup->limits.connect_ms,
	};

	if (remote.addr.sa.sa_family == AF_INET6)
		remote.addr.in6.sin6_scope_id = ln_conn_peer(s->conn)->in6.sin6_scope_id;
	remote.fd = s->setup->active_port ? ask(s) : -ENOENT;
	if (remote.fd < 0 && s->setup->active_port)
		ln_info("%s: no data connection from port %u: %s", ln_conn_name(s->conn),
			s->setup->active_port, strerror(-remote.fd));
	if (remote.fd >= 0 && !transfer_connect(s, &remote))
		return;
	/* Another's connection to that very port of the client's may be there still. */
	remote.fd = own_socket(s);
	if (remote.fd < 0 || transfer_connect(s, &remote))
		transfer_no_connection(s, "Cannot connect to you");
}
