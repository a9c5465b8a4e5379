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

/**
 * resolve_read() - recursion { }
 * @s: the configuration, whose keys were read
 * @section: the section, whose texts are used on
 *
 * In the master, before others are forked.
 *
 * Return: for resolve_setup_free(), or NULL after an error line.
 */
struct resolve_setup *resolve_read(const struct setup *s, cfg_t *section);
void resolve_setup_free(struct resolve_setup *r);

/**
 * resolve_start() - in a worker, before the sandbox
 * @w: its resolver is set
 *
 * Return: 0, or a negative errno after an error line.
 */
int resolve_start(struct worker *w);
/**
 * resolve_confine() - what the sandbox has to leave it
 * @r: the section
 * @sandbox: grows
 *
 * Return: 0 or a negative errno.
 */
int resolve_confine(const struct resolve_setup *r, struct ln_sandbox *sandbox);
void resolve_stop(struct worker *w);

/**
 * resolve_query() - a name that others' zones have
 * @q: with a question of class IN
 *
 * Return: QUERY_REPLY: from the cache, or an error; QUERY_LATER: it was deferred; QUERY_PASS:
 * who asks may not have recursion.
 */
enum query_verdict resolve_query(struct query *q);

/**
 * resolve_explain() - linnet-dnsd --explain NAME [TYPE]
 * @s: the configuration
 * @name, @type: text
 * @json: as JSON, not drawn
 *
 * Return: the exit status.
 */
int resolve_explain(const struct setup *s, const char *name, const char *type, bool json);
/* Before workers are started. */
void resolve_define_metrics(void);

#endif
