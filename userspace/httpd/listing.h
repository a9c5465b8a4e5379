/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_LISTING_H
#define HTTPD_LISTING_H

#include <stddef.h>

#include "file.h"

/* Names that begin so are uploads under way: neither served nor listed. */
#define LISTING_TEMPORARY	".linnet-upload-"

/**
 * struct listing - what to list
 * @root: the served folder
 * @fd: the folder's descriptor, which stays open
 * @path: its path below the root
 * @title: its path as clients see it, without slashes at the ends
 * @hidden: names with a dot at their start, too
 */
struct listing {
	const struct file_root *root;
	int fd;
	const char *path;
	const char *title;
	bool hidden;
};

int listing_make(const struct listing *l, char **html, size_t *len);

#endif
