/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_UDP_H
#define DNSD_UDP_H

#include "worker.h"

int udp_start(struct worker *w, const struct ln_sockets *sockets);
void udp_stop(struct worker *w);

#endif
