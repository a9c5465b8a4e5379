/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue manager: delivers what is in the queue to other servers and to mailboxes here, and
 * tells senders how it went. A process of its own, made by the master of linnet-smtpd.
 *
 * At the UNIX socket `control` in the queue's folder it answers questions; see control.h.
 */
#ifndef RELAY_H
#define RELAY_H

#include <confuse.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct envelope;

/**
 * struct relay_delivery - a message for a mailbox here
 * @fd: a file, whose offset may be changed
 * @size: its first octets are the message, with CRLF
 * @sender: for Return-Path
 * @user: whose mailbox
 * @address: for Delivered-To
 * @id: of the message in the queue, where a delivery may be tried again that was done before a
 *	crash; NULL: it is not there
 * @n: which of its recipients
 * @arrival: of the message, milliseconds since the epoch
 */
struct relay_delivery {
	int fd;
	uint64_t size;
	const char *sender;
	const char *user;
	const char *address;
	const char *id;
	unsigned int n;
	int64_t arrival;
};

/**
 * struct relay_common - what the server that takes mail in has decided; relay_setup_read()
 *	copies it
 * @hostname: our name
 * @queue: the queue's folder
 * @mail_root: the folder that mailboxes are below, or NULL: there are none
 * @domains: names that are ours; ".NAME" is all below NAME
 * @n_domains: how many
 * @postmaster: an address, or a user's name here: From of reports
 * @smtp_port: the port that we take mail at; next hops that lead back to it are recognized
 * @message_max: largest message, octets; 0: as it comes
 * @deliver: in threads of the queue manager's process, several at once: durable when it returns 0;
 *	-ENOENT: there is no such user; -EDQUOT: the mailbox is full; or another negative errno
 * @expand: in the queue manager's process, for reports: adds those to @e who get mail for an
 *	address, with their users when they are here, as aliases say. 0, or -1: there is nobody
 *	of that address here. NULL: all addresses are other servers'.
 * @data: for both
 */
struct relay_common {
	const char *hostname;
	const char *queue;
	const char *mail_root;
	const char *const *domains;
	unsigned int n_domains;
	const char *postmaster;
	uint16_t smtp_port;
	uint64_t message_max;
	int (*deliver)(void *data, const struct relay_delivery *d);
	int (*expand)(void *data, const char *address, struct envelope *e);
	void *data;
};

struct relay_setup;

/* Of the section relay { } of a configuration; the checks' names begin with "relay|". */
extern cfg_opt_t relay_options[];
extern const struct ln_config_check relay_checks[];

/* @section: NULL: all defaults. NULL after an error line. */
struct relay_setup *relay_setup_read(cfg_t *section, const struct relay_common *common);
void relay_setup_free(struct relay_setup *s);

/**
 * relay_main() - the queue manager
 * @s: what it is to do
 * @ready_fd: gets an octet when the sockets are there, and is closed; -1: nobody waits
 *
 * In a child of its own, that is no longer root. Only one process at a time works on a queue:
 * a second one says so, is ready, and waits until the first has ended. Ends at SIGTERM, when
 * what is under way is finished, or after the section's drain-time.
 *
 * Return: the process's exit status.
 */
int relay_main(const struct relay_setup *s, int ready_fd);

#endif
