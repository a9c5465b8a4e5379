/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places for zones that ask their primaries (refresh-slots.c). */
#ifndef DNSD_REFRESH_SLOTS_H
#define DNSD_REFRESH_SLOTS_H

#include <stdbool.h>

struct dns_endpoint;
struct keeper_zone;

bool slots_take(struct keeper_zone *z, const struct dns_endpoint *primary, bool urgent);
void slots_leave(struct keeper_zone *z);
/* refresh.c: a place is there. */
void refresh_go(struct keeper_zone *z);

#endif
