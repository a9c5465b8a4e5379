// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet ss: Linnet's sockets as ss(8) shows TCP's.
 *
 * ss has no option for our protocol, but shows answers of inet_diag that stand
 * in a file.  So they are asked for here and given to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/linnet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ss.h"

#define EXIT_USAGE	2

/* States as the kernel numbers them; connected is what ss shows by itself */
#define STATES_ALL		0xfff
#define STATE(n)		(1 << (n))
#define STATES_LISTENING	STATE(10)
#define STATES_CONNECTED	(STATES_ALL & ~(STATE(10) | STATE(7) | STATE(6) | STATE(3)))

#define EVERY_EXTENSION	0xff	/* memory, TCP_INFO, congestion control ... */

struct wanted {
	int	states;
	bool	ipv4;
	bool	ipv6;
};

static void usage(FILE *to)
{
	fputs("Usage: linnet ss [OPTION of ss...] [FILTER]\n"
	      "\n"
	      "Shows Linnet's sockets with ss(8), as 'ss -t' shows those of TCP.\n"
	      "Without -a or -l those that are connected; -4 and -6 are heeded, too.\n"
	      "Not for -K, nor for a filter by state.\n", to);
}

/* What of ss's options decides which sockets are asked for */
static int read_options(int argc, char **argv, struct wanted *w)
{
	w->states = STATES_CONNECTED;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--all")) {
			w->states = STATES_ALL;
		} else if (!strcmp(a, "--listening")) {
			w->states = STATES_LISTENING;
		} else if (!strcmp(a, "--ipv4")) {
			w->ipv4 = true;
		} else if (!strcmp(a, "--ipv6")) {
			w->ipv6 = true;
		} else if (!strcmp(a, "--kill") || !strcmp(a, "state") || !strcmp(a, "exclude")) {
			fprintf(stderr, "linnet ss: not with '%s': sockets are chosen by -a, -l, -4, -6 and by addresses and ports\n", a);
			return -1;
		} else if (a[0] == '-' && a[1] != '-') {
			if (strchr(a, 'K')) {
				fprintf(stderr, "linnet ss: -K is not possible here\n");
				return -1;
			}
			if (strchr(a, 'a'))
				w->states = STATES_ALL;
			else if (strchr(a, 'l'))
				w->states = STATES_LISTENING;
			w->ipv4 |= !!strchr(a, '4');
			w->ipv6 |= !!strchr(a, '6');
		}
	}
	if (!w->ipv4 && !w->ipv6)
		w->ipv4 = w->ipv6 = true;
	return 0;
}

static int write_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0)
			return -1;
		buf = (const char *)buf + n;
		len -= n;
	}
	return 0;
}

/* Copy the answers to one question; 0, or a positive errno */
static int copy_answers(int nl, int file)
{
	static char buf[65536];

	for (;;) {
		ssize_t len = recv(nl, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (void *)buf;

		if (len < 0)
			return errno;
		for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			/* it may have ended by an error */
			if (h->nlmsg_type == NLMSG_DONE)
				return h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ?
				       -*(int *)NLMSG_DATA(h) : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -((struct nlmsgerr *)NLMSG_DATA(h))->error ?: EPROTO;
			if (write_all(file, h, NLMSG_ALIGN(h->nlmsg_len)))
				return errno;
		}
	}
}

static int ask(int family, int states, int file)
{
	struct {
		struct nlmsghdr		h;
		struct inet_diag_req_v2	req;
	} m = {
		.h.nlmsg_len = sizeof(m),
		.h.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.req.sdiag_family = family,
		.req.sdiag_protocol = (__u8)IPPROTO_LINNET,
		.req.idiag_ext = EVERY_EXTENSION,
		.req.idiag_states = states,
	};
	int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int err = 0;

	if (nl < 0 || send(nl, &m, sizeof(m), 0) < 0)
		err = errno;
	if (!err)
		err = copy_answers(nl, file);
	if (nl >= 0)
		close(nl);
	return err;
}

static int write_answers(const struct wanted *w, int file)
{
	const struct nlmsghdr end = { .nlmsg_len = sizeof(end), .nlmsg_type = NLMSG_DONE };
	int err = 0;

	if (w->ipv4)
		err = ask(AF_INET, w->states, file);
	if (!err && w->ipv6)
		err = ask(AF_INET6, w->states, file);
	if (!err && (write_all(file, &end, sizeof(end)) || lseek(file, 0, SEEK_SET) < 0))
		err = errno;
	return err;
}

/**
 * cmd_ss() - the subcommand
 * @argc: arguments, the name of the command among them
 * @argv: the arguments
 *
 * Return: an exit status; when all went well the process has become ss.
 */
int cmd_ss(int argc, char **argv)
{
	struct wanted wanted = { 0 };
	char **args, path[64];
	int file, err;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (read_options(argc, argv, &wanted))
		return EXIT_USAGE;
	file = memfd_create("sockets", 0);	/* ss inherits it */
	if (file < 0) {
		fprintf(stderr, "linnet ss: no memory for the answers: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	err = write_answers(&wanted, file);
	if (err == ENOENT)
		fprintf(stderr, "linnet ss: the kernel knows no sockets of protocol %d: is the module loaded, and inet_diag with it?\n", IPPROTO_LINNET);
	else if (err)
		fprintf(stderr, "linnet ss: asking the kernel for its sockets: %s\n", strerror(err));
	if (err)
		return EXIT_FAILURE;

	args = calloc(argc + 2, sizeof(*args));
	if (!args)
		return EXIT_FAILURE;
	args[0] = "ss";
	args[1] = "-t";
	memcpy(args + 2, argv + 1, (argc - 1) * sizeof(*args));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	setenv("TCPDIAG_FILE", path, 1);
	execvp("ss", args);
	fprintf(stderr, "linnet ss: ss: %s; it is in the package iproute2\n", strerror(errno));
	return EXIT_FAILURE;
}
