// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The master: configurations, and the generation of workers that belongs to each.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"
#include "log.h"
#include "metrics.h"
#include "peers.h"
#include "server-internal.h"

/* Old workers that finish and new ones side by side, over several reloads. */
#define MAX_SLOTS	(4 * LN_MAX_WORKERS)
/* A worker that ends within this time is replaced later and later. */
#define SHORT_LIFE_MS	2000
#define FIRST_BACKOFF_MS 100
#define MAX_BACKOFF_MS	10000
/* Time for a new generation to be ready. */
#define START_MS	60000

enum { FAILED = 1 };

struct generation {
	struct generation *next;
	struct ln_options options;
	void *config;
	struct ln_identity identity;
	struct ln_sockets *sockets;	/* a set for each worker with SO_REUSEPORT, or one */
	unsigned int n_sets;
	unsigned int n_workers;		/* alive */
	bool leaving;			/* told to finish */
};

struct worker {
	pid_t pid;			/* 0: a free slot */
	struct generation *generation;
	unsigned int number;		/* within its generation */
	int ready_fd;			/* closed when it is ready or dead; -1 */
	bool ready;
	uint64_t started;
};

/* A worker that is to be replaced. */
struct vacancy {
	bool open;
	uint64_t at, backoff;
};

static struct master {
	const struct ln_daemon *daemon;
	struct ln_options command_line;
	struct ln_sockets inherited;
	struct generation *current, *leaving;
	struct generation *calling;	/* whose launch() or reaped() is being called */
	struct worker workers[MAX_SLOTS];
	struct vacancy vacancies[LN_MAX_WORKERS];	/* of @current, by number */
	int signals;
	sigset_t old_mask;
	int stops;			/* SIGTERM and SIGINT so far */
} master;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* --- generations --- */

static struct ln_sockets *set_of(struct generation *g, unsigned int number)
{
	return &g->sockets[number < g->n_sets ? number : 0];
}

static int open_sockets(struct generation *g, const struct ln_wanted *wanted,
			const struct generation *old)
{
	unsigned int n = g->options.reuseport && !master.inherited.n ? g->options.workers : 1;
	int err;

	g->sockets = calloc(n, sizeof(*g->sockets));
	if (!g->sockets) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	if (master.inherited.n)
		err = ln_net_assign(&master.inherited, wanted, &g->sockets[0]);
	else
		err = ln_net_open(wanted, old ? &old->sockets[0] : NULL, g->options.reuseport,
				  &g->sockets[0]);
	if (err)
		return err;
	g->n_sets = 1;
	while (g->n_sets < n) {
		unsigned int i = g->n_sets;
		bool had = old && i < old->n_sets;

		err = ln_net_clone(&g->sockets[0], old ? &old->sockets[0] : NULL,
				   had ? &old->sockets[i] : NULL, &g->sockets[i]);
		if (err)
			return err;
		g->n_sets++;
	}
	return 0;
}

/* Closes what @g has and @keep, another generation or NULL, has not. */
static void close_sockets(struct generation *g, struct generation *keep)
{
	struct ln_sockets none = { 0 };

	if (master.inherited.n)
		return;
	for (unsigned int i = 0; i < g->n_sets; i++)
		ln_net_close(&g->sockets[i],
			     keep && i < keep->n_sets ? &keep->sockets[i] : &none);
	g->n_sets = 0;
}

static void generation_free(struct generation *g)
{
	if (g->config && master.daemon->release)
		master.daemon->release(g->config);
	ln_identity_free(&g->identity);
	free(g->sockets);
	free(g);
}

static struct generation *generation_new(const struct generation *old)
{
	struct generation *g = calloc(1, sizeof(*g));
	struct ln_wanted *wanted = calloc(1, sizeof(*wanted));

	if (!g || !wanted) {
		ln_error("out of memory");
		goto fail;
	}
	g->options = master.command_line;
	g->config = master.daemon->configure(&g->options, wanted);
	if (!g->config || ln_identity_find(&g->options, &g->identity) ||
	    open_sockets(g, wanted, old))
		goto fail;
	free(wanted);
	return g;
fail:
	free(wanted);
	if (g) {
		close_sockets(g, (struct generation *)old);
		generation_free(g);
	}
	return NULL;
}

