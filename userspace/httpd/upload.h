/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_UPLOAD_H
#define HTTPD_UPLOAD_H

#include <sys/types.h>

#include "http.h"

/**
 * struct upload_file - a file that nobody sees before it is whole
 * @folder: descriptor of the folder it will be in
 * @fd: the file
 * @name: its hidden name; empty: it has none, and goes away with @fd
 */
struct upload_file {
	int folder;
	int fd;
	char name[48];
};

int upload_file_open(struct upload_file *f, int folder);
int upload_file_write(struct upload_file *f, const char *data, size_t len, off_t offset);
int upload_file_publish(struct upload_file *f, const char *name, bool replace);
void upload_file_close(struct upload_file *f);

#endif
