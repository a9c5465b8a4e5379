// SPDX-License-Identifier: GPL-2.0-or-later
#include "counts.h"

#define COUNTER(n, l, h)	{ .name = n, .labels = l, .help = h, .type = LN_COUNTER }

struct ln_metric counts_logins = COUNTER("linnet_ftp_logins_total", "result=\"good\"", "Logins");
struct ln_metric counts_failures = COUNTER("linnet_ftp_logins_total", "result=\"bad\"", "Logins");
struct ln_metric counts_downloads =
	COUNTER("linnet_ftp_transfers_total", "direction=\"out\"", "Files transferred whole");
struct ln_metric counts_uploads =
	COUNTER("linnet_ftp_transfers_total", "direction=\"in\"", "Files transferred whole");
struct ln_metric counts_octets_out =
	COUNTER("linnet_ftp_octets_total", "direction=\"out\"", "Octets of files transferred");
struct ln_metric counts_octets_in =
	COUNTER("linnet_ftp_octets_total", "direction=\"in\"", "Octets of files transferred");
struct ln_metric counts_aborted =
	COUNTER("linnet_ftp_aborted_total", NULL, "Transfers that did not come to their end");
struct ln_metric counts_refused =
	COUNTER("linnet_ftp_data_refused_total", NULL, "Data connections with another peer");

/**
 * counts_define() - in the master, before workers are started
 */
void counts_define(void)
{
	struct ln_metric *all[] = {
		&counts_logins, &counts_failures, &counts_downloads, &counts_uploads,
		&counts_octets_out, &counts_octets_in, &counts_aborted, &counts_refused,
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++)
		ln_metric_define(all[i]);
}
