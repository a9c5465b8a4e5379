// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One process: an interpreter that takes one connection after another.
 */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "application.h"
#include "log.h"

static int end_event = -1;

static void on_end(int signum)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)signum;
	if (write(end_event, &one, sizeof(one)) < 0)
		abort();
	errno = saved;
}

/* SA_RESTART: an application's system calls are not its concern. */
static int catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_end, .sa_flags = SA_RESTART };

	end_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (end_event < 0)
		return -1;
	return sigaction(SIGTERM, &action, NULL) || sigaction(SIGINT, &action, NULL) ||
	       sigaction(SIGHUP, &action, NULL) ? -1 : 0;
}

/*
 * The next connection; -1: no more.  At the end, whoever waits to be accepted is still
 * served.  @until: time of the end, 0: none.
 */
static int next_connection(int listener, uint64_t until)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = listener, .events = POLLIN },
			{ .fd = end_event, .events = POLLIN },
		};
		uint64_t now = session_now();
		int fd, timeout = !until ? -1 : now < until ? (int)(until - now) : 0;

		if (poll(p, 2, timeout) < 0 && errno != EINTR)
			return -1;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		if ((p[1].revents && errno == EAGAIN) || (until && session_now() >= until))
			return -1;
		/* Another process was faster, or the peer has gone; or memory is short. */
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			wsgi_log("accept: %s", strerror(errno));
			poll(NULL, 0, 100);
		}
	}
}

static void refuse(struct session *s)
{
	static const char answer[] = "Status: 500 Internal Server Error\r\n"
				     "Content-Type: text/plain\r\n"
				     "Content-Length: 22\r\n\r\n"
				     "Internal Server Error\n";
	static const char why[] = "the application could not be loaded\n";

	if (!session_put(s, FCGI_STDERR, why, sizeof(why) - 1) &&
	    !session_put(s, FCGI_STDOUT, answer, sizeof(answer) - 1))
		session_end(s);
}

/* @application: NULL: it did not load. */
static void serve(PyObject *application, struct session *s, int fd, volatile uint64_t *since)
{
	int err;

	Py_BEGIN_ALLOW_THREADS
	err = session_begin(s, fd, since);
	Py_END_ALLOW_THREADS
	if (err) {
		if (err == -ETIMEDOUT)
			wsgi_log("a connection without a request");
	} else if (!application) {
		refuse(s);
	} else if (application_serve(application, s)) {
		Py_BEGIN_ALLOW_THREADS
		session_end(s);
		Py_END_ALLOW_THREADS
	}
	session_close(s);
}

static void loop(const struct wsgi_options *o, int listener, PyObject *application,
		 struct session *s, uint64_t until, volatile uint64_t *since)
{
	for (unsigned long n = 0; !o->max_requests || n < o->max_requests; n++) {
		int fd;

		Py_BEGIN_ALLOW_THREADS
		fd = next_connection(listener, until);
		Py_END_ALLOW_THREADS
		if (fd < 0)
			return;
		serve(application, s, fd, since);
		*since = 0;
	}
}

/**
 * worker_run() - serve until told to end
 * @o: options
 * @listener: listening socket, not blocking
 * @retry_ms: when the application does not load, requests are refused for so long, then the
 *	process ends so that another may try
 * @since: struct session's, while there is a request; 0 without one
 *
 * Return: the process's exit status.
 */
int worker_run(const struct wsgi_options *o, int listener, unsigned int retry_ms,
	       volatile uint64_t *since)
{
	struct session *s = malloc(sizeof(*s));
	PyObject *application;
	int status = 0;

	if (!s || catch_signals()) {
		wsgi_log("%s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (python_start(&o->python) < 0)
		return EXIT_FAILURE;
	application = application_load(o->application);
	if (!application) {
		python_log_exception(NULL);
		wsgi_log("%s could not be loaded: the next try is in %u s", o->application,
			 retry_ms / 1000);
		status = WORKER_NOT_LOADED;
	}
	loop(o, listener, application, s, application ? 0 : session_now() + retry_ms, since);
	Py_XDECREF(application);
	free(s);
	Py_FinalizeEx();
	return status;
}
