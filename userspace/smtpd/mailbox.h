/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mailboxes of users here. */
#ifndef SMTPD_MAILBOX_H
#define SMTPD_MAILBOX_H

#include "relay.h"
#include "setup.h"

/**
 * mailbox_deliver() - deliver a message here, in any thread
 * @s: the configuration
 * @d: the message and whose mailbox; the file's offset stays
 *
 * Return: 0: it is durable; -ENOENT: there is no such user; -EDQUOT: the mailbox is full; or
 * another negative errno.
 */
int mailbox_deliver(const struct setup *s, const struct relay_delivery *d);

#endif
