/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FTPD_COUNTS_H
#define FTPD_COUNTS_H

#include "metrics.h"

extern struct ln_metric counts_logins, counts_failures, counts_downloads, counts_uploads,
	counts_octets_out, counts_octets_in, counts_aborted, counts_refused;

void counts_define(void);

#endif
