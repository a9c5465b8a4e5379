// SPDX-License-Identifier: GPL-2.0-or-later
#include "records.h"

#include <libzscanner/scanner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take(zs_scanner_t *s)
{
	knot_rrset_t *rr = knot_rrset_new(s->r_owner, s->r_type, s->r_class, s->r_ttl, NULL);

	if (!rr || knot_rrset_add_rdata(rr, s->r_data, s->r_data_length, NULL))
		abort();
	*(knot_rrset_t **)s->process.data = rr;
}

static void complain(zs_scanner_t *s)
{
	fprintf(stderr, "a record of the test: %s\n", zs_strerror(s->error.code));
	abort();
}

knot_rrset_t *record_parse(const char *text)
{
	static zs_scanner_t s;
	knot_rrset_t *rr = NULL;
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (zs_init(&s, "example.", KNOT_CLASS_IN, 300) ||
	    zs_set_processing(&s, take, complain, &rr) ||
	    zs_set_input_string(&s, line, n) || zs_parse_all(&s) || !rr)
		abort();
	zs_deinit(&s);
	return rr;
}

knot_pkt_t *message_reparse(knot_pkt_t *built)
{
	uint8_t *wire = malloc(built->size);
	knot_pkt_t *message;

	if (!wire)
		abort();
	memcpy(wire, built->wire, built->size);
	message = knot_pkt_new(wire, built->size, NULL);
	if (!message || knot_pkt_parse(message, 0))
		abort();
	knot_pkt_free(built);
	return message;
}

void message_free(knot_pkt_t *message)
{
	free(message->wire);
	knot_pkt_free(message);
}
