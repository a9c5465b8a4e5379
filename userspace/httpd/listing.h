/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_LISTING_H
#define HTTP_LISTING_H

#include <stddef.h>

int listing_make(int fd, const char *path, char **html, size_t *len);

#endif
