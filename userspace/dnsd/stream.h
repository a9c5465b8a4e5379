/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_STREAM_H
#define DNSD_STREAM_H

#include "worker.h"

int stream_start(struct worker *w, const struct ln_sockets *sockets);

#endif
