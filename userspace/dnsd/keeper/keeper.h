/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper: the one process that writes the store (dns-keeper's room).
 */
#ifndef DNSD_KEEPER_H
#define DNSD_KEEPER_H

#include "answer/query.h"
#include "setup.h"

/**
 * keeper_main() - the keeper's process
 * @setup: the configuration
 * @listener: a listening SOCK_SEQPACKET socket (keeper/message.h), non-blocking
 * @ready: a pipe; one octet is written when the zone files are loaded, or what
 *	hinders was logged; then it is closed
 *
 * Called in a child of the master that has the workers' user (ln_daemon_drop()) and
 * default signal actions.  Opens the store as the writer, calls zone_load() for each
 * zone with a file, sign, serves.  SIGTERM: finish what is under way and return.
 *
 * Return: the exit status.
 */
int keeper_main(const struct setup *setup, int listener, int ready);

/**
 * keeper_transfer_out() - AXFR or IXFR, in a worker
 * @q: class, TSIG and zone are known; the ACL (zone->allow_transfer) was checked
 *
 * On a stream: query_defer(), query_reply_messages().  IXFR over UDP: a whole answer if it fits,
 * else the SOA alone (RFC 1995 section 2).  AXFR over UDP does not come here.
 */
enum query_verdict keeper_transfer_out(struct query *q);

uint64_t keeper_expires(const struct store_txn *t, uint32_t zone, const struct setup_zone *conf);
bool keeper_expire_left(const struct store_txn *t, uint32_t zone, const struct setup_zone *conf,
			uint32_t *seconds);

/* A secondary that has lost touch with its primaries: not to be served (SERVFAIL). */
bool keeper_zone_expired(const struct store_txn *t, uint32_t zone);

/**
 * keeper_control() - talk to the keeper of a running daemon (linnet-dnsd --control)
 * @setup: the configuration, for its state folder
 * @words: the command, as "zone-status"
 * @n: how many words
 *
 * Return: the exit status; what the keeper says is written to standard output.
 */
int keeper_control(const struct setup *setup, char **words, int n);

#endif
