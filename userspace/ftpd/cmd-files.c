// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files and folders, without a data connection: RFC 959, 4.1.3, RFC 3659 and MFMT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "list.h"
#include "quota.h"
#include "session.h"
#include "transfer.h"

/* Larger files are not read to count their lines for SIZE. */
#define MAX_TEXT_SIZE	(4 << 20)
/* Lines of a folder in the reply to STAT. */
#define MAX_STAT_LINES	1000

/* The path that an argument means; replies when there is none. */
static bool path_of(struct session *s, const char *arg, char path[ARGUMENT_MAX_PATH])
{
	if (argument_path(s->cwd, arg, path))
		return true;
	session_reply(s, 501, "A path of more than %d octets", ARGUMENT_MAX_PATH - 1);
	return false;
}

/* As a reply shows it (RFC 959, appendix II): quotes are doubled. */
static void quoted(const char *path, char out[2 * ARGUMENT_MAX_PATH])
{
	for (; *path; path++) {
		if (*path == '"')
			*out++ = '"';
		*out++ = *path;
	}
	*out = 0;
}

static void change_folder(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH];
	int fd;

	if (!path_of(s, arg, path))
		return;
	fd = tree_open(&s->tree, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		session_reply_errno(s, fd, path);
		return;
	}
	close(fd);
	strcpy(s->cwd, path);
	session_reply(s, 250, "The folder is %s", s->cwd);
}

static void cdup(struct session *s, const char *arg)
{
	(void)arg;
	change_folder(s, "..");
}

static void pwd(struct session *s, const char *arg)
{
	char text[2 * ARGUMENT_MAX_PATH];

	(void)arg;
	quoted(s->cwd, text);
	session_reply(s, 257, "\"%s\" is the folder", text);
}

static void mkd(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH], text[2 * ARGUMENT_MAX_PATH];
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_make_folder(&s->tree, path);
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	quoted(path, text);
	session_reply(s, 257, "\"%s\" was made", text);
}

static void rmd(struct session *s, const char *arg)
{
	const struct quota q = { s->quota, s->quota_files };
	struct tree_removed removed = { 0 };
	char path[ARGUMENT_MAX_PATH];
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_remove_folder(&s->tree, path, &removed);
	quota_change(s->tree.home, &q, -removed.octets, -removed.files);
	if (err)
		session_reply_errno(s, err, path);
	else
		session_reply(s, 250, "%s was removed", path);
}

static void dele(struct session *s, const char *arg)
{
	const struct quota q = { s->quota, s->quota_files };
	char path[ARGUMENT_MAX_PATH];
	struct tree_place place;
	struct stat st;
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_place(&s->tree, path, &place);
	if (!err)
		err = tree_stat_in(place.folder, place.name, &st);
	tree_place_close(&place);
	if (!err)
		err = tree_remove(&s->tree, path);
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	if (S_ISREG(st.st_mode))
		quota_change(s->tree.home, &q, -st.st_size, -1);
	session_reply(s, 250, "%s was removed", path);
}

static void rnfr(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH];
	struct tree_place place;
	struct stat st;
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_place(&s->tree, path, &place);
	if (!err)
		err = tree_stat_in(place.folder, place.name, &st);
	tree_place_close(&place);
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	strcpy(s->rename_from, path);
	session_reply(s, 350, "RNTO says the new name");
}

static void rnto(struct session *s, const char *arg)
{
	const struct quota q = { s->quota, s->quota_files };
	char path[ARGUMENT_MAX_PATH];
	struct tree_place place;
	struct stat st;
	bool replaces;
	int err;

	if (!s->rename_from[0]) {
		session_reply(s, 503, "RNFR comes first");
		return;
	}
	if (!path_of(s, arg, path))
		return;
	err = tree_place(&s->tree, path, &place);
	replaces = !err && strcmp(path, s->rename_from) &&
		   !tree_stat_in(place.folder, place.name, &st) && S_ISREG(st.st_mode);
	tree_place_close(&place);
	if (!err)
		err = tree_rename(&s->tree, s->rename_from, path);
	if (err == -EPERM || err == -ENAMETOOLONG) {
		session_reply(s, 553, "%s: that name is not allowed", path);
		return;
	}
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	if (replaces)
		quota_change(s->tree.home, &q, -st.st_size, -1);
	session_reply(s, 250, "Renamed to %s", path);
}

