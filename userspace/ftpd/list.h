/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a folder, line by line. */
#ifndef FTPD_LIST_H
#define FTPD_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "tree.h"

enum list_format { LIST_LONG, LIST_NAMES, LIST_FACTS };

/* The longest line: a path or two of them, and facts. */
#define LIST_MAX_LINE	(PATH_MAX + 2 * NAME_MAX + 512)

struct list;

struct list_what {
	const struct tree *tree;
	const char *path;	/* of a folder, or of one file */
	const char *pattern;	/* of names, or NULL */
	const char *prefix;	/* before names of LIST_NAMES */
	enum list_format format;
	bool all;		/* names with a dot first */
	bool writable;
	unsigned int facts;
};

/* A struct list, or NULL with *@err negative. */
struct list *list_new(const struct list_what *what, int *err);
/* The next line with its CR LF; 0 at the end. */
size_t list_next(struct list *l, char out[LIST_MAX_LINE]);
void list_free(struct list *l);

size_t list_facts(const struct stat *st, const char *type, const char *name, unsigned int facts,
		  bool writable, char *out, size_t room);
size_t list_long(const struct stat *st, const char *name, const char *target, time_t now,
		 char *out, size_t room);

#endif
