/* SPDX-License-Identifier: GPL-2.0-or-later */
/* We connect to the client for data, from port 20 where we may. */
#ifndef FTPD_ACTIVE_H
#define FTPD_ACTIVE_H

#include "setup.h"

struct session;

/* Connects to @s->active_peer; transfer_accept() and friends tell of it. */
void active_connect(struct session *s);
/* RFC 2577, 3: only to where the control connection comes from, and no service's port. */
bool active_allowed(const struct session *s, const union ln_addr *peer);

/* In the master: the process that makes sockets with a port below 1024. */
int active_launch(struct setup *s);
void active_reaped(struct setup *s, pid_t pid);

#endif
