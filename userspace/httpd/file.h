/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_FILE_H
#define HTTP_FILE_H

#include <sys/stat.h>

int file_open(int root, const char *path, struct stat *st);
int file_error_status(int err);

#endif
