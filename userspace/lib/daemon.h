/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon: a master that holds the sockets, and workers that serve.
 *
 * The master reads the configuration, opens sockets and logs and starts the
 * workers.  SIGHUP: the configuration is read again; when it is good, sockets
 * that stay are kept, and new workers take over while the old ones finish.
 * SIGTERM and SIGINT: workers finish what is under way, a second one ends them
 * at once.  SIGUSR1: log files are opened again.  A worker that dies is
 * replaced.
 */
#ifndef LN_DAEMON_H
#define LN_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "net.h"
#include "options.h"
#include "sandbox.h"
#include "server.h"

/**
 * struct ln_daemon - what makes a program a daemon; each function but @start may
 *	be NULL
 * @name: program name
 * @configure: read the configuration and say what to listen on (ln_want()); called
 *	at the start and at SIGHUP, in the master.  @o is a copy of the command
 *	line's options, which it may change.  Returns an object, or NULL after
 *	error lines.
 * @launch: in the master, with a new configuration that is about to be used: start
 *	helper processes.  Returns 0 or a negative errno after an error line.
 * @reaped: in the master: a child that is no worker ended
 * @reopen: in the master, at SIGUSR1: open log files again; the workers are replaced
 *	afterwards, with the same configuration
 * @release: in the master, when the last worker of a configuration is gone: let an
 *	object of @configure go
 * @start: in a worker, before it gives up its rights: listen with
 *	ln_server_listen() and friends.  Returns 0 or a negative errno after an
 *	error line.
 * @stop: in a worker, at its end
 * @confine: in a worker: ln_sandbox_* calls for what it will still need
 */
struct ln_daemon {
	const char *name;
	void *(*configure)(struct ln_options *o, struct ln_wanted *wanted);
	int (*launch)(void *config);
	void (*reaped)(void *config, pid_t pid, int status);
	void (*reopen)(void *config);
	void (*release)(void *config);
	int (*start)(struct ln_server *s, void *config, const struct ln_sockets *sockets);
	int (*confine)(void *config, struct ln_sandbox *sandbox);
	void (*stop)(void *config);
};

/* In a child of the master: become the workers' user.  0, or a negative errno. */
int ln_daemon_drop(void);
int ln_daemon_main(const struct ln_daemon *d, struct ln_options *o);

#endif
