/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's integer types in userspace: those of its exported header */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include_next <linux/types.h>

#include <stdbool.h>
#include <stddef.h>

#endif /* SHIM_LINUX_TYPES_H */
