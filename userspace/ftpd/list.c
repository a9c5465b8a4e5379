// SPDX-License-Identifier: GPL-2.0-or-later
#include "list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"

/* So many names are sorted; of a larger folder, one such part after the other. */
#define MAX_SORTED	65536
/* ls(1): older or later than half a year shows the year. */
#define HALF_A_YEAR	(31556952 / 2)

struct list {
	struct list_what what;
	char *prefix, *pattern;
	DIR *folder;
	char **names;
	unsigned int n, next;
	bool over;
	time_t now;
	const char *current;	/* MLSD: the folder itself comes first (RFC 3659, 7.2) */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool wanted(const struct list *l, const char *name)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	if (tree_name_denied(l->what.tree, name))
		return false;
	if (l->pattern)
		return !fnmatch(l->pattern, name, FNM_PERIOD);
	return l->what.all || *name != '.';
}

static void drop_names(struct list *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		free(l->names[i]);
	l->n = l->next = 0;
}

/* The next part of the folder, sorted. */
static void read_names(struct list *l)
{
	struct dirent *e;

	drop_names(l);
	while (l->n < MAX_SORTED && (e = readdir(l->folder))) {
		if (!wanted(l, e->d_name))
			continue;
		if (!(l->n & (l->n - 1)) || !l->names) {
			char **more = realloc(l->names, (l->n ? 2 * l->n : 1) * sizeof(*more));

			if (!more)
				break;
			l->names = more;
		}
		l->names[l->n] = strdup(e->d_name);
		if (!l->names[l->n])
			break;
		l->n++;
	}
	l->over = l->n < MAX_SORTED;
	if (l->n)
		qsort(l->names, l->n, sizeof(*l->names), by_name);
}

/**
 * list_new() - begin
 * @what: what to list; texts but @prefix and @pattern are used here only
 * @err: where a negative errno goes
 *
 * Return: the list, or NULL.
 */
struct list *list_new(const struct list_what *what, int *err)
{
	struct list *l;
	int fd = tree_open(what->tree, what->path, O_RDONLY | O_DIRECTORY, 0);

	*err = fd;
	if (fd < 0)
		return NULL;
	*err = -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (!l) {
		close(fd);
		return NULL;
	}
	l->what = *what;
	l->now = time(NULL);
	l->prefix = strdup(what->prefix ? what->prefix : "");
	l->pattern = what->pattern ? strdup(what->pattern) : NULL;
	l->folder = fdopendir(fd);
	if (!l->folder)
		close(fd);
	if (!l->prefix || (what->pattern && !l->pattern) || !l->folder) {
		list_free(l);
		return NULL;
	}
	*err = 0;
	return l;
}

/**
 * list_free() - let it go
 * @l: the list or NULL
 */
void list_free(struct list *l)
{
	if (!l)
		return;
	drop_names(l);
	free(l->names);
	free(l->prefix);
	free(l->pattern);
	if (l->folder)
		closedir(l->folder);
	free(l);
}

/* A name must not end the line it is in (RFC 3659, 2.2: no name with CR LF in it). */
static void plain(const char *name, char out[NAME_MAX + 1])
{
	size_t i;

	for (i = 0; name[i] && i < NAME_MAX; i++)
		out[i] = name[i] == '\r' || name[i] == '\n' ? '?' : name[i];
	out[i] = 0;
}

static void mode_text(mode_t mode, char out[11])
{
	static const char bits[] = "rwxrwxrwx";

	out[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : '-';
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400 >> i) ? bits[i] : '-';
	out[10] = 0;
}

/**
 * list_long() - a line as ls -l writes it, in UTC
 * @st: the file's
 * @name: its name
 * @target: where a link leads, or NULL
 * @now: the time
 * @out: where the line goes
 * @room: octets of it
 *
 * Return: its length.
 */
