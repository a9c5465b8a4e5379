/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libunbound is told. */
#ifndef DNSD_RESOLVE_CONF_H
#define DNSD_RESOLVE_CONF_H

#include <unbound.h>

#include "internal.h"

struct relay;

/**
 * struct conf - beside the section
 * @relay: by zone of the section; NULL: do without those that need one
 * @hints: file with the root's servers, NULL: those that libunbound knows
 * @anchors: keys to trust, a record a line; NULL or "": no validation
 * @follow: file of a trust point that libunbound keeps by RFC 5011, or NULL
 */
struct conf {
	struct relay *const *relay;
	const char *hints, *anchors, *follow;
};

/**
 * conf_context() - a context of libunbound's whose work is done in a thread
 * @r: the section
 * @conf: what else there is to say
 *
 * Can be called in the sandbox: what libunbound reads is memory, but for @conf's files.
 *
 * Return: the context, or NULL after an error line.
 */
struct ub_ctx *conf_context(const struct resolve_setup *r, const struct conf *conf);

#endif
