/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of commands. */
#ifndef FTPD_COMMAND_H
#define FTPD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct session;

enum {
	COMMAND_LOGIN = 1,	/* only after a login */
	COMMAND_ARGUMENT = 2,	/* only with an argument */
	COMMAND_NONE = 4,	/* only without */
	COMMAND_WRITES = 8,	/* changes files */
	COMMAND_URGENT = 16,	/* also while a transfer is under way */
};

/**
 * struct command - one of them
 * @verb: its name
 * @flags: mask of COMMAND_*
 * @run: replies; the argument is empty when there is none
 * @help: what the argument is
 */
struct command {
	const char *verb;
	unsigned int flags;
	void (*run)(struct session *s, const char *arg);
	const char *help;
};

extern const struct command command_access[], command_files[], command_data[], command_misc[];

const struct command *command_find(const char *verb);
/* The @i-th of all, or NULL. */
const struct command *command_at(unsigned int i);

#endif
