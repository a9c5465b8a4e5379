// SPDX-License-Identifier: GPL-2.0-or-later
/* Members as Prometheus text. */
#include <stdlib.h>

#include "internal.h"
#include "metrics.h"

static double value_up(const struct balance_shared_member *m)
{
	return m->state != BALANCE_DOWN;
}

static double value_answers(const struct balance_shared_member *m)
{
	return m->answers;
}

static double value_good(const struct balance_shared_member *m)
{
	return m->good;
}

static double value_bad(const struct balance_shared_member *m)
{
	return m->bad;
}

static double value_changes(const struct balance_shared_member *m)
{
	return m->changes;
}

static double value_load(const struct balance_shared_member *m)
{
	return m->load / 1000.0;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct balance_shared_member *m);
	bool loads;		/* only of members whose load was read */
} shown[] = {
	{ "linnet_dns_balance_member_up", "gauge",
	  "Whether a member can be answered (1 also before the first check)", value_up, false },
	{ "linnet_dns_balance_member_answers_total", "counter", "Answers that named a member",
	  value_answers, false },
	{ "linnet_dns_balance_member_checks_good_total", "counter", "Checks that a member passed",
	  value_good, false },
	{ "linnet_dns_balance_member_checks_failed_total", "counter", "Checks that a member failed",
	  value_bad, false },
	{ "linnet_dns_balance_member_changes_total", "counter", "Times a member went up or down",
	  value_changes, false },
	{ "linnet_dns_balance_member_load", "gauge", "The load that a member told last",
	  value_load, true },
};

static void put_member(FILE *f, const struct balance_name *n, unsigned int i, unsigned int row)
{
	const struct balance_shared_member *m = &n->shared->member[i];
	char *name;

	if (shown[row].loads && !m->load_at)
		return;
	name = ln_metric_label("name", n->text);
	if (!name)
		return;
	fprintf(f, "%s{%s,member=\"%s\"} %.15g\n", shown[row].name, name, n->member[i].text,
		shown[row].value(m));
	free(name);
}

void balance_metrics(const struct balance_setup *b, FILE *f)
{
	for (unsigned int row = 0; b && row < sizeof(shown) / sizeof(*shown); row++) {
		fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", shown[row].name, shown[row].help,
			shown[row].name, shown[row].type);
		for (unsigned int i = 0; i < b->n_names; i++)
			for (unsigned int k = 0; k < b->name[i].n_members; k++)
				put_member(f, &b->name[i], k, row);
	}
}
