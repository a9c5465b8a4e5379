/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue manager as a child of the master. */
#ifndef SMTPD_RELAY_PROCESS_H
#define SMTPD_RELAY_PROCESS_H

#include <sys/types.h>

#include "setup.h"

/* In the place of the one that runs. 0, or a negative errno after an error line. */
int relay_process_start(const struct setup *s);
/* A child ended: start it again when it was the queue manager. */
void relay_process_reaped(const struct setup *s, pid_t pid, int status);
/* A configuration goes: when it is the queue manager's, let that end. */
void relay_process_release(const struct setup *s);
/* At the master's end: wait for the queue manager's, for a while. */
void relay_process_wait(void);

#endif
