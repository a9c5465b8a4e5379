/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records and messages from text, for tests. */
#ifndef RECORDS_H
#define RECORDS_H

#include <libknot/libknot.h>

/* One record in the master format, below the origin example. */
knot_rrset_t *record_parse(const char *text);
/* The message as it is after sending: parsed from its wire form. Frees @built. */
knot_pkt_t *message_reparse(knot_pkt_t *built);
void message_free(knot_pkt_t *message);

#endif
