// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes over a data connection, and how: RFC 959, 4.1.2 and 4.1.3, RFC 2428.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "active.h"
#include "command.h"
#include "passive.h"
#include "session.h"
#include "transfer.h"

/* Between two looks at a folder. */
#define CLEAN_MS	60000

/* --- the next data connection --- */

static void set_active(struct session *s, const union ln_addr *peer)
{
	if (!s->setup->active) {
		session_reply(s, 502, "Only PASV and EPSV here");
		return;
	}
	if (!active_allowed(s, peer)) {
		/* RFC 2577, 3 */
		session_reply(s, 504, "Only to your own address, and to ports from 1024 on");
		return;
	}
	session_drop_data(s);
	s->active_peer = *peer;
	s->way = WAY_ACTIVE;
	session_reply(s, 200, "The data connection will go there");
}

static bool only_epsv(struct session *s)
{
	if (s->epsv_all)
		session_reply(s, 501, "Only EPSV after EPSV ALL");
	return s->epsv_all;
}

static void port(struct session *s, const char *arg)
{
	union ln_addr peer;

	if (only_epsv(s))
		return;
	if (argument_port(arg, &peer))
		set_active(s, &peer);
	else
		session_reply(s, 501, "PORT needs h1,h2,h3,h4,p1,p2");
}

static int family_of(const struct session *s)
{
	return ln_conn_peer(s->conn)->sa.sa_family == AF_INET6 ? 2 : 1;
}

static void eprt(struct session *s, const char *arg)
{
	union ln_addr peer;

	if (only_epsv(s))
		return;
	switch (argument_eprt(arg, &peer)) {
	case ARGUMENT_BAD:
		session_reply(s, 501, "EPRT needs |family|address|port|");
		return;
	case ARGUMENT_FAMILY:
		session_reply(s, 522, "Network protocol not supported, use (%d)", family_of(s));
		return;
	default:
		break;
	}
	if ((peer.sa.sa_family == AF_INET6 ? 2 : 1) != family_of(s))
		session_reply(s, 522, "Network protocol not supported, use (%d)", family_of(s));
	else
		set_active(s, &peer);
}

static void pasv(struct session *s, const char *arg)
{
	union ln_addr a;
	uint32_t host;
	int p;

	(void)arg;
	if (only_epsv(s))
		return;
	if (family_of(s) == 2) {
		session_reply(s, 425, "PASV has no room for IPv6 addresses: use EPSV");
		return;
	}
	p = passive_open(s);
	if (p < 0) {
		session_reply(s, 425, "No port for it: %s", strerror(-p));
		return;
	}
	ln_conn_local(s->conn, &a);
	if (s->setup->masquerade.sa.sa_family == AF_INET)
		a = s->setup->masquerade;
	host = ntohl(a.in.sin_addr.s_addr);
	session_reply(s, 227, "Entering Passive Mode (%u,%u,%u,%u,%u,%u)", host >> 24,
		      host >> 16 & 255, host >> 8 & 255, host & 255, (unsigned int)p >> 8,
		      (unsigned int)p & 255);
}

static void epsv(struct session *s, const char *arg)
{
	uint64_t family;
	int p;

	if (!strcasecmp(arg, "ALL")) {
		s->epsv_all = true;
		session_reply(s, 200, "Only EPSV from here on");
		return;
	}
	if (*arg && !argument_number(arg, &family)) {
		session_reply(s, 501, "EPSV takes 1, 2, ALL or nothing");
		return;
	}
	if (*arg && family != (uint64_t)family_of(s)) {
		session_reply(s, 522, "Network protocol not supported, use (%d)", family_of(s));
		return;
	}
	p = passive_open(s);
	if (p < 0)
		session_reply(s, 425, "No port for it: %s", strerror(-p));
	else
		session_reply(s, 229, "Entering Extended Passive Mode (|||%d|)", p);
}

/* --- how it goes --- */

/* RFC 959, 3.1.1 */
static const struct {
	const char *text;
	int code;
	enum session_type type;
} types[] = {
	{ "A", 200, TYPE_ASCII }, { "A N", 200, TYPE_ASCII }, { "I", 200, TYPE_IMAGE },
	{ "L 8", 200, TYPE_IMAGE }, { "A T", 504, 0 }, { "A C", 504, 0 }, { "E", 504, 0 },
	{ "E N", 504, 0 }, { "E T", 504, 0 }, { "E C", 504, 0 },
};

static void type(struct session *s, const char *arg)
{
	int code = 501;
	uint64_t bits;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcasecmp(types[i].text, arg))
			continue;
		code = types[i].code;
		if (code == 200)
			s->type = types[i].type;
	}
	if (code == 501 && !strncasecmp(arg, "L ", 2) && argument_number(arg + 2, &bits))
		code = 504;
	if (code == 200)
		session_reply(s, 200, "TYPE is %s", s->type == TYPE_ASCII ? "A N" : "I");
	else
		session_reply(s, code, "Allowed are A, A N, I and L 8");
}

