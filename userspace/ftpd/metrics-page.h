/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FTPD_METRICS_PAGE_H
#define FTPD_METRICS_PAGE_H

#include "server.h"

/* /metrics by HTTP, on the sockets with this tag. */
int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag);

#endif
