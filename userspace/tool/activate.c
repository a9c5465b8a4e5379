// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet activate: a program with its sockets already open (sd_listen_fds(3)).
 *
 * systemd opens no sockets of protocol 253, so this does; and it lets a program
 * without privilege have ports that need some.
 */
#include "activate.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/linnet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

#define FIRST_FD	3	/* SD_LISTEN_FDS_START */
#define MAX_SOCKETS	128
#define NAME_MAX_CHARS	255	/* as systemd has it */

enum { OPT_TRANSPORT = 0x100, OPT_UDP, OPT_NAME };

/* What an address is opened on. */
enum { ON_LINNET = 1, ON_TCP = 2, ON_UDP = 4 };

static const struct transport {
	unsigned int bit;
	int type;
	int protocol;
	const char *name;
} transports[] = {
	{ ON_LINNET, SOCK_STREAM, IPPROTO_LINNET, "linnet" },
	{ ON_TCP, SOCK_STREAM, IPPROTO_TCP, "tcp" },
	{ ON_UDP, SOCK_DGRAM, IPPROTO_UDP, "udp" },
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * struct activation - what the command line asked for so far
 * @on: mask of ON_* for the addresses that follow
 * @name: name of the sockets that follow, NULL: that of their transport
 * @n: how many sockets are open
 * @fd: these sockets
 * @names: their names
 * @command: the program and its arguments
 */
struct activation {
	unsigned int on;
	const char *name;
	int n;
	int fd[MAX_SOCKETS];
	const char *names[MAX_SOCKETS];
	char **command;
};

static const struct argp_option options[] = {
	{ "transport", OPT_TRANSPORT, "NAME", 0,
	  "The addresses that follow are for streams on linnet (the default), tcp or both", 0 },
	{ "udp", OPT_UDP, NULL, 0, "The addresses that follow are for UDP", 0 },
	{ "name", OPT_NAME, "NAME", 0,
	  "Name of the sockets that follow, in LISTEN_FDNAMES (default: the transport's)", 0 },
	{ 0 },
};

static void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("linnet activate: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_LAUNCHER);
}

/* --- addresses --- */

static uint16_t parse_port(const char *text, const char *port)
{
	unsigned long n;
	char *end;

	n = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end || n > 65535)
		fail("%s: '%s' is not a port from 0 to 65535", text, port);
	return htons(n);
}

static bool parse_host6(char *host, struct sockaddr_in6 *to)
{
	char *zone = strchr(host, '%');

	if (zone) {
		*zone++ = 0;
		to->sin6_scope_id = if_nametoindex(zone);
		if (!to->sin6_scope_id)
			return false;
	}
	to->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, host, &to->sin6_addr) == 1;
}

/* One address, or two for "*"; returns how many. */
static int parse_address(const char *text, union address to[2])
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint16_t port;
	char host[80];

	memset(to, 0, 2 * sizeof(*to));
	if (!colon || !len || len >= sizeof(host))
		goto bad;
	port = parse_port(text, colon + 1);
	memcpy(host, text, len);
	host[len] = 0;
	to[0].in.sin_family = AF_INET;
	to[0].in.sin_port = port;
	if (!strcmp(host, "*")) {
		to[1].in6.sin6_family = AF_INET6;
		to[1].in6.sin6_port = port;
		return 2;
	}
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		memset(&to[0], 0, sizeof(to[0]));
		to[0].in6.sin6_port = port;
		if (parse_host6(host + 1, &to[0].in6))
			return 1;
	} else if (inet_pton(AF_INET, host, &to[0].in.sin_addr) == 1) {
		return 1;
	}
bad:
	fail("'%s' is no address: allowed are 192.0.2.1:PORT, [2001:db8::1]:PORT, "
	     "[fe80::1%%INTERFACE]:PORT and *:PORT", text);
}

/* --- sockets --- */

