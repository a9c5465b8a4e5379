/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message that is there is made durable, in mailboxes here or in the queue, before its sender
 * is told so (RFC 5321, 4.2.5 and 6.1).
 */
#ifndef SMTPD_DELIVERY_H
#define SMTPD_DELIVERY_H

#include "transaction.h"

struct delivery;

/* @r: what to answer. Called from the loop. */
typedef void (*delivery_done_fn)(void *data, const struct refusal *r);

/* In a thread; the transaction belongs to it then. NULL: no memory, the transaction stays. */
struct delivery *delivery_start(struct transaction *t, delivery_done_fn done, void *data);
/* Nobody waits for the answer any more; the message is delivered all the same. */
void delivery_abandon(struct delivery *d);

#endif
