/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the queue manager (relay/control.h), one after the other. */
#ifndef MAILTOOL_MANAGER_H
#define MAILTOOL_MANAGER_H

#include <jansson.h>

#define MAILTOOL_QUEUE	"/var/spool/linnet"

/* A UNIX stream socket in the queue's folder, connected; -1 with errno. */
int manager_connect(const char *queue, const char *name);
/*
 * The answer, to be freed; takes @question over. NULL: with errno ECONNREFUSED or ENOENT there is
 * no manager; else it did not answer.
 */
json_t *manager_ask(const char *queue, json_t *question);

#endif
