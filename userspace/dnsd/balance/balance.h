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

/* All sections balance of the file (cfg_getnsec(tree, "balance", i)), after zones were
 * read; in the master, before the keeper and workers are forked: memory that they share
 * (health) is mapped here.  NULL after an error line. */
struct balance_setup *balance_read(const struct setup *s, cfg_t *tree);
void balance_setup_free(struct balance_setup *b);

int balance_start(struct worker *w);		/* in a worker, before the sandbox */
int balance_confine(const struct balance_setup *b, struct ln_sandbox *sandbox);
void balance_stop(struct worker *w);

/*
 * The name is in a zone of ours that is loaded (q->zone, q->zone_id, q->txn); the ACL was
 * checked.  Not a balanced name or type: QUERY_PASS, at the cost of one look into a table.
 * Else the response, with q->no_cache.
 */
enum query_verdict balance_query(struct query *q);

/*
 * For lookup.c, after a CNAME: if @name (in q->zone, lower case) is balanced, append what there
 * is for q->qtype and return true: the answer is complete.
 */
bool balance_append(struct query *q, const uint8_t *name);

/* In the keeper: health checks on its loop. */
struct balance_health;
/* NULL: no name has members to check, or an error line said why. */
struct balance_health *balance_health_start(const struct setup *s, struct ln_server *server);
void balance_health_stop(struct balance_health *h);
/* Members with their states in Prometheus text; @b may be NULL. */
void balance_metrics(const struct balance_setup *b, FILE *f);

#endif
