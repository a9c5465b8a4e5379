/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of a sandbox. */
#ifndef LN_SANDBOX_INTERNAL_H
#define LN_SANDBOX_INTERNAL_H

#include "sandbox.h"

int ln_landlock_enter(const struct ln_sandbox *s);
int ln_seccomp_enter(const struct ln_sandbox *s);

#endif
