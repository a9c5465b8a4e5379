/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_LANDLOCK_H
#define HTTPD_LANDLOCK_H

int landlock_confine(int root);

#endif
