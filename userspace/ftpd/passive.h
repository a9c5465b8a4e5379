/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client connects to us for data, on the control connection's transport and address. */
#ifndef FTPD_PASSIVE_H
#define FTPD_PASSIVE_H

#include <stdint.h>

struct session;

/* Listens; the port or a negative errno.  What was there before is dropped. */
int passive_open(struct session *s);
void passive_close(struct session *s);
/* A transfer waits for the connection from now on: it gets its time. */
void passive_await(struct session *s);

#endif
