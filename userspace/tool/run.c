// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet run: run a program with its TCP sockets replaced by Linnet's.
 *
 * The program takes over this process, so that its process id, its parent and
 * its exit status are its own; the supervisor is a process on the side.
 */
#include "run.h"

#include <argp.h>
#include <errno.h>
#include <linux/linnet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover.h"

enum { OPT_STRICT = 0x100, OPT_DISCOVER, OPT_SERVER };

struct arguments {
	bool strict;
	const char *discover, *server;
	char **command;
};

static const struct argp_option options[] = {
	{ "strict", OPT_STRICT, NULL, 0, "Refuse to use TCP when the module linnet is not loaded",
	  0 },
	{ "discover", OPT_DISCOVER, "NAME[:PORT]", 0,
	  "Only if the DNS says that this service speaks protocol 253 and it answers; else the "
	  "program uses TCP", 0 },
	{ "server", OPT_SERVER, "ADDRESS[:PORT]", 0,
	  "With --discover: ask this name server instead of the system's", 0 },
	{ 0 },
};

static void complain(const char *what, const char *why)
{
	fprintf(stderr, "linnet run: %s%s%s\n", what, why ? ": " : "", why ? why : "");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case OPT_STRICT:
		a->strict = true;
		return 0;
	case OPT_DISCOVER:
		a->discover = arg;
		return 0;
	case OPT_SERVER:
		a->server = arg;
		return 0;
	case ARGP_KEY_INIT:
		state->err_stream = NULL;	/* getopt's line is enough */
		return 0;
	case ARGP_KEY_ARGS:
		a->command = state->argv + state->next;
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int transport_of(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol), got = 0;
	socklen_t len = sizeof(got);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &got, &len))
		got = -errno;
	close(fd);
	return got;
}

/* Forked twice, so that the program does not find a child it did not make.
 * Returns the channel to it, or -1 after an error line.
 */
static int start_supervisor(bool strict)
{
	pid_t target = getpid(), pid;
	int channel[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel)) {
		complain("cannot start", strerror(errno));
		return -1;
	}
	pid = fork();
	if (!pid) {
		close(channel[0]);
		pid = fork();
		if (!pid)
			supervise(channel[1], target, strict);
		_exit(pid < 0 ? errno : 0);
	}
	close(channel[1]);
	if (pid < 0 || waitpid(pid, &err, 0) != pid) {
		complain("cannot start the supervisor", strerror(errno));
	} else if (!WIFEXITED(err) || WEXITSTATUS(err)) {
		complain("cannot start the supervisor",
			 WIFEXITED(err) ? strerror(WEXITSTATUS(err)) : NULL);
	} else if (recv(channel[0], &err, sizeof(err), 0) != sizeof(err)) {
		complain("the supervisor ended before it was ready", NULL);
	} else if (err == -ENOENT) {
		complain("needs the /proc of its own process namespace", NULL);
	} else if (err) {
		complain("the supervisor cannot work", strerror(-err));
	} else {
		return channel[0];
	}
	close(channel[0]);
	return -1;
}

static int execute(char **command)
{
	int status;

	execvp(command[0], command);
	status = errno == ENOENT || errno == ENOTDIR ? EXIT_NOTFOUND : EXIT_NOEXEC;
	complain(command[0], strerror(errno));
	return status;
}

/* The launcher sees socket() before any name, so it is decided once, for all sockets. */
static bool discovered(const struct arguments *a)
{
	char why[256];
	bool good = discover_decide(a->discover, a->server, why, sizeof(why));

	complain(why, good ? "using it" : a->strict ? "--strict forbids TCP" : "using TCP");
	return good;
}

static int run(const struct arguments *a)
{
	int channel, listener, err;

	/* Only under a launcher does an ordinary stream socket come out so. */
	if (transport_of(0) == IPPROTO_LINNET) {
		if (a->strict) {
			complain("already inside linnet run, whose supervisor decides: --strict "
				 "belongs there",
				 NULL);
			return EXIT_LAUNCHER;
		}
		complain("already inside linnet run, nothing to add", NULL);
		return execute(a->command);
	}
	err = transport_of(IPPROTO_LINNET);
	if (err == -EPROTONOSUPPORT) {
		if (a->strict) {
			complain("the module linnet is not loaded, and --strict forbids TCP", NULL);
			return EXIT_LAUNCHER;
		}
		complain("the module linnet is not loaded, using TCP", NULL);
		return execute(a->command);
	}
	if (err < 0) {
		complain("cannot open a Linnet socket", strerror(-err));
		return EXIT_LAUNCHER;
	}

	if (a->discover && !discovered(a))
		return a->strict ? EXIT_LAUNCHER : execute(a->command);

	channel = start_supervisor(a->strict);
	if (channel < 0)
		return EXIT_LAUNCHER;
	listener = filter_install();
	if (listener == -EBUSY) {
		complain("a seccomp supervisor is above us already, and the kernel allows one: not "
			 "possible here",
			 NULL);
		return EXIT_LAUNCHER;
	}
	if (listener < 0) {
		complain("cannot install the seccomp filter", strerror(-listener));
		return EXIT_LAUNCHER;
	}
	err = supervisor_hand_over(channel, listener);
	if (err) {
		complain("cannot reach the supervisor", strerror(-err));
		return EXIT_LAUNCHER;
	}
	close(listener);
	close(channel);
	return execute(a->command);
}

/**
 * cmd_run() - the subcommand
 * @argc: number of arguments
 * @argv: the arguments, from the subcommand's name on
 *
 * Return: exit status; does not return when the program could be started.
 */
int cmd_run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[--] PROGRAM [ARGUMENT...]",
		.doc = "Run a program with its TCP sockets replaced by Linnet's (IP protocol 253)."
		       "\vThe exit status is the program's; 125 when the launcher fails, 126 when "
		       "the program "
		       "cannot be run, 127 when it is not there.",
	};
	struct arguments a = { 0 };

	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &a))
		return EXIT_LAUNCHER;
	if (!a.command) {
		complain("which program? linnet run [--strict] [--discover NAME[:PORT]] [--] PROGRAM "
			 "[ARGUMENT...]", NULL);
		return EXIT_LAUNCHER;
	}
	if (a.server && !a.discover) {
		complain("--server is for --discover", NULL);
		return EXIT_LAUNCHER;
	}
	return run(&a);
}
