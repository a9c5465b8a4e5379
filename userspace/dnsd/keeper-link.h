/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker's connection to the keeper (keeper/message.h). */
#ifndef DNSD_KEEPER_LINK_H
#define DNSD_KEEPER_LINK_H

#include "answer/query.h"
#include "worker.h"

int keeper_link_start(struct worker *w);
void keeper_link_stop(struct worker *w);
/* UPDATE and NOTIFY: QUERY_LATER, or SERVFAIL. */
enum query_verdict keeper_link_forward(struct query *q);
/* A listening socket in the state folder, in the master, that workers can connect to as @user, or
 * as who started us when it is NULL; -1 after an error line. */
int keeper_link_listen(const char *state, const char *user);

#endif
