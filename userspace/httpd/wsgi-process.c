// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-wsgi is started by the master, so that workers need no right to start programs.
 * It runs as the workers' user.  The socket is in a folder that only this user can enter;
 * the master keeps it, so that requests wait while the program is replaced.
 */
#include "wsgi-process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"

#define PROGRAM		"linnet-wsgi"
#define TEMPLATE	"/linnet-wsgi-XXXXXX"
#define SOCKET		"/socket"
#define BACKLOG		511
/* Ended sooner, it is started again later and later. */
#define SOON_MS		2000
#define FIRST_DELAY_MS	200
#define MAX_DELAY_MS	30000
#define NOT_STARTED	127

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* systemd's RUNTIME_DIRECTORY may name several. */
static size_t parent_folder(char *out, size_t room)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");
	size_t n;

	if (!folder || !*folder)
		folder = geteuid() ? getenv("XDG_RUNTIME_DIR") : "/run";
	if (!folder || *folder != '/' || access(folder, W_OK))
		folder = "/tmp";
	n = strcspn(folder, ":");
	if (n >= room)
		n = room - 1;
	memcpy(out, folder, n);
	out[n] = 0;
	return n;
}

/**
 * wsgi_process_address() - choose a place for the socket, which is made by launch
 * @p: the process
 *
 * Return: 0 or a negative errno after an error line.
 */
int wsgi_process_address(struct wsgi_process *p)
{
	char parent[PATH_MAX];
	size_t n;

	p->listener = -1;
	p->address.sun_family = AF_UNIX;
	n = parent_folder(parent, sizeof(parent));
	if (n + sizeof(TEMPLATE SOCKET) > sizeof(p->directory)) {
		ln_error("wsgi: \"%s\" is too long for a socket below it", parent);
		return -ENAMETOOLONG;
	}
	memcpy(p->directory, parent, n);
	strcpy(p->directory + n, TEMPLATE);
	if (!mkdtemp(p->directory)) {
		int err = -errno;

		ln_error("wsgi: no folder for a socket in %s: %s", parent, strerror(errno));
		*p->directory = 0;
		return err;
	}
	strcpy(stpcpy(p->address.sun_path, p->directory), SOCKET);
	return 0;
}

/* Who workers will be is known to whoever becomes one of them. */
static int learn_identity(struct wsgi_process *p)
{
	struct { uid_t uid; gid_t gid; int n; gid_t groups[256]; } who = { 0 };
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		if (ln_daemon_drop())
			_exit(EXIT_FAILURE);
		who.uid = geteuid();
		who.gid = getegid();
		who.n = getgroups(256, who.groups);
		_exit(who.n < 0 || write(fds[1], &who, sizeof(who)) != sizeof(who));
	}
	close(fds[1]);
	n = pid < 0 ? -1 : read(fds[0], &who, sizeof(who));
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (n != sizeof(who) || status)
		return -EPERM;
	p->uid = who.uid;
	p->gid = who.gid;
	free(p->groups);
	p->n_groups = who.n;
	p->groups = calloc((size_t)who.n + 1, sizeof(*p->groups));
	if (!p->groups)
		return -ENOMEM;
	memcpy(p->groups, who.groups, (size_t)who.n * sizeof(*p->groups));
	return 0;
}

static int make_socket(struct wsgi_process *p)
{
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener < 0 ||
	    bind(p->listener, (struct sockaddr *)&p->address, sizeof(p->address)) ||
	    listen(p->listener, BACKLOG))
		return -errno;
	if (p->uid != geteuid() && (chown(p->address.sun_path, p->uid, p->gid) ||
				    chown(p->directory, p->uid, p->gid)))
		return -errno;
	return 0;
}

static int become(const struct wsgi_process *p)
{
	if (p->uid == geteuid() && p->gid == getegid())
		return 0;
	if (setgroups((size_t)p->n_groups, p->groups) || setresgid(p->gid, p->gid, p->gid) ||
	    setresuid(p->uid, p->uid, p->uid))
		return -errno;
	return 0;
}