/* STRU and MODE: a letter of those that there are, of which one is here. */
static void letter(struct session *s, const char *arg, const char *all, const char *what)
{
	char c = *arg & ~0x20;

	if (arg[1] || !c || !strchr(all, c))
		session_reply(s, 501, "%s takes one of %s", what, all);
	else if (c != *all)
		session_reply(s, 504, "%s %c only", what, *all);
	else
		session_reply(s, 200, "%s is %c", what, c);
}

static void stru(struct session *s, const char *arg)
{
	letter(s, arg, "FRP", "STRU");
}

static void mode(struct session *s, const char *arg)
{
	letter(s, arg, "SBC", "MODE");
}

static void rest(struct session *s, const char *arg)
{
	if (!argument_number(arg, &s->restart)) {
		s->restart = 0;
		session_reply(s, 501, "REST needs a number of octets");
	} else {
		session_reply(s, 350, "Restarting at %s", arg);
	}
}

/* Whether a data connection may be made at all; replies when not. */
static bool ready(struct session *s)
{
	if (s->setup->data_tls == SETUP_TLS_REQUIRED && !s->protected) {
		/* RFC 4217, 10.1 */
		session_reply(s, 521, "Data must be encrypted here: PROT P");
		return false;
	}
	if (s->way == WAY_NONE) {
		session_reply(s, 425, "Use PORT, EPRT, PASV or EPSV first");
		return false;
	}
	return true;
}

static bool path_of(struct session *s, const char *arg, char path[ARGUMENT_MAX_PATH])
{
	if (argument_path(s->cwd, arg, path))
		return true;
	session_reply(s, 501, "A path of more than %d octets", ARGUMENT_MAX_PATH - 1);
	return false;
}

/* --- files --- */

static void retr(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH];
	struct stat st;
	int fd;

	if (!path_of(s, arg, path) || !ready(s))
		return;
	fd = tree_open(&s->tree, path, O_RDONLY, 0);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		session_reply(s, 550, "%s: is no file", path);
		return;
	}
	if (fd < 0) {
		session_reply_errno(s, fd, path);
	} else if (s->type == TYPE_IMAGE && s->restart > (uint64_t)st.st_size) {
		close(fd);
		session_reply(s, 554, "%s has only %lld octets", path, (long long)st.st_size);
	} else {
		transfer_download(s, path, fd, s->restart);
	}
}

/* Old aborted uploads go; not with each of a thousand files, for it reads the folder. */
static void clean(struct session *s, int folder)
{
	const struct quota q = { s->quota, s->quota_files };
	uint64_t now = ln_conn_now(s->conn);
	struct tree_removed removed;
	struct stat st;

	if (fstat(folder, &st) ||
	    (st.st_ino == s->cleaned && now - s->cleaned_at < CLEAN_MS))
		return;
	s->cleaned = st.st_ino;
	s->cleaned_at = now;
	removed = tree_clean(folder, s->setup->limits.partial_ms);
	quota_change(s->tree.home, &q, -removed.octets, -removed.files);
}

static void store(struct session *s, const char *arg, enum upload_kind kind)
{
	const struct quota q = { s->quota, s->quota_files };
	char path[ARGUMENT_MAX_PATH];
	struct upload u;
	int err;

	if (!path_of(s, arg, path) || !ready(s))
		return;
	if (s->restart && s->type == TYPE_ASCII) {
		session_reply(s, 554, "REST with STOR and APPE needs TYPE I");
		return;
	}
	if (kind == UPLOAD_NEW && s->restart)
		kind = UPLOAD_RESUME;
	err = upload_open(&u, &s->tree, path, kind, s->restart, s->mark, &q);
	if (!err) {
		clean(s, u.place.folder);
		transfer_upload(s, path, &u);
	} else if (err == -ESPIPE) {
		session_reply(s, 554, "%s has not so many octets", path);
	} else if (err == -EPERM || err == -ENAMETOOLONG || err == -EISDIR) {
		session_reply(s, 553, "%s: that name is not allowed", path);
	} else {
		session_reply_errno(s, err, path);
	}
}

static void stor(struct session *s, const char *arg)
{
	store(s, arg, UPLOAD_NEW);
}

static void appe(struct session *s, const char *arg)
{
	store(s, arg, UPLOAD_APPEND);
}

static void stou(struct session *s, const char *arg)
{
	store(s, *arg ? arg : "upload", UPLOAD_UNIQUE);
}

/* --- folders --- */

