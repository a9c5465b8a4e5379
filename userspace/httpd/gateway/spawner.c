// SPDX-License-Identifier: GPL-2.0-or-later
/* The process that starts CGI programs, one for each section. */
#include "spawner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "script.h"

/* The first is the control socket. */
#define MAX_PASSED	(1 + SPAWN_MAX_FDS)
#define NEVER		UINT64_MAX
#define SHORT_LIFE_MS	1000	/* what ends sooner is replaced with so much delay */

/**
 * struct program - one that runs
 * @pid: its process and group, 0: a free place
 * @control: the worker's socket, or -1
 * @kill_at: when SIGKILL is due, NEVER: not
 * @unwanted: SIGTERM was sent
 * @released: it may go on when the worker shuts @control down
 * @deaf: nothing more comes by @control
 */
struct program {
	pid_t pid;
	int control;
	uint64_t kill_at;
	bool unwanted;
	bool released;
	bool deaf;
};

/* The process's own state. */
struct state {
	const struct spawner_conf *conf;
	int requests;			/* -1: there will be no more */
	int signals;
	struct program *programs;
	unsigned int n;
	struct pollfd *poll;
	char *message;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* --- messages --- */

static void put_fds(struct msghdr *msg, const int *fds, int n)
{
	struct cmsghdr *c = msg->msg_control;

	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

static void reply(int control, enum spawn_kind kind, int value, const int *fds, int n)
{
	struct spawn_reply r = { .kind = kind, .value = value };
	struct iovec iov = { &r, sizeof(r) };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} ancillary;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary };

	memset(&ancillary, 0, sizeof(ancillary));
	if (n)
		put_fds(&msg, fds, n);
	else
		msg.msg_control = NULL;
	/* A worker that is not there any more has closed it. */
	sendmsg(control, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

static int take_fds(struct msghdr *msg, int *fds)
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	}
	return n;
}

/* --- starting --- */

/* Ends of what connects a program with its worker. */
struct ends {
	int program[3];
	int worker[3];
};

static bool make_pair(struct ends *e, int i)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return false;
	e->program[i] = pair[0];
	e->worker[i] = pair[1];
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	return true;
}

/* stderr is a pipe, since programs like to open /dev/stderr, which no socket allows. */
static bool make_ends(struct ends *e)
{
	int pair[2];

	*e = (struct ends){ { -1, -1, -1 }, { -1, -1, -1 } };
	if (!make_pair(e, 0) || !make_pair(e, 1) || pipe2(pair, O_CLOEXEC)) {
		close_all(e->program, 2);
		close_all(e->worker, 2);
		return false;
	}
	e->worker[2] = pair[0];
	e->program[2] = pair[1];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return true;
}

struct order {
	const char *path;
	const char *environment;
	size_t environment_len;
	const int *fds;
	int n_fds;
};