/* --- workers --- */

static void restore_signals(void)
{
	signal(SIGINT, SIG_IGN);	/* the terminal's: the master tells us */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_SETMASK, &master.old_mask, NULL);
}

/* A master that is killed takes its workers along, in order.  A change of user
 * takes that away, so that it is asked for after it.
 */
static bool follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return getppid() == parent;
}

/* Never returns. */
static void work(struct generation *g, unsigned int number, unsigned int slot, int ready_fd,
		 pid_t parent)
{
	const struct ln_daemon *d = master.daemon;
	struct ln_sandbox sandbox = { 0 };
	struct ln_server *s;
	int status = FAILED;

	close(master.signals);
	restore_signals();
	ln_peers_worker(slot);
	ln_metrics_worker(slot);
	s = ln_server_new(&g->options);
	if (!s)
		exit(FAILED);
	if (!d->start(s, g->config, set_of(g, number)) && !ln_identity_assume(&g->identity) &&
	    follow_parent(parent) && !(d->confine && d->confine(g->config, &sandbox)) &&
	    !ln_sandbox_enter(&sandbox) && write(ready_fd, "", 1) == 1) {
		close(ready_fd);
		status = ln_server_run(s);
	}
	if (d->stop)
		d->stop(g->config);
	ln_server_free(s);
	exit(status);
}

static struct worker *free_slot(void)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (!master.workers[i].pid)
			return &master.workers[i];
	return NULL;
}

static int start_worker(struct generation *g, unsigned int number)
{
	struct worker *w = free_slot();
	int fds[2];
	pid_t pid, parent = getpid();

	if (!w) {
		ln_error("%d workers have not ended yet", MAX_SLOTS);
		return -EAGAIN;
	}
	if (pipe2(fds, O_CLOEXEC)) {
		ln_error("cannot start a worker: %s", strerror(errno));
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(fds[0]);
		work(g, number, w - master.workers, fds[1], parent);
	}
	close(fds[1]);
	if (pid < 0) {
		ln_error("cannot start a worker: %s", strerror(errno));
		close(fds[0]);
		return -errno;
	}
	*w = (struct worker){
		.pid = pid, .generation = g, .number = number, .ready_fd = fds[0],
		.started = now_ms(),
	};
	g->n_workers++;
	return 0;
}

static void signal_generation(struct generation *g, int signum)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (master.workers[i].pid && master.workers[i].generation == g)
			kill(master.workers[i].pid, signum);
}

static void vacate(struct worker *w)
{
	struct vacancy *v = &master.vacancies[w->number];
	uint64_t now = now_ms();

	if (now - w->started >= SHORT_LIFE_MS)
		v->backoff = 0;
	v->open = true;
	v->at = now + v->backoff;
	v->backoff = !v->backoff ? FIRST_BACKOFF_MS :
		     v->backoff * 2 < MAX_BACKOFF_MS ? v->backoff * 2 : MAX_BACKOFF_MS;
}

static void drop_leaving(struct generation *g)
{
	struct generation **p = &master.leaving;

	while (*p != g)
		p = &(*p)->next;
	*p = g->next;
	generation_free(g);
}

static void worker_ended(struct worker *w, int status)
{
	struct generation *g = w->generation;
	bool unexpected = !g->leaving && w->ready;
	unsigned int slot = w - master.workers;

	if (WIFSIGNALED(status))
		ln_warning("worker %d was ended by signal %d (%s)", w->pid, WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else if (unexpected || WEXITSTATUS(status))
		ln_warning("worker %d ended with status %d", w->pid, WEXITSTATUS(status));
	ln_peers_worker_gone(slot);
	ln_metrics_worker_gone(slot);
	if (w->ready_fd >= 0)
		close(w->ready_fd);
	w->pid = 0;
	g->n_workers--;
	if (g == master.current && !g->leaving)
		vacate(w);
	else if (g->leaving && !g->n_workers && g != master.current)
		drop_leaving(g);
}

static void call_reaped(struct generation *g, pid_t pid, int status)
{
	master.calling = g;
	master.daemon->reaped(g->config, pid, status);
	master.calling = NULL;
}

static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < MAX_SLOTS; i++)
			if (master.workers[i].pid == pid)
				break;
		if (i < MAX_SLOTS) {
			worker_ended(&master.workers[i], status);
			continue;
		}
		/* A helper process: its configuration knows it. */
		if (!master.daemon->reaped)
			continue;
		call_reaped(master.current, pid, status);
		for (struct generation *g = master.leaving; g; g = g->next)
			call_reaped(g, pid, status);
	}
}

