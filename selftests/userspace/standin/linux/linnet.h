/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of the launcher on a machine without the module: the same source
 * built with Multipath TCP's number, which stock kernels have, in place of 253.
 */
#include_next <linux/linnet.h>
#undef IPPROTO_LINNET
#define IPPROTO_LINNET	262
