/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_UDP_H
#define DNSD_UDP_H

#include "worker.h"

/**
 * udp_start() - answer datagrams
 * @w: the worker
 * @sockets: the master's; those with the tag SETUP_DNS
 *
 * Return: 0, or a negative errno after an error line.
 */
int udp_start(struct worker *w, const struct ln_sockets *sockets);
void udp_stop(struct worker *w);

#endif