/* --- RFC 3659 --- */

/* What TYPE A would send. */
static int text_size(int fd, uint64_t *size)
{
	char piece[65536];
	uint64_t more = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n; i++)
			more += piece[i] == '\n';
	*size += more;
	return n < 0 ? -errno : 0;
}

static void size(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH];
	struct stat st;
	uint64_t n;
	int fd, err = 0;

	if (!path_of(s, arg, path))
		return;
	fd = tree_open(&s->tree, path, O_RDONLY, 0);
	/* What is left of an upload: a client asks so where to go on. */
	if (fd == -ENOENT && !upload_partial_size(&s->tree, path, s->mark, &n)) {
		session_reply(s, 213, "%llu", (unsigned long long)n);
		return;
	}
	if (fd < 0 || fstat(fd, &st))
		err = fd < 0 ? fd : -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EISDIR;
	n = err ? 0 : st.st_size;
	if (!err && s->type == TYPE_ASCII) {
		if (n > MAX_TEXT_SIZE) {
			session_reply(s, 550, "%s: too large to count lines; ask in TYPE I", path);
			close(fd);
			return;
		}
		err = text_size(fd, &n);
	}
	if (fd >= 0)
		close(fd);
	if (err)
		session_reply_errno(s, err, path);
	else
		session_reply(s, 213, "%llu", (unsigned long long)n);
}

static void mdtm(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH], text[32];
	struct stat st;
	struct tm tm;
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_stat(&s->tree, path, &st);
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	gmtime_r(&st.st_mtim.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
	session_reply(s, 213, "%s", text);
}

/* draft-somers-ftp-mfxx */
static void mfmt(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH], when[32];
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	const char *space = strchr(arg, ' ');
	int fd, err;

	if (!space || !space[1] || (size_t)(space - arg) >= sizeof(when)) {
		session_reply(s, 501, "MFMT needs a time YYYYMMDDHHMMSS and a path");
		return;
	}
	memcpy(when, arg, space - arg);
	when[space - arg] = 0;
	if (!argument_time(when, &times[1])) {
		session_reply(s, 501, "That is no time YYYYMMDDHHMMSS");
		return;
	}
	if (!path_of(s, space + 1, path))
		return;
	fd = tree_open(&s->tree, path, O_RDONLY, 0);
	err = fd < 0 ? fd : futimens(fd, times) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (err)
		session_reply_errno(s, err, path);
	else
		session_reply(s, 213, "Modify=%s; %s", when, path);
}

static void mlst(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH], line[LIST_MAX_LINE];
	struct stat st;
	int err;

	if (!path_of(s, arg, path))
		return;
	err = tree_stat(&s->tree, path, &st);
	if (err) {
		session_reply_errno(s, err, path);
		return;
	}
	if (!list_facts(&st, S_ISDIR(st.st_mode) ? "dir" : S_ISREG(st.st_mode) ? "file" :
			"OS.unix=special", path, s->facts, !s->anonymous && s->setup->writable,
			line, sizeof(line))) {
		session_reply(s, 501, "A path that is too long");
		return;
	}
	session_line(s, "250-Facts of %s", path);
	session_line(s, " %s", line);
	session_reply(s, 250, "End");
}

/* --- STAT --- */

static void stat_file(struct session *s, const char *path, const struct stat *st)
{
	char line[LIST_MAX_LINE];
	const char *name = strrchr(path, '/') + 1;
	size_t n = list_long(st, name, NULL, time(NULL), line, sizeof(line));

	session_line(s, "213-Status of %s", path);
	if (n)
		session_line(s, " %.*s", (int)n - 2, line);
	session_reply(s, 213, "End");
}

