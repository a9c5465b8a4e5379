/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue as its files are, when no manager is there to ask. */
#ifndef MAILTOOL_OFFLINE_H
#define MAILTOOL_OFFLINE_H

#include <jansson.h>

/* As the manager's answer to "list"; NULL after an error line. */
json_t *offline_list(const char *queue);

#endif
