/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recursion and validation by libunbound.
 *
 * Its work is done in a thread of the worker.  The other way that it has, a forked process, would
 * need fork() in the sandbox, would keep the listening sockets open when the worker is
 * killed, and copies the worker's memory; a thread ends with its process and is under the
 * same rules (it is started after the sandbox is entered, and threads inherit it).
 */
#ifndef DNSD_RESOLVE_UPSTREAM_H
#define DNSD_RESOLVE_UPSTREAM_H

#include <unbound.h>
#include <uv.h>

#include "internal.h"
#include "server.h"

/*
 * There are two contexts, with a cache each: what one of them has found, it keeps for the whole
 * of its TTL and has no way of asking for it before.  So who wants it anew asks the other.
 */
#define UPSTREAM_CONTEXTS	2

struct upstream;

/**
 * upstream_start() - in a worker, before the sandbox
 * @out: set also in case of an error, for upstream_stop()
 * @server: the worker's loop
 * @r: the section
 *
 * A thread that does not answer any more is replaced: what it was asked ends with an error.  When
 * trust anchors change, threads with the new ones take over.
 *
 * Return: 0, or a negative errno after an error line.
 */
int upstream_start(struct upstream **out, struct ln_server *server, const struct resolve_setup *r);
/**
 * upstream_ask() - have a question answered
 * @u: the upstream
 * @context: which of the two
 * @name: wire form
 * @type: type; the class is IN
 * @done: called from the loop, and never from within this function: 0 or an error of
 *	libunbound's, and the result (NULL with an error), to be let go by ub_resolve_free()
 * @data: for @done
 *
 * Does not block, whatever the thread does.
 *
 * Return: 0 or -ENOMEM.
 */
int upstream_ask(struct upstream *u, unsigned int context, const uint8_t *name, uint16_t type,
		 ub_callback_type done, void *data);
/**
 * upstream_stop() - end
 * @u: the upstream
 *
 * Nothing more is called.
 */
void upstream_stop(struct upstream *u);

#endif
