// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet: the command with subcommands.
 */
#include <errno.h>
#include <linux/linnet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "activate.h"
#include "find.h"
#include "ladder.h"
#include "run.h"
#include "ss.h"

#define EXIT_USAGE	2

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "run a program with its TCP sockets replaced by Linnet's" },
	{ "find", cmd_find, "show whether a name announces protocol 253, and whether it answers" },
	{ "activate", cmd_activate, "open listening sockets and run a program that takes them over" },
	{ "ladder", cmd_ladder, "print one connection of a capture as a ladder of segments" },
	{ "ss", cmd_ss, "show Linnet's sockets with ss(8)" },
	{ "version", cmd_version, "print the version, and whether the module is loaded" },
	{ "help", cmd_help, "print this list" },
};

#define N_COMMANDS	(sizeof(commands) / sizeof(*commands))

static int cmd_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("Usage: linnet COMMAND [ARGUMENT...]\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\nlinnet COMMAND --help tells more of a command; see also linnet(1).");
	return EXIT_SUCCESS;
}

static int cmd_version(int argc, char **argv)
{
	char version[64] = "";
	FILE *f;
	int fd;

	(void)argc;
	(void)argv;
	printf("linnet %s\n", LINNET_VERSION);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_LINNET);
	if (fd < 0) {
		printf("module: not loaded (protocol %d: %s)\n", IPPROTO_LINNET, strerror(errno));
		return EXIT_SUCCESS;
	}
	close(fd);
	f = fopen("/sys/module/linnet/version", "re");
	if (f) {
		if (fgets(version, sizeof(version), f))
			version[strcspn(version, "\n")] = 0;
		fclose(f);
	}
	printf("module: loaded%s%s\n", *version ? ", version " : "", version);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static char name[64];
	const char *command;

	if (argc < 2) {
		fprintf(stderr, "linnet: which command? activate, find, run, ladder, ss, version or help\n");
		return EXIT_USAGE;
	}
	command = argv[1];
	if (!strcmp(command, "--help") || !strcmp(command, "-h"))
		command = "help";
	else if (!strcmp(command, "--version") || !strcmp(command, "-V"))
		command = "version";
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(command, commands[i].name))
			continue;
		/* argp and getopt name the program by its first argument. */
		snprintf(name, sizeof(name), "linnet %s", command);
		argv[1] = name;
		return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr,
		"linnet: '%s' is not a command: activate, find, run, ladder, ss, version or help\n",
		command);
	return EXIT_USAGE;
}
