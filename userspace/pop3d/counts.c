// SPDX-License-Identifier: GPL-2.0-or-later
#include "counts.h"

#define COUNTER(n, l, h)	{ .name = n, .labels = l, .help = h, .type = LN_COUNTER }

struct ln_metric counts_good =
	COUNTER("linnet_pop3_logins_total", "result=\"good\"", "Logins");
struct ln_metric counts_bad = COUNTER("linnet_pop3_logins_total", "result=\"bad\"", "Logins");
struct ln_metric counts_in_use =
	COUNTER("linnet_pop3_logins_total", "result=\"in-use\"", "Logins");
struct ln_metric counts_retrieved =
	COUNTER("linnet_pop3_retrieved_total", NULL, "Messages sent whole");
struct ln_metric counts_octets =
	COUNTER("linnet_pop3_octets_total", NULL, "Octets of messages sent");
struct ln_metric counts_deleted = COUNTER("linnet_pop3_deleted_total", NULL, "Messages removed");
struct ln_metric counts_errors =
	COUNTER("linnet_pop3_errors_total", NULL, "Commands that were refused");
struct ln_metric counts_tls =
	COUNTER("linnet_pop3_stls_total", NULL, "Sessions that began TLS by STLS");

/**
 * counts_define() - in the master, before workers are started
 */
void counts_define(void)
{
	struct ln_metric *all[] = {
		&counts_good, &counts_bad, &counts_in_use, &counts_retrieved, &counts_octets,
		&counts_deleted, &counts_errors, &counts_tls,
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++)
		ln_metric_define(all[i]);
}
