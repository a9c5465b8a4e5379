// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contents of a folder as HTML.
 */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "target.h"

#define MAX_ENTRIES	4096

struct entry {
	char *name;
	bool folder;
	off_t size;
	time_t modified;
};

struct entries {
	struct entry entry[MAX_ENTRIES];
	size_t n;
	bool truncated;
};

/* Folders first, then by name. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->folder != y->folder)
		return y->folder - x->folder;
	return strcmp(x->name, y->name);
}

static bool wanted(const struct listing *l, const char *name)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	if (*name != '.')
		return true;
	return l->hidden && strncmp(name, LISTING_TEMPORARY, strlen(LISTING_TEMPORARY));
}

/* A link counts as what it leads to, if that is served at all. */
static int look(const struct listing *l, const char *name, struct stat *st)
{
	char path[HTTP_MAX_PATH + NAME_MAX + 2];

	if (fstatat(l->fd, name, st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISLNK(st->st_mode))
		return 0;
	if (snprintf(path, sizeof(path), "%s%s%s", l->path, *l->path ? "/" : "", name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	return file_stat(l->root, path, st);
}

static int collect(const struct listing *l, DIR *dir, struct entries *entries)
{
	struct dirent *d;
	struct stat st;
	char *name;

	while ((d = readdir(dir))) {
		if (!wanted(l, d->d_name) || look(l, d->d_name, &st) ||
		    !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
			continue;
		if (entries->n == MAX_ENTRIES) {
			entries->truncated = true;
			break;
		}
		name = strdup(d->d_name);
		if (!name)
			return -ENOMEM;
		entries->entry[entries->n++] = (struct entry){
			.name = name,
			.folder = S_ISDIR(st.st_mode),
			.size = st.st_size,
			.modified = st.st_mtime,
		};
	}
	qsort(entries->entry, entries->n, sizeof(*entries->entry), compare);
	return 0;
}

static void put_escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '"': fputs("&quot;", f); break;
		case '\'': fputs("&#39;", f); break;
		default: fputc(*s, f);
		}
	}
}

static void put_size(FILE *f, off_t size)
{
	static const char units[] = " KMGTPE";
	double n = size;
	int unit = 0;

	for (; n >= 1024 && unit < 6; unit++)
		n /= 1024;
	if (unit)
		fprintf(f, "%.1f %ciB", n, units[unit]);
	else
		fprintf(f, "%lld", (long long)size);
}

static void put_entry(FILE *f, const struct entry *e)
{
	/* "./" so that a colon in the name makes no scheme of it. */
	char href[3 * NAME_MAX + 8], when[32] = "";
	const char *slash = e->folder ? "/" : "";
	struct tm tm;

	if (!http_encode(href, sizeof(href), e->name, strlen(e->name)))
		return;
	if (gmtime_r(&e->modified, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	fputs("<tr><td><a href=\"./", f);
	put_escaped(f, href);
	fprintf(f, "%s\">", slash);
	put_escaped(f, e->name);
	fprintf(f, "%s</a></td><td>%s</td><td class=\"n\">", slash, when);
	if (!e->folder)
		put_size(f, e->size);
	fputs("</td></tr>\n", f);
}

static void put_page(FILE *f, const struct listing *l, const struct entries *entries)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	      "<meta name=\"viewport\" content=\"width=device-width\"><title>/",
	      f);
	put_escaped(f, l->title);
	fputs("</title>\n<style>body{font-family:sans-serif;margin:2em}"
	      "td{padding:.1em 1.5em .1em 0}.n{text-align:right}</style></head>\n<body><h1>/",
	      f);
	put_escaped(f, l->title);
	fputs("</h1>\n<table>\n", f);
	if (*l->title)
		fputs("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n", f);
	for (size_t i = 0; i < entries->n; i++)
		put_entry(f, &entries->entry[i]);
	fputs("</table>\n", f);
	if (entries->truncated)
		fprintf(f, "<p>Only %d entries are shown.</p>\n", MAX_ENTRIES);
	fputs("</body></html>\n", f);
}

static int render(const struct listing *l, const struct entries *entries, char **html, size_t *len)
{
	FILE *f = open_memstream(html, len);
	int err;

	if (!f)
		return -ENOMEM;
	put_page(f, l, entries);
	err = ferror(f) ? -ENOMEM : 0;
	if (fclose(f))
		err = -ENOMEM;
	if (err)
		free(*html);
	return err;
}

/**
 * listing_make() - list a folder
 * @l: what to list
 * @html: the page, to be freed
 * @len: its length
 *
 * Return: 0 or a negative errno.
 */
int listing_make(const struct listing *l, char **html, size_t *len)
{
	struct entries *entries = calloc(1, sizeof(*entries));
	int copy = entries ? fcntl(l->fd, F_DUPFD_CLOEXEC, 0) : -1;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int err;

	if (!dir) {
		err = entries ? -errno : -ENOMEM;
		if (copy >= 0)
			close(copy);
		free(entries);
		return err;
	}
	/* The copy shares its place in the folder with @fd, which may be used again. */
	rewinddir(dir);
	err = collect(l, dir, entries);
	if (!err)
		err = render(l, entries, html, len);
	closedir(dir);
	for (size_t i = 0; i < entries->n; i++)
		free(entries->entry[i].name);
	free(entries);
	return err;
}
