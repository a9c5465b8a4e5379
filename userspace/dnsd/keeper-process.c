// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keeper lives beside the workers: a new configuration has a new one, and one that died is
 * replaced.  Its listening socket is the master's, so that workers can connect meanwhile.
 */
#include "keeper-process.h"

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
#include "keeper-link.h"
#include "keeper/keeper.h"
#include "log.h"

/* Time that the first load of the zones may take before workers are started anyway. */
#define READY_MS	30000
#define STOP_MS		5000
/* One that ends within this time again and again is started later and later. */
#define SHORT_LIFE_S	2
#define MAX_PAUSE_S	10
#define MAX_FDS		65536

static struct {
	pid_t pid;
	int listener;
	char *state;
	time_t started;
	unsigned int pause;
} keeper = { .listener = -1 };

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int listen_for_workers(const struct setup *s)
{
	if (keeper.listener >= 0 && !strcmp(keeper.state, s->state))
		return 0;
	if (keeper.listener >= 0)
		close(keeper.listener);
	free(keeper.state);
	keeper.state = strdup(s->state);
	keeper.listener = keeper.state ? keeper_link_listen(s->state, s->options.user) : -1;
	return keeper.listener >= 0 ? 0 : -EIO;
}

/* The master's sockets for queries: one that stayed open here would get its share of the
 * datagrams when no worker has it any more.
 */
static void close_listeners(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	for (int fd = 3; fd < (int)limit.rlim_cur && fd < MAX_FDS; fd++) {
		int domain;
		socklen_t len = sizeof(domain);

		if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
		    (domain == AF_INET || domain == AF_INET6))
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
	if (keeper.pause)
		sleep(keeper.pause);
	exit(keeper_main(s, keeper.listener, ready));
}

static void wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet;

	if (poll(&p, 1, READY_MS) != 1)
		ln_notice("zones are still being loaded; what is there is served");
	else if (read(fd, &octet, 1) != 1)
		ln_warning("the keeper ended before it had loaded the zones");
}

/* It ends what it has under way. */
static void stop_old(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int status;

	if (!keeper.pid)
		return;
	kill(keeper.pid, SIGTERM);
	for (unsigned int i = 0; i < STOP_MS / 10; i++) {
		if (waitpid(keeper.pid, &status, WNOHANG) == keeper.pid) {
			keeper.pid = 0;
			return;
		}
		nanosleep(&pause, NULL);
	}
	/* What it has acknowledged is on the disk. */
	kill(keeper.pid, SIGKILL);
	waitpid(keeper.pid, &status, 0);
	keeper.pid = 0;
}

static int start(const struct setup *s, bool wait)
{
	pid_t pid, parent = getpid();
	int fds[2];

	if (listen_for_workers(s))
		return -EIO;
	if (pipe2(fds, O_CLOEXEC)) {
		ln_error("cannot start the keeper: %s", strerror(errno));
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(fds[0]);
		run(s, fds[1], parent);
	}
	close(fds[1]);
	if (pid > 0 && wait)
		wait_ready(fds[0]);
	close(fds[0]);
	if (pid < 0) {
		ln_error("cannot start the keeper: %s", strerror(errno));
		return -errno;
	}
	keeper.pid = pid;
	keeper.started = now_s();
	return 0;
}

/**
 * keeper_process_start() - a keeper for a configuration, in the place of the one that runs
 * @s: the configuration
 *
 * Waits until zones are loaded, 30 s at most.
 *
 * Return: 0, or a negative errno after an error line.
 */
int keeper_process_start(const struct setup *s)
{
	stop_old();
	keeper.pause = 0;
	return start(s, true);
}

/**
 * keeper_process_reaped() - a child ended
 * @s: the configuration
 * @pid: which
 * @status: as waitpid() gave it
 *
 * If it was the keeper there is another one, the sooner the longer it has lived.
 */
void keeper_process_reaped(const struct setup *s, pid_t pid, int status)
{
	if (!pid || pid != keeper.pid)
		return;
	keeper.pid = 0;
	if (WIFSIGNALED(status))
		ln_warning("the keeper was ended by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else
		ln_warning("the keeper ended with status %d", WEXITSTATUS(status));
	/* SIGKILL is somebody's wish, and no sign that the next one would die as well. */
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	    now_s() - keeper.started >= SHORT_LIFE_S + (time_t)keeper.pause)
		keeper.pause = 0;
	else
		keeper.pause = !keeper.pause ? 1 :
			       2 * keeper.pause < MAX_PAUSE_S ? 2 * keeper.pause : MAX_PAUSE_S;
	start(s, false);
}
