// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue manager lives beside the workers: a new configuration has a new one, and one that
 * died is replaced.  An old one finishes what it has under way; the new one waits for it, by a
 * lock in the queue's folder.
 */
#include "relay-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "relay.h"

#define READY_MS	30000
#define STOP_MS		15000
/* One that ends within this time again and again is started later and later. */
#define SHORT_LIFE_S	2
#define MAX_PAUSE_S	10
#define MAX_FDS		65536

static struct {
	pid_t pid;
	const struct setup *setup;
	time_t started;
	unsigned int pause;
} relay;

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* What stayed open here would still be listening when no worker has it any more. */
static void close_listeners(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	for (int fd = 3; fd < (int)limit.rlim_cur && fd < MAX_FDS; fd++) {
		int listening = 0;
		socklen_t len = sizeof(listening);

		if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) && listening)
			close(fd);
	}
}

/* Never returns. */
static void run(const struct setup *s, int ready, pid_t parent)
{
	sigset_t none;

	signal(SIGINT, SIG_IGN);	/* the terminal's: the master tells us */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_listeners();
	if (ln_daemon_drop())
		exit(EXIT_FAILURE);
	/* After the change of user, which takes it away. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(EXIT_FAILURE);
	if (relay.pause)
		sleep(relay.pause);
	exit(relay_main(s->relay, ready));
}

static int wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet;

	if (poll(&p, 1, READY_MS) != 1) {
		ln_notice("the queue is still being read; mail is taken meanwhile");
		return 0;
	}
	if (read(fd, &octet, 1) == 1)
		return 0;
	ln_error("the queue manager did not start");
	return -EIO;
}

static int start(const struct setup *s, bool wait)
{
	pid_t pid, parent = getpid();
	int fds[2], err = 0;

	if (pipe2(fds, O_CLOEXEC)) {
		ln_error("cannot start the queue manager: %s", strerror(errno));
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(fds[0]);
		if (!wait)
			close(fds[1]);
		run(s, wait ? fds[1] : -1, parent);
	}
	close(fds[1]);
	if (pid < 0) {
		err = -errno;
		ln_error("cannot start the queue manager: %s", strerror(-err));
		close(fds[0]);
		return err;
	}
	relay.pid = pid;
	relay.setup = s;
	relay.started = now_s();
	if (wait)
		err = wait_ready(fds[0]);
	close(fds[0]);
	return err;
}

int relay_process_start(const struct setup *s)
{
	if (relay.pid)
		kill(relay.pid, SIGTERM);
	relay.pause = 0;
	return start(s, true);
}

void relay_process_reaped(const struct setup *s, pid_t pid, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (!pid || pid != relay.pid)
		return;
	relay.pid = 0;
	if (WIFSIGNALED(status))
		ln_warning("the queue manager was ended by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else
		ln_warning("the queue manager ended with status %d", WEXITSTATUS(status));
	/* SIGKILL is somebody's wish, and no sign that the next one would die as well. */
	if (killed || now_s() - relay.started >= SHORT_LIFE_S + (time_t)relay.pause)
		relay.pause = 0;
	else
		relay.pause = !relay.pause ? 1 :
			      2 * relay.pause < MAX_PAUSE_S ? 2 * relay.pause : MAX_PAUSE_S;
	start(s, false);
}

void relay_process_release(const struct setup *s)
{
	if (relay.pid && relay.setup == s)
		kill(relay.pid, SIGTERM);
}

void relay_process_wait(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (unsigned int i = 0; relay.pid && i < STOP_MS / 10; i++) {
		if (waitpid(relay.pid, NULL, WNOHANG))
			return;
		nanosleep(&pause, NULL);
	}
}
