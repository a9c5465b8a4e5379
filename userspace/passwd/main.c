// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-passwd: write files of users.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "entry.h"
#include "options.h"
#include "users.h"

#define ITERATIONS	65536
#define ITERATIONS_MIN	4096	/* RFC 7677, 4 */

const char *argp_program_version = "linnet-passwd " LINNET_VERSION;

enum { OPT_NO_SCRAM = 0x100, OPT_ITERATIONS };

struct arguments {
	const char *file;
	bool create, keep;
	struct entry_change change;
};

static const struct argp_option options[] = {
	{ "create", 'c', NULL, 0, "Make FILE when it is not there", 0 },
	{ "scram", 's', NULL, 0, "Write a verifier for SCRAM-SHA-256, too; a user who has one "
	  "keeps one", 0 },
	{ "no-scram", OPT_NO_SCRAM, NULL, 0, "Write none, and remove the one that is there", 0 },
	{ "iterations", OPT_ITERATIONS, "N", 0, "Iterations of the verifier, 4096 to 1000000 "
	  "(default: 65536)", 0 },
	{ "home", 'H', "FOLDER", 0, "The user's folder; \"\" for none", 0 },
	{ "quota", 'q', "SIZE[,FILES]", 0, "What the user may keep: octets, with k, m or g, and a "
	  "number of files or messages; \"\" for no limit", 0 },
	{ "keep", 'k', NULL, 0, "Leave the password as it is", 0 },
	{ "delete", 'd', NULL, 0, "Remove the user", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c':
		a->create = true;
		return 0;
	case 's':
		a->change.scram = true;
		return 0;
	case OPT_NO_SCRAM:
		a->change.no_scram = true;
		return 0;
	case OPT_ITERATIONS:
		a->change.iterations = ln_parse_number("--iterations", arg, ITERATIONS_MIN,
						       USERS_SCRAM_ITERATIONS_MAX);
		return 0;
	case 'H':
		a->change.home = arg;
		return 0;
	case 'q':
		a->change.quota = arg;
		return 0;
	case 'k':
		a->keep = true;
		return 0;
	case 'd':
		a->change.remove = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			a->file = arg;
		else if (state->arg_num == 1)
			a->change.user = arg;
		else
			ln_usage_error("'%s': allowed are FILE and USER only", arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->change.user)
			ln_usage_error("FILE and USER are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options, .parser = parse, .args_doc = "FILE USER",
	.doc = "Write a user and a new password into FILE, which linnet-ftpd, linnet-smtpd and "
	       "linnet-pop3d read."
	       "\vThe password is asked for at the terminal, or is the first line of the standard "
	       "input.",
};

static void fail(const char *fmt, const char *what, const char *why)
{
	fprintf(stderr, "linnet-passwd: ");
	fprintf(stderr, fmt, what, why);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void check_arguments(const struct arguments *a)
{
	const struct entry_change *c = &a->change;
	const char *user = c->user;

	if (!*user || *user == '#' || strlen(user) > USERS_MAX_NAME)
		ln_usage_error("'%s' is no user's name: allowed are 1 to %d octets, the first no #",
			       user, USERS_MAX_NAME);
	for (const char *p = user; *p; p++)
		if (*p == ':' || (unsigned char)*p < ' ' || *p == 127)
			ln_usage_error("a user's name has no colon and no control characters");
	if ((c->home && strpbrk(c->home, ":\r\n")) || (c->quota && strpbrk(c->quota, ":\r\n")))
		ln_usage_error("--home and --quota: no colon and no line end is allowed");
	if (c->scram && c->no_scram)
		ln_usage_error("--scram and --no-scram: allowed is one of them");
	if (a->keep && c->scram)
		ln_usage_error("--scram needs a password: leave --keep out");
	if (c->remove && (a->keep || c->home || c->quota || c->scram || c->no_scram))
		ln_usage_error("--delete: nothing else is allowed with it");
}

/* --- the password --- */

/* Returns false at the end of the input. */
static bool read_line(const char *prompt, char *out, size_t room)
{
	struct termios before, silent;
	bool terminal = !tcgetattr(STDIN_FILENO, &before);
	bool got;

	if (terminal) {
		silent = before;
		silent.c_lflag &= ~ECHO;
		fputs(prompt, stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	got = fgets(out, room, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (got)
		out[strcspn(out, "\n")] = 0;
	return got;
}

static const char *ask_password(void)
{
	static char password[USERS_MAX_PASSWORD + 3], again[USERS_MAX_PASSWORD + 3];

	if (!read_line("New password: ", password, sizeof(password)) || !*password)
		fail("%s%s", "there is no password", "");
	if (strlen(password) > USERS_MAX_PASSWORD)
		fail("%s%s", "the password is too long: allowed are 511 octets", "");
	if (isatty(STDIN_FILENO) && (!read_line("Once more: ", again, sizeof(again)) ||
				     strcmp(password, again)))
		fail("%s%s", "the two passwords differ", "");
	return password;
}

/* --- the file --- */

/* Locked, and still the one of this name. */
static int open_locked(const char *file, bool create, struct stat *st)
{
	struct stat now;
	int fd;

	for (;;) {
		fd = open(file, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
		if (fd < 0 && errno == ENOENT)
			fail("%s: %s; --create makes it", file, strerror(errno));
		if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, st))
			fail("%s: %s", file, strerror(errno));
		if (!S_ISREG(st->st_mode))
			fail("%s: %s", file, "is no file");
		if (st->st_size > USERS_MAX_FILE)
			fail("%s: %s", file, "is no file of users: too large");
		if (!stat(file, &now) && now.st_ino == st->st_ino && now.st_dev == st->st_dev)
			return fd;
		close(fd);
	}
}

static char *read_whole(int fd, const char *file, size_t len)
{
	char *text = malloc(len + 1);
	size_t have = 0;
	ssize_t n = 1;

	while (text && have < len && n > 0) {
		n = read(fd, text + have, len - have);
		have += n > 0 ? n : 0;
	}
	if (!text || have < len)
		fail("%s: %s", file, strerror(errno));
	return text;
}

static bool write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

/* All or nothing: a new file takes the old one's place. */
static void replace_file(const char *file, const struct stat *st, const char *text, size_t len)
{
	char new[PATH_MAX], folder[PATH_MAX];
	int fd, dir;

	if (snprintf(new, sizeof(new), "%s.XXXXXX", file) >= (int)sizeof(new))
		fail("%s: %s", file, strerror(ENAMETOOLONG));
	strcpy(folder, file);
	fd = mkstemp(new);
	if (fd < 0)
		fail("%s: %s", new, strerror(errno));
	dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((fchown(fd, st->st_uid, st->st_gid) && !geteuid()) ||
	    fchmod(fd, st->st_mode & 07777) || !write_whole(fd, text, len) || fsync(fd) ||
	    close(fd) || dir < 0 || rename(new, file) || fsync(dir)) {
		int err = errno;

		unlink(new);
		fail("%s: %s", file, strerror(err));
	}
	close(dir);
}

int main(int argc, char **argv)
{
	struct arguments a = { .change.iterations = ITERATIONS };
	char *text, *new, *file;
	const char *wrong;
	struct stat st;
	size_t len;
	int fd;

	ln_parse_command_line(&argp, argc, argv, &a);
	check_arguments(&a);
	if (!a.keep && !a.change.remove)
		a.change.password = ask_password();
	fd = open_locked(a.file, a.create, &st);
	/* What a symlink leads to is replaced, and not the symlink. */
	file = realpath(a.file, NULL);
	if (!file)
		fail("%s: %s", a.file, strerror(errno));
	text = read_whole(fd, file, st.st_size);
	new = entry_apply(text, st.st_size, &a.change, &len, &wrong);
	if (!new)
		fail("%s: %s", a.file, wrong);
	replace_file(file, &st, new, len);
	close(fd);
	free(file);
	free(text);
	free(new);
	return EXIT_SUCCESS;
}
