/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors that change, by RFC 5011: in one process, which asks for the keys now and
 * then.  The states and times of each key are libunbound's work ("autotrust").
 */
#ifndef DNSD_RESOLVE_ANCHORS_FOLLOW_H
#define DNSD_RESOLVE_ANCHORS_FOLLOW_H

#include "sandbox.h"
#include "server.h"
#include "setup.h"

/**
 * anchors_follow_start() - in the keeper, when it is confined; once in a process
 * @s: the configuration; nothing is done where it does not validate or wants no updates
 * @server: the loop
 *
 * What cannot be done is an error line, and what is trusted stays.
 */
void anchors_follow_start(const struct setup *s, struct ln_server *server);
/* What the sandbox has to leave it: 0 or a negative errno. */
int anchors_follow_confine(const struct setup *s, struct ln_sandbox *sandbox);

#endif
