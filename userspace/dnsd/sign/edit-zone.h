/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Within the room: an edit of the store as a zone that can be signed. */
#ifndef SIGN_EDIT_ZONE_H
#define SIGN_EDIT_ZONE_H

#include "store/store.h"
#include "zone.h"

/**
 * sign_edit_zone() - make one of the other
 * @zone: filled
 * @e: the edit
 * @apex: of the zone; stays the caller's
 */
void sign_edit_zone(struct sign_zone *zone, struct store_edit *e, const uint8_t *apex);

#endif
