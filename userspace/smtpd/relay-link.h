/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the queue manager (relay/control.h). */
#ifndef SMTPD_RELAY_LINK_H
#define SMTPD_RELAY_LINK_H

#include "worker.h"

struct relay_question;

/* @messages: whose delivery begins, -1: the queue manager did not answer. From the loop. */
typedef void (*relay_answer_fn)(void *data, long messages);

/* Deliver what waits for a domain, "@" before it: and those below it. NULL: it cannot be asked. */
struct relay_question *relay_link_flush(struct worker *w, const char *domain, relay_answer_fn fn,
					void *data);
/* Nobody waits for the answer any more. */
void relay_link_abandon(struct relay_question *q);

#endif
