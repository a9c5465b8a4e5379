// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parent of the processes: it starts them, replaces those that ended, ends those whose
 * application does not come back.  It has no interpreter and talks to nobody.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "session.h"
#include "worker.h"

/* A process that lived shorter than this did not end well, whatever it says. */
#define SOON_MS		1000
#define FIRST_DELAY_MS	100
#define FIRST_RETRY_MS	1000
#define MAX_DELAY_MS	30000
/* How often time-outs are looked at. */
#define WATCH_MS	250

/**
 * struct child - one process
 * @pid: its id, 0: it is not there
 * @started: when it was started
 * @start_at: when it is to be started
 * @delay_ms: pause after it ended too soon
 * @retry_ms: how long one without its application waits
 * @killed: it was silent for too long
 */
struct child {
	pid_t pid;
	uint64_t started, start_at;
	unsigned int delay_ms, retry_ms;
	bool killed;
};

/**
 * struct master - the parent
 * @o: options
 * @listener: the socket
 * @signals: what it waits for
 * @since: shared with the children: struct session's
 * @children: the children
 * @stops: SIGTERM and SIGINT so far
 * @end_by: when children that do not end are killed, 0: not ending
 */
struct master {
	const struct wsgi_options *o;
	int listener;
	sigset_t signals;
	volatile uint64_t *since;
	struct child *children;
	unsigned int stops;
	uint64_t end_by;
};

static unsigned int twice(unsigned int ms)
{
	return ms < MAX_DELAY_MS / 2 ? ms * 2 : MAX_DELAY_MS;
}

static void start_child(struct master *m, struct child *c)
{
	volatile uint64_t *since = &m->since[c - m->children];
	pid_t parent = getpid();

	*since = 0;
	c->killed = false;
	c->started = session_now();
	c->pid = fork();
	if (!c->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		sigprocmask(SIG_UNBLOCK, &m->signals, NULL);
		if (getppid() != parent)
			_exit(EXIT_FAILURE);
		exit(worker_run(m->o, m->listener, c->retry_ms, since));
	}
	if (c->pid < 0) {
		wsgi_log("fork: %s", strerror(errno));
		c->pid = 0;
		c->start_at = c->started + MAX_DELAY_MS / 10;
	}
}

static void ended(struct master *m, struct child *c, int status)
{
	uint64_t now = session_now();

	if (c->killed)
		wsgi_log("process %d: the application was silent for %llu ms: killed", c->pid,
			 (unsigned long long)m->o->timeout_ms);
	else if (WIFSIGNALED(status))
		wsgi_log("process %d died of signal %d (%s)", c->pid, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) && WEXITSTATUS(status) != WORKER_NOT_LOADED)
		wsgi_log("process %d ended with status %d", c->pid, WEXITSTATUS(status));
	c->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_NOT_LOADED) {
		c->retry_ms = twice(c->retry_ms);	/* it has waited itself */
		c->start_at = now;
		return;
	}
	c->retry_ms = FIRST_RETRY_MS;
	if (now - c->started >= SOON_MS || (WIFEXITED(status) && !WEXITSTATUS(status)))
		c->delay_ms = 0;
	else
		c->delay_ms = c->delay_ms ? twice(c->delay_ms) : FIRST_DELAY_MS;
	c->start_at = now + c->delay_ms;
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < m->o->processes; i++)
			if (m->children[i].pid == pid)
				ended(m, &m->children[i], status);
}

static unsigned int kill_all(struct master *m, int signum)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->o->processes; i++) {
		if (!m->children[i].pid)
			continue;
		kill(m->children[i].pid, signum);
		n++;
	}
	return n;
}

static void watch(struct master *m, struct child *c, uint64_t now)
{
	uint64_t since = m->since[c - m->children];

	if (!c->pid && !m->end_by && c->start_at <= now)
		start_child(m, c);
	if (c->pid && since && m->o->timeout_ms && now - since > m->o->timeout_ms && !c->killed) {
		c->killed = true;
		kill(c->pid, SIGKILL);
	}
}

static void on_signal(struct master *m, int signum)
{
	if (signum == SIGCHLD) {
		reap(m);
	} else {
		if (!m->end_by) {
			m->end_by = session_now() + m->o->drain_ms;
			kill_all(m, SIGTERM);
		}
		/* A second one: at once.  A SIGHUP may be read before a SIGTERM of old. */
		if (signum != SIGHUP && m->stops++)
			m->end_by = session_now();
	}
}

static void run(struct master *m)
{
	static const struct timespec pause = { 0, WATCH_MS * 1000000 };

	for (;;) {
		uint64_t now = session_now();
		int signum;

		if (m->end_by && !kill_all(m, m->end_by <= now ? SIGKILL : 0))
			return;
		for (unsigned int i = 0; i < m->o->processes; i++)
			watch(m, &m->children[i], now);
		signum = sigtimedwait(&m->signals, NULL, &pause);
		if (signum > 0)
			on_signal(m, signum);
	}
}

/**
 * master_run() - run the processes until SIGTERM, SIGINT or SIGHUP; a SIGHUP is what the
 *	end of the server gives, perhaps after its SIGTERM, and never the second of two
 * @o: options
 * @listener: listening socket, not blocking
 *
 * Return: exit status.
 */
int master_run(const struct wsgi_options *o, int listener)
{
	struct master m = { .o = o, .listener = listener };
	size_t size = o->processes * sizeof(*m.since);

	sigemptyset(&m.signals);
	sigaddset(&m.signals, SIGCHLD);
	sigaddset(&m.signals, SIGTERM);
	sigaddset(&m.signals, SIGINT);
	sigaddset(&m.signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &m.signals, NULL);
	m.since = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m.children = calloc(o->processes, sizeof(*m.children));
	if (m.since == MAP_FAILED || !m.children) {
		wsgi_log("%s", strerror(errno));
		return EXIT_FAILURE;
	}
	for (unsigned int i = 0; i < o->processes; i++)
		m.children[i].retry_ms = FIRST_RETRY_MS;
	run(&m);
	free(m.children);
	return EXIT_SUCCESS;
}