/* Options as of ls(1), which many clients send: a path may follow. */
static const char *skip_options(const char *arg, bool *all)
{
	while (*arg == '-') {
		for (arg++; *arg && *arg != ' '; arg++)
			*all |= *arg == 'a' || *arg == 'A';
		while (*arg == ' ')
			arg++;
	}
	return arg;
}

static bool has_pattern(const char *arg)
{
	return strpbrk(arg, "*?[");
}

/* Splits what is listed into a folder and a pattern of names in it. */
static void split(const struct session *s, char path[ARGUMENT_MAX_PATH], bool pattern,
		  char name[NAME_MAX + 1])
{
	struct stat st;
	char *slash = strrchr(path, '/');

	*name = 0;
	if (!pattern && (tree_stat(&s->tree, path, &st) || S_ISDIR(st.st_mode)))
		return;
	snprintf(name, NAME_MAX + 1, "%s", slash + 1);
	slash[slash == path] = 0;
}

static void escape(const char *name, char out[2 * NAME_MAX + 2])
{
	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			*out++ = '\\';
		*out++ = *name;
	}
	*out = 0;
}

static void list(struct session *s, const char *arg, enum list_format format)
{
	char path[ARGUMENT_MAX_PATH], prefix[ARGUMENT_MAX_PATH] = "", name[NAME_MAX + 1];
	char pattern[2 * NAME_MAX + 2];
	struct list_what what = {
		.tree = &s->tree, .path = path, .format = format, .facts = s->facts,
		.all = format == LIST_FACTS, .prefix = prefix,
		.writable = !s->anonymous && s->setup->writable,
	};
	bool globs;
	struct list *l;
	int err;

	if (format != LIST_FACTS)
		arg = skip_options(arg, &what.all);
	if (!path_of(s, arg, path) || !ready(s))
		return;
	globs = format != LIST_FACTS && has_pattern(arg);
	split(s, path, globs, name);
	if (*name && format == LIST_FACTS) {
		/* RFC 3659, 7.2 */
		session_reply(s, 501, "MLSD is for folders; MLST shows a file");
		return;
	}
	if (*name) {
		const char *slash = strrchr(arg, '/');

		if (globs)
			snprintf(pattern, sizeof(pattern), "%s", name);
		else
			escape(name, pattern);
		what.pattern = pattern;
		/* Names as the client can use them: below what it said. */
		if (slash)
			snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash - arg) + 1, arg);
	} else if (*arg && format == LIST_NAMES && strcmp(arg, ".")) {
		snprintf(prefix, sizeof(prefix), "%s%s", arg,
			 arg[strlen(arg) - 1] == '/' ? "" : "/");
	}
	l = list_new(&what, &err);
	if (!l) {
		session_reply_errno(s, err, path);
		return;
	}
	transfer_list(s, l);
}

static void list_command(struct session *s, const char *arg)
{
	list(s, arg, LIST_LONG);
}

static void nlst(struct session *s, const char *arg)
{
	list(s, arg, LIST_NAMES);
}

static void mlsd(struct session *s, const char *arg)
{
	list(s, arg, LIST_FACTS);
}

static void abor(struct session *s, const char *arg)
{
	(void)arg;
	/* RFC 959, 4.1.3: 426 for the transfer, then 226 for ABOR. */
	transfer_abort(s, true);
	session_drop_data(s);
	session_reply(s, 226, "Nothing is under way any more");
}

#define DATA(name, flags, run, help) { name, COMMAND_LOGIN | (flags), run, help }

const struct command command_data[] = {
	DATA("PORT", COMMAND_ARGUMENT, port, "h1,h2,h3,h4,p1,p2"),
	DATA("EPRT", COMMAND_ARGUMENT, eprt, "|family|address|port|"),
	DATA("PASV", COMMAND_NONE, pasv, ""),
	DATA("EPSV", 0, epsv, "[1, 2 or ALL]"),
	DATA("TYPE", COMMAND_ARGUMENT, type, "A, A N, I or L 8"),
	DATA("STRU", COMMAND_ARGUMENT, stru, "F"),
	DATA("MODE", COMMAND_ARGUMENT, mode, "S"),
	DATA("REST", COMMAND_ARGUMENT, rest, "offset"),
	DATA("RETR", COMMAND_ARGUMENT, retr, "file"),
	DATA("STOR", COMMAND_ARGUMENT | COMMAND_WRITES, stor, "file"),
	DATA("APPE", COMMAND_ARGUMENT | COMMAND_WRITES, appe, "file"),
	DATA("STOU", COMMAND_WRITES, stou, "[file]"),
	DATA("LIST", 0, list_command, "[path]"),
	DATA("NLST", 0, nlst, "[path]"),
	DATA("MLSD", 0, mlsd, "[folder]"),
	DATA("ABOR", COMMAND_NONE | COMMAND_URGENT, abor, ""),
	{ 0 },
};
