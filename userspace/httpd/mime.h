/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_MIME_H
#define HTTP_MIME_H

const char *mime_type(const char *path);

#endif
