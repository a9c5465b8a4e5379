// SPDX-License-Identifier: GPL-2.0-or-later
/* The tracepoints of trace.h, made here once */
#include <net/ipv6.h>

#define CREATE_TRACE_POINTS
#include "trace.h"
