// SPDX-License-Identifier: GPL-2.0-or-later
/* The queue manager's process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "control.h"
#include "convert.h"
#include "delivery.h"
#include "log.h"
#include "queue.h"
#include "relay.h"
#include "resolve.h"
#include "sandbox.h"
#include "setup.h"

#define LOCK_FILE "lock"
/* Descriptors for look-ups, deliveries here and files. */
#define SPARE_CONNECTIONS 1000

/* Looking again for a lock. */
#define LOCK_MS 50

struct manager {
	const struct relay_setup *setup;
	struct ln_options options;
	struct ln_server *server;
	struct spool *spool;
	struct resolver *resolver;
	struct queue *queue;
	struct delivery *delivery;
	struct control *control;
	int lock;
};

static void say_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "", 1) != 1)
		ln_warning("relay: nobody waits for the queue manager");
	close(fd);
}

static volatile sig_atomic_t stopped;

static void on_stop(int signum)
{
	(void)signum;
	stopped = 1;
}

/* One manager to a queue. Before the loop is there SIGTERM has to be looked for. */
static int take_lock(struct manager *m, int *ready_fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_MS * 1000000 };
	struct sigaction stop = { .sa_handler = on_stop };
	bool told = false;

	m->lock = openat(spool_folder(m->spool), LOCK_FILE,
			 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock < 0) {
		ln_error("relay: no lock in the queue's folder: %s", strerror(errno));
		return -errno;
	}
	sigaction(SIGTERM, &stop, NULL);
	while (flock(m->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			ln_error("relay: the queue's folder cannot be locked: %s", strerror(errno));
			return -errno;
		}
		if (!told)
			ln_notice("relay: another queue manager is at work: waiting for its end");
		told = true;
		say_ready(*ready_fd);
		*ready_fd = -1;
		if (stopped)
			return -EINTR;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int confine(struct manager *m)
{
	struct ln_sandbox sandbox = { .connect = true };
	int err = ln_sandbox_fd(&sandbox, spool_folder(m->spool), LN_ACCESS_READ | LN_ACCESS_WRITE);

	if (!err && m->setup->mail_root)
		err = ln_sandbox_path(&sandbox, m->setup->mail_root,
				      LN_ACCESS_READ | LN_ACCESS_WRITE);
	return err ? err : ln_sandbox_enter(&sandbox);
}

static int start(struct manager *m, int ready_fd)
{
	int err;

	m->spool = spool_open(m->setup->queue);
	if (!m->spool)
		return -EIO;
	err = take_lock(m, &ready_fd);
	if (err)
		return err;
	convert_init();
	m->options = (struct ln_options){
		.max_connections = m->setup->connections + SPARE_CONNECTIONS,
		.drain_ms = m->setup->drain_time,
		.idle_ms = LN_NEVER,
	};
	m->server = ln_server_new(&m->options);
	if (!m->server)
		return -ENOMEM;
	m->resolver = resolver_new(m->server, m->setup);
	m->queue = queue_new(m->server, m->setup, m->spool);
	m->delivery = m->resolver ? delivery_new(m->server, m->setup, m->resolver, m->spool) : NULL;
	if (!m->queue || !m->delivery)
		return -ENOMEM;
	queue_set_delivery(m->queue, m->delivery);
	m->control = control_new(m->server, m->queue, m->delivery);
	if (!m->control)
		return -EIO;
	err = confine(m);
	if (err)
		return err;
	spool_recover(m->spool);
	queue_scan(m->queue);
	ln_notice("relay: the queue manager is at work; %u messages are in the queue",
		  queue_count(m->queue));
	say_ready(ready_fd);
	return 0;
}

int relay_main(const struct relay_setup *s, int ready_fd)
{
	struct manager m = { .setup = s, .lock = -1 };
	int err = start(&m, ready_fd), status = EXIT_FAILURE;

	if (!err && !stopped)
		status = ln_server_run(m.server);
	else if (err == -EINTR || stopped)
		status = EXIT_SUCCESS;
	/* What it knows is on the disk; the lock goes with the process. */
	if (m.server)
		ln_server_free(m.server);
	if (m.control)
		control_stop(m.control);
	if (m.queue)
		queue_free(m.queue);
	if (m.delivery)
		delivery_free(m.delivery);
	if (m.resolver)
		resolver_free(m.resolver);
	spool_close(m.spool);
	return status;
}
