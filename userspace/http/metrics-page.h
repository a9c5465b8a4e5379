/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters by HTTP, for servers of other protocols. */
#ifndef HTTP_METRICS_PAGE_H
#define HTTP_METRICS_PAGE_H

#include <stddef.h>

#include "server.h"

/**
 * metrics_page_start() - serve /metrics
 * @server: of this worker
 * @sockets: the process's
 * @tag: of the sockets to serve on
 * @name: the program's, for the Server field; used on
 * @text: what to say: allocated, with its length in octets, or NULL without memory;
 *        ln_metrics_text() where a program has only counters
 *
 * One page in a process.
 *
 * Return: 0 or a negative errno of ln_server_listen().
 */
int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag, const char *name, char *(*text)(size_t *len));

#endif