static void __attribute__((noreturn)) child(const struct state *s, const struct script *script,
					    const struct order *o, const struct ends *e, int fail)
{
	int fds[3 + SPAWN_MAX_FDS], err;

	memcpy(fds, e->program, sizeof(e->program));
	memcpy(fds + 3, o->fds, o->n_fds * sizeof(int));
	/* Out of the way of the program's own. */
	fail = fcntl(fail, F_DUPFD_CLOEXEC, 3 + SPAWN_MAX_FDS);
	err = program_exec(s->conf, script->folder, o->path, script->len,
			   script->name - o->path, o->environment, o->environment_len, fds,
			   3 + o->n_fds);
	if (write(fail, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* Returns 0 when the program runs, else an errno: of fork(), or of the way to execve(). */
static int start(const struct state *s, struct program *p, const struct script *script,
		 const struct order *o, const struct ends *e)
{
	int fail[2], err = 0;
	pid_t pid;

	if (pipe2(fail, O_CLOEXEC))
		return errno;
	pid = fork();
	if (!pid)
		child(s, script, o, e, fail[1]);
	close(fail[1]);
	if (pid < 0) {
		close(fail[0]);
		return EAGAIN;
	}
	if (read(fail[0], &err, sizeof(err)) != sizeof(err))
		err = 0;
	close(fail[0]);
	if (err)
		waitpid(pid, NULL, 0);
	else
		*p = (struct program){ .pid = pid, .control = -1, .kill_at = NEVER };
	return err;
}

static int status_of(int err)
{
	switch (err) {
	case 0:
		return 0;
	case EACCES:
	case EPERM:
		return 403;
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return 503;
	default:
		return 500;
	}
}

static struct program *free_place(struct state *s)
{
	for (unsigned int i = 0; i < s->conf->max; i++)
		if (!s->programs[i].pid)
			return &s->programs[i];
	return NULL;
}

static int run(struct state *s, struct program *p, const struct order *o, struct ends *e)
{
	struct script script;
	int err, status = script_find(s->conf->folder_fd, o->path, &script);

	if (status)
		return status;
	if (!make_ends(e)) {
		close(script.folder);
		return 503;
	}
	err = start(s, p, &script, o, e);
	if (err)
		ln_error("cgi: cannot start %s/%.*s: %s", s->conf->folder, (int)script.len, o->path,
			 strerror(err));
	close(script.folder);
	close_all(e->program, 3);
	if (err)
		close_all(e->worker, 3);
	return status_of(err);
}

static void serve(struct state *s, int control, const struct order *o)
{
	struct program *p = free_place(s);
	struct ends e;
	int status = p ? run(s, p, o, &e) : 503;

	if (status) {
		reply(control, SPAWN_REFUSED, status, NULL, 0);
		close(control);
		return;
	}
	p->control = control;
	s->n++;
	reply(control, SPAWN_STARTED, p->pid, e.worker, 3);
	close_all(e.worker, 3);
}

static bool read_order(const char *message, size_t len, struct order *o)
{
	struct spawn_request r;

	if (len < sizeof(r))
		return false;
	memcpy(&r, message, sizeof(r));
	if (!r.path_len || (uint64_t)sizeof(r) + r.path_len + r.environment_len != len)
		return false;
	o->path = message + sizeof(r);
	o->environment = o->path + r.path_len;
	o->environment_len = r.environment_len;
	return strnlen(o->path, r.path_len) == r.path_len - 1;
}

static void take_request(struct state *s)
{
	struct iovec iov = { s->message, SPAWN_MAX_MESSAGE };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_PASSED * sizeof(int))];
	} ancillary;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary),
	};
	ssize_t len = recvmsg(s->requests, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fds[MAX_PASSED], n;
	struct order o;

	if (len < 0)
		return;
	if (!len) {
		close(s->requests);
		s->requests = -1;
		return;
	}
	n = take_fds(&msg, fds);
	o.fds = fds + 1;
	o.n_fds = n - 1;
	if (n && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && read_order(s->message, len, &o)) {
		serve(s, fds[0], &o);
		close_all(fds + 1, n - 1);
	} else {
		ln_error("cgi: a worker asked for something malformed");
		close_all(fds, n);
	}
}

/* --- ending --- */

static void forget_control(struct program *p)
{
	if (p->control >= 0)
		close(p->control);
	p->control = -1;
}

static void terminate(struct state *s, struct program *p)
{
	p->unwanted = true;
	p->kill_at = now_ms() + s->conf->kill_ms;
	kill(-p->pid, SIGTERM);
}

static void take_control(struct state *s, struct program *p)
{
	char byte;
	ssize_t n = recv(p->control, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && byte == SPAWN_RELEASE) {
		p->released = true;
		return;
	}
	p->deaf = true;
	if (!p->released)
		terminate(s, p);
}

static struct program *find(struct state *s, pid_t pid)
{
	for (unsigned int i = 0; i < s->conf->max; i++)
		if (s->programs[i].pid == pid)
			return &s->programs[i];
	return NULL;
}

static void reap(struct state *s)
{
	siginfo_t info;
	int status;

	for (;;) {
		struct program *p;

		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
			return;
		p = find(s, info.si_pid);
		/* Before its number can become another's: what it has left behind. */
		if (p && p->unwanted)
			kill(-p->pid, SIGKILL);
		if (waitpid(info.si_pid, &status, 0) < 0 || !p)
			continue;
		if (p->control >= 0)
			reply(p->control, SPAWN_ENDED, status, NULL, 0);
		forget_control(p);
		p->pid = 0;
		s->n--;
	}
}

static void kill_everybody(struct state *s)
{
	for (unsigned int i = 0; i < s->conf->max; i++)
		if (s->programs[i].pid)
			kill(-s->programs[i].pid, SIGKILL);
}

/* Milliseconds until somebody is to be killed, -1: nobody. */
static int kill_due(struct state *s)
{
	uint64_t now = now_ms(), next = NEVER;

	for (unsigned int i = 0; i < s->conf->max; i++) {
		struct program *p = &s->programs[i];

		if (!p->pid)
			continue;
		if (p->kill_at <= now) {
			p->kill_at = NEVER;
			kill(-p->pid, SIGKILL);
		}
		if (p->kill_at < next)
			next = p->kill_at;
	}
	return next == NEVER ? -1 : (int)(next - now);
}

