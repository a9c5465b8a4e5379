/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_FILE_H
#define HTTPD_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/**
 * struct file_root - a served folder
 * @fd: its descriptor
 * @follow_links: symbolic links are followed as long as they stay below it
 */
struct file_root {
	int fd;
	bool follow_links;
};

int file_open(const struct file_root *root, const char *path, struct stat *st);
int file_open_folder(const struct file_root *root, const char *path);
int file_stat(const struct file_root *root, const char *path, struct stat *st);
int file_error_status(int err);

#endif