static int open_socket(const struct transport *t, const union address *a)
{
	socklen_t len = a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
	int fd = socket(a->sa.sa_family, t->type | SOCK_CLOEXEC, t->protocol);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	/* Both families have a socket of their own on a port. */
	if ((a->sa.sa_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    /* For UDP it would let others share the port. */
	    (t->type == SOCK_STREAM &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one))) ||
	    bind(fd, &a->sa, len) || (t->type == SOCK_STREAM && listen(fd, SOMAXCONN))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* IPv6 may be missing where any address will do. */
static bool may_be_absent(int err, const union address *a, int n)
{
	return n == 2 && a->sa.sa_family == AF_INET6 &&
	       (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

static void add(struct activation *act, const struct transport *t, const union address *a, int n,
		const char *text)
{
	int fd = open_socket(t, a);

	if (may_be_absent(fd, a, n))
		return;
	if (fd == -EPROTONOSUPPORT && t->protocol == IPPROTO_LINNET)
		fail("%s: no socket of protocol %d: the module linnet is not loaded", text,
		     IPPROTO_LINNET);
	if (fd < 0)
		fail("%s (%s): %s", text, t->name, strerror(-fd));
	if (act->n == MAX_SOCKETS)
		fail("%s: more than %d sockets", text, MAX_SOCKETS);
	act->names[act->n] = act->name ? act->name : t->name;
	act->fd[act->n++] = fd;
}

static void open_address(struct activation *act, const char *text)
{
	union address addresses[2];
	int n = parse_address(text, addresses);

	for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++) {
		if (!(act->on & transports[i].bit))
			continue;
		for (int k = 0; k < n; k++)
			add(act, &transports[i], &addresses[k], n, text);
	}
}

/* --- the program --- */

/* To 3 and on, by way of numbers above: some may be among these already. */
static void place(struct activation *act)
{
	for (int i = 0; i < act->n; i++) {
		int above = fcntl(act->fd[i], F_DUPFD_CLOEXEC, FIRST_FD + act->n);

		if (above < 0)
			fail("descriptors: %s", strerror(errno));
		close(act->fd[i]);
		act->fd[i] = above;
	}
	for (int i = 0; i < act->n; i++) {
		/* without close-on-exec */
		if (dup2(act->fd[i], FIRST_FD + i) < 0)
			fail("descriptors: %s", strerror(errno));
	}
}

static void set_number(const char *name, long n)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", n);
	if (setenv(name, text, 1))
		fail("%s: %s", name, strerror(errno));
}

static void set_names(const struct activation *act)
{
	static char text[MAX_SOCKETS * (NAME_MAX_CHARS + 1)];
	char *p = text;

	for (int i = 0; i < act->n; i++)
		p += sprintf(p, "%s%s", i ? ":" : "", act->names[i]);
	if (setenv("LISTEN_FDNAMES", text, 1))
		fail("LISTEN_FDNAMES: %s", strerror(errno));
}

static int execute(struct activation *act)
{
	int err;

	place(act);
	set_number("LISTEN_FDS", act->n);
	set_number("LISTEN_PID", getpid());
	set_names(act);
	execvp(act->command[0], act->command);
	err = errno;
	fprintf(stderr, "linnet activate: %s: %s\n", act->command[0], strerror(err));
	return err == ENOENT || err == ENOTDIR ? EXIT_NOTFOUND : EXIT_NOEXEC;
}

/* --- the command line --- */

static const char *check_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == ':')
			len = 0;
	}
	if (!len || len > NAME_MAX_CHARS)
		fail("--name: '%s' is no name: allowed are 1 to %d ASCII characters without blank "
		     "and colon", name, NAME_MAX_CHARS);
	return name;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct activation *act = state->input;

	switch (key) {
	case OPT_TRANSPORT:
		if (!strcmp(arg, "linnet"))
			act->on = ON_LINNET;
		else if (!strcmp(arg, "tcp"))
			act->on = ON_TCP;
		else if (!strcmp(arg, "both"))
			act->on = ON_LINNET | ON_TCP;
		else
			fail("--transport: '%s' is not linnet, tcp or both", arg);
		return 0;
	case OPT_UDP:
		act->on = ON_UDP;
		return 0;
	case OPT_NAME:
		act->name = check_name(arg);
		return 0;
	case ARGP_KEY_INIT:
		state->err_stream = NULL;	/* getopt's line is enough */
		return 0;
	case ARGP_KEY_ARG:
		/* What comes after "--" is the program. */
		if (state->quoted && state->next > state->quoted) {
			act->command = state->argv + state->quoted;
			state->next = state->argc;
		} else {
			open_address(act, arg);
		}
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/**
 * cmd_activate() - the subcommand
 * @argc: number of arguments
 * @argv: the arguments, from the subcommand's name on
 *
 * Return: exit status; does not return when the program could be started.
 */
int cmd_activate(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "ADDRESS:PORT... -- PROGRAM [ARGUMENT...]",
		.doc = "Open listening sockets and run a program that takes them over, as "
		       "sd_listen_fds(3) tells."
		       "\vAddresses are numeric: 192.0.2.1:80, [2001:db8::1]:80, or *:80 for all of "
		       "IPv4 and IPv6. The exit status is the program's; 125 when a socket cannot be "
		       "opened, 126 when the program cannot be run, 127 when it is not there.",
	};
	struct activation act = { .on = ON_LINNET };

	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &act))
		return EXIT_LAUNCHER;
	if (!act.command)
		fail("which program? linnet activate [OPTION...] ADDRESS:PORT... -- PROGRAM "
		     "[ARGUMENT...]");
	if (!act.n)
		fail("which addresses? linnet activate [OPTION...] ADDRESS:PORT... -- PROGRAM "
		     "[ARGUMENT...]");
	return execute(&act);
}
