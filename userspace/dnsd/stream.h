/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_STREAM_H
#define DNSD_STREAM_H

#include "worker.h"

/**
 * stream_start() - answer on streams
 * @w: the worker
 * @sockets: the master's; those with the tags SETUP_DNS and SETUP_DNS_TLS
 *
 * Return: 0, or a negative errno after an error line.
 */
int stream_start(struct worker *w, const struct ln_sockets *sockets);

#endif
