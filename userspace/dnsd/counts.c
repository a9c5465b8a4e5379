// SPDX-License-Identifier: GPL-2.0-or-later
#include "counts.h"

#include "metrics.h"

#define QUERIES(t) {							\
	.name = "linnet_dns_queries_total",				\
	.labels = "transport=\"" t "\"",				\
	.help = "Messages that arrived and could be queries.",		\
	.type = LN_COUNTER,						\
}
#define RESPONSES(r) {							\
	.name = "linnet_dns_responses_total",				\
	.labels = "rcode=\"" r "\"",					\
	.help = "Responses by their code.",				\
	.type = LN_COUNTER,						\
}
#define TYPES(t) {							\
	.name = "linnet_dns_queries_by_type_total",			\
	.labels = "type=\"" t "\"",					\
	.help = "Queries by the type asked for.",			\
	.type = LN_COUNTER,						\
}
#define ONE(n, h) { .name = n, .help = h, .type = LN_COUNTER }

static struct ln_metric queries[] = {
	[DNS_UDP] = QUERIES("udp"),
	[DNS_TCP] = QUERIES("tcp"),
	[DNS_TLS] = QUERIES("tls"),
	[DNS_LINNET] = QUERIES("linnet"),
};

enum { OTHER_RCODE = 11, N_RCODES };

static struct ln_metric responses[N_RCODES] = {
	RESPONSES("NOERROR"), RESPONSES("FORMERR"), RESPONSES("SERVFAIL"), RESPONSES("NXDOMAIN"),
	RESPONSES("NOTIMP"), RESPONSES("REFUSED"), RESPONSES("YXDOMAIN"), RESPONSES("YXRRSET"),
	RESPONSES("NXRRSET"), RESPONSES("NOTAUTH"), RESPONSES("NOTZONE"), RESPONSES("other"),
};

static const uint16_t type_numbers[] = {
	KNOT_RRTYPE_A, KNOT_RRTYPE_AAAA, KNOT_RRTYPE_NS, KNOT_RRTYPE_CNAME, KNOT_RRTYPE_SOA,
	KNOT_RRTYPE_PTR, KNOT_RRTYPE_MX, KNOT_RRTYPE_TXT, KNOT_RRTYPE_SRV, KNOT_RRTYPE_DS,
	KNOT_RRTYPE_DNSKEY, KNOT_RRTYPE_HTTPS, KNOT_RRTYPE_SVCB, KNOT_RRTYPE_CAA,
	KNOT_RRTYPE_ANY, KNOT_RRTYPE_AXFR, KNOT_RRTYPE_IXFR,
};

#define N_TYPES	(sizeof(type_numbers) / sizeof(*type_numbers))

static struct ln_metric types[N_TYPES + 1] = {
	TYPES("A"), TYPES("AAAA"), TYPES("NS"), TYPES("CNAME"), TYPES("SOA"), TYPES("PTR"),
	TYPES("MX"), TYPES("TXT"), TYPES("SRV"), TYPES("DS"), TYPES("DNSKEY"), TYPES("HTTPS"),
	TYPES("SVCB"), TYPES("CAA"), TYPES("ANY"), TYPES("AXFR"), TYPES("IXFR"), TYPES("other"),
};

static struct ln_metric truncated =
	ONE("linnet_dns_truncated_total", "Responses that were truncated.");
static struct ln_metric ignored =
	ONE("linnet_dns_ignored_total", "Messages that were no queries: too short, or responses.");
static struct ln_metric limited =
	ONE("linnet_dns_rate_limited_total", 
	    "Responses that the rate limit refused or would have.");
static struct ln_metric cookies =
	ONE("linnet_dns_cookies_valid_total", "Queries with a server cookie that was good.");
static struct ln_metric refused_transfers =
	ONE("linnet_dns_refused_transfers_total", "Transfers that allow-transfer refused.");
static struct ln_metric octets_in =
	ONE("linnet_dns_received_bytes_total", "Octets of messages that arrived.");
static struct ln_metric octets_out =
	ONE("linnet_dns_sent_bytes_total", "Octets of responses.");

/**
 * counts_define() - say what will be counted; in the master, before workers are there
 */
void counts_define(void)
{
	for (unsigned int i = 0; i < sizeof(queries) / sizeof(*queries); i++)
		ln_metric_define(&queries[i]);
	for (unsigned int i = 0; i < N_RCODES; i++)
		ln_metric_define(&responses[i]);
	for (unsigned int i = 0; i <= N_TYPES; i++)
		ln_metric_define(&types[i]);
	ln_metric_define(&truncated);
	ln_metric_define(&ignored);
	ln_metric_define(&limited);
	ln_metric_define(&cookies);
	ln_metric_define(&refused_transfers);
	ln_metric_define(&octets_in);
	ln_metric_define(&octets_out);
}

void counts_query(const struct query *q)
{
	unsigned int i = 0;

	ln_metric_add(&queries[q->transport], 1);
	ln_metric_add(&octets_in, q->len);
	if (q->cookie.valid)
		ln_metric_add(&cookies, 1);
	if (!q->has_question || q->opcode != KNOT_OPCODE_QUERY)
		return;
	while (i < N_TYPES && type_numbers[i] != q->qtype)
		i++;
	ln_metric_add(&types[i], 1);
}

/* Of the finished message: it may be the keeper's. */
void counts_response(const struct query *q)
{
	unsigned int rcode = q->rcode > 15 ? q->rcode : knot_wire_get_rcode(q->out);

	ln_metric_add(&responses[rcode < OTHER_RCODE ? rcode : OTHER_RCODE], 1);
	ln_metric_add(&octets_out, q->out_len);
	if (knot_wire_get_tc(q->out))
		ln_metric_add(&truncated, 1);
}

void counts_ignored(void)
{
	ln_metric_add(&ignored, 1);
}

void counts_limited(void)
{
	ln_metric_add(&limited, 1);
}

void counts_refused_transfer(void)
{
	ln_metric_add(&refused_transfers, 1);
}