static void take_signals(struct state *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		/* The master has died. */
		kill_everybody(s);
		_exit(1);
	}
	reap(s);
}

/* --- the process --- */

static bool hears(const struct program *p)
{
	return p->pid && !p->deaf;
}

static void loop(struct state *s)
{
	while (s->requests >= 0 || s->n) {
		int timeout = kill_due(s);
		unsigned int max = s->conf->max;

		for (unsigned int i = 0; i < max; i++)
			s->poll[i] = (struct pollfd){
				.fd = hears(&s->programs[i]) ? s->programs[i].control : -1,
				.events = POLLIN,
			};
		s->poll[max] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
		s->poll[max + 1] = (struct pollfd){ .fd = s->requests, .events = POLLIN };
		if (poll(s->poll, max + 2, timeout) < 0)
			continue;
		for (unsigned int i = 0; i < max; i++)
			if (s->poll[i].fd >= 0 && s->poll[i].revents)
				take_control(s, &s->programs[i]);
		if (s->poll[max].revents)
			take_signals(s);
		if (s->poll[max + 1].revents)
			take_request(s);
	}
}

/*
 * What the master's children inherit and a spawner must not hold: listening sockets, which
 * would stay open, and the requests' end of other spawners, which would never end.
 */
static void let_go(int own)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		int fd = atoi(entry->d_name), listening = 0, type = 0;
		socklen_t len = sizeof(int);

		if (fd <= STDERR_FILENO || fd == own || fd == dirfd(folder) ||
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
			continue;
		len = sizeof(int);
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
		if (listening || type == SOCK_SEQPACKET)
			close(fd);
	}
	if (folder)
		closedir(folder);
}

static bool watch_signals(struct state *s)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE };
	sigset_t mask;

	/* The master's business; this process ends when nobody can ask it any more. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	s->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->signals >= 0;
}

static void __attribute__((noreturn)) be_spawner(const struct spawner *own, pid_t master,
						 unsigned int delay_ms)
{
	struct state s = { .conf = &own->conf, .requests = own->own };

	let_go(s.requests);
	prctl(PR_SET_NAME, "linnet-cgi");
	s.programs = calloc(s.conf->max, sizeof(*s.programs));
	s.poll = calloc(s.conf->max + 2, sizeof(*s.poll));
	s.message = malloc(SPAWN_MAX_MESSAGE);
	if (ln_daemon_drop() || !s.programs || !s.poll || !s.message || !watch_signals(&s))
		_exit(1);
	/* After the change of user, which takes it away. */
	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	poll(NULL, 0, delay_ms);
	if (getppid() == master)
		loop(&s);
	_exit(0);
}

static int fork_spawner(struct spawner *s, unsigned int delay_ms)
{
	pid_t master = getpid();

	s->started = now_ms();
	s->pid = fork();
	if (!s->pid)
		be_spawner(s, master, delay_ms);
	if (s->pid > 0)
		return 0;
	ln_error("cgi: cannot start the spawner: %s", strerror(errno));
	return -errno;
}

/**
 * spawner_start() - start the process, in the master
 * @s: with its conf
 *
 * Return: 0, or a negative errno after an error line.
 */
int spawner_start(struct spawner *s)
{
	int pair[2], size = 2 * SPAWN_MAX_MESSAGE;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ln_error("cgi: socketpair: %s", strerror(errno));
		return -errno;
	}
	s->workers = pair[0];
	s->own = pair[1];
	setsockopt(s->workers, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fork_spawner(s, 0);
}

/**
 * spawner_reaped() - in the master: a child that is no worker ended
 * @s: the spawner
 * @pid: the child
 * @status: as of wait()
 *
 * Requests that wait are served by the new process.
 */
void spawner_reaped(struct spawner *s, pid_t pid, int status)
{
	if (s->pid != pid)
		return;
	ln_error("cgi: the spawner %d ended %s %d", pid,
		 WIFSIGNALED(status) ? "by signal" : "with status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fork_spawner(s, now_ms() - s->started < SHORT_LIFE_MS ? SHORT_LIFE_MS : 0);
}

/**
 * spawner_stop() - in the master: there is no worker any more that could ask for programs
 * @s: the spawner, or what is to become one
 *
 * The end of the socket would not tell: later workers have inherited it.
 */
void spawner_stop(struct spawner *s)
{
	if (s->workers >= 0) {
		send(s->workers, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(s->workers);
	}
	if (s->own >= 0)
		close(s->own);
	s->workers = s->own = -1;
}
