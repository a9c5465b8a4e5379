/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recursion (dns-resolve's room).
 */
#ifndef DNSD_RESOLVE_H
#define DNSD_RESOLVE_H

#include <confuse.h>

#include "answer/query.h"
#include "sandbox.h"
#include "worker.h"

/* The options of recursion { ... }; ends with CFG_END(). */
extern cfg_opt_t resolve_options[];

/* NULL after an error line. */
struct resolve_setup *resolve_read(const struct setup *s, cfg_t *section);
void resolve_setup_free(struct resolve_setup *r);

/* In a worker, before the sandbox: sets w->resolver. 0 or a negative errno after an error line. */
int resolve_start(struct worker *w);
/* What the sandbox has to leave it. */
int resolve_confine(const struct resolve_setup *r, struct ln_sandbox *sandbox);
void resolve_stop(struct worker *w);

/*
 * A query for a name in none of our zones, with a question of class IN.  Checks the ACL and
 * RD: not allowed: QUERY_PASS, and the worker answers REFUSED.  From the cache:
 * response_begin() and so on, QUERY_REPLY.  Else query_defer(), QUERY_LATER.
 */
enum query_verdict resolve_query(struct query *q);

/* linnet-dnsd --explain NAME [TYPE], drawn or as JSON: the exit status. */
int resolve_explain(const struct setup *s, const char *name, const char *type, bool json);
/* Before workers are started. */
void resolve_define_metrics(void);

#endif
