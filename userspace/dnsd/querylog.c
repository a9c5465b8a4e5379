// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A line for each response:
 *
 *	2026-11-26T02:30:00.123Z 192.0.2.1:5353 udp www.example.org. IN A +E(0)DK NOERROR 1 87
 *
 * Flags of the query: + or - (RD), E(version), D (DO), C (CD), S (signed by TSIG), K (a cookie that
 * is good).  Then the code, the number of records in the answer section, and octets.
 */
#include "querylog.h"

#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include "log.h"

static size_t put_time(char *out, size_t room)
{
	struct timeval now;
	struct tm tm;
	size_t len;

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + snprintf(out + len, room - len, ".%03ldZ", (long)now.tv_usec / 1000);
}

static const char *name_of(const knot_lookup_t *table, int id, char *room, size_t size,
			   const char *prefix)
{
	const knot_lookup_t *item = knot_lookup_by_id(table, id);

	if (item)
		return item->name;
	snprintf(room, size, "%s%d", prefix, id);
	return room;
}

void querylog_write(const struct query *q)
{
	char line[DNS_NAME_TEXT + 400], name[DNS_NAME_TEXT], type[16], class[16], edns[8] = "";
	char code[16], opcode[16], peer[LN_ADDR_STRLEN];
	size_t len = put_time(line, sizeof(line));

	if (!q->has_question || knot_rrtype_to_string(q->qtype, type, sizeof(type)) < 0)
		snprintf(type, sizeof(type), "-");
	if (!q->has_question || knot_rrclass_to_string(q->qclass, class, sizeof(class)) < 0)
		snprintf(class, sizeof(class), "-");
	if (q->edns)
		snprintf(edns, sizeof(edns), "E(%u)", q->version);
	len += snprintf(line + len, sizeof(line) - len,
			" %s %s %s%s%s %s %s %c%s%s%s%s%s %s %u %zu",
			ln_addr_format(&q->peer, peer), dns_transport_name(q->transport),
			q->opcode ? name_of(knot_opcode_names, q->opcode, opcode, sizeof(opcode),
					    "OPCODE") : "",
			q->opcode ? " " : "",
			q->has_question ? dns_name_to_text(name, q->qname) : "-", class, type,
			q->rd ? '+' : '-', edns, q->dnssec_ok ? "D" : "", q->cd ? "C" : "",
			q->tsig.key ? "S" : "", q->cookie.valid ? "K" : "",
			name_of(knot_rcode_names, q->rcode > 15 ? q->rcode :
				knot_wire_get_rcode(q->out), code, sizeof(code), "RCODE"),
			knot_wire_get_ancount(q->out), q->out_len);
	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	ln_access_log_write(q->setup->query_log, line, len);
}
