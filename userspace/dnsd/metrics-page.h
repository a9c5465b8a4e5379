/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_METRICS_PAGE_H
#define DNSD_METRICS_PAGE_H

#include "server.h"

struct balance_setup;

/* Counters, and members of @balance (or NULL), by HTTP at /metrics, on the sockets with a tag. */
int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag, const struct balance_setup *balance);

#endif
