/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters by HTTP. */
#ifndef SMTPD_METRICS_PAGE_H
#define SMTPD_METRICS_PAGE_H

#include "server.h"

int metrics_page_start(struct ln_server *server, const struct ln_sockets *sockets,
		       const char *tag);

#endif