static void stat_folder(struct session *s, const char *path)
{
	const struct list_what what = {
		.tree = &s->tree, .path = path, .format = LIST_LONG, .all = true,
	};
	char line[LIST_MAX_LINE];
	size_t n;
	int err;
	struct list *l = list_new(&what, &err);

	if (!l) {
		session_reply_errno(s, err, path);
		return;
	}
	session_line(s, "212-Status of %s", path);
	for (int i = 0; (n = list_next(l, line)); i++) {
		if (i == MAX_STAT_LINES) {
			session_line(s, " and more: LIST shows all");
			break;
		}
		session_line(s, " %.*s", (int)n - 2, line);
	}
	list_free(l);
	session_reply(s, 212, "End");
}

static void stat_session(struct session *s)
{
	session_line(s, "211-Status of linnet-ftpd");
	session_line(s, "     From %s by %s%s", ln_conn_name(s->conn),
		     ln_protocol_name(ln_conn_protocol(s->conn)),
		     ln_conn_is_tls(s->conn) ? " with TLS" : "");
	if (s->logged_in)
		session_line(s, "     Logged in as %s", s->anonymous ? "anonymous" : s->user);
	session_line(s, "     TYPE %s, STRU F, MODE S, PROT %c", s->type == TYPE_ASCII ? "A" : "I",
		     s->protected ? 'P' : 'C');
	transfer_tell(s);
	session_reply(s, 211, "End");
}

static void stat_command(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH];
	struct stat st;
	int err;

	if (!*arg) {
		stat_session(s);
		return;
	}
	if (!s->logged_in) {
		session_reply(s, 530, "Log in first with USER and PASS");
		return;
	}
	if (!path_of(s, arg, path))
		return;
	err = tree_stat(&s->tree, path, &st);
	if (err)
		session_reply(s, 450, "%s: %s", path, strerror(-err));
	else if (S_ISDIR(st.st_mode))
		stat_folder(s, path);
	else
		stat_file(s, path, &st);
}

#define FOLDERS(name, flags, run, help) { name, COMMAND_LOGIN | (flags), run, help }

const struct command command_files[] = {
	FOLDERS("CWD", COMMAND_ARGUMENT, change_folder, "folder"),
	FOLDERS("XCWD", COMMAND_ARGUMENT, change_folder, "folder"),
	FOLDERS("CDUP", COMMAND_NONE, cdup, ""),
	FOLDERS("XCUP", COMMAND_NONE, cdup, ""),
	FOLDERS("PWD", COMMAND_NONE, pwd, ""),
	FOLDERS("XPWD", COMMAND_NONE, pwd, ""),
	FOLDERS("MKD", COMMAND_ARGUMENT | COMMAND_WRITES, mkd, "folder"),
	FOLDERS("XMKD", COMMAND_ARGUMENT | COMMAND_WRITES, mkd, "folder"),
	FOLDERS("RMD", COMMAND_ARGUMENT | COMMAND_WRITES, rmd, "folder"),
	FOLDERS("XRMD", COMMAND_ARGUMENT | COMMAND_WRITES, rmd, "folder"),
	FOLDERS("DELE", COMMAND_ARGUMENT | COMMAND_WRITES, dele, "file"),
	FOLDERS("RNFR", COMMAND_ARGUMENT | COMMAND_WRITES, rnfr, "old name"),
	FOLDERS("RNTO", COMMAND_ARGUMENT | COMMAND_WRITES, rnto, "new name"),
	FOLDERS("SIZE", COMMAND_ARGUMENT, size, "file"),
	FOLDERS("MDTM", COMMAND_ARGUMENT, mdtm, "file"),
	FOLDERS("MFMT", COMMAND_ARGUMENT | COMMAND_WRITES, mfmt, "YYYYMMDDHHMMSS file"),
	FOLDERS("MLST", 0, mlst, "[path]"),
	{ "STAT", COMMAND_URGENT, stat_command, "[path]" },
	{ 0 },
};
