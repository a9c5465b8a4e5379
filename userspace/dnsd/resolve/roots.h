/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_RESOLVE_ROOTS_H
#define DNSD_RESOLVE_ROOTS_H

#include "walk.h"

/**
 * roots_find() - the root's servers
 * @z: filled
 * @r: whose hints are used; without any, those that we know
 */
void roots_find(struct walk_zone *z, const struct resolve_setup *r);

#endif
