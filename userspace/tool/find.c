// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet find: what a name announces of protocol 253, and whether it answers.
 */
#include "find.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/linnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discover.h"

/* Exit statuses beside 0: it is announced, and somebody answers. */
#define EXIT_SILENT	1
#define EXIT_USAGE	2
#define EXIT_RESOLVER	3

struct arguments {
	const char *server, *target;
};

static const struct argp_option options[] = {
	{ "server", 's', "ADDRESS[:PORT]", 0, "Ask this name server instead of the system's", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 's':
		a->server = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (a->target)
			argp_error(state, "one name at a time");
		a->target = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which name?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool show_probe(const struct discover_address *a, uint16_t port, int protocol)
{
	char text[INET6_ADDRSTRLEN];
	unsigned int took;
	int err = discover_probe(a, port, protocol, &took);

	inet_ntop(a->sa.sa_family, a->sa.sa_family == AF_INET ? (const void *)&a->in.sin_addr :
								(const void *)&a->in6.sin6_addr,
		  text, sizeof(text));
	printf("  %s port %u %s: ", text, port, protocol == IPPROTO_TCP ? "TCP" : "protocol 253");
	if (err)
		printf("%s\n", err == -EPROTONOSUPPORT ? "the module linnet is not loaded here" :
							strerror(-err));
	else
		printf("answers after %u.%u ms\n", took / 1000, took / 100 % 10);
	return !err;
}

/* True: somebody answers over protocol 253. */
static bool show_host(struct __res_state *res, bool own, const char *host, uint16_t port,
		      uint16_t linnet_port)
{
	struct discover_address list[DISCOVER_MAX];
	int n = discover_addresses(res, own, host, list);
	bool answered = false;

	if (n < 0)
		printf("  %s has no address\n", host);
	for (int i = 0; i < n; i++) {
		if (linnet_port)
			answered |= show_probe(&list[i], linnet_port, IPPROTO_LINNET);
		show_probe(&list[i], port, IPPROTO_TCP);
	}
	return answered;
}

static int show_port(struct __res_state *res, const struct arguments *a, const char *name,
		     uint16_t port)
{
	struct discover_record list[DISCOVER_MAX];
	char why[DISCOVER_WHY] = "";
	int n = discover_records(res, name, port, list, why);
	bool announced = false, answered = false;

	if (n < 0) {
		fprintf(stderr, "linnet find: %s\n", n == -ENOMEM ? "out of memory" : why);
		return EXIT_RESOLVER;
	}
	for (int i = 0; i < n; i++) {
		const struct discover_record *r = &list[i];

		printf("%s %s %u %s: TCP port %u", r->owner, r->type, r->priority, r->target,
		       r->port);
		if (r->linnet)
			printf(", protocol 253 port %u", r->linnet_port);
		putchar('\n');
		announced |= r->linnet;
		answered |= show_host(res, a->server != NULL, r->target, r->port,
				      r->linnet ? r->linnet_port : 0);
	}
	if (!announced)
		printf("%s port %u: no record announces protocol 253\n", name, port);
	if (!n)
		show_host(res, a->server != NULL, name, port, 0);
	return answered ? EXIT_SUCCESS : EXIT_SILENT;
}

/**
 * cmd_find() - the subcommand
 * @argc: number of arguments
 * @argv: the arguments, from the subcommand's name on
 *
 * Return: exit status.
 */
int cmd_find(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME[:PORT]",
		.doc = "Show whether a name announces protocol 253 in the DNS, and whether it "
		       "answers there and over TCP."
		       "\vWithout PORT those of https and http are looked at. The exit status is 0 "
		       "when protocol 253 is announced and answers, 1 when not, 2 for wrong "
		       "arguments, 3 when the DNS does not answer or its records are malformed.",
	};
	struct arguments a = { 0 };
	struct __res_state res;
	char name[DISCOVER_NAME];
	uint16_t port;
	int status, other;

	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	if (discover_target(a.target, name, &port)) {
		fprintf(stderr, "linnet find: '%s': allowed are NAME and NAME:PORT\n", a.target);
		return EXIT_USAGE;
	}
	if (discover_open(&res, a.server)) {
		fprintf(stderr, "linnet find: --server: allowed is an address, with or without a "
				"port: 192.0.2.1:53, [2001:db8::1]:53\n");
		return EXIT_USAGE;
	}
	if (port) {
		status = show_port(&res, &a, name, port);
	} else {
		status = show_port(&res, &a, name, 443);
		other = show_port(&res, &a, name, 80);
		if (other < status || status == EXIT_SILENT)
			status = other;
	}
	res_nclose(&res);
	return status;
}
