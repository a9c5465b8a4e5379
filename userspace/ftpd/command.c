// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "session.h"

static const struct command *const tables[] = {
	command_access, command_files, command_data, command_misc,
};

const struct command *command_at(unsigned int i)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct command *c = tables[t]; c->verb; c++)
			if (!i--)
				return c;
	return NULL;
}

const struct command *command_find(const char *verb)
{
	const struct command *c;

	for (unsigned int i = 0; (c = command_at(i)); i++)
		if (!strcmp(c->verb, verb))
			return c;
	return NULL;
}

bool session_urgent(const char *line)
{
	const struct command *c;
	char verb[5];

	argument_verb(line, verb);
	c = command_find(verb);
	return c && c->flags & COMMAND_URGENT;
}

/* Why it may not run now: a reply, or nothing. */
static bool refused(struct session *s, const struct command *c, const char *arg)
{
	if (c->flags & COMMAND_LOGIN && !s->logged_in)
		session_reply(s, 530, "Log in first with USER and PASS");
	else if (c->flags & COMMAND_ARGUMENT && !*arg)
		session_reply(s, 501, "%s needs an argument: %s", c->verb, c->help);
	else if (c->flags & COMMAND_NONE && *arg)
		session_reply(s, 501, "%s takes no argument", c->verb);
	else if (c->flags & COMMAND_WRITES && (s->anonymous || !s->setup->writable))
		session_reply(s, 550, "You may not change anything here");
	else
		return false;
	return true;
}

/* The process's is that of the session whose command came last. */
static void set_umask(mode_t mask)
{
	static mode_t current = (mode_t)-1;

	if (mask == current)
		return;
	umask(mask);
	current = mask;
}

/**
 * session_command() - obey a line
 * @s: the session
 * @line: the line, ending in NUL
 * @len: octets of it
 */
void session_command(struct session *s, const char *line, size_t len)
{
	const struct command *c;
	bool renames = s->rename_from[0];
	char verb[5];
	size_t start = argument_verb(line, verb);

	if (strlen(line) != len) {
		session_reply(s, 501, "NUL is not allowed");
		return;
	}
	c = command_find(verb);
	if (!c) {
		session_reply(s, 500, "Unknown command");
	} else if (!refused(s, c, line + start)) {
		set_umask(s->umask);
		c->run(s, line + start);
	}
	/* RNTO follows RNFR at once, and what REST said is for the next command. */
	if (renames && strcmp(verb, "RNFR"))
		s->rename_from[0] = 0;
	if (strcmp(verb, "REST") && !(c && c->flags & COMMAND_URGENT) && strcmp(verb, "PASV") &&
	    strcmp(verb, "EPSV") && strcmp(verb, "PORT") && strcmp(verb, "EPRT") &&
	    strcmp(verb, "TYPE"))
		s->restart = 0;
}

/**
 * session_reply_errno() - why something with a file failed
 * @s: the session
 * @err: a negative errno
 * @path: the file, for people
 */
void session_reply_errno(struct session *s, int err, const char *path)
{
	switch (err) {
	case -EXDEV:
	case -ELOOP:
		session_reply(s, 550, "%s: leads out of your files", path);
		break;
	case -ENOSPC:
		session_reply(s, 452, "%s: no space left", path);
		break;
	case -EDQUOT:
		session_reply(s, 552, "%s: more than you may store", path);
		break;
	case -ETXTBSY:
		session_reply(s, 450, "%s: another session writes it", path);
		break;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		session_reply(s, 451, "%s: %s", path, strerror(-err));
		break;
	default:
		session_reply(s, 550, "%s: %s", path, strerror(-err));
	}
}
