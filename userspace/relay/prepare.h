/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a message needs before a server can have it; in another thread where it takes time. */
#ifndef RELAY_PREPARE_H
#define RELAY_PREPARE_H

#include "job.h"
#include "reply.h"

enum prepare { PREPARE_READY, PREPARE_LATER, PREPARE_OVER };

/*
 * Opens the job's text and fills its transaction. PREPARE_READY: it can be sent; PREPARE_OVER: all
 * outcomes are there; PREPARE_LATER: done() tells which of the two, with @data.
 */
enum prepare prepare(struct ln_server *server, struct job *j, const struct reply_offer *offer,
		     void (*done)(bool ready, void *data), void *data);

#endif
