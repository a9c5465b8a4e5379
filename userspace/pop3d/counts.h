/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POP3D_COUNTS_H
#define POP3D_COUNTS_H

#include "metrics.h"

extern struct ln_metric counts_good, counts_bad, counts_in_use, counts_retrieved, counts_octets,
	counts_deleted, counts_errors, counts_tls;

void counts_define(void);

#endif
