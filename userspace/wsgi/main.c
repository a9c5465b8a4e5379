// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-wsgi: Python applications by FastCGI.  The listening socket is inherited as
 * descriptor 0, as FastCGI has it (FCGI_LISTENSOCK_FILENO).
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "application.h"
#include "log.h"
#include "worker.h"

#define MAX_PROCESSES	1024
#define EXIT_USAGE	2

const char *argp_program_version = "linnet-wsgi " LINNET_VERSION;

enum { OPT_TIMEOUT = 256, OPT_DRAIN, OPT_MAX_REQUESTS, OPT_VIRTUALENV };

static const struct argp_option options[] = {
	{ "processes", 'p', "N", 0, "Processes, each with an interpreter of its own (1)", 0 },
	{ "path", 'P', "FOLDER", 0,
	  "Search FOLDER for modules first; may be repeated (the current folder)", 0 },
	{ "virtualenv", OPT_VIRTUALENV, "FOLDER", 0,
	  "Use this virtual environment (that of VIRTUAL_ENV)", 0 },
	{ "max-requests", OPT_MAX_REQUESTS, "N", 0,
	  "Replace a process after N requests; 0: never (0)", 0 },
	{ "timeout", OPT_TIMEOUT, "SECONDS", 0,
	  "Kill and replace a process whose application neither reads nor writes nor returns for "
	  "so long; 0: never (0)", 0 },
	{ "drain", OPT_DRAIN, "SECONDS", 0,
	  "Time for requests under way after SIGTERM, then SIGKILL (30)", 0 },
	{ 0 },
};

static const char doc[] =
	"Serve a WSGI application (PEP 3333) by FastCGI on the listening socket that is "
	"descriptor 0.\v"
	"MODULE is imported; CALLABLE, by default \"application\", is looked up in it, with dots "
	"for attributes. CALLABLE followed by () is called without arguments to get the "
	"application.\n\n"
	"SIGTERM: requests under way, and those waiting, are finished. A second one ends all at "
	"once.";

static unsigned long number(struct argp_state *state, const char *arg, unsigned long min,
			    unsigned long max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || n < min || n > max)
		argp_error(state, "\"%s\" is no number from %lu to %lu", arg, min, max);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct wsgi_options *o = state->input;

	switch (key) {
	case 'p':
		o->processes = (unsigned int)number(state, arg, 1, MAX_PROCESSES);
		break;
	case 'P':
		if (o->python.n_paths == PYTHON_MAX_PATHS)
			argp_error(state, "more than %d folders", PYTHON_MAX_PATHS);
		o->python.paths[o->python.n_paths++] = arg;
		break;
	case OPT_VIRTUALENV:
		o->python.virtualenv = arg;
		break;
	case OPT_MAX_REQUESTS:
		o->max_requests = number(state, arg, 0, ~0UL);
		break;
	case OPT_TIMEOUT:
		o->timeout_ms = number(state, arg, 0, 86400) * 1000;
		break;
	case OPT_DRAIN:
		o->drain_ms = number(state, arg, 0, 86400) * 1000;
		break;
	case ARGP_KEY_ARG:
		if (o->application)
			argp_error(state, "there is one application only");
		o->application = arg;
		if (!application_name_valid(arg))
			argp_error(state, "\"%s\" is not MODULE:CALLABLE", arg);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name the application: MODULE:CALLABLE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/*
 * Applications and their children must not find the socket, nor wait on it: it moves, and
 * descriptor 0 becomes /dev/null.
 */
static int take_listener(void)
{
	int listening = 0, fd, null;
	socklen_t len = sizeof(listening);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) || !listening) {
		wsgi_log("descriptor 0 is no listening socket: linnet-httpd starts this program, "
			 "or spawn-fcgi does");
		return -1;
	}
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)) {
		wsgi_log("%s", strerror(errno));
		return -1;
	}
	close(null);
	return fd;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "MODULE:CALLABLE", doc, NULL, NULL,
					  NULL };
	struct wsgi_options o = { .processes = 1, .drain_ms = 30000 };
	char *folder = NULL;
	int listener, status;

	argp_err_exit_status = EXIT_USAGE;
	o.python.virtualenv = getenv("VIRTUAL_ENV");
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!o.python.n_paths) {
		folder = getcwd(NULL, 0);
		if (folder)
			o.python.paths[o.python.n_paths++] = folder;
	}
	listener = take_listener();
	status = listener < 0 ? EXIT_USAGE : master_run(&o, listener);
	free(folder);
	return status;
}
