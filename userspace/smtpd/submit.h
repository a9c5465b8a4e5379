/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UNIX socket at which linnet-sendmail submits mail: SMTP, from whoever the kernel says.
 */
#ifndef SMTPD_SUBMIT_H
#define SMTPD_SUBMIT_H

#include "worker.h"

/* In the master: a descriptor, or a negative errno after an error line. */
int submit_listen(const char *queue);
/* In a worker. */
int submit_start(struct worker *w, int fd);
void submit_stop(void);
/* The user at the other end of a connection. */
unsigned int submit_peer(int fd);
/* One of them is over. */
void submit_closed(void);

#endif
