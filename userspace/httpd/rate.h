/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_RATE_H
#define HTTPD_RATE_H

#include <stdint.h>

#include "net.h"

struct rate;

struct rate *rate_new(double per_second, double burst);
void rate_free(struct rate *r);
uint64_t rate_take(struct rate *r, const union ln_addr *addr, uint64_t now);

#endif