static void read_ready(struct worker *w)
{
	char byte;

	w->ready = read(w->ready_fd, &byte, 1) == 1;
	close(w->ready_fd);
	w->ready_fd = -1;
}

/* Waits until each worker of a new generation is ready, or one of them is not. */
static bool await_ready(struct generation *g)
{
	uint64_t end = now_ms() + START_MS, now;
	struct pollfd fds[LN_MAX_WORKERS];
	struct worker *of[LN_MAX_WORKERS];

	for (;;) {
		int n = 0;

		for (int i = 0; i < MAX_SLOTS; i++) {
			struct worker *w = &master.workers[i];

			if (!w->pid || w->generation != g)
				continue;
			if (w->ready_fd < 0) {
				if (!w->ready)
					return false;
				continue;
			}
			of[n] = w;
			fds[n++] = (struct pollfd){ .fd = w->ready_fd, .events = POLLIN };
		}
		if (!n)
			return true;
		now = now_ms();
		if (now >= end)
			return false;
		if (poll(fds, n, end - now) < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < n; i++)
			if (fds[i].revents)
				read_ready(of[i]);
	}
}

static bool start_generation(struct generation *g)
{
	int err;

	master.calling = g;
	err = master.daemon->launch ? master.daemon->launch(g->config) : 0;
	master.calling = NULL;
	if (err)
		return false;
	for (unsigned int i = 0; i < g->options.workers; i++)
		if (start_worker(g, i))
			return false;
	return await_ready(g);
}

/* A generation that did not come about; its workers end by themselves or now. */
static void abandon(struct generation *g, struct generation *old)
{
	close_sockets(g, old);
	g->leaving = true;
	g->next = master.leaving;
	master.leaving = g;
	signal_generation(g, SIGKILL);
	if (!g->n_workers)
		drop_leaving(g);
}

/* --- signals --- */

static void leave(struct generation *g)
{
	g->leaving = true;
	signal_generation(g, SIGTERM);
}

static void replace(struct generation *g)
{
	struct generation *old = master.current;

	close_sockets(old, g);
	master.current = g;
	memset(master.vacancies, 0, sizeof(master.vacancies));
	old->next = master.leaving;
	master.leaving = old;
	leave(old);
	if (!old->n_workers)
		drop_leaving(old);
}

static void reload(void)
{
	struct generation *g;

	sd_notify(0, "RELOADING=1");
	ln_notice("reading the configuration again");
	g = generation_new(master.current);
	if (g && start_generation(g)) {
		replace(g);
		ln_notice("the new configuration is in use");
	} else {
		if (g)
			abandon(g, master.current);
		ln_error("the configuration stays as it was");
	}
	sd_notify(0, "READY=1");
}

/* New workers write to the new files; the old ones finish with the old. */
static void reopen(void)
{
	struct generation *g = master.current;

	ln_log_reopen();
	if (master.daemon->reopen)
		master.daemon->reopen(g->config);
	ln_notice("log files were opened again");
	reload();
}

static void stop(int signum)
{
	master.stops++;
	if (master.stops == 1) {
		ln_notice("%s: finishing %u connections", strsignal(signum), ln_peers_connections());
		sd_notify(0, "STOPPING=1");
		close_sockets(master.current, NULL);
		leave(master.current);
		return;
	}
	/* Once more: at once. */
	signal_generation(master.current, SIGTERM);
	for (struct generation *g = master.leaving; g; g = g->next)
		signal_generation(g, SIGTERM);
}

