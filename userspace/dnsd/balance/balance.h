/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names with several addresses of which the best is answered (dns-balance's room).
 */
#ifndef DNSD_BALANCE_H
#define DNSD_BALANCE_H

#include <confuse.h>
#include <stdio.h>

#include "answer/query.h"
#include "sandbox.h"
#include "worker.h"

/* The options of balance NAME { ... }; ends with CFG_END(). */
extern cfg_opt_t balance_options[];

/**
 * balance_read() - all sections balance of the file
 * @s: the configuration, whose zones were read
 * @tree: the file
 *
 * In the master, before the keeper and workers are forked: memory that they share (health) is
 * mapped here.
 *
 * Return: for balance_setup_free(), or NULL after an error line.
 */
struct balance_setup *balance_read(const struct setup *s, cfg_t *tree);
void balance_setup_free(struct balance_setup *b);

/**
 * balance_start() - in a worker, before the sandbox
 * @w: its balancer is set
 *
 * Return: 0, or -ENOMEM after an error line.
 */
int balance_start(struct worker *w);
int balance_confine(const struct balance_setup *b, struct ln_sandbox *sandbox);
void balance_stop(struct worker *w);

/**
 * balance_query() - answer for a balanced name
 * @q: the name is in a zone of ours that is loaded (q->zone, q->zone_id, q->txn); the ACL was
 *	checked
 *
 * Return: QUERY_REPLY: the response is written, with q->no_cache; QUERY_PASS: not a balanced name or
 * type, found out by one look into a table.
 */
enum query_verdict balance_query(struct query *q);

/**
 * balance_append() - for lookup.c, after a CNAME
 * @q: the query
 * @name: in q->zone, lower case
 *
 * Return: true: the name is balanced; what there is for q->qtype was appended, and the
 * answer is complete.
 */
bool balance_append(struct query *q, const uint8_t *name);

/* In the keeper: health checks on its loop. */
struct balance_health;
/**
 * balance_health_start() - check members, in the keeper
 * @s: the configuration
 * @server: the loop
 *
 * Return: for balance_health_stop(), or NULL: no name has members to check, or an error
 * line said why.
 */
struct balance_health *balance_health_start(const struct setup *s, struct ln_server *server);
void balance_health_stop(struct balance_health *h);
/* Members with their states in Prometheus text; @b may be NULL. */
void balance_metrics(const struct balance_setup *b, FILE *f);

#endif
