// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contents of a folder as HTML.
 */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

#define MAX_ENTRIES	4096

struct names {
	char *name[MAX_ENTRIES];	/* folders end in a slash */
	size_t count;
	bool truncated;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect(DIR *dir, struct names *names)
{
	struct dirent *e;
	char *name;

	while ((e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (names->count == MAX_ENTRIES) {
			names->truncated = true;
			break;
		}
		if (asprintf(&name, "%s%s", e->d_name, e->d_type == DT_DIR ? "/" : "") < 0)
			return -ENOMEM;
		names->name[names->count++] = name;
	}
	qsort(names->name, names->count, sizeof(*names->name), compare);
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

static void put_link(FILE *f, const char *name)
{
	char href[3 * NAME_MAX + 8];

	if (!http_encode(href, sizeof(href), name, strlen(name)))
		return;
	fputs("<li><a href=\"", f);
	put_escaped(f, href);
	fputs("\">", f);
	put_escaped(f, name);
	fputs("</a></li>\n", f);
}

static void put_page(FILE *f, const char *path, const struct names *names)
{
	fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>/", f);
	put_escaped(f, path);
	fputs("</title></head>\n<body><h1>/", f);
	put_escaped(f, path);
	fputs("</h1>\n<ul>\n", f);
	if (*path)
		fputs("<li><a href=\"../\">../</a></li>\n", f);
	for (size_t i = 0; i < names->count; i++)
		put_link(f, names->name[i]);
	fputs("</ul>\n", f);
	if (names->truncated)
		fprintf(f, "<p>Only %d entries are shown.</p>\n", MAX_ENTRIES);
	fputs("</body></html>\n", f);
}

/**
 * listing_make() - list a folder
 * @fd: the folder's descriptor, which stays open
 * @path: the folder's path below the root, for the title
 * @html: the page, to be freed
 * @len: its length
 *
 * Return: 0 or a negative errno.
 */
int listing_make(int fd, const char *path, char **html, size_t *len)
{
	struct names *names = calloc(1, sizeof(*names));
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), err = -ENOMEM;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	FILE *f;

	if (!dir) {
		err = -errno;
		if (copy >= 0)
			close(copy);
	} else if (names) {
		err = collect(dir, names);
	}
	f = err ? NULL : open_memstream(html, len);
	if (f) {
		put_page(f, path, names);
		err = ferror(f) ? -ENOMEM : 0;
		if (fclose(f))
			err = -ENOMEM;
		if (err)
			free(*html);
	} else if (!err) {
		err = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	for (size_t i = 0; names && i < names->count; i++)
		free(names->name[i]);
	free(names);
	return err;
}
