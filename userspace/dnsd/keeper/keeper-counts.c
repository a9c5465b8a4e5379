// SPDX-License-Identifier: GPL-2.0-or-later
#include "keeper-counts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"
#include "metrics.h"

#define COUNT(n, l, h) { .name = "linnet_dns_" n "_total", .labels = l, .help = h, \
			 .type = LN_COUNTER }

#define IN_HELP		"Zone transfers from primaries, by what came of them."
#define OUT_HELP	"Zone transfers to secondaries, by what came of them."
#define UPDATE_HELP	"Dynamic updates of zones that are ours, by what came of them."
#define SENT_HELP	"NOTIFY messages to secondaries, by what came of them."

static struct ln_metric counts[KEEPER_N_COUNTS] = {
	[KEEPER_TRANSFERS_IN] = COUNT("transfers_in", "result=\"done\"", IN_HELP),
	[KEEPER_TRANSFERS_IN_FAILED] = COUNT("transfers_in", "result=\"failed\"", IN_HELP),
	[KEEPER_TRANSFERS_OUT] = COUNT("transfers_out", "result=\"done\"", OUT_HELP),
	[KEEPER_TRANSFERS_OUT_FAILED] = COUNT("transfers_out", "result=\"failed\"", OUT_HELP),
	[KEEPER_UPDATES] = COUNT("updates", "result=\"done\"", UPDATE_HELP),
	[KEEPER_UPDATES_FAILED] = COUNT("updates", "result=\"failed\"", UPDATE_HELP),
	[KEEPER_NOTIFIES_HEARD] = COUNT("notifies_received", NULL,
					"NOTIFY messages of those who may send them."),
	[KEEPER_NOTIFIES_SENT] = COUNT("notifies_sent", "result=\"heard\"", SENT_HELP),
	[KEEPER_NOTIFIES_FAILED] = COUNT("notifies_sent", "result=\"failed\"", SENT_HELP),
};

void keeper_counts_define(void)
{
	for (unsigned int i = 0; i < KEEPER_N_COUNTS; i++)
		ln_metric_define(&counts[i]);
}

/* The keeper counts in the master's row, in which nobody else counts these. */
void keeper_count(enum keeper_count what)
{
	ln_metric_add(&counts[what], 1);
}

/* --- gauges --- */

struct gauge {
	const char *name, *help;
	bool (*value)(const struct setup_zone *z, const struct store_txn *t, uint32_t zone,
		      uint64_t *value);
};

static bool serial(const struct setup_zone *z, const struct store_txn *t, uint32_t zone,
		   uint64_t *value)
{
	uint32_t n;

	(void)z;
	if (!store_zone_serial(t, zone, &n))
		return false;
	*value = n;
	return true;
}

static bool expires(const struct setup_zone *z, const struct store_txn *t, uint32_t zone,
		    uint64_t *value)
{
	*value = keeper_expires(t, zone, z);
	return *value;
}

static void put_gauge(const struct gauge *g, const struct setup *setup,
		      const struct store_txn *t, FILE *f)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s gauge\n", g->name, g->help, g->name);
	for (unsigned int i = 0; i < setup->n_zones; i++) {
		const struct setup_zone *z = &setup->zone[i];
		uint32_t zone = store_zone_find(t, z->name);
		uint64_t value;
		char *label;

		if (!zone || !g->value(z, t, zone, &value))
			continue;
		label = ln_metric_label("zone", z->text);
		if (label)
			fprintf(f, "%s{%s} %" PRIu64 "\n", g->name, label, value);
		free(label);
	}
}

void keeper_gauges(const struct setup *setup, const struct store_txn *t, FILE *f)
{
	static const struct gauge gauges[] = {
		{ "linnet_dns_zone_serial", "Serial of a zone.", serial },
		{ "linnet_dns_zone_expires_timestamp_seconds",
		  "When a secondary zone is served no longer unless a primary is heard.", expires },
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
		put_gauge(&gauges[i], setup, t, f);
}