static void on_signals(void)
{
	struct signalfd_siginfo info;

	while (read(master.signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			break;
		case SIGHUP:
			if (!master.stops)
				reload();
			break;
		case SIGUSR1:
			if (!master.stops)
				reopen();
			break;
		default:
			stop(info.ssi_signo);
		}
	}
	reap();
}

/* --- the loop --- */

/* Starts what is due.  Returns milliseconds until the next, or -1. */
static int fill_vacancies(void)
{
	uint64_t now = now_ms(), next = LN_NEVER;

	if (master.stops)
		return -1;
	for (unsigned int i = 0; i < master.current->options.workers; i++) {
		struct vacancy *v = &master.vacancies[i];

		if (!v->open)
			continue;
		if (v->at <= now) {
			v->open = false;
			if (start_worker(master.current, i)) {
				v->open = true;
				v->at = now + MAX_BACKOFF_MS;
			} else {
				ln_notice("worker %u is replaced", i);
				continue;
			}
		}
		if (v->at < next)
			next = v->at;
	}
	return next == LN_NEVER ? -1 : (int)(next - now);
}

static bool anybody(void)
{
	return master.current->n_workers || master.leaving;
}

static void run(void)
{
	struct pollfd fds[MAX_SLOTS + 1];
	struct worker *of[MAX_SLOTS + 1];
	int n, timeout;

	while (!master.stops || anybody()) {
		timeout = fill_vacancies();
		fds[0] = (struct pollfd){ .fd = master.signals, .events = POLLIN };
		n = 1;
		for (int i = 0; i < MAX_SLOTS; i++) {
			struct worker *w = &master.workers[i];

			if (!w->pid || w->ready_fd < 0)
				continue;
			of[n] = w;
			fds[n++] = (struct pollfd){ .fd = w->ready_fd, .events = POLLIN };
		}
		if (poll(fds, n, timeout) < 0 && errno != EINTR)
			break;
		for (int i = 1; i < n; i++)
			if (fds[i].revents)
				read_ready(of[i]);
		if (fds[0].revents)
			on_signals();
	}
}

static bool watch_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &master.old_mask);
	master.signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (master.signals < 0)
		ln_error("signalfd: %s", strerror(errno));
	return master.signals >= 0;
}

/**
 * ln_daemon_drop() - in a child of the master: become the workers' user
 *
 * For a process that launch() or reaped() started, with the user of the
 * configuration that it was called for.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_daemon_drop(void)
{
	const struct generation *g = master.calling ? master.calling : master.current;

	return ln_identity_assume(&g->identity);
}

/**
 * ln_daemon_main() - be a daemon until SIGTERM or SIGINT
 * @d: what makes it this daemon
 * @o: options of the command line
 *
 * Return: the program's exit status.
 */
int ln_daemon_main(const struct ln_daemon *d, struct ln_options *o)
{
	struct generation *g;
	unsigned int most;

	master.daemon = d;
	master.command_line = *o;
	if (!master.command_line.workers)
		master.command_line.workers = 1;
	if (o->log && ln_log_open(o->log))
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	if (ln_net_inherit(&master.inherited) < 0 || !watch_signals())
		return EXIT_FAILURE;
	ln_server_metrics();
	g = generation_new(NULL);
	if (!g)
		return EXIT_FAILURE;
	most = g->options.max_connections;
	if (ln_peers_share(most, MAX_SLOTS) || ln_metrics_share(MAX_SLOTS)) {
		ln_error("no shared memory: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	master.current = g;
	if (!start_generation(g)) {
		signal_generation(g, SIGKILL);
		while (g->n_workers && waitpid(-1, NULL, 0) > 0)
			g->n_workers--;
		generation_free(g);
		return EXIT_FAILURE;
	}
	ln_notice("ready");
	sd_notify(0, "READY=1");
	run();
	ln_notice("stopped");
	generation_free(master.current);
	return EXIT_SUCCESS;
}
