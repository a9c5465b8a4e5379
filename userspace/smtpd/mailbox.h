/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mailboxes of users here. */
#ifndef SMTPD_MAILBOX_H
#define SMTPD_MAILBOX_H

#include <stdint.h>

#include "setup.h"

/**
 * mailbox_deliver() - deliver a message here, in any thread
 * @s: the configuration
 * @fd: a file, whose offset stays
 * @size: its first octets are the message
 * @sender: the reverse path, "" is the null sender
 * @user: whose mailbox
 * @address: for Delivered-To
 *
 * Return: 0: it is durable; -ENOENT: there is no such user; -EDQUOT: the mailbox is full; or
 * another negative errno.
 */
int mailbox_deliver(const struct setup *s, int fd, uint64_t size, const char *sender,
		    const char *user, const char *address);

#endif