size_t list_long(const struct stat *st, const char *name, const char *target, time_t now,
		 char *out, size_t room)
{
	char mode[11], date[32];
	struct tm tm;
	int n;

	mode_text(st->st_mode, mode);
	gmtime_r(&st->st_mtim.tv_sec, &tm);
	strftime(date, sizeof(date), st->st_mtim.tv_sec > now ||
		 st->st_mtim.tv_sec < now - HALF_A_YEAR ? "%b %d  %Y" : "%b %d %H:%M", &tm);
	n = snprintf(out, room, "%s %4lu ftp      ftp      %12lld %s %s%s%s\r\n", mode,
		     (unsigned long)st->st_nlink, (long long)st->st_size, date, name,
		     target ? " -> " : "", target ? target : "");
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void perm(const struct stat *st, bool writable, char out[16])
{
	/* RFC 3659, 7.5.5 */
	strcpy(out, S_ISDIR(st->st_mode) ? writable ? "cdeflmp" : "el" :
		    writable ? "adfrw" : "r");
}

/**
 * list_facts() - facts and a name (RFC 3659, 7.2)
 * @st: the file's
 * @type: of the name: "cdir", "file", ...
 * @name: the name
 * @facts: mask of FACT_*
 * @writable: things can be changed
 * @out: where the line goes, without CR LF
 * @room: octets of it
 *
 * Return: its length, 0 when it does not fit.
 */
size_t list_facts(const struct stat *st, const char *type, const char *name, unsigned int facts,
		  bool writable, char *out, size_t room)
{
	char rights[16], date[32];
	struct tm tm;
	size_t n = 0;

	gmtime_r(&st->st_mtim.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y%m%d%H%M%S", &tm);
	perm(st, writable, rights);
	if (facts & FACT_TYPE)
		n += snprintf(out + n, room - n, "type=%s;", type);
	if (facts & FACT_SIZE && n < room && S_ISREG(st->st_mode))
		n += snprintf(out + n, room - n, "size=%lld;", (long long)st->st_size);
	if (facts & FACT_MODIFY && n < room)
		n += snprintf(out + n, room - n, "modify=%s;", date);
	if (facts & FACT_PERM && n < room)
		n += snprintf(out + n, room - n, "perm=%s;", rights);
	if (facts & FACT_UNIQUE && n < room)
		n += snprintf(out + n, room - n, "unique=%llxg%llx;",
			      (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	if (facts & FACT_MODE && n < room)
		n += snprintf(out + n, room - n, "UNIX.mode=0%03o;", st->st_mode & 07777);
	if (n < room)
		n += snprintf(out + n, room - n, " %s", name);
	return n < room ? n : 0;
}

/* What a link leads to, as far as it is in the tree. */
static bool follow(const struct list *l, const char *name, struct stat *st)
{
	char path[PATH_MAX];
	const char *folder = l->what.path[1] ? l->what.path : "";
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

	return n < (int)sizeof(path) && !tree_stat(l->what.tree, path, st);
}

static size_t long_line(struct list *l, const char *name, const char *shown, char *out)
{
	char target[NAME_MAX + 1], clean[NAME_MAX + 1];
	struct stat st;
	ssize_t n = 0;

	if (tree_stat_in(dirfd(l->folder), name, &st))
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dirfd(l->folder), name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		plain(target, clean);
	}
	return list_long(&st, shown, n > 0 ? clean : NULL, l->now, out, LIST_MAX_LINE);
}

static size_t facts_line(struct list *l, const char *name, const char *shown, char *out)
{
	struct stat st;
	size_t n;

	if (tree_stat_in(dirfd(l->folder), name, &st))
		return 0;
	/* One that leads outside is not there. */
	if (S_ISLNK(st.st_mode) && !follow(l, name, &st))
		return 0;
	n = list_facts(&st, S_ISDIR(st.st_mode) ? "dir" : S_ISREG(st.st_mode) ? "file" :
		       "OS.unix=special", shown, l->what.facts, l->what.writable, out,
		       LIST_MAX_LINE - 2);
	if (n)
		memcpy(out + n, "\r\n", 2);
	return n ? n + 2 : 0;
}

static size_t line(struct list *l, const char *name, char *out)
{
	char shown[NAME_MAX + 1];
	int n;

	plain(name, shown);
	switch (l->what.format) {
	case LIST_LONG:
		return long_line(l, name, shown, out);
	case LIST_FACTS:
		return facts_line(l, name, shown, out);
	default:
		n = snprintf(out, LIST_MAX_LINE, "%s%s\r\n", l->prefix, shown);
		return n < LIST_MAX_LINE ? n : 0;
	}
}

/* The folder itself, before what is in it. */
static size_t own_line(struct list *l, char *out)
{
	struct stat st;
	size_t n;

	l->current = ".";
	if (l->what.format != LIST_FACTS || fstat(dirfd(l->folder), &st))
		return 0;
	n = list_facts(&st, "cdir", ".", l->what.facts, l->what.writable, out, LIST_MAX_LINE - 2);
	if (n)
		memcpy(out + n, "\r\n", 2);
	return n ? n + 2 : 0;
}

size_t list_next(struct list *l, char out[LIST_MAX_LINE])
{
	size_t n;

	if (!l->current) {
		n = own_line(l, out);
		if (n)
			return n;
	}
	for (;;) {
		if (l->next == l->n) {
			if (l->over)
				return 0;
			read_names(l);
			if (!l->n)
				return 0;
		}
		/* What vanished meanwhile is left out. */
		n = line(l, l->names[l->next++], out);
		if (n)
			return n;
	}
}