/*
 * The program beside this one, for execute(), or -1.  It may be in a folder that is closed to
 * the user that it is to run as.
 */
static int open_program(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PROGRAM));

	if (n <= 0)
		return -1;
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, PROGRAM);
	return open(path, O_PATH | O_CLOEXEC);
}

/* Beside this program; else wherever PATH has it. */
static void execute(const struct wsgi_process *p, int program)
{
	if (program >= 0)
		execveat(program, "", p->argv, environ, AT_EMPTY_PATH);
	else
		execvp(PROGRAM, p->argv);
}

/* Never returns. */
static void child(const struct wsgi_process *p, pid_t parent)
{
	const struct timespec delay = { p->delay_ms / 1000, p->delay_ms % 1000 * 1000000L };
	int program = open_program();
	sigset_t mask;

	sigemptyset(&mask);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	if (getppid() != parent)
		_exit(EXIT_SUCCESS);
	nanosleep(&delay, NULL);	/* here, since the master must not wait */
	unsetenv("LISTEN_PID");		/* systemd's words are for the server alone */
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
	for (char **env = p->env; *env; env++)
		putenv(*env);
	if (become(p) || dup2(p->listener, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) || (p->folder && chdir(p->folder))) {
		ln_error("wsgi: " PROGRAM " cannot be started: %s", strerror(errno));
		_exit(NOT_STARTED);
	}
	/* A change of user takes this away. */
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	execute(p, program);
	ln_error("wsgi: " PROGRAM " cannot be started: %s", strerror(errno));
	_exit(NOT_STARTED);
}

static int start(struct wsgi_process *p)
{
	pid_t parent = getpid();

	p->started = now_ms() + p->delay_ms;
	p->pid = fork();
	if (!p->pid)
		child(p, parent);
	if (p->pid < 0) {
		p->pid = 0;
		return -errno;
	}
	return 0;
}

/**
 * wsgi_process_launch() - make the socket, start the program
 * @p: the process, with its address
 *
 * Return: 0 or a negative errno after an error line.
 */
int wsgi_process_launch(struct wsgi_process *p)
{
	int err = learn_identity(p);

	if (!err)
		err = make_socket(p);
	if (!err)
		err = start(p);
	if (err)
		ln_error("wsgi: " PROGRAM " cannot be started: %s", strerror(-err));
	return err;
}

/**
 * wsgi_process_reaped() - a child of the master ended; if it is this one, start it again
 * @p: the process
 * @pid: the child
 * @status: of waitpid()
 */
void wsgi_process_reaped(struct wsgi_process *p, pid_t pid, int status)
{
	if (!p->pid || pid != p->pid)
		return;
	if (WIFSIGNALED(status))
		ln_error("wsgi: " PROGRAM " (process %d) died of signal %d (%s)", pid,
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		ln_error("wsgi: " PROGRAM " (process %d) ended with status %d", pid,
			 WEXITSTATUS(status));
	if (now_ms() >= p->started + SOON_MS)
		p->delay_ms = 0;
	else
		p->delay_ms = !p->delay_ms	       ? FIRST_DELAY_MS :
			      p->delay_ms * 2 < MAX_DELAY_MS ? p->delay_ms * 2 :
							       MAX_DELAY_MS;
	p->pid = 0;
	if (start(p))
		ln_error("wsgi: " PROGRAM " cannot be started: %s", strerror(errno));
}

/**
 * wsgi_process_end() - end the program and remove the socket; what is under way is finished
 * @p: the process
 */
void wsgi_process_end(struct wsgi_process *p)
{
	if (p->pid)
		kill(p->pid, SIGTERM);
	p->pid = 0;
	if (p->listener >= 0) {
		close(p->listener);
		unlink(p->address.sun_path);
	}
	p->listener = -1;
	if (*p->directory)
		rmdir(p->directory);
	*p->directory = 0;
	free(p->groups);
	p->groups = NULL;
}
