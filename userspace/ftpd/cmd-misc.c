// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the server can do, and small things: RFC 959, 4.1.3, RFC 2389 and RFC 2640.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "command.h"
#include "quota.h"
#include "session.h"

static const struct {
	unsigned int bit;
	const char *name;
} facts[] = {
	{ FACT_TYPE, "type" }, { FACT_SIZE, "size" }, { FACT_MODIFY, "modify" },
	{ FACT_PERM, "perm" }, { FACT_UNIQUE, "unique" }, { FACT_MODE, "UNIX.mode" },
};

#define N_FACTS	(sizeof(facts) / sizeof(*facts))

static void fact_names(unsigned int chosen, const char *mark, char out[128])
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < N_FACTS; i++)
		if (*mark || chosen & facts[i].bit)
			n += snprintf(out + n, 128 - n, "%s%s;", facts[i].name,
				      chosen & facts[i].bit ? mark : "");
}

static void feat(struct session *s, const char *arg)
{
	char text[128];

	(void)arg;
	session_line(s, "211-Features:");
	if (s->setup->tls && s->setup->control_tls != SETUP_TLS_OFF) {
		session_line(s, " AUTH TLS;TLS-C;");
		session_line(s, " CCC");
		session_line(s, " PBSZ");
		session_line(s, " PROT");
	}
	session_line(s, " EPRT");
	session_line(s, " EPSV");
	session_line(s, " HOST");
	session_line(s, " LANG EN*");
	session_line(s, " MDTM");
	session_line(s, " MFMT");
	fact_names(s->facts, "*", text);
	session_line(s, " MLST %s", text);
	session_line(s, " REST STREAM");
	session_line(s, " SIZE");
	session_line(s, " TVFS");
	session_line(s, " UTF8");
	session_reply(s, 211, "End");
}

/* RFC 3659, 7.9: what is not known is left out. */
static void opts_mlst(struct session *s, const char *arg)
{
	unsigned int chosen = 0;
	char text[128];

	while (*arg) {
		size_t n = strcspn(arg, ";");

		for (size_t i = 0; i < N_FACTS; i++)
			if (strlen(facts[i].name) == n && !strncasecmp(facts[i].name, arg, n))
				chosen |= facts[i].bit;
		arg += n + (arg[n] == ';');
	}
	s->facts = chosen;
	fact_names(chosen, "", text);
	session_reply(s, 200, "MLST OPTS %s", text);
}

static void opts(struct session *s, const char *arg)
{
	if (!strncasecmp(arg, "MLST", 4) && (!arg[4] || arg[4] == ' '))
		opts_mlst(s, arg[4] ? arg + 5 : "");
	else if (!strcasecmp(arg, "UTF8") || !strcasecmp(arg, "UTF8 ON"))
		session_reply(s, 200, "Names are UTF-8");
	else
		session_reply(s, 501, "Allowed are MLST and UTF8 ON");
}

static void lang(struct session *s, const char *arg)
{
	/* RFC 2640, 4.1 */
	if (!*arg || !strcasecmp(arg, "EN") || !strncasecmp(arg, "EN-", 3))
		session_reply(s, 200, "Replies are in English");
	else
		session_reply(s, 504, "Replies are in English only");
}

static void help_line(struct session *s, char *line, size_t *n, const char *verb)
{
	*n += snprintf(line + *n, 80 - *n, " %-5s", verb);
	if (*n > 66) {
		session_line(s, "%s", line);
		*n = 0;
	}
}

static void help(struct session *s, const char *arg)
{
	const struct command *c;
	char line[80], verb[5];
	size_t n = 0;

	if (*arg) {
		argument_verb(arg, verb);
		c = command_find(verb);
		if (c)
			session_reply(s, 214, "%s %s", c->verb, c->help);
		else
			session_reply(s, 502, "There is no such command");
		return;
	}
	session_line(s, "214-Commands:");
	for (unsigned int i = 0; (c = command_at(i)); i++)
		help_line(s, line, &n, c->verb);
	if (n)
		session_line(s, "%s", line);
	session_reply(s, 214, "HELP and a command tells of its argument");
}

static void noop(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 200, "Here I am");
}

static void syst(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 215, "UNIX Type: L8");
}

