/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper as a child of the master. */
#ifndef DNSD_KEEPER_PROCESS_H
#define DNSD_KEEPER_PROCESS_H

#include <sys/types.h>

#include "setup.h"

/* In the place of the one that runs. 0, or a negative errno after an error line. */
int keeper_process_start(const struct setup *s);
/* A child ended: start it again when it was the keeper of @s. */
void keeper_process_reaped(const struct setup *s, pid_t pid, int status);

#endif
