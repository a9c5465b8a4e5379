/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_METRICS_PAGE_H
#define DNSD_METRICS_PAGE_H

#include "server.h"

struct worker;

/* Counters, zones and members of balanced names, by HTTP at /metrics, on the sockets with a tag. */
int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag, struct worker *w);

#endif