static void smnt(struct session *s, const char *arg)
{
	(void)arg;
	session_reply(s, 202, "There is one file system only");
}

static void allo(struct session *s, const char *arg)
{
	const struct quota q = { s->quota, s->quota_files };
	char text[32];
	size_t n = strcspn(arg, " ");
	uint64_t want, record, left;
	struct statfs st;

	/* ALLO n [R n] */
	if (n >= sizeof(text) || (arg[n] && (strncasecmp(arg + n, " R ", 3) ||
	    !argument_number(arg + n + 3, &record)))) {
		session_reply(s, 501, "ALLO needs a number of octets, and R and a record's after it");
		return;
	}
	memcpy(text, arg, n);
	text[n] = 0;
	if (!argument_number(text, &want)) {
		session_reply(s, 501, "ALLO needs a number of octets");
		return;
	}
	left = quota_left(s->tree.home, &q, 0, UINT64_MAX);
	if (!fstatfs(s->tree.home, &st) && (uint64_t)st.f_bavail * st.f_bsize < left)
		left = (uint64_t)st.f_bavail * st.f_bsize;
	if (want > left)
		session_reply(s, 552, "There is room for %llu octets only",
			      (unsigned long long)left);
	else
		session_reply(s, 200, "There is room for it");
}

/* --- SITE --- */

static bool octal(const char *text, mode_t *value)
{
	char *end;

	if (*text < '0' || *text > '7' || strlen(text) > 4)
		return false;
	*value = strtoul(text, &end, 8);
	return !*end && *value <= 0777;
}

static void site_chmod(struct session *s, const char *arg)
{
	char path[ARGUMENT_MAX_PATH], text[8];
	size_t n = strcspn(arg, " ");
	mode_t value;
	int fd, err;

	if (n < sizeof(text)) {
		memcpy(text, arg, n);
		text[n] = 0;
	}
	if (n >= sizeof(text) || !arg[n] || !arg[n + 1] || !octal(text, &value) ||
	    !argument_path(s->cwd, arg + n + 1, path)) {
		session_reply(s, 501, "SITE CHMOD needs octal digits up to 777 and a path");
		return;
	}
	if (s->anonymous || !s->setup->writable) {
		session_reply(s, 550, "You may not change anything here");
		return;
	}
	fd = tree_open(&s->tree, path, O_RDONLY, 0);
	err = fd < 0 ? fd : fchmod(fd, value) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (err)
		session_reply_errno(s, err, path);
	else
		session_reply(s, 200, "Mode of %s is %03o", path, value);
}

static void site_umask(struct session *s, const char *arg)
{
	mode_t value;

	if (*arg && !octal(arg, &value)) {
		session_reply(s, 501, "SITE UMASK takes octal digits up to 777");
		return;
	}
	if (*arg)
		s->umask = value;
	session_reply(s, 200, "UMASK is %03o", s->umask);
}

static void site(struct session *s, const char *arg)
{
	if (!strncasecmp(arg, "CHMOD ", 6))
		site_chmod(s, arg + 6);
	else if (!strncasecmp(arg, "UMASK", 5) && (!arg[5] || arg[5] == ' '))
		site_umask(s, arg[5] ? arg + 6 : "");
	else if (!strcasecmp(arg, "HELP"))
		session_reply(s, 214, "CHMOD mode path, UMASK [mode], HELP");
	else
		session_reply(s, 500, "Unknown SITE command; SITE HELP lists them");
}

const struct command command_misc[] = {
	{ "FEAT", COMMAND_NONE, feat, "" },
	{ "OPTS", COMMAND_ARGUMENT, opts, "MLST facts or UTF8 ON" },
	{ "LANG", 0, lang, "[EN]" },
	{ "HELP", 0, help, "[command]" },
	{ "NOOP", COMMAND_NONE, noop, "" },
	{ "SYST", COMMAND_NONE, syst, "" },
	{ "SMNT", COMMAND_LOGIN | COMMAND_ARGUMENT, smnt, "path" },
	{ "ALLO", COMMAND_LOGIN | COMMAND_ARGUMENT, allo, "octets [R octets]" },
	{ "SITE", COMMAND_LOGIN | COMMAND_ARGUMENT, site, "CHMOD, UMASK or HELP" },
	{ 0 },
};
