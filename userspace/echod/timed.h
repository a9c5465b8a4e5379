/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TIMED_H
#define TIMED_H

#include "server.h"

void timed_datagram(struct ln_server *s, int fd, void *data);

#endif
