/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SHIM_LINUX_MATH64_H
#define SHIM_LINUX_MATH64_H

#include <linux/kernel.h>	/* has all that is needed */

#endif /* SHIM_LINUX_MATH64_H */
